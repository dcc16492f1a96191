"""Findings of this room: what the roster wants and the directory cannot give.

The rule texts stand here once; the rows join the roster's own findings in the table
`directory_findings`, which has the same columns as `findings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class DirectoryRule:
    """One rule: id, severity (error: left out; warning: done otherwise), table, text, hint."""

    id: str
    severity: str
    table: str
    column: str
    message: str
    hint: str


RULES: dict[str, DirectoryRule] = {
    rule.id: rule
    for rule in (
        DirectoryRule(
            "person.match.none", "warning", "users", "username",
            "no account matches this person",
            "create the account, correct the username, or add a match rule; until then the person "
            "is in no class or group",
        ),
        DirectoryRule(
            "person.match.ambiguous", "error", "users", "username",
            "several accounts, or several people, match; none was chosen",
            "give the right account the person's id, or correct the values that the rules compare",
        ),
        DirectoryRule(
            "person.username.illegal", "error", "users", "username",
            "the username cannot be a user principal name",
            "use A-Z a-z 0-9 ' . - _ ! # ^ ~, at most 64 characters before the @, no dot at "
            "either end",
        ),
        DirectoryRule(
            "person.username.domain", "error", "users", "username",
            "the domain of the username is not verified in this tenant",
            "verify the domain in Entra, or leave it out of the username and set people.domains",
        ),
        DirectoryRule(
            "person.username.shared", "error", "users", "username",
            "two people would get the same user principal name; neither account was made",
            "give one of them another username in the student information system",
        ),
        DirectoryRule(
            "person.username.taken", "error", "users", "username",
            "another account has this user principal name already",
            "match the person to that account, or give the person another username",
        ),
        DirectoryRule(
            "drift.reported", "warning", "users", "sourced_id",
            "somebody changed in the directory what Rollcall keeps; it was left as it is",
            "change it in the student information system, or set drift to repair",
        ),
        DirectoryRule(
            "class.owner.last", "warning", "classes", "sourced_id",
            "the class has no teacher any more; its last owner stays, because a group needs one",
            "enter a teacher for the class, or remove the class",
        ),
    )
}  # fmt: skip


def start_findings(con: DuckDBPyConnection) -> None:
    """Makes the empty table `directory_findings`."""
    con.execute("CREATE OR REPLACE TABLE directory_findings AS SELECT * FROM findings LIMIT 0")


def report(con: DuckDBPyConnection, rule_id: str, rows: str) -> None:
    """Adds a finding for each row of `rows`: external_id, origin_file, origin_row, value."""
    rule = RULES[rule_id]
    con.execute(
        f"""INSERT INTO directory_findings
            (rule, severity, tbl, file, line, col, value, entity, cause, message, hint)
        SELECT $rule, $severity, $tbl, f.name, s.line + (r.origin_row - s.row), $col, r.value,
               r.external_id, '', $message, $hint
        FROM ({rows}) r
        LEFT JOIN files f ON f.id = r.origin_file
        ASOF LEFT JOIN line_shifts s ON s.file = r.origin_file AND s.row <= r.origin_row
        ORDER BY r.external_id""",
        {
            "rule": rule.id,
            "severity": rule.severity,
            "tbl": rule.table,
            "col": rule.column,
            "message": rule.message,
            "hint": rule.hint,
        },
    )
