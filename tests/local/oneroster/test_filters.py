"""The filter grammar and what filters mean."""

from __future__ import annotations

from typing import Any

import pytest

from local.oneroster.answers import Wrong
from local.oneroster.filters import Clause, parse
from local.oneroster.quirks import Quirks
from tests.local.oneroster.conftest import Provider, Version


@pytest.mark.parametrize(
    ("text", "clauses", "joins"),
    [
        ("role='student'", [("role", "=", "student")], []),
        ("a.b!='x'", [("a.b", "!=", "x")], []),
        ("a>='1' AND b<='2'", [("a", ">=", "1"), ("b", "<=", "2")], ["AND"]),
        ("a~'x' OR b<'y'", [("a", "~", "x"), ("b", "<", "y")], ["OR"]),
        ("name='rock AND roll'", [("name", "=", "rock AND roll")], []),
        ("name='O''Brien'", [("name", "=", "O'Brien")], []),
        ("name=''", [("name", "=", "")], []),
    ],
)
def test_what_the_grammar_has(text: str, clauses: list[Any], joins: list[str]) -> None:
    read = parse(text, Quirks())
    assert list(read.clauses) == [Clause(*clause) for clause in clauses]
    assert list(read.joins) == joins


@pytest.mark.parametrize(
    "text",
    [
        "role", "role=student", "role='student", "='x'", "role = 'x'", "role='x' and a='b'",
        "role='x' AND", "role='x'AND a='b'", "a='1' AND b='2' AND c='3'", "a=='x'", "role='it's'",
    ],
)  # fmt: skip
def test_what_the_grammar_does_not_have(text: str) -> None:
    with pytest.raises(Wrong) as refused:
        parse(text, Quirks())
    assert (refused.value.status, refused.value.code) == (400, "invaliddata")


CASES = [
    ("/orgs", "type='SCHOOL'", lambda r: r["type"] == "school"),
    ("/orgs", "type='school' OR type='district'", lambda r: True),
    ("/orgs", "type!='school'", lambda r: r["type"] != "school"),
    ("/orgs", "parent.sourcedId='district'", lambda r: "parent" in r),
    ("/orgs", "parent.sourcedId!='district'", lambda r: "parent" not in r),
    ("/users", "familyName~'IL'", lambda r: "il" in r["familyName"].lower()),
    ("/users", "grades~'09'", lambda r: "09" in r.get("grades", [])),
    ("/users", "grades='09'", lambda r: r.get("grades") == ["09"]),
    ("/users", "grades!='09'", lambda r: r.get("grades") != ["09"]),
    ("/users", "middleName=''", lambda r: "middleName" not in r),
    ("/users", "enabledUser='true'", lambda r: True),
    ("/users", "givenName>='m' AND givenName<'p'", lambda r: "m" <= r["givenName"].lower() < "p"),
    ("/users", "agents.sourcedId~'G2'", lambda r: any("G2" in i for i in ids(r.get("agents", [])))),
    ("/users", "metadata.microsoft.userFlags~'e'", lambda r: "metadata" in r),
    ("/academicSessions", "startDate>'2026-07-31'", lambda r: r["startDate"] > "2026-07-31"),
    ("/classes", "terms.sourcedId='SY2026'", lambda r: ids(r["terms"]) == ["SY2026"]),
    ("/classes", "terms.sourcedId~'2026-1'", lambda r: "SY2026-1" in ids(r["terms"])),
    ("/enrollments", "user.type='user' AND role='teacher'", lambda r: r["role"] == "teacher"),
    ("/demographics", "white='true'", lambda r: r["white"] == "true"),
]  # fmt: skip


def ids(references: list[Any]) -> list[str]:
    return [reference["sourcedId"] for reference in references]


@pytest.mark.parametrize(("path", "text", "passes"), CASES, ids=[text for _, text, _ in CASES])
def test_a_filter_passes_what_it_says(
    provider: Provider, version: Version, path: str, text: str, passes: Any
) -> None:
    wanted = [row for row in provider.rows(version, path) if passes(row)]
    assert wanted
    assert provider.rows(version, path, filter=text) == wanted


def test_a_version_filters_on_its_own_role_fields(provider: Provider) -> None:
    assert provider.ids("1.1", "/users", filter="role='principal' OR role='administrator'")
    assert provider.get("1.1", "/users", filter="roles.role='student'").status_code == 400
    principals = provider.rows("1.2", "/users", filter="roles.role~'principal'")
    assert principals
    assert all("principal" in {r["role"] for r in user["roles"]} for user in principals)
    at = provider.rows("1.2", "/users", filter="roles.org.sourcedId='0001'")
    assert at
    assert {r["org"]["sourcedId"] for user in at for r in user["roles"]} == {"0001"}
    assert provider.get("1.2", "/users", filter="role='student'").status_code == 400


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("dateLastModified>'2026-11-01T04:10:00.123Z'", False),
        ("dateLastModified>='2026-11-01T04:10:00.123Z'", True),
        ("dateLastModified>'2026-11-01T04:10:00Z'", True),
        ("dateLastModified='2026-11-01T05:10:00.123+01:00'", True),
        ("dateLastModified>'2026-11-01'", True),
        ("dateLastModified<'2026-11-01'", False),
    ],
)
def test_times_are_compared_as_times(
    provider: Provider, version: Version, text: str, passes: bool
) -> None:
    assert bool(provider.ids(version, "/orgs", filter=text)) is passes


def test_what_is_no_time_or_no_field_is_refused(provider: Provider, version: Version) -> None:
    answer = provider.get(version, "/orgs", filter="dateLastModified>'yesterday'")
    assert answer.status_code == 400
    for text in ("colour='red'", "name.x='y'", "parent='district'", "dateLastModified.x='y'"):
        answer = provider.get(version, "/orgs", filter=text)
        assert answer.status_code == 400
        assert "invalid_filter_field" in answer.text


def test_a_provider_may_refuse_dots(provider: Provider, version: Version) -> None:
    provider.quirks(nested_filters=False)
    assert provider.get(version, "/orgs", filter="parent.sourcedId='x'").status_code == 400
    assert provider.get(version, "/orgs", filter="name='x'").status_code == 200


def test_a_provider_may_read_operators_and_words_greedily(
    provider: Provider, version: Version
) -> None:
    provider.quirks(greedy_operators=True)
    for operator, status in (("!=", 400), (">=", 400), (">", 200), ("=", 200)):
        text = f"name{operator}'x'"
        assert provider.get(version, "/orgs", filter=text).status_code == status
    provider.quirks(greedy_operators=False, naive_and=True)
    assert provider.get(version, "/orgs", filter="name='a AND b'").status_code == 400
    assert provider.get(version, "/orgs", filter="name='a' OR name='b'").status_code == 200


def test_a_provider_may_ignore_filters(provider: Provider, version: Version) -> None:
    everything = provider.ids(version, "/orgs")
    provider.quirks(ignored_filters="unknown")
    assert provider.ids(version, "/orgs", filter="colour='red'") == everything
    assert provider.ids(version, "/orgs", filter="type='none'") == []
    provider.quirks(ignored_filters="all")
    assert provider.ids(version, "/orgs", filter="type='none'") == everything


def test_a_provider_may_take_more_clauses(provider: Provider, version: Version) -> None:
    provider.quirks(max_clauses=20)
    text = "type='none' OR type='district' AND sourcedId='district'"
    assert provider.ids(version, "/orgs", filter=text) == ["district"]
