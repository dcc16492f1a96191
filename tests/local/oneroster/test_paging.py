"""limit, offset, X-Total-Count, Link, sort, and their errors."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.local.oneroster.conftest import Provider, Version


def link(answer: Any, rel: str) -> str | None:
    found = re.search(rf'<([^>]*)>; rel="{rel}"', answer.headers["Link"])
    return found[1] if found else None


def test_a_page_has_100_rows_unless_another_limit_is_asked_for(
    provider: Provider, version: Version
) -> None:
    assert len(provider.get(version, "/enrollments").json()["enrollments"]) == 100
    assert len(provider.rows(version, "/enrollments", limit=7)) == 7


@pytest.mark.parametrize("collection", ["users", "enrollments", "demographics", "orgs"])
def test_pages_to_the_end_are_all_rows(
    provider: Provider, version: Version, collection: str
) -> None:
    everything = provider.rows(version, f"/{collection}")
    table = "users" if collection == "users" else collection
    [(number,)] = provider.records.rows(f"SELECT count(*) FROM {table} WHERE NOT gone")
    assert len(everything) == number
    assert provider.pages(version, f"/{collection}", 37) == everything


def test_links_lead_through_all_pages(provider: Provider, version: Version) -> None:
    wanted = "role='student'"
    headers = {"Authorization": f"Bearer {provider.token}"}
    answer = provider.get(version, "/enrollments", limit=300, filter=wanted)
    first = str(answer.request.url)
    rows, seen = answer.json()["enrollments"], 1
    while following := link(answer, "next"):
        answer = provider.http.get(following, headers=headers)
        rows += answer.json()["enrollments"]
        seen += 1
    assert rows == provider.rows(version, "/enrollments", filter=wanted)
    assert seen == -(-len(rows) // 300) > 2
    assert link(answer, "first") == link(provider.http.get(first, headers=headers), "first")
    assert link(answer, "last") == str(answer.request.url)
    assert f"offset={300 * (seen - 2)}" in str(link(answer, "prev"))


def test_the_total_counts_what_passes_the_filter(provider: Provider, version: Version) -> None:
    answer = provider.get(version, "/enrollments", limit=1, filter="role='teacher'")
    [(teachers,)] = provider.records.rows("SELECT count(*) FROM enrollments WHERE role = 'teacher'")
    assert answer.headers["X-Total-Count"] == str(teachers)


def test_a_page_behind_the_end_is_empty(provider: Provider, version: Version) -> None:
    answer = provider.get(version, "/orgs", offset=1000)
    assert (answer.status_code, answer.json()) == (200, {"orgs": []})
    assert link(answer, "next") is None


def test_the_content_type_is_bare(provider: Provider, version: Version) -> None:
    assert provider.get(version, "/orgs").headers["content-type"] == "application/json"


def test_a_limit_may_be_any_number(provider: Provider, version: Version) -> None:
    everything = provider.rows(version, "/orgs")
    assert provider.rows(version, "/orgs", limit=10**30) == everything
    assert provider.rows(version, "/orgs", offset=10**30) == []


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "many"}, {"offset": "-1"}])
def test_a_bad_limit_or_offset(provider: Provider, params: dict[str, str]) -> None:
    assert len(provider.get("1.1", "/enrollments", **params).json()["enrollments"]) == 100
    refused = provider.get("1.2", "/enrollments", **params)
    assert refused.status_code == 400
    assert "invaliddata" in refused.text
    for way in ("404", "422"):
        provider.quirks(bad_paging=way)
        assert provider.get("1.1", "/enrollments", **params).status_code == int(way)


def test_rows_are_sorted_by_a_field(provider: Provider, version: Version) -> None:
    ordered = provider.rows(version, "/users", sort="familyName", orderBy="desc")
    names = [row["familyName"].encode() for row in ordered]
    assert names == sorted(names, reverse=True)
    assert provider.pages(version, "/users", 50, sort="familyName", orderBy="desc") == ordered
    by_id = provider.ids(version, "/users", sort="sourcedId", orderBy="asc")
    assert by_id == sorted(by_id) == provider.ids(version, "/users")


def test_sorting_by_what_is_not_there(provider: Provider) -> None:
    answer = provider.get("1.1", "/orgs", sort="colour")
    assert answer.status_code == 200
    [status] = answer.json()["statusInfoSet"]
    assert (status["imsx_codeMajor"], status["imsx_severity"]) == ("success", "warning")
    assert status["imsx_codeMinor"] == "invalid_sort_field"
    assert len(answer.json()["orgs"]) > 1
    assert provider.get("1.2", "/orgs", sort="colour").status_code == 400
    assert provider.get("1.2", "/orgs", sort="name", orderBy="up").status_code == 400
    assert provider.get("1.1", "/orgs", sort="name", orderBy="up").status_code == 200


def test_selecting_what_is_not_there(provider: Provider) -> None:
    answer = provider.get("1.1", "/orgs", fields="sourcedId,colour")
    assert answer.json()["statusInfoSet"][0]["imsx_codeMinor"] == "invalid_selection_field"
    assert answer.json()["orgs"][0]["name"]
    refused = provider.get("1.2", "/orgs", fields="sourcedId,colour")
    assert (refused.status_code, "invalid_selection_field" in refused.text) == (400, True)
    blank = provider.get("1.1", "/orgs", fields="")
    assert (blank.status_code, "invalid_blank_selection_field" in blank.text) == (400, True)
    assert provider.get("1.2", "/orgs", fields="").status_code == 400
