"""A validated roster, living in a DuckDB connection, and its resting form as Parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from roster.errors import BadInput
from roster.finding import Finding, RuleCount
from roster.intake import clear
from roster.ledger import number
from roster.schema import SIDE_TABLES, TABLES, columns_of, literal

_FIELDS = "severity, file, line, rule, tbl, col, value, entity, cause, message, hint"
_ORDER = "severity, file, line NULLS FIRST, rule, col, value"
_DESCRIPTION = "roster.json"


@dataclass(frozen=True)
class LeftOutCount:
    """What a rule left out of one kind. `example`: the key of one, such as C9 or U7/S1/teacher."""

    rule: str
    kind: str
    count: int
    example: str


class Roster:
    """A validated roster. Its tables (see roster.schema) are in `con` under their own names."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        format_name: str,
        fed: tuple[str, ...],
        dropped: Mapping[str, int],
    ) -> None:
        """`fed`: the tables that the source had; `dropped`: rows dropped, by table."""
        self.con = con
        self.format = format_name
        self._fed = fed
        self._dropped = dict(dropped)

    def counts(self) -> dict[str, int]:
        """Rows kept, by table; only tables that the source fed."""
        return {name: number(self.con, f"SELECT count(*) FROM {name}") for name in self._fed}

    def dropped(self) -> dict[str, int]:
        """Rows dropped, by table; only tables that the source fed."""
        return {name: self._dropped.get(name, 0) for name in self._fed}

    def finding_counts(self) -> dict[str, int]:
        """Findings by severity."""
        found = self.con.execute("SELECT severity, count(*) FROM findings GROUP BY 1").fetchall()
        return {"error": 0, "warning": 0} | dict(found)

    def rules(self) -> list[RuleCount]:
        """How often each rule fired, errors first, then the most frequent."""
        rows = self.con.execute(
            """
            SELECT rule, severity, count(*) AS found,
                arg_min(concat_ws(' ', concat_ws(':', file, line), col,
                    CASE WHEN value <> '' THEN '“' || value || '”' END) || ': ' || message,
                    (file, coalesce(line, 0), col, value))
            FROM findings GROUP BY rule, severity ORDER BY severity, found DESC, rule
            """
        ).fetchall()
        return [RuleCount(*row) for row in rows]

    def left_out(self) -> list[LeftOutCount]:
        """How much each rule (or line of the overrides) left out, by kind, with an example."""
        rows = self.con.execute(
            """
            SELECT rule, kind, count(*) AS found, min(key) FROM left_out
            GROUP BY rule, kind ORDER BY rule, found DESC, kind
            """
        ).fetchall()
        return [LeftOutCount(*row) for row in rows]

    def findings(self, limit: int | None = None) -> Iterator[Finding]:
        """The findings, errors first, then by file and line; at most `limit`."""
        most = "" if limit is None else f" LIMIT {int(limit)}"
        cursor = self.con.cursor()
        cursor.execute(f"SELECT {_FIELDS} FROM findings ORDER BY {_ORDER}{most}")
        while rows := cursor.fetchmany(1000):
            yield from (Finding(*row) for row in rows)

    def write_findings(self, path: Path) -> int:
        """Write all findings as CSV (UTF-8, header, comma) and say how many.

        Spreadsheets run a cell that begins with = + - @ as a formula: such cells get a leading
        apostrophe (https://owasp.org/www-community/attacks/CSV_Injection).
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        safe = [
            f"CASE WHEN regexp_matches({name}, '^[=+\\-@\\t\\r\\n]') THEN '''' || {name}"
            f" ELSE {name} END AS {name}"
            if kind == "VARCHAR"
            else name
            for name, kind in columns_of("findings")
        ]
        return number(
            self.con,
            f"COPY (SELECT {', '.join(safe)} FROM (SELECT * FROM findings ORDER BY {_ORDER}))"
            f" TO {literal(str(path))} (FORMAT csv, HEADER)",
        )

    def save(self, folder: Path) -> None:
        """Write the roster as one Parquet file a table, and roster.json."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*TABLES, *SIDE_TABLES):
            target = literal(str(folder / f"{name}.parquet"))
            self.con.execute(f"COPY {name} TO {target} (FORMAT parquet, COMPRESSION zstd)")
        description = {"format": self.format, "fed": self._fed, "dropped": self._dropped}
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, con: duckdb.DuckDBPyConnection, folder: Path) -> Roster:
        """A saved roster; its tables are views over the Parquet files, which must stay there."""
        try:
            description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BadInput(
                f"{folder}: no saved roster is here ({_DESCRIPTION} is missing);"
                " name a folder that a run wrote"
            ) from None
        clear(con)
        for name in (*TABLES, *SIDE_TABLES):
            source = literal(str(folder / f"{name}.parquet"))
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({source})")
        return cls(con, description["format"], tuple(description["fed"]), description["dropped"])
