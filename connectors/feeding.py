"""Feeding: the files of one delivery become feeds of an intake, whatever they were before.

A delivery is what a source says at one time: the CSV files of a drop, or the tables that an API's
pages make. Here is what both have in common: numbering the files, feeding the tables, keeping what
derived rows are made of, and the proof that nothing is missing.

Design note, completeness. A file that is missing today looks exactly as if everybody in it had
left. So a delivery that lacks a table which the last accepted one had, or has a file without
records for it, is refused, and a person decides. The files that a format requires may never be
empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from connectors.formats import CsvFormat, Derived, FileSpec, filled, make_feeds, places
from roster.errors import Refused
from roster.feed import Feed
from roster.intake import Intake
from roster.ledger import number as count
from roster.rules import RULES
from roster.schema import TABLES, literal

# The raw table of the file that is being fed, and of its lines that are no records.
RAW = "csv_raw"
BROKEN = "csv_broken"
LOST = f"(SELECT * FROM {BROKEN} WHERE rule <> 'csv.line_break')"


@dataclass(frozen=True)
class _Part:
    """Rows of a kept table that come from one file. `first`: the record that is its row 0."""

    number: int
    name: str
    first: int


class Feeding:
    """The files of one delivery, one after the other, into an intake."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        intake: Intake,
        source: str,
        last: frozenset[str],
        form: CsvFormat,
    ) -> None:
        """`last`: the roster tables that the last accepted delivery of the source filled."""
        self._con = con
        self._intake = intake
        self._source = source
        self._last = last
        self._form = form
        self._kept: dict[str, list[_Part]] = {}
        self._known: dict[str, frozenset[str]] = {}
        self._files = 0

    def add_file(self, name: str, records: int, shifts: str) -> int:
        """The number of a file that gets one; `shifts`: see Intake.add_file."""
        number = self._files
        self._files += 1
        self._intake.add_file(number, self._source, name, records, shifts)
        return number

    def feeds(self, spec: FileSpec, names: tuple[str, ...], number: int) -> list[Feed]:
        """The feeds of a file whose columns are `names`, once it is in the table RAW."""
        return make_feeds(spec, names, RAW, number)

    def add(self, number: int, name: str, spec: FileSpec, names: tuple[str, ...]) -> None:
        """Feeds the table RAW, and what the table BROKEN has of lines that are no records."""
        for feed in self.feeds(spec, names, number):
            self._intake.add(feed)
            self._intake.lose(feed, LOST)
        self._keep(number, name, spec, names)

    def notice(self, name: str, rule: str, line: int = 1, value: str = "") -> None:
        """A finding about a file as a whole."""
        number = self.add_file(name, 0, "SELECT 0 AS row, 1 AS line")
        self._intake.ledger.report(
            RULES[rule],
            f"SELECT {number} AS file, {line}::BIGINT AS line, {literal(value)} AS value",
        )

    def derive(self) -> None:
        """Fill the tables whose rows are made of what was kept of the files.

        A derived table counts as a file of its own with the lines of the file that it cites. One
        without rows counts as not delivered, see the design note.
        """
        for derived in self._form.derived:
            if derived.needs not in self._known[derived.of]:
                continue
            raw = f"derived_{derived.table}"
            self._con.execute(f"CREATE OR REPLACE TEMP TABLE {raw} AS {derived.query}")
            parts = self._kept[derived.of]
            for part, following in zip(parts, [*parts[1:], None], strict=True):
                self._derive(derived, raw, part, following)
            self._con.execute(f"DROP TABLE {raw}")
        for of in self._kept:
            self._con.execute(f"DROP TABLE kept_{of}")

    def _derive(self, derived: Derived, raw: str, part: _Part, following: _Part | None) -> None:
        end = f" AND record < {following.first}" if following else ""
        where = f"record >= {part.first}{end}"
        if rows := count(self._con, f"SELECT count(*) FROM {raw} WHERE {where}"):
            number = self.add_file(part.name, rows, _lines_of(raw, part, where))
            columns, headers = derived.columns, derived.headers
            self._intake.add(Feed(derived.table, raw, number, columns, headers, where))

    def check_complete(self) -> None:
        """Refuse a delivery that lacks what the last accepted one had."""
        missing = sorted(self._last - self._intake.fed)
        if missing:
            raise Refused(
                f"completeness: the last accepted drop had {', '.join(missing)}, this one has not;"
                " deliver the files again with all of it, or accept the change by hand"
            )

    def refuse_empty(self, name: str, spec: FileSpec, records: int) -> None:
        """Refuse a file without records that must have some."""
        filled_before = sorted({feed.table for feed in spec.feeds} & self._last)
        if records == 0 and (spec.required or filled_before):
            before = f", and the last accepted drop had {', '.join(filled_before)}"
            raise Refused(
                f"completeness: {name} has no records{before if filled_before else ''}"
                "; an empty file never means that everyone has left: deliver it again"
            )

    def _keep(self, number: int, name: str, spec: FileSpec, names: tuple[str, ...]) -> None:
        """Keep what is needed of a file once the others are read, its lost lines included."""
        if not spec.keeps:
            return
        at = places(spec, names)
        table, first = f"kept_{spec.name}", 0
        parts = self._kept.setdefault(spec.name, [])
        if parts:
            first = count(self._con, f"SELECT coalesce(max(record) + 1, 0) FROM {table}")
        rows = f"SELECT rowid + {first} AS record, {filled(spec.keeps, at)} FROM {RAW}"
        make = f"INSERT INTO {table}" if parts else f"CREATE OR REPLACE TEMP TABLE {table} AS"
        self._con.execute(f"{make} {rows}")
        parts.append(_Part(number, name, first))
        self._known[spec.name] = self._known.get(spec.name, frozenset()) | frozenset(at)
        for derived in self._form.derived:
            if derived.of == spec.name and derived.needs in at and derived.lost is not None:
                self._intake.lose(_lost(derived, derived.lost, at, number), LOST)


def _lines_of(raw: str, part: _Part, where: str) -> str:
    """SQL: the shifts of a derived table, wherever its rows and the cited lines leave step."""
    return f"""
        SELECT row, line FROM (
            SELECT d.row, s.line + (d.record - s.row) AS line
            FROM (SELECT rowid AS row, record - {part.first} AS record FROM {raw} WHERE {where}) d
            ASOF JOIN (SELECT row, line FROM line_shifts WHERE file = {part.number}) s
                ON d.record >= s.row)
        QUALIFY line - row IS DISTINCT FROM lag(line - row) OVER (ORDER BY row)"""


def _lost(derived: Derived, lost: Mapping[str, str], at: Mapping[str, int], file: int) -> Feed:
    keys = {key: filled(lost.get(key, "NULL::VARCHAR"), at)
            for key in TABLES[derived.table].key}  # fmt: skip
    return Feed(derived.table, BROKEN, file, keys, {})
