"""Less sharing holds a pull; people who leave do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.clever_sharing import Allowed, check_state, compare
from connectors.projection import keep
from roster.errors import Refused
from tests.connectors.clever_objects import contact, objects, section, student, tables, teacher

ALLOWED = Allowed(10, frozenset(), contacts=True)
SCHOOLS = [
    {"id": "s2", "district": "d1", "name": "Oak", "sis_id": "102"},
    {"id": "s3", "district": "d1", "name": "Elm", "sis_id": "103"},
]


def _students(school: str, numbers: Sequence[int], **role: Any) -> list[dict[str, Any]]:
    return [student(f"u{n}", school=school, schools=[school], **role) for n in numbers]


def _district(users: Sequence[dict[str, Any]], **more: Any) -> dict[str, list[Any]]:
    staff = [teacher("t2"), contact("g1", "u1")]
    return objects(users=[*staff, *users], schools=SCHOOLS, **more)


FULL = [*_students("s2", range(100, 300)), *_students("s3", range(300, 345))]


def _hold(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    before: dict[str, list[Any]],
    after: dict[str, list[Any]],
    allowed: Allowed = ALLOWED,
) -> str:
    """Why the second pull is refused, or ""."""
    keep(con, tables(con, folder / "1", before), folder / "kept")
    try:
        compare(con, tables(con, folder / "2", after), folder / "kept", allowed)
    except Refused as error:
        return str(error)
    return ""


def test_a_school_that_vanished_holds_until_somebody_says_that_it_closed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before, after = _district(FULL), _district(FULL)
    after["schools"] = [school for school in after["schools"] if school["id"] != "s3"]
    why = _hold(con, tmp_path, before, after)
    assert "no longer shared: Elm (103)" in why
    assert "gone_schools" in why
    for name in ("103", "s3"):
        closed = Allowed(10, frozenset({name}), contacts=True)
        assert _hold(con, tmp_path, before, after, closed) == ""


def _without_emails(users: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [user | {"email": None} for user in users]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d | {"users": [u for u in d["users"] if "contact" not in u["roles"]]},
         "no contacts are shared any more, and there were 1"),
        (lambda d: d | {"users": [u for u in d["users"] if "teacher" not in u["roles"]]},
         "no teachers are shared any more, and there were 2"),
        (lambda d: d | {"courses": []}, "no courses are shared any more"),
        (lambda d: d | {"terms": []}, "no terms are shared any more"),
        (lambda d: d | {"users": _without_emails(d["users"])},
         "the email of students is not shared any more"),
        (lambda d: d | {"users": d["users"][:-30]}, "216 students, and there were 246"),
        (lambda d: d | {"users": d["users"][:-25]}, "Elm: 20 students, and there were 45"),
    ],
)  # fmt: skip
def test_what_a_change_of_sharing_leaves_behind(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    why: str,
) -> None:
    before = _district([student("u1"), *FULL])
    before["users"].sort(key=lambda user: user["id"])
    assert why in _hold(con, tmp_path, before, change(before))
    anything = Allowed(100, frozenset(), contacts=True)
    assert _hold(con, tmp_path, before, change(before), anything) == ""


def test_people_who_leave_and_sections_that_are_replaced_hold_nothing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before = _district(FULL, sections=[section(f"c{n}") for n in range(40)])
    after = _district(FULL[15:], sections=[section(f"c{n}") for n in range(40, 80)])
    after["sections"] = after["sections"][1:]
    assert _hold(con, tmp_path, before, after) == ""


def test_contacts_that_are_not_pulled_are_not_missed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before = _district(FULL)
    after = before | {"users": [u for u in before["users"] if "contact" not in u["roles"]]}
    assert _hold(con, tmp_path, before, after, Allowed(10, frozenset(), contacts=False)) == ""


def test_without_tables_of_a_last_pull_there_is_nothing_to_compare(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    compare(con, tables(con, tmp_path / "1", _district(FULL)), tmp_path / "none", ALLOWED)


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("district", "why"),
    [
        ({"state": "error", "error": "Upload  failed"}, r"in error in Clever \(Upload failed\)"),
        ({"state": "error"}, "in error in Clever, and"),
        ({"state": "paused"}, "paused its sync"),
        ({"state": "pending"}, "does not yet sync"),
        (
            {
                "state": "success",
                "pause_start": (NOW - timedelta(days=1)).isoformat(),
                "pause_end": (NOW + timedelta(days=1)).date().isoformat(),
            },
            "paused its sync",
        ),
    ],
)
def test_a_district_that_is_not_in_order_is_refused(district: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check_state(district)


@pytest.mark.parametrize(
    "district",
    [
        {},
        {"state": "", "error": "old"},
        {"state": "running"},
        {"state": "success", "pause_start": "2020-01-01", "pause_end": "2020-02-01"},
        {"state": "success", "pause_start": "2020-01-01"},
    ],
)
def test_a_district_in_order(district: dict[str, Any]) -> None:
    check_state(district)
