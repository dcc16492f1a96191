"""As days pass, dateLastModified finds what changed, and what was deleted stays to be seen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.local.oneroster.cells import as_cells, files
from tests.local.oneroster.conftest import Provider, Version

COLLECTIONS = [
    "orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics",
]  # fmt: skip
MARK = "dateLastModified>'2026-11-02T00:00:00.000Z'"
LATER = datetime(2026, 11, 25, 6, tzinfo=UTC)
LATEST = datetime(2026, 11, 26, 6, tzinfo=UTC)


def snapshot(provider: Provider, version: Version, **params: Any) -> dict[tuple[str, str], Any]:
    return {
        (collection, row["sourcedId"]): row
        for collection in COLLECTIONS
        for row in provider.rows(version, f"/{collection}", **params)
    }


def test_a_copy_kept_by_changes_is_what_a_full_read_gives(
    changing: Provider, version: Version
) -> None:
    copy = snapshot(changing, version)
    changing.records.advance(7, 0.3, LATER)
    changed = snapshot(changing, version, filter=MARK)
    full = snapshot(changing, version)
    assert 0 < len(changed) < len(full) / 2
    assert {**copy, **changed} == full
    for key, row in full.items():
        if row != copy.get(key):
            assert row["dateLastModified"] == "2026-11-25T06:00:00.000Z"
    deleted = {key for key, row in changed.items() if row["status"] == "tobedeleted"}
    assert {collection for collection, _ in deleted} >= {"users", "enrollments"}
    assert deleted <= set(copy)


def test_what_is_active_is_the_district(changing: Provider, version: Version) -> None:
    changing.records.advance(7, 0.3, LATER)
    changing.records.advance(8, 0.3, LATEST)
    day = changing.records.district.schema
    for collection in COLLECTIONS:
        table = {"academicSessions": "sessions"}.get(collection, collection)
        [(number,)] = changing.records.rows(f"SELECT count(*) FROM {day}.{table}")
        if collection == "courses":  # a class without one has a course of its own
            [(own,)] = changing.records.rows(
                f"SELECT count(*) FROM {day}.classes WHERE course IS NULL"
            )
            number += own
        active = changing.ids(version, f"/{collection}", filter="status='active'")
        assert len(active) == number
        seen = changing.ids(version, f"/{collection}")
        assert len(seen) == len(set(seen))


def test_what_is_active_says_what_the_day_s_files_say(
    changing: Provider, version: Version, tmp_path: Path
) -> None:
    changing.records.advance(7, 0.3, LATER)
    changing.records.advance(8, 0.3, LATEST)
    written = files(changing, version, tmp_path)
    for collection in COLLECTIONS:
        rows = written[collection]
        header = [column for column in rows[0] if column not in ("status", "dateLastModified")]
        active = changing.rows(version, f"/{collection}", filter="status='active'")
        told = [as_cells(row, header) for row in active]
        assert sorted(told, key=str) == sorted(({c: r[c] for c in header} for r in rows), key=str)


def test_who_left_is_told_as_they_were(changing: Provider, version: Version) -> None:
    before = {row["sourcedId"]: row for row in changing.rows(version, "/users")}
    changing.records.advance(7, 0.3, LATER)
    gone = changing.rows(version, "/users", filter="status='tobedeleted'")
    assert any(row["sourcedId"] in before for row in gone)
    for row in gone:
        was = before[row["sourcedId"]] | {
            "status": "tobedeleted",
            "dateLastModified": "2026-11-25T06:00:00.000Z",
        }
        assert row == was
        single = changing.get(version, f"/users/{row['sourcedId']}").json()["user"]
        assert single == row


def test_a_user_changes_with_what_is_told_of_them(changing: Provider, version: Version) -> None:
    """Whoever's object differs from yesterday's is among the changed, whatever made it differ."""
    for seed, at in ((11, LATER), (12, LATEST)):
        before = {row["sourcedId"]: row for row in changing.rows(version, "/users")}
        changing.records.advance(seed, 0.5, at)
        mark = f"dateLastModified>='{at:%Y-%m-%dT%H:%M:%SZ}'"
        told = set(changing.ids(version, "/users", filter=mark))
        after = changing.rows(version, "/users")
        assert {row["sourcedId"] for row in after if row != before.get(row["sourcedId"])} <= told


def test_deleted_rows_may_be_spelt_otherwise_or_hidden(
    changing: Provider, version: Version
) -> None:
    changing.records.advance(7, 0.3, LATER)
    everything = changing.rows(version, "/enrollments")
    changing.quirks(deleted_status="inactive")
    rows = changing.rows(version, "/enrollments")
    assert {row["status"] for row in rows} == {"active", "inactive"}
    changing.quirks(status="missing")
    assert all("status" not in row for row in changing.rows(version, "/enrollments"))
    changing.quirks(status="sent", deleted="hidden")
    hidden = {row["sourcedId"] for row in everything if row["status"] == "tobedeleted"}
    assert hidden
    shown = changing.ids(version, "/enrollments")
    assert set(shown) == {row["sourcedId"] for row in everything} - hidden
    assert changing.get(version, f"/enrollments/{min(hidden)}").status_code == 404


def test_a_class_roster_holds_who_is_in_the_class(changing: Provider, version: Version) -> None:
    changing.records.advance(7, 0.3, LATER)
    [(class_id,)] = changing.records.rows(
        """SELECT e.class_id FROM enrollments e JOIN classes c ON c.sourced_id = e.class_id
        WHERE NOT c.gone AND role = 'student' GROUP BY ALL
        HAVING bool_or(e.gone) AND NOT bool_and(e.gone) ORDER BY ALL LIMIT 1"""
    )
    students = changing.ids(version, f"/classes/{class_id}/students")
    wanted = changing.records.rows(
        """SELECT user_id FROM enrollments WHERE class_id = ? AND role = 'student' AND NOT gone
        ORDER BY ALL""",
        [class_id],
    )
    assert students == [user for (user,) in wanted]


def test_a_day_passes_over_http(changing: Provider) -> None:
    first = changing.records.revision
    answer = changing.http.post("/_emulator/advance", json={"seed": 5, "change": 0.1})
    assert answer.json()["revision"] == changing.records.revision > first
    assert changing.ids("1.2", "/enrollments", filter=MARK)
