"""What Graph's answers mean for a write: try again, give up, or fine as it is.

Graph's directory errors share the code Request_BadRequest, so the message has to be looked at, as
every integration does (https://learn.microsoft.com/graph/errors,
https://learn.microsoft.com/graph/throttling). The table below is read from top to bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from roster.errors import RollcallError, Terminal, Transient

from .roles import grant_command, role_for

if TYPE_CHECKING:
    from .exchange import GraphRequest, GraphResponse

Meaning = Literal[
    "throttled", "retry", "lag", "exists", "absent", "conflict", "expired", "forbidden", "final"
]


class AmbiguousWrite(Transient):
    """A write that is not repeatable went out and its answer was lost: look before repeating it."""


class DeltaExpired(Terminal):
    """A delta link is too old, or the service wants a fresh start: read in full again."""


@dataclass(frozen=True)
class Reaction:
    """What an answer with this status, code and part of the message means, and what to do."""

    status: int
    code: str
    fragment: str
    meaning: Meaning
    hint: str = ""


REACTIONS = (
    Reaction(429, "", "", "throttled"),
    Reaction(503, "Request_ThrottledTemporarily", "", "throttled"),
    Reaction(400, "", "object references already exist", "exists"),
    Reaction(400, "", "removed object references do not exist", "absent"),
    Reaction(400, "", "or one of the objects being referenced do not exist", "lag"),
    Reaction(
        400, "", "must have at least one owner", "final",
        "a group keeps its last owner; enter another teacher first",
    ),
    Reaction(400, "syncStateNotFound", "", "expired"),
    Reaction(410, "", "", "expired"),
    Reaction(400, "", "Another object with the same value", "conflict"),
    Reaction(409, "", "Another object with the same value", "conflict"),
    Reaction(409, "Directory_ConcurrencyViolation", "", "retry"),
    Reaction(
        400, "", "on-premises mastered", "final",
        "on-premises AD owns this object; the change has to be made there",
    ),
    Reaction(
        400, "", "password complexity", "final",
        "the tenant's password policy refused the first password",
    ),
    Reaction(
        400, "", "Education_ObjectType", "final",
        "this tenant has no education roster; it needs an education subscription",
    ),
    Reaction(
        403, "Directory_QuotaExceeded", "", "final",
        "a quota of the directory is used up: remove objects, or ask Microsoft for a higher one",
    ),
    Reaction(403, "", "", "forbidden"),
    Reaction(404, "", "", "lag"),
    Reaction(401, "", "", "forbidden"),
    Reaction(424, "", "", "retry"),
    Reaction(408, "", "", "retry"),
    Reaction(500, "", "", "retry"),
    Reaction(502, "", "", "retry"),
    Reaction(503, "", "", "retry"),
    Reaction(504, "", "", "retry"),
)  # fmt: skip
_OTHER = Reaction(0, "", "", "final", "Graph refused the request as it is")


def reaction_to(response: GraphResponse) -> Reaction:
    """The row of the table that fits an answer that is not a success."""
    return next(
        (
            row
            for row in REACTIONS
            if row.status == response.status
            and row.code in ("", response.code)
            and row.fragment in response.message
        ),
        _OTHER,
    )


def error_for(request: GraphRequest, response: GraphResponse) -> RollcallError:
    """The error to raise for a failed operation; its text holds no personal data."""
    reaction = reaction_to(response)
    what = f"{request.method} {_path(request.url)} answered {response.status} {response.code}"
    if reaction.meaning in ("throttled", "retry", "lag"):
        return Transient(f"{what}; it is tried again", response.retry_after)
    if reaction.meaning == "expired":
        return DeltaExpired(f"{what}: the delta link has expired", response.code)
    if reaction.meaning == "forbidden":
        return Terminal(f"{what}: {_forbidden(request, response)}", response.code)
    hint = reaction.hint or {"conflict": "another object has this name already"}.get(
        reaction.meaning, _OTHER.hint
    )
    return Terminal(f"{what}: {hint}", response.code)


def _forbidden(request: GraphRequest, response: GraphResponse) -> str:
    if response.status == 401:
        return "Graph does not accept this sign-in; `rollcall doctor` says who is signed in and how"
    role = role_for(request.url, request.method)
    return (
        f"the app lacks the role {role}, or got it after its token was made (a managed identity's "
        "token may live for a day: restart the app). To grant it, with the object id of the app's "
        f"identity: {grant_command([role])}"
    )


def _path(url: str) -> str:
    """The address without its query, which may hold names."""
    return url.partition("?")[0]
