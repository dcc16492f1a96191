from __future__ import annotations

from roster.schema import ROW_NAMES, SIDE_TABLES, TABLES, TELLING, columns_of, literal, quoted


def test_a_table_stands_after_the_tables_that_it_references() -> None:
    settled: set[str] = set()
    for table in TABLES.values():
        settled.add(table.name)
        assert {c.references for c in table.columns if c.references} <= settled


def test_every_roster_table_ends_with_the_origin_of_its_rows() -> None:
    for name in TABLES:
        assert columns_of(name)[-2:] == (("origin_file", "UTINYINT"), ("origin_row", "UINTEGER"))


def test_side_tables_are_described_as_they_are() -> None:
    assert columns_of("uncertain") == SIDE_TABLES["uncertain"]


def test_names_and_texts_are_quoted_for_sql() -> None:
    assert quoted('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"


def test_what_tells_people_and_what_names_rows_are_columns() -> None:
    assert set(TELLING) <= set(dict(columns_of("users")))
    for name, table in TABLES.items():
        assert ROW_NAMES[name][: len(table.key)] == table.key
        assert set(ROW_NAMES[name]) <= set(dict(columns_of(name)))
