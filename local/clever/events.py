"""Events: what came, changed and went at each sync (https://dev.clever.com/docs/events-api).

Each holds the whole object, a deleted one as it was last; an update also the values of before, of
what differs and no more. A change that only v3.1 can tell is no event of v3.0. All events of a sync
have one second as `created`; their order is that of their ids.

Table `events` (pos, id, created, type, kind, in30, object30, object31, previous30, previous31,
schools); object30 and previous30 are NULL where v3.0 says the same as v3.1.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

from .district import of_version

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

DAYS = 30
# Within a sync, what others name comes before them and goes after them.
_CAME = ("schools", "terms", "courses", "users", "sections")
_EVENTS = """
CREATE TABLE {s}.events (pos BIGINT, id VARCHAR, created TIMESTAMP, type VARCHAR, kind VARCHAR,
    in30 BOOLEAN, object30 VARCHAR, object31 VARCHAR, previous30 VARCHAR, previous31 VARCHAR,
    schools VARCHAR[])
"""
_HAPPENED = """
CREATE OR REPLACE TEMP TABLE happened AS
SELECT coalesce(n.kind, o.kind) AS kind, coalesce(n.id, o.id) AS id,
    CASE WHEN o.id IS NULL THEN 'created' WHEN n.id IS NULL THEN 'deleted' ELSE 'updated' END
        AS action
FROM {s}.objects o FULL JOIN objects_now n ON n.id = o.id
WHERE (n.head || n.tail31) IS DISTINCT FROM (o.head || o.tail31)
"""
_UPDATED = """
SELECT id, '{{' || o.head || o.tail31, '{{' || n.head || n.tail31,
    CASE WHEN o.tail30 <> o.tail31 OR n.tail30 <> n.tail31 THEN '{{' || o.head || o.tail30 END,
    CASE WHEN o.tail30 <> o.tail31 OR n.tail30 <> n.tail31 THEN '{{' || n.head || n.tail30 END
FROM happened JOIN {s}.objects o USING (id) JOIN objects_now n USING (id) WHERE action = 'updated'
"""
_NOTE = """
INSERT INTO {s}.events BY NAME
SELECT e.pos, printf('%08x%016x', greatest($second, l.second), e.pos) AS id,
    date_trunc('second', $at::TIMESTAMP) AS created, kind || '.' || action AS type, kind,
    coalesce(in30, true) AS in30, object30, object31, previous30, previous31, schools
FROM (
    SELECT h.kind, h.action, p.in30, p.previous30, p.previous31,
        coalesce(n.schools, o.schools) AS schools,
        '{{"id":"' || h.id || '",' || coalesce(n.stamps || n.head || n.tail31,
                                             o.stamps || o.head || o.tail31) AS object31,
        CASE WHEN coalesce(n.tail30, o.tail30) <> coalesce(n.tail31, o.tail31)
             THEN '{{"id":"' || h.id || '",' || coalesce(n.stamps || n.head || n.tail30,
                                             o.stamps || o.head || o.tail30) END AS object30,
        l.pos + row_number() OVER (ORDER BY
            CASE action WHEN 'deleted' THEN 10 - list_position($came, h.kind)
                        ELSE list_position($came, h.kind) - 10 END, h.id) AS pos
    FROM happened h LEFT JOIN {s}.objects o USING (id) LEFT JOIN objects_now n USING (id)
    LEFT JOIN previous p USING (id), ({last}) l
) e, ({last}) l
ORDER BY e.pos
"""
_LAST = """SELECT coalesce(max(pos), 0) AS pos,
    coalesce(('0x' || max(id)[:8])::BIGINT, 0) AS second FROM {s}.events"""


def make_table(con: DuckDBPyConnection, schema: str) -> None:
    """The empty table of events."""
    con.execute(_EVENTS.format(s=schema))


def note(con: DuckDBPyConnection, schema: str, at: datetime) -> None:
    """Notes how `objects_now` differs from the objects of before."""
    con.execute(_HAPPENED.format(s=schema))
    rows = con.execute(_UPDATED.format(s=schema)).fetchall()
    columns = [
        [row[0] for row in rows],
        [_differing(row[1], row[2]) for row in rows],
        [row[3] and _differing(row[3], row[4]) for row in rows],
    ]
    con.execute(
        """CREATE OR REPLACE TEMP TABLE previous AS
        SELECT id, previous31, CASE WHEN previous30 <> previous31 THEN previous30 END AS previous30,
            previous30 IS DISTINCT FROM '{}' AS in30
        FROM (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::VARCHAR[]) AS previous31,
                     unnest(?::VARCHAR[]) AS previous30)""",
        columns,
    )
    con.execute(
        _NOTE.format(s=schema, last=_LAST.format(s=schema)),
        {"at": at, "second": _second(at), "came": list(_CAME)},
    )


def note_district(con: DuckDBPyConnection, schema: str, at: datetime, before: dict[str, Any],
                  district: dict[str, Any]) -> None:  # fmt: skip
    """Notes how the district's own object changed."""
    [(pos, second)] = con.execute(_LAST.format(s=schema)).fetchall()
    second = max(second, _second(at))
    con.execute(
        f"""INSERT INTO {schema}.events VALUES (?, ?, date_trunc('second', ?::TIMESTAMP),
        'districts.updated', 'districts', true, ?, ?, NULL, ?, [])""",
        [
            pos + 1,
            f"{second:08x}{pos + 1:016x}",
            at,
            _compact(of_version(district, "3.0")),
            _compact(of_version(district, "3.1")),
            _compact(previous_attributes(before, district)),
        ],
    )


def previous_attributes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The values of before of what differs, nested as the object is; null where nothing was."""
    differing: dict[str, Any] = {}
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if isinstance(was, dict) and isinstance(now, dict):
            inner = previous_attributes(cast("dict[str, Any]", was), cast("dict[str, Any]", now))
            if inner:
                differing[name] = inner
        elif was != now:
            differing[name] = was
    return differing


def _second(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def _differing(before: str, after: str) -> str:
    return _compact(previous_attributes(json.loads(before), json.loads(after)))


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
