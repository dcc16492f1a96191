"""What Graph's answers mean for a write: try again, give up, or fine as it is.

Graph's directory errors share the code Request_BadRequest, so the message has to be looked at, as
every integration does (https://learn.microsoft.com/graph/errors,
https://learn.microsoft.com/graph/throttling). The table below is read from top to bottom.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from roster.errors import RollcallError, Terminal, Transient

from .roles import grant_command, role_for

if TYPE_CHECKING:
    from .exchange import GraphRequest, GraphResponse

Meaning = Literal[
    "throttled", "retry", "busy", "signin", "lag", "exists", "absent", "conflict", "password",
    "owners", "last_owner", "full", "expired", "forbidden", "final",
]  # fmt: skip


class AmbiguousWrite(Transient):
    """A write that is not repeatable went out and its answer was lost: look before repeating it."""


class Throttled(Transient):
    """The service wants a pause. That is no failure of the operation, however often it comes."""


class NotSent(Transient):
    """No connection or no token: nothing went out, so that anything may be sent again."""


class NotThere(Transient):
    """An object is not there: not yet, as it was just made, or no longer, as somebody deleted it.

    Which of the two, only time tells (https://devblogs.microsoft.com/microsoft365dev/designing-for-eventual-consistency-for-microsoft-entra/).
    """


class DirectoryFull(Terminal):
    """The tenant holds as many objects as it may: nothing more can be created."""


class DeltaExpired(Terminal):
    """A delta link is too old, or the service wants a fresh start: read in full again."""


class EnvelopeRefused(Exception):
    """A $batch as a whole cannot be read; nothing of it was carried out."""

    def __init__(self, response: GraphResponse) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True)
class Reaction:
    """What an answer with this status, code and part of the message means, and what to do."""

    status: int
    code: str
    fragment: str
    meaning: Meaning
    hint: str = ""


_TAKEN = "another object has this name already"
REACTIONS = (
    Reaction(429, "", "", "throttled"),
    Reaction(503, "Request_ThrottledTemporarily", "", "throttled"),
    Reaction(400, "", "object references already exist", "exists"),
    Reaction(400, "", "Permission being assigned already exists", "exists"),
    Reaction(400, "", "removed object references do not exist", "absent"),
    Reaction(400, "", "Not a valid reference update", "lag"),
    Reaction(400, "", "or one of the objects being referenced do not exist", "lag"),
    Reaction(
        400, "", "must have at least one owner", "last_owner",
        "a group keeps its last owner; enter another teacher first",
    ),
    Reaction(400, "syncStateNotFound", "", "expired"),
    Reaction(410, "", "", "expired"),
    Reaction(400, "", "Another object with the same value", "conflict", _TAKEN),
    Reaction(409, "", "Another object with the same value", "conflict", _TAKEN),
    Reaction(409, "Directory_ConcurrencyViolation", "", "busy"),
    Reaction(409, "", "concurrent requests", "busy"),
    Reaction(
        400, "", "on-premises mastered", "final",
        "on-premises AD owns this object; the change has to be made there",
    ),
    Reaction(
        400, "", "password complexity", "password",
        "the tenant's password policy refused the first password",
    ),
    Reaction(
        400, "", "Education_ObjectType", "final",
        "this tenant has no education roster; it needs an education subscription",
    ),
    Reaction(
        403, "Directory_QuotaExceeded", "forward-link 'owners'", "owners",
        "a group takes 100 owners; enter fewer teachers, or some with a role that is a member",
    ),
    Reaction(
        403, "Directory_QuotaExceeded", "directory object quota", "full",
        "the tenant holds as many objects as it may: verify a domain, delete objects for good, or "
        "ask Microsoft for a higher quota, then run again",
    ),
    Reaction(
        403, "Directory_QuotaExceeded", "", "final",
        "a quota of the directory is used up: remove objects, or ask Microsoft for a higher one",
    ),
    Reaction(403, "", "", "forbidden"),
    Reaction(404, "", "", "lag"),
    Reaction(401, "InvalidAuthenticationToken", "", "signin"),
    Reaction(401, "", "", "forbidden"),
    Reaction(424, "", "", "retry"),
    Reaction(408, "", "", "retry"),
    Reaction(500, "", "", "retry"),
    Reaction(502, "", "", "retry"),
    Reaction(503, "", "", "retry"),
    Reaction(504, "", "", "retry"),
)  # fmt: skip
_OTHER = Reaction(0, "", "", "final", "Graph refused the request as it is")
_LATER: dict[str, type[Transient]] = {
    "throttled": Throttled,
    "retry": Transient,
    "busy": Transient,
    "signin": Transient,
    "lag": NotThere,
}
_UNKNOWN_ID = re.compile(r"Resource '([^']+)' does not exist")


def reaction_to(response: GraphResponse) -> Reaction:
    """The row of the table that fits an answer that is not a success."""
    message = response.message.lower()
    return next(
        (
            row
            for row in REACTIONS
            if row.status == response.status
            and row.code in ("", response.code)
            and row.fragment.lower() in message
        ),
        _OTHER,
    )


def error_for(request: GraphRequest, response: GraphResponse) -> RollcallError:
    """The error to raise for a failed operation; its text holds no personal data."""
    reaction = reaction_to(response)
    what = f"{request.method} {_path(request.url)} answered {response.status} {response.code}"
    if later := _LATER.get(reaction.meaning):
        return later(f"{what}; it is tried again", response.retry_after)
    if reaction.meaning == "expired":
        return DeltaExpired(f"{what}: the delta link has expired", response.code)
    if reaction.meaning == "forbidden":
        return Terminal(f"{what}: {_forbidden(request, response)}", response.code)
    kind = DirectoryFull if reaction.meaning == "full" else Terminal
    return kind(f"{what}: {reaction.hint or _OTHER.hint}", response.code)


def unknown_id(response: GraphResponse) -> str:
    """The id of the object that a 404 says is not there, in small letters; '' if it names none."""
    found = _UNKNOWN_ID.search(response.message) if response.status == 404 else None
    return found[1].lower() if found else ""


def _forbidden(request: GraphRequest, response: GraphResponse) -> str:
    if response.status == 401:
        return "Graph does not accept this sign-in; `rollcall doctor` says who is signed in and how"
    role = role_for(request.url, request.method)
    return (
        f"the app lacks the role {role}, or got it after its token was made (a managed identity's "
        "token lives for up to a day, whether the app restarts or not). `rollcall grant` grants "
        f"it, and so does, with the object id of the app's identity: {grant_command([role])}"
    )


def _path(url: str) -> str:
    """The address without its query, which may hold names."""
    return url.partition("?")[0]
