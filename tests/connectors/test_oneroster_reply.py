"""What answers of OneRoster providers are taken for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.oneroster_reply import read
from connectors.session import Answer
from roster.errors import Terminal, Transient

USER = {"sourcedId": "U-77"}
FAILED_11 = {
    "statusInfoSet": [
        {
            "imsx_codeMajor": "failure",
            "imsx_severity": "error",
            "imsx_description": "No user U-404",
            "imsx_codeMinor": "unknown object",
        }
    ]
}
FAILED_12 = {
    "imsx_codeMajor": "failure",
    "imsx_severity": "error",
    "imsx_description": "No user U-404",
    "imsx_CodeMinor": {
        "imsx_codeMinorField": [
            {
                "imsx_codeMinorFieldName": "TargetEndSystem",
                "imsx_codeMinorFieldValue": "unknownobject",
            }
        ]
    },
}


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, httpx.Headers(given), "/users")


@pytest.mark.parametrize(
    "body",
    [
        {"users": [USER]},
        {"students": [USER]},
        {"data": [USER], "total": 9, "limit": 1, "offset": 0},
        {"whatever": [USER]},
        {"users": USER},
        [USER],
        {"users": [USER], "statusInfoSet": [{"imsx_codeMajor": "success"}]},
        {"users": [USER], "message": "1 row"},
        {"users": USER, "error": None},
    ],
)
def test_rows_are_found_whatever_they_are_wrapped_in(body: Any) -> None:
    reply = read(answer(body), ("users", "students"))
    assert (reply.kind, list(reply.rows)) == ("rows", [USER])


@pytest.mark.parametrize("body", [{"users": []}, {"users": None}, [], {"data": []}])
def test_a_list_without_rows_is_one(body: Any) -> None:
    reply = read(answer(body), ("users",))
    assert (reply.kind, list(reply.rows)) == ("rows", [])


@pytest.mark.parametrize(
    "body", [{}, {"count": 3}, "users", 7, None, {"users": ["U-77"]}, {"users": [None]}, [7]]
)
def test_what_is_no_list_of_objects_is_an_outage(body: Any) -> None:
    with pytest.raises(Transient, match="without a list of users"):
        read(answer(body), ("users",))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FAILED_11, "missing"),
        (FAILED_12, "missing"),
        ({"imsx_StatusInfo": FAILED_12}, "missing"),
        ({"imsx_codeMajor": "failure", "imsx_codeMinor": "invalid_data"}, "refused"),
        ({"CodeMajor": "failure", "CodeMinor": "forbidden", "Description": "No"}, "forbidden"),
        ({"error": "not found"}, "missing"),
        ({**FAILED_11, "users": []}, "missing"),
    ],
)
def test_an_error_inside_a_proper_answer_is_seen(body: Any, kind: str) -> None:
    assert read(answer(body), ("users",)).kind == kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "database is down"}, "database is down"),
        ({"errors": ["one", "two"]}, "one; two"),
        ({"detail": {"reason": "tired"}}, "tired"),
        (["no such limit"], "no such limit"),
        ({"imsx_codeMajor": "failure", "imsx_codeMinor": "server_busy"}, "error"),
    ],
)
def test_an_error_that_says_nothing_known_is_an_outage(body: Any, said: str) -> None:
    with pytest.raises(Transient, match=f"^/users: answered with an error.*{said}|an error$"):
        read(answer(body), ("users",))


def test_refused_credentials_inside_a_proper_answer_are_seen() -> None:
    body = {"imsx_codeMajor": "failure", "imsx_codeMinor": "unauthorisedrequest"}
    with pytest.raises(Terminal, match="credentials were refused"):
        read(answer(body), ("users",))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "refused"), (422, "refused"), (403, "forbidden"), (404, "missing"), (308, "moved")],
)
@pytest.mark.parametrize("body", [FAILED_11, FAILED_12, ["No user U-404"]])
def test_a_refusal_says_what_the_provider_says(status: int, kind: str, body: Any) -> None:
    reply = read(answer(body, status, location="/users/"), ("users",))
    assert (reply.kind, reply.text) == (kind, "No user U-404")
    assert reply.next == "/users/"


def test_a_long_text_is_cut() -> None:
    assert len(read(answer({"error": "x" * 999}, 400), ("users",)).text) == 200


@pytest.mark.parametrize(
    ("body", "headers", "total"),
    [
        ({}, {"x_total_count": "12"}, 12),
        ({"totalCount": 13}, {}, 13),
        ({"total": "14"}, {}, 14),
        ({"totalCount": 13}, {"x_total_count": "many"}, 13),
        ({}, {}, None),
        ({"total": None}, {}, None),
    ],
)
def test_a_total_stands_in_the_header_or_beside_the_rows(
    body: Any, headers: dict[str, str], total: int | None
) -> None:
    assert read(answer({"users": [USER], **body}, **headers), ("users",)).total == total


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ('<https://x.test/users?offset=5>; rel="next"', "https://x.test/users?offset=5"),
        ("</users?a=1,2>; rel=next; title=x", "/users?a=1,2"),
        ('<a>; rel="first", <b>; rel="next", <c>; rel="last"', "b"),
        ('<a>; rel="prev next"', "a"),
        ('<a>; rel="first"', ""),
        ('<a>; title="next"', ""),
        ("", ""),
    ],
)
def test_the_link_to_the_next_page_is_found(link: str, leads: str) -> None:
    assert read(answer({"users": [USER]}, link=link), ("users",)).next == leads
