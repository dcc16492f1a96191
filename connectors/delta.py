"""Delta files: what changed in a OneRoster CSV file since the source delivered it last.

https://www.imsglobal.org/oneroster-v11-final-csv-tables
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv

Design note. A delta file is folded over the rows of the same file as the last package left them: of
one sourcedId the newest row counts. A row with the status `tobedeleted` stays, as an inactive one,
so that people leave the way they do in a bulk file; what it leaves blank is taken from the row that
it deletes. Where the roster knows no inactive rows (sessions, courses, demographics) it goes.
Folding the same file twice leaves the same rows.

Lines that are no records are kept with the rows: whom such a line is about must not count as having
left only because the next package says nothing about them. Passwords are not kept.

Rows from before are read as a file of their own, `users.csv (earlier)`, after those of the package.
Its lines are places among the rows from before: the file in which they once stood is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from connectors.feeding import BROKEN, LOST, RAW
from connectors.formats import FileSpec, places
from roster.ledger import number
from roster.normalise import clean
from roster.schema import Type, literal, quoted

if TYPE_CHECKING:
    import duckdb

EARLIER = " (earlier)"
# The ids that the rows of a delta file are about, and the rows that a file leaves.
_CHANGED = "delta_changed"
_LEFT = "delta_left"
_GONE = ("tobedeleted", "inactive")
_OWN = ("lost", "place")


@dataclass(frozen=True)
class Before:
    """What the last package of a source left.

    `form`: the name of its format. `folder`: a Parquet file for each file, called by its lower-case
    name: `lost` (the rule that a line breaks which is no record, NULL for records), `place`, and
    the columns of the file as texts, called by their keys.
    """

    form: str
    folder: Path

    def has(self, spec: FileSpec) -> bool:
        """Whether a file was ever delivered."""
        return self._file(spec).exists()

    def rows(self, spec: FileSpec) -> str:
        """SQL: what was left of a file."""
        return f"read_parquet({literal(str(self._file(spec)))})"

    def _file(self, spec: FileSpec) -> Path:
        return self.folder / f"{spec.name.lower()}.parquet"


class Chain(Protocol):
    """The packages of a source, one after the other; asked by whoever reads the next one.

    `after`: the folder for what this one leaves (see `Before`); None if nobody wants to know.
    `again`: the package was read before, and later ones may have been: where it has delta files,
    what the last one left is read in its place.
    """

    after: Path | None
    again: bool

    def begin(self, *, changes: bool) -> Before | None:
        """What the last package left, asked for once the package turns out to be OneRoster.

        `changes`: it has delta files; of a package without any the answer is not used.
        Raises Refused where a package in between was not read.
        """
        ...


class Alone:
    """A chain outside a run: each package follows the one that was read before it."""

    again = False

    def __init__(self, before: Before | None, after: Path | None) -> None:
        self._before = before
        self.after = after

    def begin(self, *, changes: bool) -> Before | None:
        """What the package before left."""
        del changes
        return self._before


def fold(
    con: duckdb.DuckDBPyConnection, spec: FileSpec, names: Sequence[str], before: Before
) -> None:
    """Makes the delta file in RAW, whose columns are `names`, what is to be read of it."""
    at = {key: f"c{place}" for key, place in _open(spec, tuple(names)).items()}
    owner = _owner(spec, at)
    gone = _gone(at)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_CHANGED} AS SELECT DISTINCT {owner} AS owner"
                f" FROM {RAW}")  # fmt: skip
    changed = at.get("datelastmodified", "NULL::VARCHAR")
    con.execute(
        f"""DELETE FROM {RAW} WHERE rowid IN (
            SELECT rowid FROM {RAW} QUALIFY row_number() OVER (PARTITION BY {owner}
                ORDER BY try_cast(trim({changed}) AS TIMESTAMP) DESC NULLS LAST, rowid DESC) > 1)"""
    )
    if not any("active" in feed.columns for feed in spec.feeds):
        con.execute(f"DELETE FROM {RAW} WHERE {gone}")
    known = _columns(con, before, spec)
    filled = [key for key in at if key in known and key not in ("status", "datelastmodified")]
    given = ", ".join(f"any_value({quoted(key)}) AS {quoted(key)}" for key in filled)
    if number(con, f"SELECT count(*) FROM {RAW} WHERE {gone}"):
        texts = ", ".join(f"{at[key]} = coalesce({at[key]}, b.{quoted(key)})" for key in filled)
        con.execute(
            f"""UPDATE {RAW} SET {texts}
            FROM (SELECT {_owner(spec, _quoted(known))} AS owner, {given}
                  FROM {before.rows(spec)} WHERE lost IS NULL GROUP BY 1) b
            WHERE {gone} AND b.owner = {owner}"""
        )


def load_earlier(
    con: duckdb.DuckDBPyConnection, spec: FileSpec, before: Before
) -> tuple[tuple[str, ...], int]:
    """Makes RAW and BROKEN of what a delta file does not change; its columns, and its records."""
    keys = _columns(con, before, spec)
    owner = _owner(spec, _quoted(keys))
    columns = ", ".join(f"{quoted(key)} AS c{place}" for place, key in enumerate(keys))
    rest = f"{before.rows(spec)} WHERE {owner} NOT IN (SELECT owner FROM {_CHANGED})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {RAW} AS"
        f" SELECT {columns} FROM {rest} AND lost IS NULL ORDER BY place"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {BROKEN} AS"
        f" SELECT lost AS rule, {columns} FROM {rest} AND lost IS NOT NULL ORDER BY place"
    )
    headers = {column.key: column.headers[0] for column in spec.columns}
    records = number(con, f"SELECT (SELECT count(*) FROM {RAW}) + (SELECT count(*) FROM {BROKEN})")
    return tuple(headers[key] for key in keys), records


def begin_file(con: duckdb.DuckDBPyConnection) -> None:
    """Forgets the file that was read before."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_CHANGED} (owner VARCHAR)")
    con.execute(f"DROP TABLE IF EXISTS {_LEFT}")


def leave(con: duckdb.DuckDBPyConnection, spec: FileSpec, names: Sequence[str]) -> None:
    """Adds RAW and BROKEN, whose columns are `names`, to what the file leaves."""
    at = _open(spec, tuple(names))
    columns = ", ".join(f"c{place} AS {quoted(key)}" for key, place in at.items())
    rows = f"""SELECT NULL::VARCHAR AS lost, rowid AS place, {columns} FROM {RAW}
        UNION ALL SELECT rule, 0, {columns} FROM {LOST}"""
    earlier = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [_LEFT]
    ).fetchall()
    if earlier == [(0,)]:
        con.execute(f"CREATE TEMP TABLE {_LEFT} AS SELECT 1 AS part, * FROM ({rows})")
        return
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE {_LEFT} AS
        SELECT * FROM {_LEFT} UNION ALL BY NAME SELECT 2 AS part, * FROM ({rows})"""
    )


def save_file(con: duckdb.DuckDBPyConnection, spec: FileSpec, folder: Path) -> None:
    """Writes what the file leaves; a line that is no record and stands there twice, once."""
    folder.mkdir(parents=True, exist_ok=True)
    target = literal(str(folder / f"{spec.name.lower()}.parquet"))
    con.execute(
        f"""COPY (
            SELECT * EXCLUDE (part, place), row_number() OVER (ORDER BY part, place) AS place
            FROM {_LEFT} WHERE lost IS NULL
            UNION ALL BY NAME
            SELECT DISTINCT * EXCLUDE (part, place), 0 AS place FROM {_LEFT} WHERE lost IS NOT NULL
        ) TO {target} (FORMAT parquet, COMPRESSION zstd)"""
    )


def _open(spec: FileSpec, names: tuple[str, ...]) -> dict[str, int]:
    """Key of each column that may be kept → its place among `names`."""
    secret = {column.key for column in spec.columns if column.secret}
    return {key: place for key, place in places(spec, names).items() if key not in secret}


def _columns(con: duckdb.DuckDBPyConnection, before: Before, spec: FileSpec) -> list[str]:
    described = con.execute(f"DESCRIBE SELECT * FROM {before.rows(spec)}").fetchall()
    return [name for name, *_ in described if name not in _OWN]


def _quoted(keys: Sequence[str]) -> dict[str, str]:
    return {key: quoted(key) for key in keys}


def _owner(spec: FileSpec, at: Mapping[str, str]) -> str:
    """SQL: what a row is about: its sourcedId, or all that it says where it has none."""
    texts = ", ".join(
        f"coalesce({at[column.key]}, '')" if column.key in at else "''"
        for column in spec.columns
        if not column.secret
    )
    return (
        f"coalesce({clean(at['sourcedid'], Type.ID)}, chr(31) || md5(concat_ws(chr(31), {texts})))"
    )


def _gone(at: Mapping[str, str]) -> str:
    words = ", ".join(map(literal, _GONE))
    return (
        f"coalesce(lower(trim({at['status']})) IN ({words}), false)" if "status" in at else "false"
    )
