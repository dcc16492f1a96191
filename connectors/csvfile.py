"""One CSV file → one raw DuckDB table, all text, whose rowid is the record's place in the file.

Lines that are no records end up in a second table, with what is certain of them. Built on DuckDB's
own account of rejected lines (https://duckdb.org/docs/stable/data/csv/reading_faulty_csv_files).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from connectors.feeding import BROKEN, RAW
from connectors.header import Header
from connectors.sweep import Swept
from roster.errors import BadInput
from roster.ledger import VALUE_LENGTH, number
from roster.schema import literal

# Rows (row, line) in the sense of the roster's `line_shifts`.
SHIFTS = "csv_shifts"
_SCRATCH = (RAW, BROKEN, SHIFTS, "csv_swept", "csv_rejects", "csv_scans", "csv_ranked")


@dataclass(frozen=True)
class Wanted:
    """What to read of a file, by the columns' places.

    `columns`: the columns to read. `certain`: how many leading columns hold ids, so that they can
    be trusted even in a line with too many or too few values. `secret`: columns, such as a
    password, that no finding may show.
    """

    columns: Sequence[int]
    certain: int
    secret: frozenset[int]


def load(con: duckdb.DuckDBPyConnection, swept: Swept, header: Header, wanted: Wanted) -> int:
    """Make the tables RAW (c0, c1, … of `wanted`), BROKEN and SHIFTS; the number of records.

    BROKEN: line, rule, col (name), value, and the columns of RAW, NULL where not certain; also
    for records that were read, but not as they stand in the file (rule csv.line_break).
    """
    drop_scratch(con)
    columns = ", ".join(f"c{place}" for place in wanted.columns)
    con.execute("CREATE TEMP TABLE csv_swept (record BIGINT, line BIGINT)")
    con.execute(
        "INSERT INTO csv_swept SELECT unnest(?), unnest(?)",
        [[record for record, _ in swept.shifts], [line for _, line in swept.shifts]],
    )
    if swept.records:
        con.execute(f"CREATE TEMP TABLE {RAW} AS SELECT {columns} FROM {_reading(swept, header)}")
        _rank_rejects(con, swept.skip)
        _check_count(con, swept, header)
    else:
        typed = ", ".join(f"c{place} VARCHAR" for place in wanted.columns)
        con.execute(f"CREATE TEMP TABLE {RAW} ({typed})")
        con.execute(
            "CREATE TEMP TABLE csv_ranked (record BIGINT, before BIGINT, col BIGINT, text VARCHAR)"
        )
    con.execute(f"DELETE FROM {RAW} WHERE coalesce({columns}, NULL) IS NULL")
    _find_broken(con, swept, header, wanted)
    _shift(con)
    lost = f"SELECT count(*) FROM {BROKEN} WHERE rule <> 'csv.line_break'"
    return number(con, f"SELECT (SELECT count(*) FROM {RAW}) + ({lost})")


def drop_scratch(con: duckdb.DuckDBPyConnection) -> None:
    """Remove the tables of the last file."""
    for name in _SCRATCH:
        con.execute(f"DROP TABLE IF EXISTS {name}")


def _reading(swept: Swept, header: Header) -> str:
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(header.names)))
    line_end = swept.line_end.replace("\r", "\\r").replace("\n", "\\n")
    return f"""read_csv({literal(str(swept.path))}, auto_detect=false, header=false,
        skip={swept.skip}, delim={literal(header.delimiter)}, quote='"', escape='"',
        new_line={literal(line_end)}, columns={{{columns}}}, store_rejects=true,
        rejects_limit=0, rejects_table='csv_rejects', rejects_scan='csv_scans')"""


def _rank_rejects(con: duckdb.DuckDBPyConnection, skip: int) -> None:
    """One row for each rejected line: its place among all lines, and how many came before it."""
    con.execute(
        f"""
        CREATE TEMP TABLE csv_ranked AS
        SELECT record, row_number() OVER (ORDER BY record) - 1 AS before, col, text
        FROM (
            SELECT (line - {skip + 1})::BIGINT AS record,
                min(CASE error_type WHEN 'MISSING COLUMNS' THEN column_idx END)::BIGINT AS col,
                any_value(trim(csv_line, chr(10) || chr(13))) AS text
            FROM csv_rejects GROUP BY line)
        """
    )


def _check_count(con: duckdb.DuckDBPyConnection, swept: Swept, header: Header) -> None:
    read = number(con, f"SELECT (SELECT count(*) FROM {RAW}) + (SELECT count(*) FROM csv_ranked)")
    if read != swept.records:
        raise BadInput(
            f"{header.file}: {swept.records} lines, but {read} records could be told apart;"
            " the quotation marks are in disorder, export the file again"
        )


def _find_broken(
    con: duckdb.DuckDBPyConnection, swept: Swept, header: Header, wanted: Wanted
) -> None:
    names = ", ".join(literal(name) for name in header.names)
    noted = "SELECT NULL::BIGINT, '', NULL::BIGINT, '', '' WHERE false"
    if swept.notes is not None and swept.notes.stat().st_size:
        noted = f"""SELECT line, rule, col, value, text FROM read_csv({literal(str(swept.notes))},
            auto_detect=false, header=false, delim=',', quote='"', escape='"',
            new_line='\\r\\n', columns={{'line': 'BIGINT', 'rule': 'VARCHAR',
            'col': 'BIGINT', 'value': 'VARCHAR', 'text': 'VARCHAR'}})"""
    fields = [
        f"{_field(header.delimiter, place) if place < wanted.certain else 'NULL::VARCHAR'}"
        f" AS c{place}"
        for place in wanted.columns
    ]
    # Values may have slipped into other columns in a line that is no record: where the file has
    # passwords, nothing but the first value of such a line is shown.
    secret = ", ".join(map(str, sorted(wanted.secret)))
    shown = "value"
    if secret:
        shown = f"""CASE WHEN rule <> 'csv.line_break' THEN {_field(header.delimiter, 0)}
            WHEN col NOT IN ({secret}) THEN value END"""
    con.execute(
        f"""
        CREATE TEMP TABLE {BROKEN} AS
        SELECT line, rule, coalesce([{names}][col + 1], '') AS col,
            left({shown}, {VALUE_LENGTH}) AS value, {", ".join(fields)}
        FROM (
            SELECT s.line + (r.record - s.record) AS line, 'csv.fields' AS rule, r.col,
                r.text AS value, r.text
            FROM csv_ranked r ASOF JOIN csv_swept s ON r.record >= s.record
            WHERE trim(r.text, {literal(header.delimiter + " " + chr(34))}) <> ''
            UNION ALL {noted})
        """
    )


def _field(delimiter: str, place: int) -> str:
    """SQL: a leading value of a line that is no record, without its quotation marks."""
    mark = "\\t" if delimiter == "\t" else delimiter
    one = f'"[^"]*"|[^"{mark}]*'
    pattern = f"^(?:(?:{one}){mark}){{{place}}}({one})(?:{mark}|$)"
    return f"""nullif(trim(regexp_extract(text, '{pattern}', 1), '"'), '')"""


def _shift(con: duckdb.DuckDBPyConnection) -> None:
    """Lines and rows stop running in step where the sweep says so, and after rejected lines."""
    con.execute(
        f"""
        CREATE TEMP TABLE {SHIFTS} AS
        SELECT row, arg_max(line, record) AS line FROM (
            SELECT b.record, b.record - coalesce(r.before + 1, 0) AS row,
                s.line + (b.record - s.record) AS line
            FROM (SELECT record FROM csv_swept UNION SELECT record + 1 FROM csv_ranked) b
            ASOF JOIN csv_swept s ON b.record >= s.record
            ASOF LEFT JOIN csv_ranked r ON b.record > r.record)
        GROUP BY row ORDER BY row
        """
    )
