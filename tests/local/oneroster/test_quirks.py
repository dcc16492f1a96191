"""Each switch makes the provider differ in the way that it says."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from local.oneroster.quirks import Quirks
from local.sis.faults import Fault
from roster.errors import BadInput
from tests.local.oneroster.conftest import ROOTS, Provider, Version


def user(provider: Provider, version: Version, who: str = "1000000") -> dict[str, Any]:
    return provider.get(version, f"/users/{who}").json()["user"]


# --- switches as such


def test_switches_are_checked() -> None:
    assert Quirks.from_json({"max_limit": 5, "retry_after": 2, "missing": ["/terms"]}) == Quirks(
        max_limit=5, retry_after=2.0, missing=("/terms",)
    )
    for wrong in (
        {"colour": 1}, {"total": "some"}, {"max_limit": "5"}, {"missing": "/terms"},
        {"schemes": ["none"]}, {"unordered": 1},
    ):  # fmt: skip
        with pytest.raises(BadInput, match="quirks: "):
            Quirks.from_json(wrong)


def test_the_docs_name_every_switch() -> None:
    page = (Path(__file__).parents[3] / "docs" / "local-stack.md").read_text(encoding="utf-8")
    assert [f.name for f in fields(Quirks) if f"`{f.name}`" not in page] == []


def test_switches_add_up_until_they_are_set_back(provider: Provider) -> None:
    provider.quirks(total="none")
    provider.quirks(links="none")
    answer = provider.get("1.2", "/orgs")
    assert "X-Total-Count" not in answer.headers
    assert "Link" not in answer.headers
    provider.http.delete("/_emulator/quirks")
    assert "X-Total-Count" in provider.get("1.2", "/orgs").headers
    refused = provider.http.post("/_emulator/quirks", json={"total": "some"})
    assert (refused.status_code, "total is one of" in refused.text) == (400, True)


# --- where things are


def test_roots_may_be_elsewhere(provider: Provider) -> None:
    provider.quirks(root_11="/aeries/ims/oneroster/v1p1", root_12="/ims/oneroster/v1p2")
    headers = {"Authorization": f"Bearer {provider.token}"}
    for path, status in (
        ("/aeries/ims/oneroster/v1p1/orgs", 200),
        ("/ims/oneroster/v1p2/orgs", 200),
        (f"{ROOTS['1.1']}/orgs", 404),
        (f"{ROOTS['1.2']}/orgs", 404),
    ):
        answer = provider.http.get(path, headers=headers)
        assert answer.status_code == status
        if status == 200:
            assert path in answer.text


def test_paths_may_be_missing(provider: Provider, version: Version) -> None:
    provider.quirks(missing=["/demographics", "/schools/{id}/classes"])
    assert provider.get(version, "/demographics").status_code == 404
    assert provider.get(version, "/schools/0001/classes").status_code == 404
    assert provider.get(version, "/schools/0001/courses").status_code == 200


def test_paths_may_end_in_a_slash(provider: Provider, version: Version) -> None:
    assert provider.get(version, "/orgs/").json() == provider.get(version, "/orgs").json()
    provider.quirks(trailing_slash=True)
    answer = provider.get(version, "/orgs", limit=1)
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith("/orgs/?limit=1")
    assert provider.get(version, "/orgs/").status_code == 200


def test_class_groups(provider: Provider, version: Version) -> None:
    assert provider.get(version, "/classGroups").status_code == 404
    provider.quirks(class_groups=True)
    groups = provider.rows(version, "/classGroups")
    classes = {row["sourcedId"]: row for row in provider.rows(version, "/classes")}
    assert groups
    for group in groups:
        assert (group["groupType"], group["status"]) == ("cross-listed", "active")
        joined = [classes[each["sourcedId"]] for each in group["classes"]]
        assert len(joined) == 2
        assert joined[0]["terms"] == joined[1]["terms"]
        taught = [set(provider.ids(version, f"/classes/{c['sourcedId']}/teachers")) for c in joined]
        assert taught[0] & taught[1]
    grouped = [each["sourcedId"] for group in groups for each in group["classes"]]
    assert len(grouped) == len(set(grouped))
    one = provider.get(version, f"/classGroups/{groups[0]['sourcedId']}").json()
    assert one == {"classGroup": groups[0]}


def test_class_rosters_may_hold_teachers(provider: Provider, version: Version) -> None:
    [class_id] = provider.ids(version, "/classes", limit=1)
    pupils = set(provider.ids(version, f"/classes/{class_id}/students"))
    teachers = set(provider.ids(version, f"/classes/{class_id}/teachers"))
    provider.quirks(mixed_class_rosters=True)
    assert set(provider.ids(version, f"/classes/{class_id}/students")) == pupils | teachers
    assert set(provider.ids(version, f"/classes/{class_id}/teachers")) == teachers


# --- pages


def test_limits(provider: Provider, version: Version) -> None:
    provider.quirks(default_limit=10, max_limit=20)
    answer = provider.get(version, "/enrollments", limit=5000)
    assert len(answer.json()["enrollments"]) == 20
    assert 'limit=20&offset=20>; rel="next"' in answer.headers["Link"]
    assert len(provider.get(version, "/enrollments").json()["enrollments"]) == 10
    provider.quirks(over_limit="refuse")
    assert provider.get(version, "/enrollments", limit=21).status_code == 400


def test_totals(provider: Provider, version: Version) -> None:
    everything = len(provider.rows(version, "/enrollments"))
    params = {"filter": "role='teacher'", "limit": 3, "offset": 3}
    passing = int(provider.get(version, "/enrollments", **params).headers["X-Total-Count"])
    provider.quirks(total="unfiltered", body_total="counts")
    answer = provider.get(version, "/enrollments", **params)
    assert answer.headers["X-Total-Count"] == str(everything) != str(passing)
    body = answer.json()
    assert body["totalCount"] == everything
    assert (body["pageNumber"], body["offset"], body["limit"]) == (2, 3, 3)
    assert body["pageCount"] == -(-everything // 3)
    provider.quirks(total="filtered", body_total="data")
    body = provider.get(version, "/enrollments", **params).json()
    assert set(body) == {"data", "total", "limit", "offset"}
    assert (body["total"], len(body["data"])) == (passing, 3)


def test_links(provider: Provider, version: Version) -> None:
    provider.quirks(links="relative")
    assert re.match(rf"<{ROOTS[version]}/users\?", provider.get(version, "/users").headers["Link"])
    provider.quirks(links="stale")
    answer = provider.get(version, "/users", limit=10, offset=10)
    assert 'limit=10&offset=10>; rel="next"' in answer.headers["Link"]


@pytest.mark.parametrize(("way", "status"), [("404", 404), ("null", 200)])
def test_collections_without_rows(
    provider: Provider, version: Version, way: str, status: int
) -> None:
    provider.quirks(empty=way)
    answer = provider.get(version, "/orgs", filter="type='none'")
    assert answer.status_code == status
    if way == "null":
        assert answer.json() == {"orgs": None}


@pytest.mark.parametrize(("way", "more"), [("delete", -1), ("insert", 1)])
def test_a_row_goes_or_comes_between_pages(
    provider: Provider, version: Version, way: str, more: int
) -> None:
    everything = provider.rows(version, "/users")
    provider.quirks(shift=way)
    first = provider.get(version, "/users", limit=50)
    second = provider.get(version, "/users", limit=50, offset=50)
    totals = [int(answer.headers["X-Total-Count"]) for answer in (first, second)]
    assert totals[1] == totals[0] + more
    there = everything if way == "insert" else everything[1:]
    assert second.json()["users"] == there[50:100]
    assert first.json()["users"] == (everything[1:51] if way == "insert" else everything[:50])
    assert provider.pages(version, "/users", 50) == there


def test_nothing_moves_in_a_collection_of_one_page(provider: Provider, version: Version) -> None:
    everything = provider.rows(version, "/users")
    for way in ("delete", "insert"):
        provider.quirks(shift=way)
        assert provider.rows(version, "/users") == everything


def test_a_page_comes_again(provider: Provider, version: Version) -> None:
    def page(offset: int) -> Any:
        return provider.get(version, "/users", limit=30, offset=offset).json()

    first, second, third = (page(offset) for offset in (0, 30, 60))
    provider.quirks(repeat="once")
    assert [page(o) for o in (0, 30, 60, 30)] == [first, first, third, second]
    provider.quirks(repeat="always")
    assert [page(o) for o in (0, 30, 60, 30)] == [first, first, third, first]


def test_pages_may_have_no_order(provider: Provider, version: Version) -> None:
    everything = provider.ids(version, "/users")
    provider.quirks(unordered=True)
    read = [row["sourcedId"] for row in provider.pages(version, "/users", 50)]
    assert len(read) == len(everything)
    assert len(set(read)) < len(everything)


# --- objects


@pytest.mark.parametrize(
    ("way", "org"),
    [
        ("ids", {"sourcedId": "0001"}),
        ("text", "0001"),
        ("parent-text", {"type": "org"}),
        ("constant", {"sourcedId": "0001", "type": "org"}),
        ("wrong-type", {"sourcedId": "0001", "type": "user"}),
    ],
)
def test_references(provider: Provider, version: Version, way: str, org: Any) -> None:
    provider.quirks(references=way)
    told = user(provider, version)
    told = told["orgs"][0] if version == "1.1" else told["roles"][0]["org"]
    assert told == org if isinstance(org, str) else org.items() <= told.items()
    parent = provider.get(version, "/orgs/0001").json()["org"]["parent"]
    assert isinstance(parent, str) == (way in ("text", "parent-text"))
    if way == "ids":
        assert set(told) == {"sourcedId"}
    if way == "constant":
        assert told["href"] == parent["href"]


def test_wrappers(provider: Provider, version: Version) -> None:
    provider.quirks(wrappers="path", single_demographic=True)
    assert list(provider.get(version, "/students").json()) == ["students"]
    assert list(provider.get(version, "/schools").json()) == ["schools"]
    assert list(provider.get(version, "/students/1000000").json()) == ["student"]
    assert list(provider.get(version, "/users").json()) == ["users"]
    assert list(provider.get(version, "/demographics/1000000").json()) == ["demographic"]


def test_a_missing_object_may_be_null(provider: Provider, version: Version) -> None:
    provider.quirks(missing_object="null")
    answer = provider.get(version, "/users/nobody")
    assert (answer.status_code, answer.json()) == (200, {"user": None})


@pytest.mark.parametrize(("way", "value"), [("json", True), ("title", "True"), ("number", 1)])
def test_booleans(provider: Provider, version: Version, way: str, value: object) -> None:
    provider.quirks(booleans=way)
    assert user(provider, version)["enabledUser"] == value
    assert provider.ids(version, "/users", filter="enabledUser='true'")


def test_what_has_no_value(provider: Provider, version: Version) -> None:
    assert "sms" not in user(provider, version)
    provider.quirks(absent="null")
    told = user(provider, version)
    assert (told["sms"], told["userIds"]) == (None, None)
    provider.quirks(absent="blank")
    told = user(provider, version)
    assert (told["sms"], told["userIds"]) == ("", [])


@pytest.mark.parametrize(
    ("way", "text"),
    [
        ("offset", "2026-10-31T21:10:00.123-7"),
        ("blank", "2026-11-01 04:10:00"),
        ("no-zone", "2026-11-01T04:10:00.123"),
        ("date", "2026-11-01"),
    ],
)
def test_times(provider: Provider, version: Version, way: str, text: str) -> None:
    provider.quirks(stamps=way, dates_with_time=True)
    session = provider.get(version, "/academicSessions/SY2026").json()["academicSession"]
    assert session["dateLastModified"] == text
    assert session["startDate"] == "2026-08-01T00:00:00.000Z"


def test_metadata(provider: Provider, version: Version) -> None:
    [(who, flag)] = provider.records.rows("SELECT user_id, flag FROM user_flags LIMIT 1")
    provider.quirks(user_flags="list")
    assert user(provider, version, who)["metadata"] == {"microsoft.userFlags": [flag]}
    provider.quirks(metadata="text")
    text = user(provider, version, who)["metadata"]
    assert json.loads(text) == {"microsoft.userFlags": [flag]}


def test_agents(provider: Provider, version: Version) -> None:
    pairs = provider.records.rows("SELECT student_id, contact_id FROM relationships")

    def told() -> set[tuple[str, str]]:
        rows = provider.rows(version, "/users")
        return {(u["sourcedId"], a["sourcedId"]) for u in rows for a in u.get("agents", [])}

    backwards = {(contact, pupil) for pupil, contact in pairs}
    assert told() == set(pairs)
    provider.quirks(agents="contacts")
    assert told() == backwards
    provider.quirks(agents="both")
    assert told() == set(pairs) | backwards


def test_lists(provider: Provider, version: Version) -> None:
    provider.quirks(grades_as_text=True)
    assert user(provider, version)["grades"] == "KG"
    provider.quirks(bare_single=True)
    told = user(provider, version)
    assert isinstance(told["orgs" if version == "1.1" else "roles"], dict)
    one = provider.get(version, "/orgs", filter="type='district'").json()
    assert one["orgs"]["sourcedId"] == "district"
    assert isinstance(provider.get(version, "/orgs").json()["orgs"], list)


def test_passwords_and_names(provider: Provider, version: Version) -> None:
    assert "password" not in user(provider, version)
    provider.quirks(passwords=True, usernames="bare")
    told = user(provider, version)
    assert told["password"] == "secret-1000000"
    assert "@" not in told["username"]
    assert "@" in told["email"]


def test_ids_may_be_uuids(provider: Provider, version: Version) -> None:
    provider.quirks(ids="uuid")
    uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    [enrollment] = provider.rows(version, "/enrollments", limit=1)
    assert uuid.fullmatch(enrollment["sourcedId"])
    class_id = enrollment["class"]["sourcedId"]
    found = provider.get(version, f"/classes/{class_id}").json()["class"]
    assert found["school"] == enrollment["school"]
    assert enrollment["user"]["sourcedId"] in (
        provider.ids(version, f"/classes/{class_id}/{enrollment['role']}s")
    )
    pupil = provider.rows(version, "/students", limit=1)[0]
    org = pupil["orgs"][0] if version == "1.1" else pupil["roles"][0]["org"]
    assert pupil["sourcedId"] in provider.ids(version, f"/schools/{org['sourcedId']}/students")
    assert provider.get(version, f"/demographics/{pupil['sourcedId']}").status_code == 200


def test_ids_of_enrollments_and_demographics(provider: Provider, version: Version) -> None:
    provider.quirks(enrollment_ids="campus", demographics_ids="own")
    rows = provider.rows(version, "/enrollments")
    assert all(re.fullmatch(rf"{row['role'][0]}\d+", row["sourcedId"]) for row in rows)
    assert len({row["sourcedId"] for row in rows}) == len(rows)
    assert provider.get(version, "/demographics/identity-1000000").status_code == 200
    assert provider.get(version, "/demographics/1000000").status_code == 404


def test_blanks_and_people_who_are_not_listed(provider: Provider, version: Version) -> None:
    many = len(provider.rows(version, "/users"))
    provider.quirks(blanks=["users.email", "users.sourcedId", "classes.terms"])
    rows = provider.rows(version, "/users")
    assert 0 < sum(row["email"] == "" for row in rows if "email" in row) < many / 3
    assert 0 < sum(row["sourcedId"] == "" for row in rows) < many / 3
    assert [] in [row["terms"] for row in provider.rows(version, "/classes")]
    provider.quirks(blanks=[], unlisted=5)
    listed = set(provider.ids(version, "/users"))
    assert many / 2 < len(listed) < many
    enrolled = {row["user"]["sourcedId"] for row in provider.rows(version, "/enrollments")}
    away = enrolled - listed
    assert away
    assert provider.get(version, f"/users/{min(away)}").status_code == 404


def test_pupils_may_be_said_to_teach(provider: Provider, version: Version) -> None:
    right = {row["sourcedId"]: row["role"] for row in provider.rows(version, "/enrollments")}
    provider.quirks(miscast=20)
    wrong = {row["sourcedId"]: row["role"] for row in provider.rows(version, "/enrollments")}
    differing = {(right[key], role) for key, role in wrong.items() if right[key] != role}
    assert differing == {("student", "teacher")}
    assert wrong.keys() == right.keys()


# --- errors


@pytest.mark.parametrize(
    ("way", "inside"),
    [
        ("text", {"error"}),
        ("detail", {"detail"}),
        ("flat", {"imsx_codeMajor", "imsx_severity", "imsx_description", "imsx_codeMinor"}),
        ("old", {"CodeMajor", "Severity", "CodeMinor", "Description"}),
    ],
)
def test_shapes_of_errors(provider: Provider, version: Version, way: str, inside: set[str]) -> None:
    provider.quirks(errors=way)
    answer = provider.get(version, "/users/nobody")
    assert answer.status_code == 404
    assert set(answer.json()) == inside


def test_more_shapes_of_errors(provider: Provider) -> None:
    provider.quirks(errors="texts")
    assert isinstance(provider.get("1.1", "/users/nobody").json()[0], str)
    provider.quirks(errors="nested")
    inner = provider.get("1.2", "/users/nobody").json()["imsx_StatusInfo"]
    [field] = inner["imsx_CodeMinor"]["imsx_codeMinorField"]
    assert field["imsx_codeMinorFieldName"] == "httpStatus"
    assert "statusInfoSet" in provider.get("1.1", "/users/nobody").json()


def test_errors_may_come_with_status_200(provider: Provider, version: Version) -> None:
    provider.quirks(errors_in_200=True)
    answer = provider.get(version, "/orgs", filter="colour='red'")
    assert (answer.status_code, "failure" in answer.text) == (200, True)
    provider.token = "nonsense"
    assert provider.get(version, "/orgs").status_code == 401


@pytest.mark.parametrize("retry_after", [2.0, 0.0])
def test_too_many_requests_at_a_time(
    provider: Provider, version: Version, retry_after: float
) -> None:
    provider.quirks(parallel=1, busy_status=429, retry_after=retry_after)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: provider.get(version, "/enrollments"), range(24)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < 24
    for answer in refused:
        assert (answer.status_code, "server_busy" in answer.text) == (429, True)
        assert answer.headers.get("Retry-After") == ("2" if retry_after else None)
    assert provider.get(version, "/enrollments").status_code == 200


def test_the_content_type_may_have_a_charset(provider: Provider, version: Version) -> None:
    provider.quirks(content_type="application/json;charset=UTF-8")
    answer = provider.get(version, "/orgs")
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"


def test_faults_reach_every_path(provider: Provider, version: Version) -> None:
    provider.faults.add(Fault("html", path="*/users*"))
    assert provider.get(version, "/users").headers["content-type"] == "text/html"
    assert provider.get(version, "/users").status_code == 200
    provider.faults.add(Fault("status", path="*token*", status=500))
    assert provider.sign_in().status_code == 500
    assert provider.sign_in().status_code == 200
