"""First passwords of a run: planned by policy, sealed on their way, issued when an account is made.

    the source's file     in clear only while the step that reads it runs; then
    runs/<run>/passwords.sealed   all of them, until the run has ended
    plan/first_passwords.parquet  kind for each account to be made, and its own, sealed
    the change message            the same
    the apply function            opens or generates it, writes the sealed line, makes the account

Without a key there is no sheet: passwords are random and nobody knows them.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from directory.findings import report
from roster.errors import BadInput, Terminal
from roster.values import GRADE

from .record import artefact
from .sheet import SEED_BYTES, Line, Sheet
from .storage import RUNS

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from directory.policy import People

    from .change import ChangeMessage
    from .record import Run
    from .sealing import Sealing
    from .storage import Storage

FROM_FILE = "passwords.sealed"
_ROSTER_PASSWORDS = (
    "CREATE TEMP TABLE IF NOT EXISTS roster_passwords (user_sourced_id VARCHAR, password VARCHAR)"
)

_ORDERED = """
CREATE OR REPLACE TABLE first_passwords AS
SELECT d.external_id,
       CASE WHEN setting = 'words' OR (d.role_group = 'students'
                 AND list_position($grades, d.grade) <= list_position($grades, $until))
            THEN 'words' ELSE 'strong' END AS kind,
       $length::INTEGER AS length, d.force_change, d.setting = 'file' AS from_file,
       d.school, o.name AS school_name, NULL::VARCHAR AS sealed
FROM (
    SELECT *, CASE role_group WHEN 'students' THEN $students ELSE $staff END AS setting,
           CASE role_group WHEN 'students' THEN $change_students ELSE $change_staff END
               AS force_change
    FROM desired_people
) d
JOIN placed_people p ON p.external_id = d.external_id AND p.object_id IS NULL
LEFT JOIN orgs o ON o.sourced_id = d.school
ORDER BY d.external_id
"""

# What Entra takes: https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy
_GIVEN = """
CREATE OR REPLACE TEMP TABLE given_passwords AS
SELECT external_id, password, regexp_full_match(password, '[ -~]{8,256}')
       AND regexp_matches(password, '[a-z]')::INTEGER + regexp_matches(password, '[A-Z]')::INTEGER
         + regexp_matches(password, '[0-9]')::INTEGER
         + regexp_matches(password, '[^A-Za-z0-9]')::INTEGER >= 3 AS strong
FROM first_passwords JOIN roster_passwords ON user_sourced_id = external_id
WHERE from_file
"""


def order_passwords(con: DuckDBPyConnection, people: People, sealing: Sealing | None) -> None:
    """Makes `first_passwords`: kind, length and so on for each account to be made.

    Needs desired_people, placed_people, orgs, and `roster_passwords` where policy takes the file's;
    what Entra would refuse of them is a finding. Without `sealing` (a preview) none is taken.
    """
    rules = people.passwords
    con.execute(
        _ORDERED,
        {
            "grades": list(GRADE.values),
            "until": rules.words_until_grade,
            "length": rules.length,
            "staff": rules.staff,
            "students": rules.students,
            "change_staff": rules.force_change.staff,
            "change_students": rules.force_change.students,
        },
    )
    if sealing is None:
        return
    if sealing.possible:
        _take_from_file(con, sealing)
    else:
        report(
            con,
            "person.password.unknown",
            """SELECT '' AS external_id, NULL::UTINYINT AS origin_file,
                      NULL::UINTEGER AS origin_row, count(*)::VARCHAR AS value
            FROM first_passwords HAVING count(*) > 0""",
        )


def _take_from_file(con: DuckDBPyConnection, sealing: Sealing) -> None:
    con.execute(_ROSTER_PASSWORDS)
    con.execute(_GIVEN)
    report(
        con,
        "person.password.weak",
        """SELECT external_id, origin_file, origin_row, NULL AS value
        FROM given_passwords JOIN desired_people USING (external_id) WHERE NOT strong""",
    )
    given = con.execute("SELECT external_id, password FROM given_passwords WHERE strong").fetchall()
    sealed = [sealing.seal(password.encode()).decode() for _, password in given]
    con.execute(
        """UPDATE first_passwords SET sealed = s.sealed
        FROM (SELECT unnest($1) AS external_id, unnest($2) AS sealed) s
        WHERE s.external_id = first_passwords.external_id""",
        [[person for person, _ in given], sealed],
    )
    con.execute("DROP TABLE given_passwords")


def seal_file_passwords(
    storage: Storage, con: DuckDBPyConnection, run: str, sealing: Sealing, folder: Path
) -> None:
    """Stores `roster_passwords` for the step that plans, sealed as a whole."""
    path = folder / "passwords.parquet"
    con.table("roster_passwords").write_parquet(str(path))
    storage.write(RUNS, artefact(run, FROM_FILE), sealing.seal(path.read_bytes()))
    path.unlink()


def open_file_passwords(
    storage: Storage, con: DuckDBPyConnection, run: Run, sealing: Sealing, folder: Path
) -> None:
    """Makes `roster_passwords` as `seal_file_passwords` found it; empty where it stored none.

    Where sources are merged it needs `renamed`: the file has the ids of its own source.
    """
    con.execute(_ROSTER_PASSWORDS)
    data = storage.read(RUNS, artefact(run.run, FROM_FILE))
    if data is not None:
        path = folder / "passwords.parquet"
        path.write_bytes(sealing.open(data))
        con.execute("INSERT INTO roster_passwords FROM read_parquet(?)", [str(path)])
        path.unlink()
        con.execute(
            """UPDATE roster_passwords p SET user_sourced_id = r.sourced_id FROM renamed r
            WHERE r.source = ? AND r.given = p.user_sourced_id""",
            [run.source],
        )


def forget_file_passwords(storage: Storage, run: str) -> None:
    """Deletes what `seal_file_passwords` stored: the run has ended."""
    name = artefact(run, FROM_FILE)
    for file in storage.list_files(RUNS, run):
        if file.name == name:
            storage.delete(RUNS, file)


@dataclass
class Credentials:
    """Issues the passwords of accounts that this process makes."""

    storage: Storage
    sealing: Sealing
    _sheets: dict[str, Sheet] = field(default_factory=dict[str, Sheet])

    def passwords(self, message: ChangeMessage) -> Issued:
        """The passwords of the account that a message asks for."""
        if not self.sealing.possible:
            return Issued(message, self.sealing, None)
        if message.run not in self._sheets:
            self._sheets = {message.run: Sheet(self.storage, message.run, self.sealing)}
        return Issued(message, self.sealing, self._sheets[message.run])


@dataclass
class Issued:
    """The passwords of one account, one after the other, each written down before it is told."""

    message: ChangeMessage
    sealing: Sealing
    sheet: Sheet | None
    _number: int = 0
    _last: Line | None = None

    @property
    def force_change(self) -> bool:
        """Whether it must be changed at the first sign-in."""
        order = self.message.password
        return order is None or order.force_change

    async def issue(self) -> str:
        """The password to try; asked again after it was refused, another one."""
        return await asyncio.to_thread(self._issue)

    async def doubt(self) -> None:
        """The account was there already: if an earlier run wrote a password for it, say so."""
        await asyncio.to_thread(self._doubt)

    def _issue(self) -> str:
        try:
            password = self._from_file() or self._generated()
        except BadInput as error:
            raise Terminal(str(error)) from error
        if self.sheet is not None:
            self._last = self._line(password)
            self.sheet.append(self._last)
        self._number += 1
        return password

    def _from_file(self) -> str | None:
        order = self.message.password
        if order is None or order.sealed is None or self._number:
            return None
        return self.sealing.open(order.sealed.encode()).decode()

    def _generated(self) -> str:
        from graph.passwords import LENGTH, first_password

        order = self.message.password
        seed = secrets.token_bytes(SEED_BYTES)
        if self.sheet is not None:
            whose = f"{self._number}|{self.message.key}"
            seed = hmac.digest(self.sheet.seed(), whose.encode(), "sha256")
        if order is None:
            return first_password("strong", seed, LENGTH)
        return first_password(order.kind, seed, order.length)

    def _line(self, password: str) -> Line:
        fields, order = self.message.fields, self.message.password
        return Line(
            external_id=self.message.key,
            username=fields.get("upn", ""),
            display_name=fields.get("display_name", ""),
            school=order.school if order else None,
            school_name=order.school_name if order else None,
            grade=fields.get("grade"),
            password=password,
            number=self._number,
        )

    def _doubt(self) -> None:
        if self.sheet is None or self._last is None:
            return
        if earlier := self.sheet.earlier().get(self.message.key):
            self.sheet.append(replace(self._last, doubt=earlier))
