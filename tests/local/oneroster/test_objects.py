"""Objects say what the CSV files of their version say, in the JSON of the standard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.local.oneroster.cells import as_cells, files
from tests.local.oneroster.conftest import Provider, Version

COLLECTIONS = [
    "orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics",
]  # fmt: skip
# What the JSON binding of 1.2 requires and allows besides sourcedId, status, dateLastModified.
ALLOWED_12 = {
    "academicSessions": ("title startDate endDate type schoolYear", "parent children"),
    "orgs": ("name type identifier", "parent children"),
    "courses": ("title courseCode", "schoolYear grades subjects org subjectCodes"),
    "classes": (
        "title school terms",
        "course classCode classType location grades subjects subjectCodes periods",
    ),
    "users": (
        "enabledUser givenName familyName roles",
        "username middleName primaryOrg identifier email sms phone agents grades metadata",
    ),
    "enrollments": ("user class school role", "primary beginDate endDate"),
    "demographics": (
        "",
        """birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican
        nativeHawaiianOrOtherPacificIslander white hispanicOrLatinoEthnicity""",
    ),
}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_collection_says_what_the_file_says(
    provider: Provider, version: Version, collection: str, tmp_path: Path
) -> None:
    rows = files(provider, version, tmp_path)[collection]
    header = [c for c in rows[0] if c not in ("status", "dateLastModified")]
    told = [as_cells(row, header) for row in provider.rows(version, f"/{collection}")]
    written = [{c: row[c] for c in header} for row in rows]
    assert sorted(told, key=str) == sorted(written, key=str)


def test_roles_of_12_say_what_the_file_says(provider: Provider, tmp_path: Path) -> None:
    written = {
        (r["userSourcedId"], r["roleType"], r["role"], r["orgSourcedId"])
        for r in files(provider, "1.2", tmp_path)["roles"]
    }
    told = {
        (user["sourcedId"], r["roleType"], r["role"], r["org"]["sourcedId"])
        for user in provider.rows("1.2", "/users")
        for r in user["roles"]
    }
    assert told == written
    assert {role for _, _, role, _ in told} >= {"student", "teacher", "principal", "parent"}


def test_11_has_one_role_a_user_and_nothing_of_12(provider: Provider) -> None:
    users = provider.rows("1.1", "/users")
    assert {u["role"] for u in users} >= {"student", "teacher", "administrator", "parent"}
    assert all(u["orgs"] and "roles" not in u and "primaryOrg" not in u for u in users)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_objects_of_12_have_the_fields_of_the_standard_and_no_nulls(
    provider: Provider, collection: str
) -> None:
    required, optional = (set(words.split()) for words in ALLOWED_12[collection])
    common = {"sourcedId", "status", "dateLastModified"}
    for row in provider.rows("1.2", f"/{collection}"):
        assert common | required <= set(row) <= common | required | optional
        assert None not in row.values()


def test_times_are_utc_with_milliseconds_and_dates_bare(
    provider: Provider, version: Version
) -> None:
    [session] = provider.rows(version, "/academicSessions", filter="sourcedId='SY2026'")
    assert session["dateLastModified"] == "2026-11-01T04:10:00.123Z"
    assert session["startDate"] == "2026-08-01"
    assert [c["sourcedId"] for c in session["children"]] == ["SY2026-1", "SY2026-2"]


def test_references_lead_to_what_they_name(provider: Provider, version: Version) -> None:
    [enrollment] = provider.rows(version, "/enrollments", limit=1)
    headers = {"Authorization": f"Bearer {provider.token}"}
    for name, kind in (("user", "user"), ("class", "class"), ("school", "org")):
        reference = enrollment[name]
        assert reference["type"] == kind
        [found] = provider.http.get(reference["href"], headers=headers).json().values()
        assert found["sourcedId"] == reference["sourcedId"]


def test_booleans_are_texts(provider: Provider, version: Version) -> None:
    assert {u["enabledUser"] for u in provider.rows(version, "/users")} == {"true"}
    pupils = provider.rows(version, "/demographics")
    assert {p["white"] for p in pupils} == {"true", "false"}


def test_flags_of_users_are_metadata(provider: Provider, version: Version) -> None:
    flags = dict(provider.records.rows("SELECT user_id, flag FROM user_flags"))
    told = {
        user["sourcedId"]: user["metadata"]["microsoft.userFlags"]
        for user in provider.rows(version, "/users")
        if "metadata" in user
    }
    assert told == flags
    assert told


def test_a_single_object_is_the_one_of_the_collection(provider: Provider, version: Version) -> None:
    for collection, wrapper in (
        ("users", "user"), ("classes", "class"), ("demographics", "demographics"),
    ):  # fmt: skip
        row = provider.rows(version, f"/{collection}", limit=1)[0]
        answer = provider.get(version, f"/{collection}/{row['sourcedId']}")
        assert answer.json() == {wrapper: row}
        assert "X-Total-Count" not in answer.headers


def test_only_the_fields_that_are_asked_for_are_told(provider: Provider, version: Version) -> None:
    [row] = provider.rows(version, "/users", limit=1, fields="familyName,sourcedId")
    assert set(row) == {"familyName", "sourcedId"}
    several = provider.rows(version, "/users", limit=1, fields=["email", "grades"])
    assert set(several[0]) <= {"email", "grades"}
    one = provider.get(version, f"/users/{row['sourcedId']}", fields="username").json()
    assert list(one["user"]) == ["username"]


def test_names_keep_their_letters(provider: Provider, version: Version) -> None:
    names = {u["givenName"] + u["familyName"] for u in provider.rows(version, "/users")}
    assert any(re.search(r"[^\x00-\x7f]", name) for name in names)
