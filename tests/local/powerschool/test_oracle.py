"""Oracle's SQL runs on DuckDB: its functions by macros, the rest by translation."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest

from local.powerschool.oracle import MACROS, translate

at = datetime.fromisoformat


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for macro in MACROS:
        con.execute(macro)
    con.execute("SET VARIABLE oracle_now = TIMESTAMP '2026-11-24 10:30:00'")
    con.execute("CREATE TABLE dual AS SELECT 'X' AS dummy")
    con.execute("CREATE TABLE terms AS SELECT 3601 AS id, DATE '2026-08-19' AS firstday, NULL AS x")
    return con


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NVL(x, 5)", 5),
        ("NVL2(x, 1, 2)", 2),
        ("DECODE(id, 1, 'a', 3601, 'b', 'c')", "b"),
        ("decode (id, 1, 'a')", None),
        ("TRUNC(id / 100)", 36),
        ("trunc(firstday)", date(2026, 8, 19)),
        ("TRUNC(SYSDATE)", date(2026, 11, 24)),
        ("SYSDATE - 1", at("2026-11-23T10:30")),
        ("sysdate+0.5", at("2026-11-24T22:30")),
        ("TRUNC(SYSDATE) - firstday", 97),
        ("TO_CHAR(firstday, 'YYYY-MM-DD')", "2026-08-19"),
        ("to_char( firstday , 'mm/dd/yyyy' )", "08/19/2026"),
        ("""TO_CHAR(SYSDATE, 'YYYY-MM-DD"T"HH24:MI:SS')""", "2026-11-24T10:30:00"),
        ("TO_CHAR(id)", "3601"),
        ("TO_CHAR(firstday)", "19-AUG-26"),
        ("TRIM(TO_CHAR(7, '00'))", "07"),
        ("TO_CHAR(TO_DATE('2026-01-02', 'YYYY-MM-DD'), 'FMMonth')", "January"),
        ("TO_DATE('03/04/2026', 'MM/DD/YYYY')", at("2026-03-04")),
        ("TO_NUMBER('12') + 1", 13),
        ("BITAND(3, 1)", 1),
        ("CAST(id AS VARCHAR2(10))", "3601"),
        ("CAST('5' AS NUMBER)", 5.0),
        ("ADD_MONTHS(firstday, 1)", at("2026-09-19")),
        ("'it''s :here -- now'", "it's :here -- now"),
        ("SUBSTR('abc', 1, 2) || 'd'", "abd"),
        ("SUBSTR('abc', 0, 1) || SUBSTR('abc', -1)", "ac"),
        ("'S' || id || '-' || t.x || t.firstday", "S3601-19-AUG-26"),
        ("'a' || CASE WHEN id = 1 THEN 'b' || 'c' END || 'd'", "ad"),
        ("CASE id WHEN 3601 THEN x END || (1 + 2) || NVL (x, 'e')", "3e"),
        ("upper('a' || x) || TO_CHAR(t.id) || nvl2(x, 'f', 'g' || x)", "A3601g"),
        ("'x' || 1.50 || '|'", "x1.5|"),
    ],
)
def test_expressions(con: duckdb.DuckDBPyConnection, expression: str, value: object) -> None:
    sql = translate(f"SELECT {expression} FROM terms t").sql
    assert con.execute(sql).fetchall() == [(value,)]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (
            """SELECT LISTAGG(v, ';') WITHIN GROUP (ORDER BY v DESC)
            FROM (SELECT 'a' AS v FROM dual UNION ALL SELECT 'b' FROM dual)""",
            [("b;a",)],
        ),
        ("SELECT LISTAGG(dummy, ';') FROM dual;", [("X",)]),
        ("SELECT 1 FROM dual MINUS SELECT 1 FROM dual", []),
        ("SELECT 1 /* :no */ FROM dual -- :no", [(1,)]),
        ("SELECT dummy FROM dual WHERE REGEXP_LIKE(dummy, '^X')", [("X",)]),
        ("SELECT 1 FROM dual FETCH FIRST 1 ROWS ONLY", [(1,)]),
        ('SELECT d."dummy" FROM dual d', [("X",)]),
        ("SELECT 1 FROM dual WHERE dummy || '' IN ('X' || NULL)", [(1,)]),
    ],
)
def test_queries(con: duckdb.DuckDBPyConnection, query: str, rows: list[tuple[object]]) -> None:
    assert con.execute(translate(query).sql).fetchall() == rows


def test_binds_are_found_outside_of_texts_only() -> None:
    translated = translate("SELECT ':a', x::VARCHAR FROM t WHERE b = :Since AND c IN (:ids)")
    assert translated.binds == {"since", "ids"}
    assert "$since" in translated.sql


def test_days_can_be_taken_from_the_clock_by_a_bind(con: duckdb.DuckDBPyConnection) -> None:
    translated = translate("SELECT SYSDATE - :days FROM dual")
    [(value,)] = con.execute(translated.sql, {"days": 2}).fetchall()
    assert value == at("2026-11-22T10:30")


def test_a_date_format_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="date format 'WW'"):
        translate("SELECT TO_CHAR(SYSDATE, 'WW') FROM dual")
