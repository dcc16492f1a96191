"""What each kind of answer means, and what the administrator is told."""

from __future__ import annotations

import pytest

from graph.errors import (
    REACTIONS,
    DeltaExpired,
    DirectoryFull,
    NotThere,
    Throttled,
    error_for,
    reaction_to,
    unknown_id,
)
from graph.exchange import GraphRequest, GraphResponse
from graph.roles import APP_ROLES, role_for
from roster.errors import RollcallError, Terminal, Transient

EXISTS = (
    "One or more added object references already exist for the following modified properties: "
    "'members'."
)
OWNERS = "would exceed the maximum quota count '100' for forward-link 'owners'."
FULL = "The directory object quota limit for the Tenant has been exceeded."
PASSWORD = "The specified password does not comply with password complexity requirements."
LAG = "The source resource object or one of the objects being referenced do not exist"


def answer(status: int, code: str = "Request_BadRequest", message: str = "") -> GraphResponse:
    return GraphResponse(status, {"error": {"code": code, "message": message}}, {})


@pytest.mark.parametrize(
    ("response", "meaning", "error"),
    [
        (answer(429, "TooManyRequests"), "throttled", Throttled),
        (answer(503, "Request_ThrottledTemporarily"), "throttled", Throttled),
        (answer(503, "ServiceUnavailable"), "retry", Transient),
        (answer(409, "Directory_ConcurrencyViolation"), "busy", Transient),
        (answer(409, message="due to concurrent requests being made"), "busy", Transient),
        (answer(424), "retry", Transient),
        (answer(404, "Request_ResourceNotFound"), "lag", NotThere),
        (answer(400, message=LAG), "lag", NotThere),
        (answer(400, message=EXISTS), "exists", Terminal),
        (answer(400, message="removed object references do not exist"), "absent", Terminal),
        (answer(400, message="Another object with the same value"), "conflict", Terminal),
        (answer(400, "syncStateNotFound"), "expired", DeltaExpired),
        (answer(410, "resyncRequired"), "expired", DeltaExpired),
        (answer(403, "Directory_QuotaExceeded"), "final", Terminal),
        (answer(403, "Directory_QuotaExceeded", OWNERS), "owners", Terminal),
        (answer(403, "Directory_QuotaExceeded", FULL), "full", DirectoryFull),
        (answer(400, message=PASSWORD), "password", Terminal),
        (
            answer(400, message="The group must have at least one owner, hence"),
            "last_owner",
            Terminal,
        ),
        (answer(401, "Authorization_IdentityNotFound"), "forbidden", Terminal),
        (answer(403, "Authorization_RequestDenied"), "forbidden", Terminal),
        (answer(401, "InvalidAuthenticationToken"), "signin", Transient),
        (answer(400, message="for on-premises mastered Directory Sync objects"), "final", Terminal),
        (answer(400, message="Invalid property 'x_Education_ObjectType'."), "final", Terminal),
        *((answer(status, "UnknownError"), "retry", Transient) for status in (408, 500, 502, 504)),
        (answer(400, message="something else"), "final", Terminal),
        (answer(418), "final", Terminal),
    ],
)
def test_an_answer_has_one_meaning_and_one_consequence(
    response: GraphResponse, meaning: str, error: type[RollcallError]
) -> None:
    assert reaction_to(response).meaning == meaning
    assert type(error_for(GraphRequest("PATCH", "/groups/1"), response)) is error


def test_a_missing_role_is_named() -> None:
    denied = answer(403, "Authorization_RequestDenied")
    text = str(error_for(GraphRequest("GET", "/education/classes?$filter=x"), denied))
    assert "EduRoster.ReadWrite.All" in text


@pytest.mark.parametrize(
    "url",
    ["/users/1", "/groups/1", "/domains", "/me", "/education/users", "/teams", "/teams/1/archive"],
)
def test_every_address_hints_at_a_role_that_the_app_asks_for(url: str) -> None:
    assert role_for(url) in APP_ROLES


def test_errors_hold_neither_queries_nor_messages() -> None:
    request = GraphRequest("GET", "/users?$filter=userPrincipalName eq 'ann.lee@contoso.edu'")
    text = str(error_for(request, answer(400, message="ann.lee@contoso.edu is wrong")))
    assert "ann.lee" not in text


def test_what_cannot_be_mended_says_what_to_do() -> None:
    later = {"throttled", "retry", "busy", "signin", "lag", "expired"}
    told_elsewhere = {"exists", "absent", "forbidden"}
    assert all(row.hint for row in REACTIONS if row.meaning not in later | told_elsewhere)


def test_the_wait_is_taken_from_the_answer() -> None:
    response = GraphResponse(429, {}, {"retry-after": "17"})
    error = error_for(GraphRequest("GET", "/users"), response)
    assert isinstance(error, Transient)
    assert error.retry_after == 17


def test_the_object_that_is_not_there_is_named() -> None:
    text = "Resource 'AB-1' does not exist or one of its queried reference-property objects"
    assert unknown_id(answer(404, "Request_ResourceNotFound", text)) == "ab-1"
    assert unknown_id(answer(404)) == ""
    assert unknown_id(answer(400, message=text)) == ""
