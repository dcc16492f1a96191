"""Which person is who: the ids, the usernames and the schools that the settings ask for, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.powerschool_values import blank
from roster.schema import literal


@dataclass(frozen=True)
class People:
    """How people are named. `schools`: DCIDs of the schools that count, () = all of them."""

    ids: Literal["dcid", "number"]
    username: Literal["login", "email"]
    district: str
    schools: Sequence[str] = ()

    def student(self, dcid: str, number: str) -> str:
        """The id of a student."""
        return f"'S' || {dcid}" if self.ids == "dcid" else blank(number)

    def teacher(self, dcid: str, number: str) -> str:
        """The id of a member of staff; `dcid` of USERS, because SCHOOLSTAFF has one a school."""
        return f"'T' || {dcid}" if self.ids == "dcid" else blank(number)

    def account(self, logins: Sequence[str], email: str) -> str:
        """The username: of login and e-mail address the one that the settings prefer."""
        known = [blank(login) for login in logins]
        mail = blank(email)
        ordered = [*known, mail] if self.username == "login" else [mail, *known]
        return f"coalesce({', '.join(ordered)})"

    def elsewhere(self, school: str) -> str:
        """SQL condition: the row belongs to a school that does not count."""
        if not self.schools:
            return "false"
        listed = ", ".join(literal(dcid) for dcid in self.schools)
        return f"coalesce({school} NOT IN ({listed}), true)"
