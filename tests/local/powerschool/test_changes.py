"""What a day changes: who dropped keeps a row, the deleted vanish, and increments tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.powerschool import create_app
from local.powerschool.store import KEYS
from local.sis.records import Records
from local.sis.serving import serving
from tests.local.powerschool.conftest import (
    ENROLLMENTS,
    SECTIONS,
    STUDENTS,
    TEACHERS,
    ZIP,
    new_records,
)
from tests.local.powerschool.plugin_zip import CREDENTIALS, Caller

LATER = datetime(2026, 11, 25, 6, tzinfo=UTC)
APPLICATION = "roster"


class Days:
    """A server before and after a day passed: the rows of each query by key."""

    def __init__(self, caller: Caller, records: Records) -> None:
        self.caller = caller
        self.records = records
        self.before = self._pull()
        self.version = self.delta(STUDENTS.name, "0")[0]
        self.day = records.district
        records.advance(7, 0.2, LATER)
        self.after = self._pull()

    def _pull(self) -> dict[str, dict[str, dict[str, Any]]]:
        return {
            query.name: {
                row.get("dcid", row.get("id")): row for row in self.caller.records(query.name)
            }
            for query in (STUDENTS, ENROLLMENTS, SECTIONS, TEACHERS)
        }

    def delta(self, name: str, version: str, **params: Any) -> tuple[str, list[dict[str, Any]]]:
        body = {"$dataversion": version, "$dataversion_applicationname": APPLICATION}
        answer = self.caller.run(name, body, **{"pagesize": 0} | params)
        assert answer.status_code == 200, answer.text
        return answer.json()["$dataversion"], answer.json().get("record", [])


@pytest.fixture(scope="module")
def days() -> Iterator[Days]:
    records = new_records(200)
    with serving(create_app(records, plugin=ZIP, credentials=CREDENTIALS)) as url:
        yield Days(Caller(url), records)


def changed(days: Days, name: str) -> set[str]:
    return {key for key, row in days.after[name].items() if row != days.before[name].get(key)}


def test_nobody_gets_another_number(days: Days) -> None:
    for name, rows in days.before.items():
        for key, row in rows.items():
            if key in days.after[name] and name == STUDENTS.name:
                assert days.after[name][key]["student_number"] == row["student_number"]
    new = set(days.after[STUDENTS.name]) - set(days.before[STUDENTS.name])
    assert new
    assert min(map(int, new)) > max(map(int, days.before[STUDENTS.name]))


def test_students_who_left_keep_a_row(days: Days) -> None:
    gone = {number for (number,) in days.records.rows(
        "SELECT sourced_id FROM users WHERE kind = 'student' AND gone")}  # fmt: skip
    assert gone
    left = {
        row["student_number"]: row
        for row in days.after[STUDENTS.name].values()
        if row["enroll_status"] == "2" and int(row["student_number"]) > 999_999
    }
    assert left.keys() == gone
    assert {row["exit"] for row in left.values()} == {"2026-11-25"}
    assert set(days.before[STUDENTS.name]) <= set(days.after[STUDENTS.name])


def test_students_who_changed_school_have_one_row_in_the_new_one(days: Days) -> None:
    moved = [
        (row, days.before[STUDENTS.name][key])
        for key, row in days.after[STUDENTS.name].items()
        if key in days.before[STUDENTS.name]
        and row["schoolid"] != days.before[STUDENTS.name][key]["schoolid"]
    ]
    assert moved
    for now, was in moved:
        assert (now["enroll_status"], now["entered"]) == ("0", "2026-11-25")
        assert was["entered"] == "2026-08-01"


def test_dropped_enrollments_stay_with_negative_ids(days: Days) -> None:
    dropped = [
        (row, days.before[ENROLLMENTS.name][key])
        for key, row in days.after[ENROLLMENTS.name].items()
        if key in days.before[ENROLLMENTS.name]
        and int(row["sectionid"]) < 0 < int(days.before[ENROLLMENTS.name][key]["sectionid"])
    ]
    assert dropped
    for now, was in dropped:
        assert int(now["sectionid"]) == -int(was["sectionid"])
        assert int(now["termid"]) == -int(was["termid"])
        assert now["dateleft"] == max("2026-11-25", was["dateenrolled"])
        assert now["studentid"] == was["studentid"]


def test_deleted_sections_vanish_with_all_that_hangs_on_them(days: Days) -> None:
    [(closed,)] = days.records.rows("SELECT count(*) FROM classes WHERE gone")
    vanished = set(days.before[SECTIONS.name]) - set(days.after[SECTIONS.name])
    assert len(vanished) == closed > 0
    ids = {days.before[SECTIONS.name][key]["id"] for key in vanished}
    assert not [
        row for row in days.after[ENROLLMENTS.name].values() if row["sectionid"].lstrip("-") in ids
    ]
    assert not [row for row in days.after[TEACHERS.name].values() if row["sectionid"] in ids]


def test_teachers_who_left_are_inactive_and_their_time_ended(days: Days) -> None:
    ended = [row for row in days.after[TEACHERS.name].values() if row["end_date"] == "2026-11-24"]
    assert ended
    assert {row["status"] for row in ended} <= {"1", "2"}
    [(gone,)] = days.records.rows("SELECT count(*) FROM users WHERE kind = 'staff' AND gone")
    inactive = days.records.rows(
        """SELECT count(DISTINCT users_dcid) FROM ps.schoolstaff s WHERE status = 2
        AND NOT EXISTS (FROM ps.schoolstaff o WHERE o.users_dcid = s.users_dcid AND o.status = 1)"""
    )
    assert inactive == [(gone,)]
    leads = days.records.rows(
        """SELECT count(*) FROM ps.sections k LEFT JOIN ps.schoolstaff s ON s.id = k.teacher
        WHERE s.status IS DISTINCT FROM 1"""
    )
    assert leads == [(0,)]


def test_change_columns_move_with_what_changed_and_with_nothing_else(days: Days) -> None:
    for query, stamp in ((STUDENTS, "changed"), (ENROLLMENTS, "transaction_date")):
        stamped = {key for key, row in days.after[query.name].items() if row[stamp] >= "2026-11-25"}
        assert stamped == changed(days, query.name)
        assert {days.after[query.name][key][stamp] for key in stamped} == {"2026-11-25 06:00:00"}
    since = days.caller.records(STUDENTS.name, {"since": "2026-11-24"})
    assert {row["dcid"] for row in since} == changed(days, STUDENTS.name)


@pytest.mark.parametrize("table", KEYS)
def test_stamps_and_data_versions_move_together(days: Days, table: str) -> None:
    [(apart,)] = days.records.rows(
        f"SELECT count(*) FROM psdata.{table} WHERE (stamp >= ?) <> (version > ?)",
        [LATER.replace(tzinfo=None), int(days.version)],
    )
    assert apart == 0


def test_a_delta_pull_tells_what_changed_and_the_next_one_nothing(days: Days) -> None:
    for query in (STUDENTS, ENROLLMENTS, SECTIONS):
        version, rows = days.delta(query.name, days.version)
        assert {row["dcid"] for row in rows} == changed(days, query.name)
        assert days.delta(query.name, version) == (version, [])
        assert days.delta(query.name, days.version, pagesize=1)[1] == rows[:1]


def test_a_change_in_another_table_surfaces_the_row(days: Days) -> None:
    _, rows = days.delta(TEACHERS.name, days.version)
    assert {row["id"] for row in rows} >= {
        row["id"] for row in days.after[TEACHERS.name].values() if row["end_date"] == "2026-11-24"
    }


def test_the_keys_of_changed_rows(days: Days) -> None:
    told = days.caller.json(f"/ws/dataversion/{APPLICATION}/{days.version}")
    assert told["$dataversion"] == days.delta(STUDENTS.name, "0")[0]
    assert set(map(str, told["tables"]["students"])) == changed(days, STUDENTS.name)
    assert set(map(str, told["tables"]["sections"])) >= changed(days, SECTIONS.name)
    current = days.caller.json(f"/ws/dataversion/{APPLICATION}/{told['$dataversion']}")
    assert current["tables"] == {}


@pytest.mark.parametrize("version", ["-1", "x", "99999999999"])
def test_a_version_that_never_was_is_400(days: Days, version: str) -> None:
    assert days.caller.get(f"/ws/dataversion/{APPLICATION}/{version}").status_code == 400


def test_version_and_application_belong_together(days: Days) -> None:
    for body in ({"$dataversion": "0"}, {"$dataversion_applicationname": APPLICATION}):
        assert days.caller.run(STUDENTS.name, body).status_code == 400


def test_an_application_follows_the_tables_it_subscribed_to(days: Days) -> None:
    assert days.caller.http.put("/_emulator/subscriptions/x", json=["nope"]).status_code == 400
    try:
        days.caller.http.put("/_emulator/subscriptions/other", json=["STUDENTS"])
        told = days.caller.json(f"/ws/dataversion/other/{days.version}")
        assert told["tables"].keys() == {"students"}
        assert days.caller.get(f"/ws/dataversion/{APPLICATION}/0").status_code == 400
        body = {"$dataversion": days.version, "$dataversion_applicationname": "other"}
        assert days.caller.records(ENROLLMENTS.name, body) == []
    finally:
        days.caller.http.delete("/_emulator/subscriptions/other")
    assert days.caller.get(f"/ws/dataversion/{APPLICATION}/0").status_code == 200
    days.caller.quirks(data_version=False)
    try:
        assert days.caller.get(f"/ws/dataversion/{APPLICATION}/0").status_code == 400
    finally:
        days.caller.quirks(data_version=True)


def test_stamps_may_be_whole_days(days: Days) -> None:
    days.caller.quirks(whole_day_stamps=True)
    try:
        rows = days.caller.records(STUDENTS.name, {"since": "2026-11-25"})
        assert {row["dcid"] for row in rows} == changed(days, STUDENTS.name)
        assert {row["changed"] for row in rows} <= {"2026-11-25 00:00:00", "2026-11-25"}
    finally:
        days.caller.quirks(whole_day_stamps=False)


def test_who_comes_back_has_the_old_number_and_a_new_enrollment(days: Days) -> None:
    current = days.records.district
    days.records.become(days.day, datetime(2026, 11, 26, 6, tzinfo=UTC))
    try:
        back = days._pull()
        for key, row in days.before[STUDENTS.name].items():
            assert back[STUDENTS.name][key]["student_number"] == row["student_number"]
            assert back[STUDENTS.name][key]["enroll_status"] == row["enroll_status"]
        active = {
            (row["studentid"], row["sectionid"])
            for row in back[ENROLLMENTS.name].values()
            if int(row["sectionid"]) > 0
        }
        assert active == {
            (row["studentid"], row["sectionid"])
            for row in days.before[ENROLLMENTS.name].values()
            if int(row["sectionid"]) > 0
        }
        again = [
            row for key, row in back[ENROLLMENTS.name].items()
            if int(row["sectionid"]) > 0 and key not in days.before[ENROLLMENTS.name]
        ]  # fmt: skip
        assert again
        assert {row["dateenrolled"] for row in again} <= {"2026-11-26", "2027-02-01"}
    finally:
        days.records.become(current, datetime(2026, 11, 27, 6, tzinfo=UTC))
