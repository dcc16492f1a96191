"""Reading a delivery, a drop of files or the tables of an API: validated roster out."""

from __future__ import annotations

import re
from collections.abc import Callable
from os import SEEK_END
from pathlib import Path

import duckdb

from connectors import csvfile, detect
from connectors.csvfile import SHIFTS, Wanted
from connectors.delta import (
    EARLIER,
    Before,
    Chain,
    begin_file,
    fold,
    leave,
    load_earlier,
    save_file,
)
from connectors.drop import Drop, DropFile
from connectors.feeding import BROKEN, RAW, Feeding
from connectors.formats import CsvFormat, FileSpec, places
from connectors.header import Header, read_header
from connectors.oneroster_csv import FORMATS, MANIFEST, USED
from connectors.oneroster_manifest import Manifest, check_manifest, load_manifest
from connectors.sweep import Swept, sweep
from roster.errors import BadInput, Refused
from roster.feed import Feed
from roster.intake import Intake, broken_keys
from roster.normalise import clean
from roster.roster import Roster
from roster.rules import RULES
from roster.schema import TABLES, Type, literal
from roster.staging import Staged
from roster.validate import settle
from roster.values import Vocabulary

PASSWORDS = "roster_passwords"


def read_roster(
    path: Path,
    con: duckdb.DuckDBPyConnection,
    *,
    source: str = "local",
    progress: Callable[[str], None] | None = None,
    last_files: frozenset[str] | None = None,
    mappings: Vocabulary | None = None,
    passwords: bool = False,
    chain: Chain | None = None,
) -> Roster:
    """Read a drop (a folder of CSV files, or one zip) into the roster tables of `con`.

    That is the roster of a tenant without other sources; see `read_staged` for the arguments.

    Raises BadInput where the drop cannot be used (no format, no header, truncated, unsafe zip …)
    and Refused where data is missing that was there before. Faulty rows do not raise: they are
    findings of the roster.
    """
    return read_staged(
        path,
        con,
        source=source,
        progress=progress,
        last_files=last_files,
        mappings=mappings,
        passwords=passwords,
        chain=chain,
    ).check()


def read_staged(
    path: Path,
    con: duckdb.DuckDBPyConnection,
    *,
    source: str = "local",
    progress: Callable[[str], None] | None = None,
    last_files: frozenset[str] | None = None,
    mappings: Vocabulary | None = None,
    passwords: bool = False,
    chain: Chain | None = None,
) -> Staged:
    """Read a drop into staged tables, to be saved and checked together with other sources.

    `progress` is told what is being done. `last_files`: the roster tables that the last accepted
    drop of this source filled. `mappings`: a customer's words, list name (see roster.values) →
    {their value: our value}. `passwords`: also make the temporary table `roster_passwords`
    (user_sourced_id, password), in clear; it is no part of the roster and is never saved with it.
    `chain`: the packages of OneRoster that the source delivered before; without it, a package that
    holds changes only cannot be read.

    Raises as `read_roster` does, but for a truncated file that only the checks find out.
    """
    tell = progress or _tell_nobody
    with Drop(path) as drop:
        manifest = _manifest(drop)
        changes = manifest is not None and bool(manifest.changes(USED))
        candidates = detect.by_names(drop.files, whole=not changes)
        headers = {
            file.stem: read_header(file.name, file.path)
            for file in drop.files
            if any(_of_use(form, file) for form in candidates)
        }
        before = _last(manifest, chain) if manifest and changes else None
        form = detect.by_columns(candidates, headers, changes_of=before.form if before else "")
        if form not in FORMATS:
            chain = None
        elif chain and not before:
            chain.begin(changes=False)
        intake = Intake(con, mappings or {})
        reading = _Reading(con, intake, drop.scratch, source, last_files or frozenset(), form)
        reading.follow(before, chain)
        if passwords:
            reading.collect_passwords()
        by_stem = {file.stem: file for file in drop.files}
        if manifest:
            for notice in check_manifest(manifest, form, drop.files, changes=changes):
                reading.notice(notice.file.name, notice.rule, notice.line, notice.value)
        for spec in form.files:
            file = by_stem.get(spec.name.lower())
            if spec.feeds:
                tell(f"Reading {file.name if file else spec.name}")
                header = headers[file.stem] if file else None
                is_delta = manifest is not None and manifest.is_delta(spec.name.lower())
                reading.read(spec, file, header, is_delta=is_delta)
            elif file is not None and file.stem in form.noticed:
                reading.notice(file.name, "csv.unused")
        reading.derive()
        reading.check_complete()
    tell("Checking the rows against each other")
    settle(con, intake.ledger, row_a_school=form.row_a_school)
    return Staged(con, intake, source, form.name, tuple(reading.without_end))


def _tell_nobody(_: str) -> None:
    pass


def _manifest(drop: Drop) -> Manifest | None:
    found = next((file for file in drop.files if file.stem == MANIFEST), None)
    return load_manifest(found, read_header(found.name, found.path)) if found else None


def _last(manifest: Manifest, chain: Chain | None) -> Before:
    """What the files of changes change."""
    before = chain.begin(changes=True) if chain else None
    if before is None:
        names = ", ".join(f"{stem}.csv" for stem in manifest.changes(USED))
        raise BadInput(
            f"{manifest.file.name}: {names}: changes only (delta), and what they change is not"
            " known; deliver all files in full (bulk) first, or name the package before with"
            " `rollcall check PATH --after BEFORE`"
        )
    return before


def _of_use(form: CsvFormat, file: DropFile) -> bool:
    spec = form.file(file.stem)
    return spec is not None and (bool(spec.feeds) or file.stem == MANIFEST)


class _Reading(Feeding):
    """The CSV files of one drop, one after the other."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        intake: Intake,
        scratch: Path,
        source: str,
        last: frozenset[str],
        form: CsvFormat,
    ) -> None:
        super().__init__(con, intake, source, last, form)
        self._scratch = scratch
        self.without_end: list[str] = []
        self._passwords = False
        self._before: Before | None = None
        self._after: Path | None = None
        self._again = False

    def follow(self, before: Before | None, chain: Chain | None) -> None:
        """Read files of changes as changes of `before`, and say what this package leaves."""
        self._before = before
        if chain:
            self._after, self._again = chain.after, chain.again

    def collect_passwords(self) -> None:
        """Read passwords too, into `roster_passwords`."""
        self._passwords = True
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE {PASSWORDS} (user_sourced_id VARCHAR, password VARCHAR)"
        )

    def read(
        self, spec: FileSpec, file: DropFile | None, header: Header | None, *, is_delta: bool
    ) -> None:
        """Read a file, and the rows from before that stay, into the tables that it feeds."""
        if self._before or self._after:
            begin_file(self._con)
        before, records = self._before, 0
        new = file and header and not (before and self._again)
        known = before is not None and before.has(spec)
        if is_delta and not known:
            raise Refused(
                f"completeness: {spec.name}.csv holds changes only (delta), and was never delivered"
                " in full; deliver all files in full (bulk) once"
            )
        earlier = before if known and (is_delta or not new) else None
        if file and header and new:
            records += self._read_file(file, spec, header, earlier)
        if earlier:
            records += self._read_earlier(spec, earlier)
            self.refuse_empty(f"{spec.name}.csv", spec, records)
        if self._after and (new or earlier):
            save_file(self._con, spec, self._after)

    def _read_file(
        self, file: DropFile, spec: FileSpec, header: Header, earlier: Before | None
    ) -> int:
        """Read a file of the drop; its records. `earlier`: what a file of changes changes."""
        swept = sweep(file.path, header, self._scratch)
        wanted = _wanted(spec, header, self.feeds(spec, header.names, 0), secrets=self._passwords)
        records = csvfile.load(self._con, swept, header, wanted)
        if earlier:
            fold(self._con, spec, header.names, earlier)
        else:
            self.refuse_empty(file.name, spec, records)
        number = self.add_file(file.name, records, f"SELECT row, line FROM {SHIFTS}")
        if not _has_line_end(file.path):
            self.without_end.append(file.name)
        feeds = self.feeds(spec, header.names, number)
        self._report(number, spec, header, swept, feeds[0])
        self.add(number, file.name, spec, header.names)
        for feed in feeds:
            if self._passwords and feed.table == "users":
                self._keep_passwords(spec, header, feed)
        if self._after:
            leave(self._con, spec, header.names)
        csvfile.drop_scratch(self._con)
        return records

    def _read_earlier(self, spec: FileSpec, before: Before) -> int:
        """Read the rows from before that the package does not change; their number."""
        names, records = load_earlier(self._con, spec, before)
        name = f"{spec.name}.csv{EARLIER}"
        number = self.add_file(name, records, "SELECT 0 AS row, 1 AS line")
        self.add(number, name, spec, names)
        if self._after:
            leave(self._con, spec, names)
        csvfile.drop_scratch(self._con)
        return records

    def _keep_passwords(self, spec: FileSpec, header: Header, feed: Feed) -> None:
        """The first password of each person; of people in several rows, that of the first row."""
        at = places(spec, header.names)
        for place in [
            at[column.key] for column in spec.columns if column.secret and column.key in at
        ]:
            self._con.execute(
                f"""
                INSERT INTO {PASSWORDS}
                SELECT {clean(feed.columns["sourced_id"], Type.ID)} AS person,
                       {clean(f"c{place}", Type.ID)} AS password
                FROM {RAW} WHERE {feed.rows()} AND password IS NOT NULL AND person IS NOT NULL
                    AND person NOT IN (SELECT user_sourced_id FROM {PASSWORDS})
                QUALIFY row_number() OVER (PARTITION BY person ORDER BY rowid) = 1
                """
            )

    def _report(self, file: int, spec: FileSpec, header: Header, swept: Swept, feed: Feed) -> None:
        """Findings of the reading itself; they belong to the first table that the file feeds."""
        ledger, table = self._intake.ledger, TABLES[feed.table]
        entity = ", ".join(table.key)
        for rule in ("csv.fields", "csv.quote", "csv.line_break"):
            ledger.report(
                RULES[rule],
                f"SELECT {file} AS file, line, col, value, concat_ws('/', {entity}) AS entity"
                f" FROM (SELECT *, {broken_keys(feed)} FROM {BROKEN} WHERE rule = {literal(rule)})",
                table=table.name,
            )
        if swept.foreign is not None:
            ledger.report(
                RULES["csv.encoding"],
                f"SELECT {file} AS file, {swept.foreign} AS line",
                table=table.name,
            )
        if unknown := detect.unknown_columns(spec, header):
            ledger.report(
                RULES["csv.columns"],
                f"SELECT {file} AS file, {header.line} AS line,"
                f" {literal(', '.join(unknown))} AS value",
                table=table.name,
            )


def _has_line_end(path: Path) -> bool:
    """Whether the last character, of one byte or of two, ends a line."""
    with path.open("rb") as file:
        file.seek(-min(2, path.stat().st_size), SEEK_END)
        return file.read().rstrip(b"\0")[-1:] in (b"\n", b"\r")


def _wanted(spec: FileSpec, header: Header, feeds: list[Feed], *, secrets: bool) -> Wanted:
    known = {place: key for key, place in places(spec, header.names).items()}
    secret = {column.key for column in spec.columns if column.secret}
    trusted = {column.key for column in spec.columns if column.id}
    ids = {
        place
        for feed in feeds
        for column in TABLES[feed.table].columns
        if column.type is Type.ID and column.name in feed.columns
        for place in re.findall(r"\bc(\d+)\b", feed.columns[column.name])
    }
    ids |= {str(place) for place, key in known.items() if key in trusted}
    certain = 0
    while str(certain) in ids:
        certain += 1
    hidden = frozenset(place for place, key in known.items() if key in secret)
    read = [place for place in sorted(known) if secrets or place not in hidden]
    return Wanted(read, certain, hidden)
