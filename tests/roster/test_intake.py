from __future__ import annotations

import duckdb

from roster.feed import Feed
from roster.intake import Intake
from roster.validate import validate
from tests.roster.rosters import SOUND, plus, read, rows


def _with_broken_lines(con: duckdb.DuckDBPyConnection, feed: Feed) -> dict[str, int]:
    con.execute("CREATE TEMP TABLE raw_rows (c0 VARCHAR, c1 VARCHAR, c2 VARCHAR)")
    con.execute("CREATE TEMP TABLE broken AS SELECT * FROM raw_rows")
    con.execute("INSERT INTO broken VALUES ('C1', ' U1 ', NULL), ('C1', NULL, NULL)")
    intake = Intake(con, {})
    intake.add_file(0, "test", "enrollments.csv", 2, "SELECT 0 AS row, 2 AS line")
    intake.add(feed)
    intake.lose(feed, "broken")
    return validate(con, intake, "test").dropped()


def test_broken_lines_are_dropped_rows_and_their_readable_keys_uncertain(
    con: duckdb.DuckDBPyConnection,
) -> None:
    columns = {"class_sourced_id": "c0", "user_sourced_id": "c1", "role": "c2"}
    assert _with_broken_lines(con, Feed("enrollments", "raw_rows", 0, columns, columns)) == {
        "enrollments": 2
    }
    assert rows(con, "FROM uncertain") == [("enrollment", "C1", "U1")]
    assert rows(con, "FROM unreadable") == [("enrollments", 1)]


def test_broken_lines_say_nothing_of_a_table_that_takes_only_some_records(
    con: duckdb.DuckDBPyConnection,
) -> None:
    columns = {"class_sourced_id": "c0", "user_sourced_id": "c1", "role": "c2"}
    feed = Feed("enrollments", "raw_rows", 0, columns, columns, once="c0")
    assert _with_broken_lines(con, feed) == {"enrollments": 0}
    assert rows(con, "FROM uncertain") == []


def test_a_customers_words_are_understood(con: duckdb.DuckDBPyConnection) -> None:
    tables = plus(SOUND, roles=[{**SOUND["roles"][0], "role": "Lehrkraft"}])
    roster = read(con, tables, vocabulary={"org_roles": {"lehrkraft": "teacher"}})
    assert list(roster.findings()) == []


def test_rows_remember_their_file_and_record(con: duckdb.DuckDBPyConnection) -> None:
    read(con, plus(SOUND, orgs=[{"sourced_id": None, "name": "x"}, SOUND["orgs"][1]]))
    assert rows(con, "SELECT sourced_id, origin_row FROM orgs") == [("D1", 0), ("S1", 1)]
    assert rows(con, "SELECT DISTINCT origin_file FROM users") == rows(
        con, "SELECT id FROM files WHERE name = 'users.csv'"
    )
