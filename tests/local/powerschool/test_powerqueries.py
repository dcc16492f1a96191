"""PowerQueries of an installed plugin: calls, pages, shapes, rights and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.powerschool import create_app
from local.sis.records import Records
from local.sis.serving import serving
from tests.local.powerschool.conftest import ENROLLMENTS, SECTIONS, STUDENTS, new_records
from tests.local.powerschool.plugin_zip import CREDENTIALS, Caller, Query, manifest, plugin, zipped

GROUPED = Query(
    "org.example.grouped",
    {"STUDENTS.DCID": "STUDENTS.DCID", "first_name": "STUDENTS.FIRST_NAME",
     "SCHOOLS.NAME": "SCHOOLS.NAME", "middle": "STUDENTS.MIDDLE_NAME", "fax": "SCHOOLS.SCHOOLFAX"},
    """SELECT s.dcid, s.first_name, h.name, s.middle_name, h.schoolfax FROM students s
    JOIN schools h ON h.school_number = s.schoolid WHERE s.dcid IN (:ids) ORDER BY s.dcid""",
    flattened=False,
    args='<arg name="ids" column="STUDENTS.DCID" type="array" required="true"/>',
)  # fmt: skip
FOREIGN = Query(
    "org.example.foreign",
    {"email": "EMAILADDRESS.EMAILADDRESS"},
    "SELECT emailaddress FROM emailaddress ORDER BY 1",
)
TYPES = Query(
    "org.example.types",
    {
        "day": "STUDENTS.DOB", "moment": "STUDENTS.TRANSACTION_DATE", "number": "STUDENTS.ID",
        "half": "STUDENTS.GRADE_LEVEL", "yes": "STUDENTS.GENDER", "empty": "STUDENTS.TEAM",
        "given": "STUDENTS.LAST_NAME",
    },
    """SELECT DATE '2012-03-04', TIMESTAMP '2026-08-19 07:08:09', 7, 0.50, 1 = 1, '', :given
    FROM dual""",
    args='<arg name="given" column="STUDENTS.LAST_NAME" default="Ada"/>',
)  # fmt: skip
_ONE = {"a": "STUDENTS.ID"}
UNDECLARED = Query("org.example.undeclared", _ONE, "SELECT id FROM students WHERE id = :x")
FAULTY = Query("org.example.faulty", _ONE, "SELEC id FROM students")
UNCOUNTED = Query("org.example.uncounted", _ONE, "SELECT id, dcid FROM students")
RUINED = Query("org.example.ruined", _ONE, "SELECT last_name::BIGINT FROM students")
FORMAT = Query("org.example.format", _ONE, "SELECT to_char(dob, 'YYYY WW') FROM students")
KEYLESS = Query(
    "org.example.keyless", {"n": "SCHOOLS.NAME"}, "SELECT name FROM schools", core="SCHOOLS"
)
ALL = (GROUPED, FOREIGN, TYPES, UNDECLARED, FAULTY, UNCOUNTED, RUINED, FORMAT, KEYLESS)


@pytest.fixture(scope="module")
def other() -> Iterator[Caller]:
    with serving(create_app(new_records(60), plugin=plugin(*ALL), credentials=CREDENTIALS)) as url:
        yield Caller(url)


@pytest.fixture
def again(other: Caller) -> Iterator[Caller]:
    yield other
    other.quirks(dates="iso", numbers_as_numbers=False)


def test_pages_to_the_end_are_all_rows_once(caller: Caller, records: Records) -> None:
    rows: list[dict[str, Any]] = []
    page = 1
    while True:
        found = caller.records(ENROLLMENTS.name, page=page, pagesize=70)
        rows += found
        page += 1
        if len(found) < 70:
            break
    known = [str(dcid) for (dcid,) in records.rows("SELECT dcid FROM ps.cc ORDER BY dcid")]
    assert [row["dcid"] for row in rows] == known
    assert rows == caller.records(ENROLLMENTS.name)
    assert len(caller.records(ENROLLMENTS.name, pagesize=100)) == 100
    assert len(caller.run(ENROLLMENTS.name).json()["record"]) == 100
    count = caller.http.post(f"/ws/schema/query/{ENROLLMENTS.name}/count", json={})
    assert count.json() == {"count": len(known)}


def test_a_flat_row_is_text_with_an_id_that_is_a_number(caller: Caller) -> None:
    answer = caller.run(STUDENTS.name, pagesize=1).json()
    assert (answer["name"], answer["@extensions"]) == ("STUDENTS", "")
    [row] = answer["record"]
    assert (row["_name"], row["_id"]) == ("STUDENTS", int(row["dcid"]))
    assert row["state_number"] == "0001000000"
    assert row["entered"] == "2026-08-01"
    assert row["exit"] == "2027-08-01"
    assert row["changed"] == "2026-11-01 08:00:00"
    assert "middle_name" not in row
    assert all(isinstance(v, str) for k, v in row.items() if k != "_id")


def test_no_rows_no_record(caller: Caller) -> None:
    body = {"since": "2030-01-01"}
    assert caller.run(STUDENTS.name, body).json() == {"name": "STUDENTS", "@extensions": ""}
    assert caller.run(STUDENTS.name, body, pagesize=0).json() == {
        "name": "STUDENTS", "@extensions": ""
    }  # fmt: skip


def test_the_count_can_come_with_the_page(caller: Caller) -> None:
    total = len(caller.records(STUDENTS.name))
    for size in (2, 0):
        assert caller.run(STUDENTS.name, pagesize=size, count="true").json()["count"] == total


def test_rows_can_be_asked_for_ordered_and_cut(caller: Caller) -> None:
    rows = caller.records(
        STUDENTS.name,
        {"$q": "enroll_status==0;last_name==*a*", "projection": "last_name;DCID"},
        order="last_name;desc,dcid",
    )
    names = [row["last_name"] for row in rows]
    assert names
    assert names == sorted(names, reverse=True)
    assert rows[0].keys() == {"_name", "_id", "last_name", "dcid"}
    whole = caller.records(STUDENTS.name, {"$q": "middle_name==\\u0000"})
    assert all("middle_name" not in row for row in whole)
    assert caller.records(STUDENTS.name, {"$q": "entered=ge=2027-01-01"})


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"$q": "nope==1"}, {}),
        ({"projection": "nope"}, {}),
        ({}, {"order": "nope"}),
        ({}, {"order": "dcid;sideways"}),
        ({}, {"page": 0}),
        ({}, {"pagesize": -1}),
        ({"nope": 1}, {}),
        ({"since": "soon"}, {}),
        ({"since": ["2026-01-01"]}, {}),
    ],
)
def test_nonsense_is_400(caller: Caller, body: dict[str, Any], params: dict[str, Any]) -> None:
    assert caller.run(STUDENTS.name, body, **params).status_code == 400


def test_the_body_must_be_a_json_object(caller: Caller) -> None:
    path = f"/ws/schema/query/{STUDENTS.name}"
    assert caller.http.post(path, json=[]).status_code == 400
    json_type = {"Content-Type": "application/json"}
    assert caller.http.post(path, content=b"{", headers=json_type).status_code == 400
    assert caller.http.post(path, content=b"{}").status_code == 415


@pytest.mark.parametrize("since", ["2026-11-01", "11/01/2026", "2026-11-01 08:00:00"])
def test_a_date_argument_is_a_date(caller: Caller, since: str) -> None:
    assert caller.records(STUDENTS.name, {"since": since}) == caller.records(STUDENTS.name)


def test_rows_are_grouped_by_table_unless_flattened(again: Caller) -> None:
    [row] = again.records(GROUPED.name, {"ids": ["561"]})
    assert row.keys() == {"id", "name", "tables"}
    assert (row["id"], row["name"]) == (561, "STUDENTS")
    assert row["tables"]["students"].keys() == {"dcid", "first_name"}
    assert row["tables"]["schools"].keys() == {"name"}


def test_array_arguments(again: Caller) -> None:
    assert [r["id"] for r in again.records(GROUPED.name, {"ids": [561, "563"]})] == [561, 563]
    assert [r["id"] for r in again.records(GROUPED.name, {"IDS": "562"})] == [562]
    assert again.records(GROUPED.name, {"ids": []}) == []
    refused = again.run(GROUPED.name)
    assert refused.status_code == 400
    assert refused.json()["message"] == "Validation Failed"
    assert refused.json()["errors"][0]["field"] == "ids"
    assert again.run(GROUPED.name, {"ids": [["x"]]}).status_code == 400


def test_without_columns_of_the_core_table_rows_have_no_name(again: Caller) -> None:
    answer = again.run(FOREIGN.name, pagesize=1).json()
    assert answer.keys() == {"record", "@extensions"}
    assert answer["record"][0].keys() == {"email"}
    [row] = again.records(KEYLESS.name, {"$q": "n==*School"})
    assert row.keys() == {"n"}


def test_values_are_text_in_the_servers_form(again: Caller) -> None:
    [row] = again.records(TYPES.name)
    assert row == {
        "day": "2012-03-04", "moment": "2026-08-19 07:08:09", "number": "7", "half": "0.5",
        "yes": "1", "given": "Ada",
    }  # fmt: skip
    again.quirks(dates="oracle", numbers_as_numbers=True)
    [row] = again.records(TYPES.name, {"given": 5})
    assert (row["day"], row["moment"]) == ("04-MAR-12", "19-AUG-26")
    assert (row["number"], row["half"], row["given"]) == (7, 0.5, "5")


@pytest.mark.parametrize("query", [UNDECLARED, FAULTY, UNCOUNTED, FORMAT, RUINED])
def test_a_query_that_cannot_run_is_not_found(again: Caller, query: Query) -> None:
    for size in (0, 10):
        answer = again.run(query.name, pagesize=size)
        assert answer.status_code == 404
        assert answer.json() == {"message": "Query not found"}
        assert answer.headers["X-Emulator-Reason"]
    if query is not RUINED:  # that one fails at a row, and can be counted
        count = again.http.post(f"/ws/schema/query/{query.name}/count", json={})
        assert count.status_code == 404
        [told] = again.json("/_emulator/plugins")["plugins"]
        assert told["problems"][query.name]


def test_a_query_that_is_not_there_is_not_found(caller: Caller) -> None:
    answer = caller.run("org.example.nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Query not found"})


def test_columns_that_are_not_granted_are_told(caller: Caller) -> None:
    content = zipped(
        {
            "plugin.xml": manifest(["STUDENTS.DCID", "STUDENTS.LAST_NAME"], name="Poor"),
            "queries_root/q.named_queries.xml": f"<queries>{_poor().xml()}</queries>",
        }
    )
    told = caller.http.post("/_emulator/plugins", content=content).json()
    try:
        poor = Caller(caller.url, (told["client_id"], told["client_secret"]))
        answer = poor.run("org.poor.students")
        assert answer.status_code == 403
        assert answer.json() == {
            "message": "At least one column lacks sufficient permission",
            "errors": [
                {"code": "NoAccess", "field": "EMAILADDRESS", "resource": "EMAILADDRESS"},
                {"code": "NoAccess", "field": "STUDENT_NUMBER", "resource": "STUDENTS"},
            ],
        }
        rights = poor.json("/ws/powerqueryaccesslist/org.poor.students")
        assert {"table": "STUDENTS", "field": "DCID", "access": "ViewOnly"} in rights["fields"]
        # A query of another plugin runs too, if what it reads is granted.
        assert poor.run(SECTIONS.name).status_code == 403
    finally:
        caller.http.delete("/_emulator/plugins/Poor")


def _poor() -> Query:
    return Query(
        "org.poor.students",
        {"a": "STUDENTS.DCID", "b": "STUDENTS.STUDENT_NUMBER", "c": "EMAILADDRESS.EMAILADDRESS"},
        "SELECT 1, 2, 3 FROM dual",
    )


def test_queries_are_listed(caller: Caller) -> None:
    names = {query["name"] for query in caller.json("/ws/schema/query/api")["queries"]}
    assert names == {
        "org.example.students", "org.example.enrollments", "org.example.sections",
        "org.example.sectionteachers",
    }  # fmt: skip


def test_a_streamed_answer_comes_in_pieces_and_is_whole(
    caller: Caller, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = caller.records(ENROLLMENTS.name)
    monkeypatch.setattr("local.powerschool.powerqueries._STREAMED_ROWS", 7)
    assert caller.records(ENROLLMENTS.name) == whole
    [(rows,)] = records.rows("SELECT count(*) FROM ps.cc")
    assert len(whole) == rows
