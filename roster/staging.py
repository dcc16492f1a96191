"""A staged reading: what one source delivered, settled within itself, not yet checked.

Design note. A reference may lead from one source into another, so nothing can be said about it
before all sources are together. A staged reading holds everything that is known until then: the
rows, what was found in them, and what is uncertain because of it. The last accepted one of each
source is kept, and the next run of any source checks them all together (see roster.together).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from roster.errors import BadInput
from roster.intake import Intake
from roster.ledger import UNSETTLED, number
from roster.roster import Roster
from roster.schema import TABLES, literal
from roster.validate import check_rows, finish, refuse_cut

_DESCRIPTION = "staged.json"
_TABLES = (*TABLES, "files", "line_shifts", "uncertain", *UNSETTLED)


@dataclass(frozen=True)
class Description:
    """What is known of a staged reading beside its rows.

    `fed`: the roster tables that the source had. `counts`: their rows, and `dropped`: the rows
    dropped so far, by table. `unreadable`: lines by table of which not even the key is known.
    `without_end`: names of the files without a last line end.
    """

    source: str
    format: str
    fed: tuple[str, ...]
    counts: dict[str, int]
    dropped: dict[str, int]
    unreadable: dict[str, int]
    without_end: tuple[str, ...]


class Staged:
    """A staged reading that lives in a DuckDB connection."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        intake: Intake,
        source: str,
        format_name: str,
        without_end: tuple[str, ...] = (),
    ) -> None:
        """`intake`: with what its source says twice settled (see roster.validate)."""
        self._con = con
        self._intake = intake
        self.source = source
        self.format = format_name
        self._without_end = without_end

    def check(self) -> Roster:
        """The roster of a tenant that has no other source. The staged tables become its tables.

        Raises BadInput where a file turns out to be truncated.
        """
        check_rows(self._con, self._intake.ledger)
        roster = finish(self._con, self._intake, self.format)
        refuse_cut(self._con, self._without_end)
        return roster

    def describe(self) -> Description:
        """The reading without its rows."""
        fed = tuple(name for name in TABLES if name in self._intake.fed)
        ledger = self._intake.ledger
        return Description(
            self.source,
            self.format,
            fed,
            {name: number(self._con, f"SELECT count(*) FROM {name}") for name in fed},
            dict(+ledger.dropped),
            dict(+ledger.unreadable),
            self._without_end,
        )

    def save(self, folder: Path) -> None:
        """Write one Parquet file a table, and staged.json."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _TABLES:
            rows = f"SELECT * EXCLUDE faults FROM {name}" if name in TABLES else f"FROM {name}"
            target = literal(str(folder / f"{name}.parquet"))
            self._con.execute(f"COPY ({rows}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
        text = json.dumps(asdict(self.describe()), indent=2)
        (folder / _DESCRIPTION).write_text(text, encoding="utf-8")


def describe(folder: Path) -> Description:
    """What a saved reading says of itself. Raises BadInput where there is none."""
    try:
        values = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"{folder}: no staged reading is here ({_DESCRIPTION} is missing);"
            " name a folder that a run wrote"
        ) from None
    return Description(
        values["source"],
        values["format"],
        tuple(values["fed"]),
        values["counts"],
        values["dropped"],
        values["unreadable"],
        tuple(values["without_end"]),
    )
