from __future__ import annotations

import duckdb

from tests.roster.rosters import SOUND, plus, read, rows


def test_follow_on_findings_carry_the_root_through_several_steps(
    con: duckdb.DuckDBPyConnection,
) -> None:
    tables = plus(
        SOUND,
        orgs=[{"sourced_id": "SX", "name": None, "type": "school"}],
        classes=[{**SOUND["classes"][0], "sourced_id": "CX", "org_sourced_id": "SX"}],
        enrollments=[{**SOUND["enrollments"][0], "class_sourced_id": "CX"}],
    )
    roster = read(con, tables)
    causes = {finding.rule: finding.cause for finding in roster.findings()}
    assert causes == {
        "orgs.name.required": "",
        "classes.org_sourced_id.dropped": "orgs:SX",
        "enrollments.class_sourced_id.dropped": "orgs:SX",
    }
    assert rows(con, "FROM uncertain ORDER BY ALL") == [
        ("class", "CX", None),
        ("enrollment", "CX", "U1"),
        ("org", "SX", None),
    ]


def test_references_to_nothing_share_one_cause(con: duckdb.DuckDBPyConnection) -> None:
    lost = [{**SOUND["enrollments"][0], "user_sourced_id": "U7"},
            {**SOUND["enrollments"][1], "user_sourced_id": "U7"}]  # fmt: skip
    roster = read(con, plus(SOUND, enrollments=lost))
    found = [f for f in roster.findings() if f.rule == "enrollments.user_sourced_id.missing"]
    assert {(f.cause, f.value, f.entity) for f in found} == {("users:U7", "U7", "C1/U7")}
    assert len(found) == 2
    assert rows(con, "FROM uncertain") == [("enrollment", "C1", "U7")]


def test_a_row_with_two_dangling_references_is_dropped_once(con: duckdb.DuckDBPyConnection) -> None:
    lost = {**SOUND["enrollments"][0], "user_sourced_id": "U7", "class_sourced_id": "C7"}
    roster = read(con, plus(SOUND, enrollments=[lost]))
    assert roster.finding_counts() == {"error": 2, "warning": 0}
    assert roster.dropped()["enrollments"] == 1


def test_of_a_list_only_the_dangling_ids_are_blanked(con: duckdb.DuckDBPyConnection) -> None:
    mixed = {**SOUND["classes"][0], "sourced_id": "C2", "session_sourced_ids": "Y7,Y1,Y8"}
    roster = read(con, plus(SOUND, classes=[mixed]))
    found = [f for f in roster.findings() if f.rule == "classes.session_sourced_ids.missing"]
    assert {f.value for f in found} == {"Y7", "Y8"}
    assert rows(con, "SELECT session_sourced_ids FROM classes WHERE sourced_id = 'C2'") == [
        (["Y1"],)
    ]


def test_a_dropped_duplicate_leaves_references_to_the_kept_row_alone(
    con: duckdb.DuckDBPyConnection,
) -> None:
    twice = {**SOUND["classes"][0], "title": "Another"}
    roster = read(con, plus(SOUND, classes=[twice]))
    assert [rule.id for rule in roster.rules()] == ["classes.sourced_id.conflict"]
    assert roster.counts()["enrollments"] == 2


def test_a_class_that_loses_one_of_its_sessions_is_uncertain(
    con: duckdb.DuckDBPyConnection,
) -> None:
    known = SOUND["academic_sessions"][0]["sourced_id"]
    class_ = {**SOUND["classes"][0], "sourced_id": "CX", "session_sourced_ids": f"{known},A7"}
    read(con, plus(SOUND, classes=[class_]))
    found = rows(con, "SELECT session_sourced_ids FROM classes WHERE sourced_id = 'CX'")
    assert found == [([known],)]
    assert rows(con, "FROM uncertain") == [("class", "CX", None)]
