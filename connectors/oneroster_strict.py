"""`rollcall check --strict`: a OneRoster CSV package held to the letter of the standard.

Reading is lenient: whatever can be understood is taken. A vendor who exports, or a school that
wants to know whose fault it is, needs the other answer: where the package departs from the tables
of version 1.1 or 1.2, clause by clause (see `connectors.strict_rules`). A package of version 1.0
is held to 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connectors import csvfile, detect
from connectors.csvfile import Wanted
from connectors.drop import Drop, DropFile
from connectors.header import Header, read_header
from connectors.oneroster_binding import BINDING, SECRETS, VERSIONS, BoundFile
from connectors.strict_package import (
    MANIFEST,
    Breach,
    Manifest,
    check_header,
    check_manifest,
    check_names,
    raw_names,
    read_rows,
    recognised,
)
from connectors.strict_rows import FOUND, Rows, check_rows, finish, start
from connectors.strict_rules import CLAUSES
from connectors.sweep import sweep
from roster.errors import BadInput
from roster.roster import Roster
from roster.schema import columns_of


@dataclass(frozen=True)
class Strictness:
    """What a package was held to, and how often it breaks it."""

    version: str
    errors: int
    warnings: int

    @property
    def breaches(self) -> int:
        """All of them."""
        return self.errors + self.warnings


def check_strict(
    path: Path,
    con: duckdb.DuckDBPyConnection,
    *,
    progress: Callable[[str], None] | None = None,
) -> Strictness:
    """Hold the package at `path` (a folder of CSV files, or one zip) to the letter.

    What is found waits in `con` until `add_findings`. Raises BadInput where the files are of
    another format or cannot be read as CSV at all.
    """
    tell = progress or _tell_nobody
    start(con)
    with Drop(path) as drop:
        files = {file.stem: file for file in drop.files}
        _refuse_other_formats(files)
        manifest, version = Manifest(), "1.2" if "roles" in files else "1.1"
        if announced := files.get(MANIFEST):
            header = read_header(announced.name, announced.path)
            manifest = read_rows(announced, header)
            stated = manifest.value("oneroster.version").strip()
            version = {"1.2.1": "1.2"}.get(stated, stated if stated in VERSIONS else version)
            found = check_manifest(announced, header, manifest, version, frozenset(files))
            _add(con, version, found)
            _add(con, version, _first_lines(announced, header))
        else:
            _add(con, version, [Breach("oneroster.manifest.missing", "manifest.csv")])
        _add(con, version, check_names(path, version))
        known: set[str] = set()
        for name, bound in BINDING[version].items():
            if file := files.get(name.lower()):
                tell(f"Holding {file.name} to the standard")
                whole = manifest.state(name) != "delta"
                if _check_file(con, file, bound, version, drop.scratch, frozenset(known), whole):
                    known |= {name} if whole else set()
        finish(con)
    return _counted(con, version)


def add_findings(con: duckdb.DuckDBPyConnection) -> None:
    """Add what `check_strict` found to the findings of the roster that was read into `con`."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE strict_clauses"
        " (id VARCHAR, severity VARCHAR, message VARCHAR, hint VARCHAR)"
    )
    con.executemany(
        "INSERT INTO strict_clauses VALUES (?, ?, ?, ?)",
        [[c.id, c.severity, c.message, c.hint] for c in CLAUSES.values()],
    )
    con.execute(
        f"""
        INSERT INTO findings
        SELECT f.clause, c.severity, regexp_replace(f.file, '[.]csv$', '', 'i'), f.file, f.line,
            coalesce(f.col, ''), coalesce(f.value, ''), '', '', c.message, c.hint
        FROM {FOUND} f JOIN strict_clauses c ON c.id = f.clause
        """
    )
    con.execute("DROP TABLE strict_clauses")


def findings_alone(con: duckdb.DuckDBPyConnection) -> Roster:
    """A roster without rows that has what `check_strict` found: for files that are no roster."""
    columns = ", ".join(f"{name} {kind}" for name, kind in columns_of("findings"))
    con.execute(f"CREATE OR REPLACE TABLE findings ({columns})")
    add_findings(con)
    return Roster(con, "oneroster", (), {})


def _tell_nobody(_: str) -> None:
    pass


def _refuse_other_formats(files: Mapping[str, DropFile]) -> None:
    if MANIFEST in files:
        return
    headers = {stem: read_header(file.name, file.path) for stem, file in files.items()}
    form = detect.by_columns(detect.by_names(list(files.values())), headers)
    if not form.name.startswith("oneroster"):
        raise BadInput(
            f"--strict: these files are {form.name}, and only OneRoster CSV can be held to the"
            " letter; leave --strict out"
        )


def _check_file(
    con: duckdb.DuckDBPyConnection,
    file: DropFile,
    bound: BoundFile,
    version: str,
    scratch: Path,
    known: frozenset[str],
    whole: bool,
) -> bool:
    """Hold one file to the standard; whether its columns could be told."""
    try:
        header = read_header(file.name, file.path)
    except BadInput:
        _add(con, version, [Breach("oneroster.header.row", file.name, 1)])
        return False
    names = raw_names(file, header)
    _add(con, version, _first_lines(file, header))
    _add(con, version, check_header(file, header, bound, names))
    places = recognised(bound, header.names)
    if not places:
        return False
    swept = sweep(file.path, header, scratch)
    if swept.foreign is not None:
        _add(con, version, [Breach("oneroster.encoding", file.name, swept.foreign)])
    hidden = {place for column, place in places.items() if column.name in SECRETS}
    wanted = Wanted(sorted(set(places.values()) - hidden), 1, frozenset(hidden))
    if not csvfile.load(con, swept, header, wanted):
        _add(con, version, [Breach("oneroster.package.empty", file.name)])
    check_rows(con, Rows(file.name, bound.name, places, whole, known))
    csvfile.drop_scratch(con)
    return True


def _first_lines(file: DropFile, header: Header) -> Iterable[Breach]:
    if not header.encoding.startswith("utf-8"):
        yield Breach("oneroster.encoding", file.name, 1, value=header.encoding)
    if header.line != 1:
        yield Breach("oneroster.header.row", file.name, 1)


def _add(con: duckdb.DuckDBPyConnection, version: str, breaches: Iterable[Breach]) -> None:
    rows = [
        [b.clause, b.file, b.line, b.column, b.value]
        for b in breaches
        if version in CLAUSES[b.clause].versions
    ]
    if rows:
        con.executemany(f"INSERT INTO {FOUND} VALUES (?, ?, ?, ?, ?)", rows)


def _counted(con: duckdb.DuckDBPyConnection, version: str) -> Strictness:
    found = con.execute(f"SELECT clause, count(*) FROM {FOUND} GROUP BY clause").fetchall()
    counts = {"error": 0, "warning": 0}
    for clause, count in found:
        counts[CLAUSES[clause].severity] += count
    return Strictness(version, counts["error"], counts["warning"])
