"""What a district shares, and whether less of it means that people left, or that less is shared.

https://dev.clever.com/docs/data-model-quirks
https://dev.clever.com/docs/integration-anti-patterns-edge-cases
https://dev.clever.com/docs/ss-design (data access: roles and fields may be hidden)

Design note. A district decides which schools, sections, roles and fields an application sees, and
may pause. What is no longer shared looks exactly like what no longer exists: lists lack it, events
call it deleted. So each pull is compared with the last one before it counts, and refused where it
has what a change of sharing leaves behind: a school that is gone, a kind of people or a field that
nobody has any more, a school or the whole with markedly fewer rows. Fewer rows are counted, not
rows that are gone: at the turn of a school year all sections go, and others come; where sharing
ends, nothing comes. Who knows that it is right says so in the source's settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from roster.errors import Refused
from roster.schema import literal, quoted

if TYPE_CHECKING:
    import duckdb

# As the guards of a plan: a class of pupils that leaves is no change of sharing.
FEWEST_ROWS = 20
SCHOOL_PERCENT = 50
MOST_NAMES = 5
LONGEST_REASON = 200
_ASK = "ask the district what it shares with the application (Clever dashboard, Data sharing)"
_KINDS = {
    "students": "students",
    "employees": "teachers and staff",
    "contacts": "contacts",
    "sections": "sections",
    "terms": "terms",
    "courses": "courses",
}
_ROLES = {"teacher": "teachers", "staff": "staff", "district_admin": "district administrators"}
_FIELDS = {
    "students": ("email", "username", "sis_id", "grade", "first", "last"),
    "employees": ("email", "username", "sis_id", "first", "last"),
}
_IN_SCHOOLS = {
    "student_schools": "students",
    "employee_schools": "teachers and staff",
    "sections": "sections",
}


@dataclass(frozen=True)
class Allowed:
    """What may be less. `percent`: how much of a kind of rows, 100: all but whole schools.

    `schools`: SIS ids or Clever's ids of those that may be gone. `contacts`: whether contacts are
    pulled at all.
    """

    percent: int
    schools: frozenset[str]
    contacts: bool


def check_state(district: Mapping[str, Any]) -> None:
    """Refuses what a district shows while it is paused, in error, or not yet there."""
    state = str(district.get("state") or "").lower()
    if state == "error":
        reason = " ".join(str(district.get("error") or "").split())[:LONGEST_REASON]
        raise Refused(
            f"completeness: the district is in error in Clever{f' ({reason})' if reason else ''}, "
            "and its data may be incomplete; run again once the district has mended its upload"
        )
    if state == "paused" or _within_pause(district):
        raise Refused(
            "completeness: the district has paused its sync in Clever, and its data stand still; "
            "run again once it goes on"
        )
    if state == "pending":
        raise Refused(
            "completeness: the district does not yet sync to Clever (state: pending); run again "
            "once its first sync is done"
        )


def compare(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, str], before: Path, allowed: Allowed
) -> None:
    """Refuses tables that lack what those in the folder `before` had, as if less were shared."""
    was = {
        name: f"read_parquet({literal(str(path))})"
        for name in tables
        if (path := before / f"{name}.parquet").exists()
    }
    found = _gone_schools(con, tables, was, allowed)
    if allowed.percent < 100:
        found += _gone_kinds(con, tables, was, allowed)
        found += _hidden_fields(con, tables, was)
        found += _fewer(con, tables, was, allowed)
        found += _fewer_in_schools(con, tables, was)
    if found:
        more = f"; and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
        raise Refused(
            f"completeness: {'; '.join(found[:MOST_NAMES])}{more}. Nothing is removed for that: "
            f"{_ASK}. If all of it is right, name schools in `gone_schools`, or set "
            "`largest_drop: 100` for one pull"
        )


def _within_pause(district: Mapping[str, Any]) -> bool:
    start, end = _moment(district.get("pause_start")), _moment(district.get("pause_end"))
    return start is not None and end is not None and start <= datetime.now(UTC) < end


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _gone_schools(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    was: Mapping[str, str],
    allowed: Allowed,
) -> list[str]:
    if "schools" not in was:
        return []
    gone = con.execute(
        f"""SELECT coalesce(nullif(sis_id, ''), id), name FROM {was["schools"]}
        WHERE id NOT IN (SELECT id FROM {tables["schools"]} WHERE id IS NOT NULL)
            AND id IS NOT NULL AND NOT list_contains($1, id)
            AND NOT list_contains($1, coalesce(sis_id, ''))
        ORDER BY 1""",
        [sorted(allowed.schools)],
    ).fetchall()
    if not gone:
        return []
    names = ", ".join(f"{name} ({id_})" for id_, name in gone[:MOST_NAMES])
    more = f" and {len(gone) - MOST_NAMES} more" if len(gone) > MOST_NAMES else ""
    return [f"no longer shared: {names}{more}"]


def _gone_kinds(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    was: Mapping[str, str],
    allowed: Allowed,
) -> list[str]:
    """Kinds of rows that there were, and of which nothing is left."""
    counted = {
        words: (table, "true")
        for table, words in _KINDS.items()
        if table != "contacts" or allowed.contacts
    }
    for role, words in _ROLES.items():
        counted[words] = ("employee_schools", f"role = {literal(role)}")
    found: list[str] = []
    for words, (table, condition) in counted.items():
        if table in was and not _count(con, tables[table], condition):
            old = _count(con, was[table], condition)
            if old:
                found.append(f"no {words} are shared any more, and there were {old:,}")
    return found


def _hidden_fields(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, str], was: Mapping[str, str]
) -> list[str]:
    """Fields that identify people, which some had, and nobody has."""
    found: list[str] = []
    for table, fields in _FIELDS.items():
        if table not in was:
            continue
        sums = ", ".join(f"count(nullif({quoted(name)}, ''))" for name in fields)
        [old] = con.execute(f"SELECT {sums} FROM {was[table]}").fetchall()
        [new] = con.execute(f"SELECT {sums} FROM {tables[table]}").fetchall()
        there = _count(con, tables[table], "true")
        for name, before, now in zip(fields, old, new, strict=True):
            if before > 1 and there and not now:
                found.append(f"the {name} of {_KINDS[table]} is not shared any more")
    return found


def _fewer(
    con: duckdb.DuckDBPyConnection,
    tables: Mapping[str, str],
    was: Mapping[str, str],
    allowed: Allowed,
) -> list[str]:
    found: list[str] = []
    for table, words in {**_KINDS, "members": "memberships of sections"}.items():
        if table not in was or (table == "contacts" and not allowed.contacts):
            continue
        old, new = _count(con, was[table], "true"), _count(con, tables[table], "true")
        if new and _too_few(old, new, allowed.percent):
            found.append(f"{new:,} {words}, and there were {old:,}")
    return found


def _fewer_in_schools(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, str], was: Mapping[str, str]
) -> list[str]:
    """Schools that are shared still, but less of them: single sections, or a rule."""
    found: list[str] = []
    for table, words in _IN_SCHOOLS.items():
        if table not in was:
            continue
        rows = con.execute(
            f"""SELECT s.name, o.rows, coalesce(n.rows, 0) FROM {tables["schools"]} s
            JOIN (SELECT school AS id, count(*) AS rows FROM {was[table]} GROUP BY 1) o
                ON o.id = s.id
            LEFT JOIN (SELECT school AS id, count(*) AS rows FROM {tables[table]} GROUP BY 1) n
                ON n.id = s.id
            ORDER BY s.name, s.id"""
        ).fetchall()
        for name, old, new in cast("Sequence[tuple[Any, int, int]]", rows):
            if _too_few(old, new, SCHOOL_PERCENT):
                found.append(f"{name}: {new:,} {words}, and there were {old:,}")
    return found


def _too_few(old: int, new: int, percent: int) -> bool:
    return old - new >= FEWEST_ROWS and (old - new) * 100 > old * percent


def _count(con: duckdb.DuckDBPyConnection, rows: str, condition: str) -> int:
    [(count,)] = con.execute(f"SELECT count(*) FROM {rows} WHERE {condition}").fetchall()
    return int(count)
