"""What each kind of answer means, and what the administrator is told."""

from __future__ import annotations

import pytest

from graph.errors import REACTIONS, DeltaExpired, error_for, reaction_to
from graph.exchange import GraphRequest, GraphResponse
from graph.roles import APP_ROLES, role_for
from roster.errors import RollcallError, Terminal, Transient

EXISTS = (
    "One or more added object references already exist for the following modified properties: "
    "'members'."
)
LAG = "The source resource object or one of the objects being referenced do not exist"


def answer(status: int, code: str = "Request_BadRequest", message: str = "") -> GraphResponse:
    return GraphResponse(status, {"error": {"code": code, "message": message}}, {})


@pytest.mark.parametrize(
    ("response", "meaning", "error"),
    [
        (answer(429, "TooManyRequests"), "throttled", Transient),
        (answer(503, "Request_ThrottledTemporarily"), "throttled", Transient),
        (answer(503, "ServiceUnavailable"), "retry", Transient),
        (answer(409, "Directory_ConcurrencyViolation"), "retry", Transient),
        (answer(424), "retry", Transient),
        (answer(404, "Request_ResourceNotFound"), "lag", Transient),
        (answer(400, message=LAG), "lag", Transient),
        (answer(400, message=EXISTS), "exists", Terminal),
        (answer(400, message="removed object references do not exist"), "absent", Terminal),
        (answer(400, message="Another object with the same value"), "conflict", Terminal),
        (answer(400, "syncStateNotFound"), "expired", DeltaExpired),
        (answer(410, "resyncRequired"), "expired", DeltaExpired),
        (answer(403, "Directory_QuotaExceeded"), "final", Terminal),
        (answer(403, "Authorization_RequestDenied"), "forbidden", Terminal),
        (answer(401, "InvalidAuthenticationToken"), "forbidden", Terminal),
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
    assert all(row.hint for row in REACTIONS if row.meaning == "final")


def test_the_wait_is_taken_from_the_answer() -> None:
    response = GraphResponse(429, {}, {"retry-after": "17"})
    error = error_for(GraphRequest("GET", "/users"), response)
    assert isinstance(error, Transient)
    assert error.retry_after == 17
