"""What the service holds: the district's objects as of the last sync, and the events until then.

A sync makes all objects from the rows as they are, compares them with those of before, and notes an
event for each that came, went or differs. It happens when the records changed since the last one:
before the next request, and before the clock is moved.

Tables of a schema of its own: ids (see identity), events (see events), objects (kind, id, pos,
born, modified, stamps, head, seen, tail30, tail31, roles, schools) in the order of kind and id, and
what belongs together: attends, sections, members, kin (see objects).
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC
from typing import TYPE_CHECKING, Any

from . import district, events
from .identity import Identity
from .objects import make_objects
from .quirks import DATA, SHAPES, Quirks
from .staging import share, stage
from .wording import stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from local.sis.records import Records

    from .clock import Clock
    from .sharing import Sharing

_OBJECTS = f"""
CREATE OR REPLACE TEMP TABLE objects_now AS
SELECT kind, id, row_number() OVER (ORDER BY kind, id) AS pos, * EXCLUDE (kind, id),
       CASE WHEN kind IN ('schools', 'sections', 'users')
            THEN '"created":"' || {stamp("born")} || '","last_modified":"' || {stamp("modified")}
                 || '",' ELSE '' END AS stamps
FROM (SELECT n.*, CASE WHEN n.head || n.tail31 IS NOT DISTINCT FROM o.head || o.tail31
                       OR $silent
                       THEN coalesce(o.modified, $at::TIMESTAMP) ELSE $at::TIMESTAMP END AS modified
      FROM fresh n LEFT JOIN {{s}}.objects o ON o.id = n.id)
ORDER BY kind, id
"""
_EMPTY = """
CREATE TABLE {s}.objects (kind VARCHAR, id VARCHAR, pos BIGINT, head VARCHAR, seen VARCHAR,
    tail30 VARCHAR, tail31 VARCHAR, roles INTEGER, born TIMESTAMP, schools VARCHAR[],
    modified TIMESTAMP, stamps VARCHAR)
"""
_KEEP = """
CREATE OR REPLACE TABLE {s}.objects AS FROM objects_now ORDER BY pos;
CREATE OR REPLACE TABLE {s}.attends AS FROM r_attends ORDER BY school;
CREATE OR REPLACE TABLE {s}.sections AS FROM r_section ORDER BY id;
CREATE OR REPLACE TABLE {s}.members AS FROM r_member ORDER BY section;
CREATE OR REPLACE TABLE {s}.kin AS FROM r_kin ORDER BY student;
"""
_WORK_TABLES = (
    "held", "person", "term_of", "section", "member", "kin", "whole_school", "open_section",
    "open_school", "open_person", "present", "merged", "user_id", "school_id", "r_attends",
    "r_section", "r_member", "r_kin", "fresh", "objects_now", "happened", "previous",
)  # fmt: skip


class Catalogue:
    """The objects and events of one district, for several threads. `schema`: of its tables."""

    def __init__(self, records: Records, clock: Clock, quirks: Quirks, sharing: Sharing) -> None:
        self.records = records
        self.clock = clock
        self.quirks = quirks
        self.sharing = sharing
        self.schema = f"clever_{uuid.uuid4().hex}"
        self._lock = threading.RLock()
        self._syncs = 0
        self._revision = -1
        self._con = records.cursor()
        self._con.execute(f"CREATE SCHEMA {self.schema}")
        self._launch = district.launch(records.district.today)
        self._identity = Identity(self._con, self.schema, self._launch)
        self._district: dict[str, Any] = {}
        events.make_table(self._con, self.schema)
        self._con.execute(_EMPTY.format(s=self.schema))
        self.sync()
        clock.before_move.append(self.refresh)

    def district(self, version: str) -> dict[str, Any]:
        """The district as an object of version 3.0 or 3.1."""
        return district.of_version(self._district, version)

    def refresh(self) -> None:
        """Takes over what changed in the records since the last sync, if the district syncs."""
        with self._lock:
            if self.quirks.synced and self._revision != self.records.revision:
                self.sync()

    def set_quirks(self, quirks: Quirks) -> None:
        """Turns switches. Those of the district's data bring a sync with its events."""
        with self._lock:
            before, self.quirks = self.quirks, quirks

            def turned(names: Sequence[str]) -> bool:
                return any(getattr(before, name) != getattr(quirks, name) for name in names)

            if not quirks.synced:
                self._tell_district(_naive(self.clock.now()), synced=False)
            elif turned(DATA):
                self.sync()
            elif turned(SHAPES):
                self.sync(silent=True)

    def set_sharing(self, sharing: Sharing) -> None:
        """Shares something else: events say what came and what went."""
        with self._lock:
            self.sharing = sharing
            self.sync()

    def sync(self, *, silent: bool = False) -> None:
        """Makes the objects from the rows as they are. `silent`: their shapes differ, not they."""
        with self._lock:
            con, s, ids = self._con, self.schema, self._identity.ids
            now = _naive(self.clock.now())
            at = now if self._syncs else self._launch
            self._revision = self.records.revision
            stage(con, self.quirks)
            self._identity.assign(con, self._syncs, at)
            share(con, self.sharing, ids)
            make_objects(con, ids, self.quirks)
            con.execute(_OBJECTS.format(s=s), {"at": at, "silent": silent})
            con.execute("BEGIN")
            try:
                if not silent:
                    if self._syncs and self.quirks.events:
                        events.note(con, s, now)
                    self._tell_district(now, synced=True)
                for statement in _KEEP.format(s=s).strip().split(";\n"):
                    con.execute(statement)
            except BaseException:
                con.execute("ROLLBACK")
                raise
            con.execute("COMMIT")
            for table in _WORK_TABLES:
                con.execute(f"DROP TABLE IF EXISTS {table}")
            self._syncs += 1

    def _tell_district(self, at: datetime, *, synced: bool) -> None:
        """The district says how it is, and since when, in an event of its own."""
        [(id_, name)] = self._con.execute(
            f"""SELECT i.id, o.name FROM {self._identity.ids} i
            JOIN orgs o ON o.sourced_id = i.key AND i.kind = 'districts'"""
        ).fetchall()
        before = self._district or district.describe(id_, name, "success", self._launch)
        since = at if synced else before["last_sync"]
        self._district = district.describe(id_, name, self.quirks.state, self._launch, at, since)
        if self.quirks.events:
            events.note_district(self._con, self.schema, at, before, self._district)


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
