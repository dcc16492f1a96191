"""Overrides: corrections by hand, applied to merged rows before these are checked.

Design note. A correction that cannot be read must never look like a change in the school. So every
line that is wrong is a finding, and what it names is uncertain until it is mended: nobody leaves a
class because a hand slipped in the line that kept him there. Not so where the line only names what
is not in the roster: it would keep everyone for ever who was once corrected.

What a corrected row says wrong after all (an id that is in no table) is found by the checks that
follow, and is cited in the overrides and not in the source.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from roster.duplicates import drop_duplicates
from roster.intake import Intake
from roster.ledger import number
from roster.left_out import follow, leave_out
from roster.normalise import canonical, clean
from roster.override_file import OverrideLine, read_override_file
from roster.rules import RULES, Effect, Rule, changeable, row_rules
from roster.schema import ROW_NAMES, TABLES, Column, Table, Type, literal

_SHAPE = json.dumps(
    [{"record": "UINTEGER", "line": "UINTEGER", "tbl": "VARCHAR", "key": "VARCHAR",
      "col": "VARCHAR", "value": "VARCHAR", "expires": "VARCHAR", "fits": "BOOLEAN"}]
)  # fmt: skip
_EXPIRES = canonical(Column("expires", Type.DATE), "expires", {})


def apply_overrides(
    con: duckdb.DuckDBPyConnection, intake: Intake, path: Path, today: date
) -> None:
    """Apply a file of overrides to the rows of an intake.

    Raises BadInput where it is no such file. Lines that are wrong are findings.
    """
    lines = read_override_file(path)
    file = number(con, "SELECT max(id) + 1 FROM files")
    shifts = ", ".join(f"({record}, {line.line})" for record, line in enumerate(lines))
    numbered = f"SELECT row, line FROM (VALUES {shifts or '(0, 2)'}) s(row, line)"
    intake.add_file(file, "", path.name, len(lines), numbered)
    _stage(con, lines)
    applying = _Applying(con, intake, file, path.name)
    applying.check(today)
    for table in TABLES.values():
        applying.change(table)
    applying.add()
    applying.drop()
    applying.doubt()
    for name in ("overrides", "refused", "targets"):
        con.execute(f"DROP TABLE {name}")


def _stage(con: duckdb.DuckDBPyConnection, lines: Sequence[OverrideLine]) -> None:
    """Make the table `overrides` of the lines.

    Those that turn out to be wrong are taken out of it, and stand in `refused` if that leaves
    doubt. `targets`: the rows that the lines name.
    """
    rows = [
        {"record": record, "line": line.line, "tbl": line.table, "key": line.key,
         "col": line.column, "value": line.value, "expires": line.expires, "fits": line.fits}
        for record, line in enumerate(lines)
    ]  # fmt: skip
    con.execute(
        "CREATE OR REPLACE TEMP TABLE overrides AS"
        f" SELECT unnest(from_json($rows::JSON, {literal(_SHAPE)}), recursive := true)",
        {"rows": json.dumps(rows)},
    )
    con.execute("CREATE OR REPLACE TEMP TABLE refused (tbl VARCHAR, key VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE targets (record UINTEGER, tbl VARCHAR, col VARCHAR,"
        " origin_file UTINYINT, origin_row UINTEGER)"
    )


class _Applying:
    """The lines of a file at work. Each step looks only at lines that none before it refused."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, intake: Intake, file: int, name: str
    ) -> None:
        self._con = con
        self._intake = intake
        self._file = file
        self._name = name

    def check(self, today: date) -> None:
        """Refuse the lines that cannot be used, and find the rows that the others name."""
        self._refuse("csv.fields", "NOT fits", value="''")
        names = ", ".join(literal(name) for name in TABLES)
        self._refuse("overrides.table.enum", f"tbl NOT IN ({names})", value="tbl")
        for table in TABLES.values():
            allowed = ", ".join(literal(name) for name in changeable(table))
            self._refuse(
                f"overrides.column.{table.name}",
                f"tbl = {literal(table.name)} AND col NOT IN ({allowed})",
                value="col",
            )
        self._refuse(
            "overrides.expires.format",
            f"expires <> '' AND {_EXPIRES} IS NULL",
            value="expires",
        )
        self._refuse(
            "overrides.expires.past",
            f"{_EXPIRES} < DATE {literal(today.isoformat())}",
            value="expires",
            doubtful=False,
        )
        self._find_targets()

    def change(self, table: Table) -> None:
        """Write the values of the lines into the rows of a table that they name."""
        lines = f"tbl = {literal(table.name)} AND col NOT IN ('add', 'drop')"
        if not self._count(lines):
            return
        self._read_values(table, lines)
        for rule in row_rules(table.name):
            if rule.column in changeable(table) and not rule.id.endswith(".order"):
                wrong = f"SELECT record FROM given WHERE col = {literal(rule.column)}"
                wrong += f" AND ({rule.predicate})"
                if rule.effect is Effect.KEEP:
                    self._report(rule, f"record IN ({wrong})", "value", "value")
                else:
                    self._refuse(rule.id, f"record IN ({wrong})", column="value")
        self._refuse_disorder(table)
        rows = self._con.execute(f"SELECT DISTINCT col FROM overrides WHERE {lines} ORDER BY col")
        changed = [column for (column,) in rows.fetchall()]
        for column in changed:
            self._write(table, column)
            self._intake.ledger.name_columns(self._file, table.name, {column: "value"})
        self._con.execute("DROP TABLE given")
        if not table.unique and set(changed) & set(ROW_NAMES[table.name]):
            drop_duplicates(self._con, self._intake.ledger, table)

    def add(self) -> None:
        """Enroll the people of the lines."""
        if not self._count("col = 'add'"):
            return
        self._read_values(TABLES["enrollments"], "col = 'add'", into="role")
        for what in ("required", "enum"):
            rule = RULES[f"enrollments.role.{what}"]
            wrong = f"SELECT record FROM given WHERE {rule.predicate}"
            self._refuse(rule.id, f"record IN ({wrong})", column="value")
        self._find_named()
        found = "SELECT record FROM named"
        self._refuse(
            "overrides.key.missing", f"col = 'add' AND record NOT IN ({found})", doubtful=False
        )
        first = "SELECT min(record) FROM named GROUP BY class_sourced_id, user_sourced_id, role"
        self._refuse("overrides.row.twice", f"col = 'add' AND record NOT IN ({first})")
        same = "class_sourced_id, user_sourced_id, role, active"
        there = f"SELECT record FROM named SEMI JOIN enrollments USING ({same})"
        self._report(RULES["overrides.row.needless"], f"record IN ({there})")
        self._con.execute(
            f"""
            INSERT INTO enrollments BY NAME
            SELECT * EXCLUDE record, {self._file}::UTINYINT AS origin_file, record AS origin_row
            FROM named WHERE record IN (SELECT record FROM overrides) AND record NOT IN ({there})
            """
        )
        self._con.execute("DROP TABLE given")
        self._con.execute("DROP TABLE named")
        self._intake.ledger.name_columns(self._file, "enrollments", {"role": "value"})
        self._intake.fed.add("enrollments")

    def drop(self) -> None:
        """Leave out the rows that lines name for it, and what goes with them."""
        for table in TABLES.values():
            leave_out(
                self._con,
                table,
                f"SELECT {literal(self._name)} || ':' || line AS rule, origin_file, origin_row"
                " FROM targets JOIN overrides USING (record, tbl, col)"
                f" WHERE tbl = {literal(table.name)} AND col = 'drop'",
            )
        follow(self._con)

    def doubt(self) -> None:
        """Make uncertain what the refused lines name, and what counts by a session that they do."""
        for table in TABLES.values():
            if table.kind:
                parts = "string_split(key, '/')"
                second = f"{parts}[2]" if len(table.key) > 1 else "NULL"
                self._con.execute(
                    f"INSERT INTO uncertain SELECT {literal(table.kind)}, {parts}[1], {second}"
                    f" FROM refused WHERE tbl = {literal(table.name)} AND key <> ''"
                    f" AND len({parts}) >= {len(table.key)}"
                )
        sessions = "SELECT key FROM refused WHERE tbl = 'academic_sessions'"
        self._con.execute(
            f"""
            INSERT INTO uncertain
            SELECT 'class', c.sourced_id, NULL FROM classes c
            JOIN ({sessions}) s ON list_contains(c.session_sourced_ids, s.key)
            UNION ALL
            SELECT 'role', user_sourced_id, NULL FROM roles
            WHERE session_sourced_id IN ({sessions})
            """
        )

    def _count(self, condition: str) -> int:
        return number(self._con, f"SELECT count(*) FROM overrides WHERE {condition}")

    def _report(self, rule: Rule, which: str, value: str = "key", column: str = "") -> int:
        told = f"{literal(column)} AS col, " if column else ""
        return self._intake.ledger.report(
            rule,
            f"SELECT {self._file} AS file, record AS row, {told}{value} AS value, key AS entity"
            f" FROM overrides WHERE {which}",
            table="overrides",
        )

    def _refuse(
        self, rule: str, which: str, *, value: str = "", column: str = "", doubtful: bool = True
    ) -> None:
        """Report lines, and take them out of what is applied. A line that drops leaves no doubt.

        `value`: SQL of what is wrong. `column`: the column of the file that it stands in, where
        the rule is not one of overrides.
        """
        if not self._report(RULES[rule], which, value or column or "key", column):
            return
        if doubtful:
            self._con.execute(
                "INSERT INTO refused SELECT tbl, key FROM overrides"
                f" WHERE ({which}) AND col <> 'drop'"
            )
        self._con.execute(f"DELETE FROM overrides WHERE {which}")

    def _find_targets(self) -> None:
        for table in TABLES.values():
            names = ROW_NAMES[table.name]
            if self._count(f"tbl = {literal(table.name)} AND col <> 'add'"):
                for length in range(len(table.key), len(names) + 1):
                    self._con.execute(
                        f"INSERT INTO targets SELECT o.record, o.tbl, o.col, t.origin_file,"
                        f" t.origin_row FROM overrides o JOIN {table.name} t"
                        f" ON o.key = concat_ws('/', {', '.join(names[:length])})"
                        f" WHERE o.tbl = {literal(table.name)} AND o.col <> 'add'"
                    )
        self._refuse(
            "overrides.key.missing",
            "col <> 'add' AND record NOT IN (SELECT record FROM targets)",
            doubtful=False,
        )
        self._refuse(
            "overrides.row.twice",
            """record IN (SELECT record FROM targets QUALIFY record > min(record) OVER (
                PARTITION BY tbl, col, origin_file, origin_row))""",
        )

    def _read_values(self, table: Table, lines: str, into: str = "") -> None:
        """Make the table `given`: what the lines say, each in its column, or all `into` one."""
        told, blank = (literal(into) if into else "col"), "nullif(value, '')"
        texts = [
            f"CASE WHEN {told} = {literal(column.name)} THEN {clean(blank, column.type)} END"
            f" AS text_{column.name}"
            for column in table.columns
        ]
        values = [
            f"{canonical(column, f'text_{column.name}', {})} AS {column.name}"
            for column in table.columns
        ]
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE given AS SELECT *, {', '.join(values)} FROM ("
            f"SELECT record, key, col, {', '.join(texts)} FROM overrides WHERE {lines})"
        )

    def _refuse_disorder(self, table: Table) -> None:
        """Refuse the lines that would make a row end before it starts."""
        rule = RULES.get(f"{table.name}.end_date.order")
        if rule is None:
            return
        ends = {
            date: "(FROM targets JOIN given USING (record, col) SEMI JOIN overrides USING (record)"
            f" SELECT origin_file, origin_row, record, {date}"
            f" WHERE tbl = {literal(table.name)} AND col = {literal(date)})"
            for date in ("start_date", "end_date")
        }
        final = {
            date: f"CASE WHEN {date[0]}.record IS NULL THEN t.{date} ELSE {date[0]}.{date} END"
            for date in ends
        }
        wrong = f"""
            SELECT unnest([s.record, e.record]) FROM {table.name} t
            LEFT JOIN {ends["start_date"]} s USING (origin_file, origin_row)
            LEFT JOIN {ends["end_date"]} e USING (origin_file, origin_row)
            WHERE {final["end_date"]} < {final["start_date"]}
            """
        self._refuse(rule.id, f"record IN ({wrong})", column="value")

    def _write(self, table: Table, column: str) -> None:
        lines = (
            "SELECT g.record, g.origin_file, g.origin_row,"
            f" coalesce(v.{column}, {table[column].default}) AS {column} FROM targets g"
            " JOIN given v USING (record, col) JOIN overrides o USING (record)"
            f" WHERE g.tbl = {literal(table.name)} AND g.col = {literal(column)}"
        )
        row = "t.origin_file = l.origin_file AND t.origin_row = l.origin_row"
        same = (
            f"SELECT l.record FROM ({lines}) l JOIN {table.name} t ON {row} GROUP BY l.record"
            f" HAVING bool_and(t.{column} IS NOT DISTINCT FROM l.{column})"
        )
        self._report(RULES["overrides.row.needless"], f"record IN ({same})")
        self._con.execute(
            f"DELETE FROM borrowed b USING ({lines}) l WHERE b.tbl = {literal(table.name)}"
            f" AND b.file = l.origin_file AND b.row = l.origin_row AND b.col = {literal(column)}"
        )
        self._con.execute(
            f"INSERT INTO borrowed SELECT {literal(table.name)}, origin_file, origin_row,"
            f" {literal(column)}, {self._file}, record FROM ({lines})"
        )
        self._con.execute(
            f"UPDATE {table.name} t SET {column} = l.{column} FROM ({lines}) l WHERE {row}"
        )

    def _find_named(self) -> None:
        """Make the table `named`: the enrollments of the lines, if class and person are there.

        Ids may have a slash in them: of all ways to cut a key, one that leads to both is taken.
        """
        self._con.execute(
            """
            CREATE OR REPLACE TEMP TABLE named AS
            SELECT record, left(key, cut - 1) AS class_sourced_id,
                substr(key, cut + 1) AS user_sourced_id, role, true AS active
            FROM (SELECT record, key, role, unnest(range(1, len(key) + 1)) AS cut
                  FROM given SEMI JOIN overrides USING (record))
            WHERE key[cut] = '/'
                AND class_sourced_id IN (SELECT sourced_id FROM classes)
                AND user_sourced_id IN (SELECT sourced_id FROM users)
            QUALIFY row_number() OVER (PARTITION BY record ORDER BY cut) = 1
            """
        )
