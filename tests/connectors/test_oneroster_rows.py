"""JSON objects of OneRoster, as odd as they come, make the rows that CSV files make."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.oneroster_rows import COLLECTIONS, FORM, FORM_MERGING
from connectors.projection import keep, project
from connectors.pulled import read_pulled
from roster.roster import Roster

ORGS = [
    {"sourcedId": "S1", "name": "Fern Hill", "type": "school", "parent": {"sourcedId": "D1"}},
    {"sourcedId": "D1", "name": "Fern Valley", "type": "district", "status": "active"},
]
NAMES = {"givenName": "Orla", "familyName": "Brandt"}
Read = Callable[..., Roster]


def person(key: str, **more: Any) -> dict[str, Any]:
    return {"sourcedId": key, "username": key.lower(), **NAMES, **more}


def student(key: str, **more: Any) -> dict[str, Any]:
    return person(key, role="student", orgs=["S1"], **more)


@pytest.fixture
def read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Read:
    """Objects by collection → the roster. `before`: those of an earlier, full pull."""

    def made(objects: dict[str, list[Any]], before: Path | None = None) -> dict[str, str]:
        files: dict[str, list[Path]] = {}
        for name, rows in objects.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(rows))
            files[name] = [path]
        return project(con, COLLECTIONS, files, before)

    def reading(*, merging: bool = False, before: Any = None, **objects: list[Any]) -> Roster:
        folder = None
        if before is not None:
            folder = tmp_path / "kept"
            keep(con, made({"orgs": ORGS} | before), folder)
        tables = made((objects if before is not None else {"orgs": ORGS} | objects), folder)
        return read_pulled(con, FORM_MERGING if merging else FORM, tables)

    return reading


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return con.execute(query).fetchall()


@pytest.mark.parametrize(
    "orgs",
    [
        [{"href": "x", "sourcedId": "S1", "type": "org"}],
        [{"sourcedId": "S1"}],
        {"sourcedId": "S1", "type": "user"},
        ["S1"],
        "S1",
    ],
)
def test_a_reference_is_an_object_or_an_id_in_a_list_or_alone(
    con: duckdb.DuckDBPyConnection, read: Read, orgs: Any
) -> None:
    read(users=[person("U1", role="teacher", orgs=orgs)])
    assert rows(con, "SELECT org_sourced_id, role, is_primary FROM roles") == [
        ("S1", "teacher", True)
    ]


def test_roles_of_both_versions_are_read_side_by_side(
    con: duckdb.DuckDBPyConnection, read: Read
) -> None:
    both = [
        {"roleType": "primary", "role": "teacher", "org": {"sourcedId": "S1"}},
        {"roleType": "secondary", "role": "ext:coach", "org": "D1", "beginDate": "2026-08-01"},
    ]
    read(
        users=[
            person("U1", roles=both),
            person("U2", role="student", orgs=["S1", "D1"], roles=None, grades="9"),
            person("U3", roles=both[0]),
        ]
    )
    query = "SELECT user_sourced_id, org_sourced_id, role, grade, is_primary FROM roles ORDER BY 1"
    assert rows(con, f"{query}, 5 DESC") == [
        ("U1", "S1", "teacher", None, True),
        ("U1", "D1", "coach", None, False),
        ("U2", "S1", "student", "09", True),
        ("U2", "D1", "student", "09", False),
        ("U3", "S1", "teacher", None, True),
    ]


@pytest.mark.parametrize("nothing", [{"roles": []}, {"orgs": [], "role": "student"}, {}])
def test_a_person_without_any_role_is_an_error_and_not_somebody_who_left(
    con: duckdb.DuckDBPyConnection, read: Read, nothing: dict[str, Any]
) -> None:
    found = read(users=[student("U1"), person("U2", **nothing)])
    assert "roles.org_sourced_id.required" in {finding.rule for finding in found.findings()}
    assert ("role", "U2") in rows(con, "SELECT kind, key FROM uncertain")


@pytest.mark.parametrize(
    ("metadata", "flags"),
    [
        ({"microsoft.userFlags": "iep, ELL"}, ["ELL", "IEP"]),
        ({"microsoft.userFlags": ["IEP"]}, ["IEP"]),
        ('{"microsoft.userFlags": "IEP,ELL"}', ["ELL", "IEP"]),
        ({"microsoft": {"userFlags": "IEP"}}, ["IEP"]),
        ({"microsoft.userFlags": ""}, []),
        ({"acme.bus": "12"}, []),
        ("no object", []),
        ([1], []),
        (None, []),
        ("", []),
    ],
)
def test_flags_stand_in_the_metadata(
    con: duckdb.DuckDBPyConnection, read: Read, metadata: Any, flags: list[str]
) -> None:
    read(users=[student("U1", metadata=metadata)])
    assert rows(con, "SELECT flag FROM user_flags ORDER BY 1") == [(flag,) for flag in flags]


def test_ids_of_accounts_stand_in_user_ids_and_metadata(
    con: duckdb.DuckDBPyConnection, read: Read
) -> None:
    read(
        users=[
            student(
                "U1",
                userIds=[{"type": "SIS", "identifier": "7"}, {"type": "AD", "identifier": "a@b.c"}],
                metadata={"sAMAccountName": "orlab", "employee_id": 77},
                userMasterIdentifier="m-1",
                preferredFirstName="Orly",
                preferredLastName="Bee",
            )
        ]
    )
    columns = (
        "active_directory_match_id, sam_account_name, employee_id, master_identifier,"
        " preferred_given_name, preferred_family_name"
    )
    assert rows(con, f"SELECT {columns} FROM users") == [
        ("a@b.c", "orlab", "77", "m-1", "Orly", "Bee")
    ]


def test_agents_are_relationships(con: duckdb.DuckDBPyConnection, read: Read) -> None:
    guardian = {"email": "g@example.test", "role": "guardian", "orgs": ["S1"]}
    read(users=[student("U1", agents=[{"sourcedId": "U2"}]), person("U2", **guardian)])
    found = rows(
        con, "SELECT user_sourced_id, relationship_user_sourced_id, role FROM relationships"
    )
    assert found == [("U1", "U2", "guardian")]


@pytest.mark.parametrize("yes", [True, "true", "True", "1", 1])
def test_every_spelling_of_a_boolean_is_read(
    con: duckdb.DuckDBPyConnection, read: Read, yes: Any
) -> None:
    read(users=[student("U1")], demographics=[{"sourcedId": "U1", "asian": yes, "white": False}])
    assert rows(con, "SELECT race_codes FROM demographics") == [(["asian"],)]


@pytest.mark.parametrize(
    "date", ["2026-08-04", "2026-08-04T00:00:00.000Z", "2026-08-04 00:00:00", "8/4/2026"]
)
def test_a_date_may_have_a_time_or_be_written_as_in_america(
    con: duckdb.DuckDBPyConnection, read: Read, date: str
) -> None:
    session = {
        "sourcedId": "T1", "title": "Autumn", "type": "term", "schoolYear": 2027,
        "startDate": date, "endDate": "2026-12-20",
    }  # fmt: skip
    read(users=[student("U1")], academicSessions=[session])
    assert str(rows(con, "SELECT start_date FROM academic_sessions")[0][0]) == "2026-08-04"


@pytest.mark.parametrize("status", ["tobedeleted", "toBeDeleted", "inactive", " TOBEDELETED "])
def test_a_row_that_is_marked_as_deleted_is_left_out(
    con: duckdb.DuckDBPyConnection, read: Read, status: str
) -> None:
    read(users=[student("U1"), student("U2", status=status), student("U3", status=None)])
    assert rows(con, "SELECT sourced_id FROM users ORDER BY 1") == [("U1",), ("U3",)]
    assert rows(con, "SELECT user_sourced_id FROM roles ORDER BY 1") == [("U1",), ("U3",)]


def test_changes_replace_what_was(con: duckdb.DuckDBPyConnection, read: Read) -> None:
    read(
        before={"users": [student("U1"), student("U2"), student("U3")]},
        users=[
            person("U1", role="teacher", orgs=["S1", "D1"]),
            student("U2", status="tobedeleted"),
            student("U4"),
        ],
    )
    found = rows(con, "SELECT user_sourced_id, role FROM roles ORDER BY ALL")
    assert found == [("U1", "teacher"), ("U1", "teacher"), ("U3", "student"), ("U4", "student")]


def _classes() -> dict[str, list[Any]]:
    sessions = [
        {"sourcedId": term, "title": term, "type": "term", "schoolYear": "2027",
         "startDate": "2026-08-04", "endDate": "2027-06-01"}
        for term in ("T1", "T2")
    ]  # fmt: skip
    return {
        "academicSessions": sessions,
        "classes": [
            {"sourcedId": key, "title": key, "school": "S1", "terms": [term]}
            for key, term in (("K1", "T1"), ("K2", "T2"), ("K3", "T1"))
        ],
        "users": [student("U1"), student("U2"), person("U3", role="teacher", orgs=["S1"])],
        "enrollments": [
            {"sourcedId": f"{user}{key}", "user": user, "class": {"sourcedId": key}, "role": role}
            for user, key, role in (
                ("U1", "K1", "student"), ("U2", "K2", "student"), ("U3", "K1", "teacher"),
                ("U3", "K2", "teacher"), ("U1", "K3", "student"), ("U3", "K3", "teacher"),
            )
        ],
    }  # fmt: skip


def _group(key: str, *classes: str, **more: Any) -> dict[str, Any]:
    members = [{"sourcedId": name} for name in classes]
    given = {"sourcedId": key, "title": "Both", "groupType": "cross-listed", "classes": members}
    return given | more


def test_classes_that_are_cross_listed_become_one(
    con: duckdb.DuckDBPyConnection, read: Read
) -> None:
    found = read(merging=True, classGroups=[_group("G", "K1", "K2")], **_classes())
    query = "SELECT sourced_id, title, list_sort(session_sourced_ids) FROM classes ORDER BY 1"
    assert rows(con, query) == [("G", "Both", ["T1", "T2"]), ("K3", "K3", ["T1"])]
    query = "SELECT user_sourced_id, role FROM enrollments WHERE class_sourced_id = 'G' ORDER BY 1"
    assert rows(con, query) == [("U1", "student"), ("U2", "student"), ("U3", "teacher")]
    assert [str(finding) for finding in found.findings()] == []


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [_group("G", "K1")],
        [_group("G", "K1", "K2", groupType="team")],
        [_group("G", "K1", "K2", groupType=None)],
        [_group("G", "K1", "K2", status="tobedeleted")],
    ],
)
def test_other_groups_merge_nothing(
    con: duckdb.DuckDBPyConnection, read: Read, groups: list[Any]
) -> None:
    read(merging=True, classGroups=groups, **_classes())
    assert rows(con, "SELECT sourced_id FROM classes ORDER BY 1") == [("K1",), ("K2",), ("K3",)]
    assert rows(con, "SELECT count(*) FROM enrollments") == [(6,)]
