"""What a plan costs: the writes that applying it takes, and the fewest that could do.

A change costs what its writer does (`graph/writers.py`), message by message:

    person   one write for all that an educationUser has, another for extensionAttributes
    school   creation or name, and its unit's rule; one write for each person added or removed
    class    creation or update, people in binds of twenty, one write for each person removed;
    group    a group, and a class made as one, is created with its first twenty people

The least is what no order of work could avoid under the same policy: one write for each object made
and each object changed (in each API that its fields belong to), ceil(references / 20) for the
people of a group, of which the creation of a plain group carries the first twenty, and one for each
person put into or taken out of a unit, or taken out of a group.

The directory takes 3,000 writes at once and 20 in a second thereafter, unless the settings say less
(https://learn.microsoft.com/graph/throttling-limits). That page prices a bind as one write; if it
counts as one write for every three references, `units` is the number that matters. Teams have a
quota of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from graph.quota import Quota

BATCH = 20
TEAMS_PER_SECOND = 10

_WORK = """
WITH written AS (
    SELECT message, unnest(json_keys(after)) AS field FROM plan_changes
    WHERE relation IS NULL AND after IS NOT NULL
), fields AS (
    SELECT message, bool_or(starts_with(field, 'extensionAttribute')) AS extended,
           bool_or(NOT starts_with(field, 'extensionAttribute')) AS plain,
           bool_or(field = 'membership_rule') AS ruled,
           bool_or(field <> 'membership_rule') AS described,
           bool_or(field = 'unique_name') AS unique_named
    FROM written GROUP BY message
), asked AS (
    SELECT message, entity, target, why_held <> '' AS held, bool_or(action = 'create') AS creates,
           count(*) FILTER (relation IS NOT NULL AND action = 'add') AS adds,
           count(*) FILTER (relation IS NOT NULL AND action = 'remove') AS removes
    FROM plan_changes GROUP BY ALL
), priced AS (
    SELECT a.*, creates AND (entity = 'group' OR coalesce(unique_named, false)) AS with_people,
           entity IN ('class', 'group') AS binds,
           CASE WHEN f.message IS NULL OR entity = 'team' THEN 0
                WHEN entity = 'person' THEN plain::INTEGER + extended::INTEGER
                WHEN entity = 'school' THEN described::INTEGER + ruled::INTEGER
                ELSE 1 END AS objects,
           -- a new unit could have its rule from the start
           CASE WHEN entity = 'school' AND creates THEN 1 ELSE objects END AS least_objects,
           CASE WHEN with_people THEN least(adds, 20) ELSE 0 END AS first_bound
    FROM asked a LEFT JOIN fields f USING (message)
), messages AS (
    SELECT held, objects + removes AS single, first_bound, with_people, binds, entity,
           adds - first_bound AS later
    FROM priced
), containers AS (
    SELECT held, sum(least_objects) + sum(removes) + CASE
           WHEN NOT any_value(binds) THEN sum(adds)
           WHEN bool_or(with_people) THEN greatest(ceil(sum(adds) / 20), 1) - 1
           ELSE ceil(sum(adds) / 20) END AS least
    FROM priced GROUP BY held, entity, target
)
SELECT held,
       sum(single + CASE WHEN binds THEN ceil(later / 20) ELSE later END)::BIGINT,
       (SELECT sum(least) FROM containers c WHERE c.held = m.held)::BIGINT,
       sum(single + CASE WHEN with_people THEN greatest(ceil(first_bound / 3), 1) - 1 ELSE 0 END
           + CASE WHEN binds THEN (later // 20) * 7 + ceil((later % 20) / 3)
                  ELSE later END)::BIGINT,
       count(*) FILTER (entity = 'team')
FROM messages m GROUP BY held
"""


@dataclass(frozen=True)
class Cost:
    """Writes to the directory that a plan takes, and the fewest possible for the same policy.

    `units`: the writes if a bind counts as one for every three references. `teams`: requests to
    Teams, which come on top. `burst` and `rate`: the quota, in writes at once and in a second.
    """

    writes: int = 0
    least: int = 0
    units: int = 0
    teams: int = 0
    burst: int = 3000
    rate: float = 20.0

    @property
    def batches(self) -> int:
        """HTTP requests that carry the writes, twenty to each."""
        return math.ceil(self.writes / BATCH)

    @property
    def seconds(self) -> float:
        """Time that the directory's quota asks for, by the published price of a bind."""
        return self._seconds(self.writes)

    @property
    def most_seconds(self) -> float:
        """The same by the higher price."""
        return self._seconds(self.units)

    def as_dict(self) -> dict[str, Any]:
        """The cost, ready for JSON."""
        return {
            "writes": self.writes,
            "least": self.least,
            "units": self.units,
            "batches": self.batches,
            "seconds": self.seconds,
            "most_seconds": self.most_seconds,
            "teams": self.teams,
            "teams_seconds": self.teams / TEAMS_PER_SECOND,
            "burst": self.burst,
            "rate": self.rate,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Cost:
        """The cost that `as_dict` gave."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})

    def _seconds(self, writes: int) -> float:
        """How long the directory takes for them, however many instances send them."""
        return max(0, writes - self.burst) / self.rate

    def __str__(self) -> str:
        text = f"{self.writes:,} writes"
        if self.writes:
            ratio = f"{self.writes / self.least:.2f}"
            quota = f"{_duration(self.seconds)} at the quota"
            if self.most_seconds > self.seconds:
                quota += f" ({_duration(self.most_seconds)} if each three references count)"
            text += f", least possible {self.least:,} ({ratio}), {self.batches:,} batches, {quota}"
        if self.teams:
            teams = _duration(self.teams / TEAMS_PER_SECOND)
            text += f"; {self.teams:,} requests to Teams, {teams} at its own quota"
        return text


def find_costs(con: DuckDBPyConnection, quota: Quota) -> tuple[Cost, Cost]:
    """The cost of the changes in `plan_changes` that flow, and of those that are held."""
    nothing = Cost(burst=quota.writes, rate=quota.rate)
    found = {
        held: Cost(*numbers, burst=quota.writes, rate=quota.rate)
        for held, *numbers in con.execute(_WORK).fetchall()
    }
    return found.get(False, nothing), found.get(True, nothing)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"
