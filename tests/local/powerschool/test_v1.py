"""/ws/v1 tells the district: every school, term, course, section, enrollment, person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from local.sis.faults import Fault, Faults
from local.sis.records import Records
from tests.local.powerschool.plugin_zip import Caller, as_list


def walk(caller: Caller, path: str, name: str, **params: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    rows: list[dict[str, Any]] = []
    page = 1
    while found := as_list(caller.json(path, page=page, **params)[f"{name}s"].get(name)):
        rows += found
        page += 1
    return rows


@pytest.fixture
def school_ids(caller: Caller) -> list[int]:
    rows = walk(caller, "/ws/v1/district/school", "school")
    return [row["id"] for row in rows if row["school_number"] != 999999]


def test_schools_are_listed_with_the_graduated_whom_their_count_leaves_out(
    caller: Caller, records: Records
) -> None:
    rows = walk(caller, "/ws/v1/district/school", "school")
    known = records.rows("SELECT sourced_id::BIGINT, name FROM orgs WHERE type = 'school'")
    assert {(r["school_number"], r["name"]) for r in rows} == {
        *known, (999999, "Graduated Students")
    }  # fmt: skip
    assert caller.json("/ws/v1/district/school/count") == {"resource": {"count": len(known)}}
    caller.quirks(graduated_school_listed=False)
    assert len(walk(caller, "/ws/v1/district/school", "school")) == len(known)


def test_the_district_has_a_name(caller: Caller) -> None:
    district = caller.json("/ws/v1/district")["district"]
    assert district["name"] == "Contoso Unified School District"


def test_each_school_has_terms_of_its_own(caller: Caller, school_ids: list[int]) -> None:
    seen: list[int] = []
    for school in school_ids:
        rows = walk(caller, f"/ws/v1/school/{school}/term", "term", q="start_year==2026")
        assert [(r["portion"], r["start_date"], r["end_date"]) for r in rows] == [
            (1, "2026-08-01", "2027-07-31"),
            (2, "2026-08-01", "2027-01-31"),
            (2, "2027-02-01", "2027-07-31"),
        ]
        assert {r["school_id"] for r in rows} == {school}
        seen += [r["id"] for r in rows]
    assert len(set(seen)) == len(seen)


def test_sections_and_courses_are_those_of_this_year(
    caller: Caller, records: Records, school_ids: list[int]
) -> None:
    sections = [
        row
        for school in school_ids
        for row in walk(caller, f"/ws/v1/school/{school}/section", "section", expansions="term")
    ]
    [(classes,)] = records.rows(
        "SELECT count(*) FROM classes WHERE NOT list_contains(sessions, 'SY2025-2')"
    )
    assert len(sections) == classes
    assert {row["term"]["start_year"] for row in sections} == {2026}
    courses = {
        row["id"]: row["course_name"]
        for school in school_ids
        for row in walk(caller, f"/ws/v1/school/{school}/course", "course")
    }
    assert {row["course_id"] for row in sections} == set(courses)
    titles = {title[:40] for (title,) in records.rows("SELECT title FROM courses")}
    assert set(courses.values()) <= {*titles, 'Evening class: "Bookkeeping, Part 1" & more'[:40]}


def test_another_year_has_to_be_asked_for(caller: Caller, school_ids: list[int]) -> None:
    [old] = walk(
        caller, f"/ws/v1/school/{school_ids[0]}/section", "section", q="term.start_year==2025"
    )
    count = caller.json(f"/ws/v1/school/{school_ids[0]}/section/count", q="term.start_year==2025")
    assert count == {"resource": {"count": 1}}
    assert caller.json(f"/ws/v1/section/{old['id']}")["section"]["id"] == old["id"]
    listed = walk(caller, f"/ws/v1/school/{school_ids[0]}/course", "course")
    assert old["course_id"] not in {row["id"] for row in listed}
    course = caller.json(f"/ws/v1/course/{old['course_id']}")["course"]
    assert course["course_name"] == "Spring Project (last year)"


def test_enrollments_are_those_of_the_district_with_exclusive_ends(
    caller: Caller, records: Records, school_ids: list[int]
) -> None:
    caller.quirks(history=False)
    students = {
        row["id"]: str(row["local_id"])
        for row in walk(caller, "/ws/v1/district/student", "student")
    }
    current = set[tuple[str, str]]()
    for school in school_ids:
        for section in walk(caller, f"/ws/v1/school/{school}/section", "section"):
            path = f"/ws/v1/section/{section['id']}/section_enrollment"
            rows = walk(caller, path, "section_enrollment")
            assert caller.json(f"{path}/count") == {"resource": {"count": len(rows)}}
            for row in rows:
                assert row["section_id"] == section["id"]
                assert row["dropped"] is False
                assert row["exit_date"] in {"2027-08-01", "2027-02-01"}
            current |= {(str(section["id"]), students[row["student_id"]]) for row in rows}
    [(known,)] = records.rows(
        """SELECT count(*) FROM enrollments JOIN users ON sourced_id = user_id
        WHERE role = 'student' AND kind = 'student' AND class_id <> 'C099999'"""
    )
    assert len(current) == known


def test_dropped_enrollments_are_listed_unless_switched_off(
    caller: Caller, school_ids: list[int]
) -> None:
    def dropped() -> int:
        return sum(
            row["dropped"]
            for school in school_ids
            for section in walk(caller, f"/ws/v1/school/{school}/section", "section")
            for row in walk(
                caller, f"/ws/v1/section/{section['id']}/section_enrollment", "section_enrollment"
            )
        )

    assert dropped() > 0
    caller.quirks(dropped_listed=False)
    assert dropped() == 0


def test_staff_have_a_row_for_each_school_and_one_person_key(
    caller: Caller, records: Records, school_ids: list[int]
) -> None:
    rows = [
        row
        for school in school_ids
        for row in walk(
            caller, f"/ws/v1/school/{school}/staff", "staff",
            expansions="emails,phones,addresses,school_affiliations",
        )
    ]  # fmt: skip
    visitors = records.rows(
        "SELECT user_id FROM roles WHERE role = 'teacher' GROUP BY 1 HAVING count(*) > 1"
    )
    assert visitors
    for (visitor,) in visitors:
        own = [row for row in rows if row["local_id"] == visitor]
        assert len({row["id"] for row in own}) == 2
        assert len({row["users_dcid"] for row in own}) == 1
        affiliations = own[0]["school_affiliations"]["school_affiliation"]
        assert {(a["type"], a["status"]) for a in affiliations} == {(1, 1)}
    person = next(row for row in rows if row["local_id"] == "T100001")
    assert isinstance(person["school_affiliations"]["school_affiliation"], dict)
    assert person["addresses"] == person["phones"] == ""
    assert person["emails"]["work_email"].endswith("@contoso.edu")


def test_staff_of_the_district_office_have_no_school(caller: Caller, records: Records) -> None:
    tables = records.rows("SELECT dcid FROM ps.schoolstaff WHERE schoolid = 0")
    for (dcid,) in tables:
        staff = caller.json(f"/ws/v1/staff/{dcid}", expansions="school_affiliations")["staff"]
        assert staff["school_affiliations"]["school_affiliation"]["school_id"] == 0


def test_a_student_with_everything(caller: Caller) -> None:
    found = caller.json(
        "/ws/v1/district/student",
        q="local_id==1000004",
        expansions="school_enrollment,contact_info,demographics,lunch",
    )["students"]
    assert found["@expansions"].startswith("demographics, addresses, alerts, ")
    student = found["student"]
    assert student["name"].keys() == {"first_name", "middle_name", "last_name"}
    assert student["contact_info"] == {"email": student["student_username"]}
    enrolled = student["school_enrollment"]
    assert (enrolled["enroll_status"], enrolled["enroll_status_code"]) == ("A", 0)
    assert (enrolled["entry_date"], enrolled["exit_date"]) == ("2026-08-01", "2027-08-01")
    assert enrolled["school_id"] != enrolled["school_number"]


def test_races_are_a_list_like_any_other(caller: Caller, records: Records) -> None:
    for races, kind in ((1, dict), (2, list)):
        [(number,)] = records.rows(
            "SELECT user_id FROM demographics WHERE len(string_split(race, ',')) = ? LIMIT 1",
            [races],
        )
        student = caller.json(
            "/ws/v1/district/student", q=f"local_id=={number}", expansions="ethnicity_race"
        )["students"]["student"]
        assert isinstance(student["ethnicity_race"]["races"]["race"], kind)


def test_students_of_a_school_are_active_ones_those_of_the_district_all(
    caller: Caller, records: Records, school_ids: list[int]
) -> None:
    active = [
        row
        for school in school_ids
        for row in walk(caller, f"/ws/v1/school/{school}/student", "student")
    ]
    everybody = walk(caller, "/ws/v1/district/student", "student")
    [(known,)] = records.rows("SELECT count(*) FROM users WHERE kind = 'student'")
    assert len(active) == known
    assert len(everybody) == known + 5
    path = f"/ws/v1/school/{school_ids[0]}/student/count"
    bare = caller.json(path)["resource"]["count"]
    every = caller.json(path, q="school_enrollment.enroll_status_code=gt=-2147483648")
    assert every["resource"]["count"] > bare
    caller.quirks(school_students_active_only=False)
    assert caller.json(path) == every
    caller.quirks(history=False)
    assert caller.json("/ws/v1/district/student/count") == {"resource": {"count": known}}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("school_enrollment.enroll_status==(g)", 2),
        ("school_enrollment.enroll_status==P", 1),
        ("school_enrollment.enroll_status_code=lt=0", 1),
        ("local_id==1000003", 1),
        ("local_id=ge=1000000;local_id=le=1000009", 10),
        ("name.last_name==Quist;name.first_name==Al*", 1),
        ("school_enrollment.entry_date=gt=2027-01-01", 1),
        ("state_province_id==0001000003", 1),
    ],
)
def test_q_finds_students(caller: Caller, query: str, count: int) -> None:
    answer = caller.json("/ws/v1/district/student/count", q=query)
    assert answer == {"resource": {"count": count}}


@pytest.mark.parametrize(
    "query", ["nope==1", "local_id", "local_id==abc", "school_enrollment.entry_date==soon"]
)
def test_q_that_asks_for_nonsense_is_400(caller: Caller, query: str) -> None:
    assert caller.get("/ws/v1/district/student", q=query).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/ws/v1/school/1/section", "/ws/v1/school/x", "/ws/v1/student/1", "/ws/v1/staff/1",
        "/ws/v1/section/1/section_enrollment", "/ws/v1/event_subscription",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(caller: Caller, path: str) -> None:
    assert caller.get(path).status_code == 404


def test_metadata_tells_the_largest_pages(caller: Caller) -> None:
    caller.quirks(student_max_page_size=40)
    told = caller.json("/ws/v1/metadata")["metadata"]
    assert told["student_max_page_size"] == 40
    assert told["sso_enabled_admin"] == "false"
    first = caller.json("/ws/v1/district/student")["students"]["student"]
    assert len(first) == 40


def test_a_page_past_the_end_has_no_list(caller: Caller) -> None:
    found = caller.json("/ws/v1/district/student", page=99)["students"]
    assert found.keys() == {"@expansions", "@extensions"}


def test_pages_over_the_maximum(caller: Caller) -> None:
    caller.quirks(student_max_page_size=10)
    path = "/ws/v1/district/student"
    assert len(caller.json(path, pagesize=50)["students"]["student"]) == 10
    caller.quirks(oversize="refuse")
    assert caller.get(path, pagesize=50).status_code == 400
    assert caller.get(path, pagesize=10).status_code == 200
    assert caller.get(path, page=0).status_code == 400
    assert caller.get(path, pagesize="ten").status_code == 400


def test_enrollments_may_come_unpaged(caller: Caller, records: Records) -> None:
    caller.quirks(section_enrollment_max_page_size=2)
    [(section, rows)] = records.rows(
        """SELECT section_dcid, count(*) FROM psdata.v1_section_enrollments
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"""
    )
    path = f"/ws/v1/section/{section}/section_enrollment"
    assert len(caller.json(path)["section_enrollments"]["section_enrollment"]) == 2
    caller.quirks(enrollments_paged=False)
    assert len(caller.json(path)["section_enrollments"]["section_enrollment"]) == rows


def test_json_has_to_be_accepted_by_name(caller: Caller) -> None:
    answer = caller.http.get("/ws/v1/district", headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<name>Contoso Unified School District</name>" in answer.text
    caller.quirks(xml_by_default=False)
    assert caller.http.get("/ws/v1/district", headers={"Accept": "*/*"}).status_code == 406


def test_the_access_level_of_v1(caller: Caller) -> None:
    def level(value: str) -> None:
        caller.http.patch("/_emulator/plugins/Test Reader", json={"level": value})

    try:
        level("NONE")
        refused = caller.get("/ws/v1/district")
        assert refused.status_code == 401
        assert refused.json() == {
            "errorMessage": {
                "message": "Plugin is missing required accessLevelV1Api READ permission"
            }
        }
        assert caller.get("/ws/v1/metadata").status_code == 200
        level("READ")
        assert caller.get("/ws/v1/district").status_code == 200
        subscription = {"key": "k", "callback_url": "https://example.org", "event_subscription": []}
        path = "/ws/v1/event_subscription"
        assert caller.http.put(path, json=subscription).status_code == 403
        level("FULL")
        assert caller.http.put(path, json=subscription).status_code == 201
        assert caller.http.put(path, json=subscription).status_code == 204
        assert caller.json(path) == subscription
        assert caller.http.put(path, content=b"x").status_code == 415
        assert caller.http.put(path, json=[]).status_code == 400
        assert caller.http.delete(path).status_code == 204
        assert caller.get(path).status_code == 404
    finally:
        level("READ")


def test_maintenance_is_a_redirect_or_a_page(caller: Caller, faults: Faults) -> None:
    away = "https://message.powerschool.com/?server=sis.example.org"
    faults.add(Fault("redirect", "/ws/v1/*", body=away))
    faults.add(Fault("html", "/ws/v1/*"))
    answer = caller.get("/ws/v1/district/school")
    assert (answer.status_code, answer.headers["location"]) == (302, away)
    answer = caller.get("/ws/v1/district/school")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert caller.get("/ws/v1/district/school").status_code == 200


def test_extensions_are_told_and_what_is_not_there_is_ignored(caller: Caller) -> None:
    asked = {"q": "local_id==1000004", "extensions": "u_students_extension,s_nothing"}
    found = caller.json("/ws/v1/district/student", **asked)["students"]
    assert found["@extensions"] == "u_students_extension"
    assert found["student"]["_extension_data"]["_table_extension"] == {
        "name": "u_students_extension",
        "recordFound": True,
        "_field": {
            "name": "school_email",
            "type": "String",
            "value": found["student"]["student_username"],
        },
    }
    bare = caller.json("/ws/v1/district/student", q="local_id==1000004", extensions="s_nothing")
    assert "_extension_data" not in bare["students"]["student"]
    graduated = caller.json(
        "/ws/v1/district/student", q="local_id==900001", extensions="u_students_extension"
    )["students"]["student"]["_extension_data"]["_table_extension"]
    assert graduated == {"name": "u_students_extension", "recordFound": False}


def test_the_server_may_be_in_another_time_zone(caller: Caller) -> None:
    def time() -> datetime:
        return datetime.fromisoformat(caller.json("/ws/v1/time")["time"]["value"])

    assert time().utcoffset() == timedelta(0)
    caller.quirks(hours=-5)
    assert time().utcoffset() == timedelta(hours=-5)
    assert caller.json("/ws/v1/metadata")["metadata"]["district_timezone"] == "GMT-05:00"
    changed = caller.records("org.example.students")[0]["changed"]
    assert changed == "2026-11-01 03:00:00"
