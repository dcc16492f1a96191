"""Guards: what stops a plan from doing harm when the data is wrong.

A limit trips for a kind of change when it is exceeded both in number and in per cent of what
exists of that kind, in the whole tenant or within one school. What trips is held as a whole: all
removals of that kind (or all of that kind in that school). Everything else flows on.

Lines of the source that could not be read at all hold every removal, since anybody might stand on
them; and so does any doubt about what the tenant remembers. Who wants to see every plan before
anything of it is applied, such as the first ones in a tenant, has everything held.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from roster.section import Section

from .change import REMOVALS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]


class Limit(Section):
    """Trips when there are more than `count` changes AND more than `percent` of what exists."""

    percent: Percent = Field(default=10, description="Share of what exists of the kind")
    count: Count = Field(default=20, description="Number of changes that is never held")


class DatedLimit(Section):
    """A dated exception, such as a year rollover: from day to day another limit holds."""

    since: date = Field(alias="from", description="First day, inclusive")
    until: date = Field(alias="to", description="Last day, inclusive")
    why: str = Field(min_length=3, description="The reason, for those who read the config later")
    limit: Limit = Field(description="The limit in that time, for the tenant and each school")

    @model_validator(mode="after")
    def _in_order(self) -> DatedLimit:
        if self.until < self.since:
            raise ValueError("`to` lies before `from`")
        return self


class Guards(Section):
    """Limits on removals, disables and archived teams; the rest flows unless everything is held."""

    hold: Literal["limits", "everything"] = Field(
        default="limits",
        description="What waits for an approval: limits, what exceeds the limits below; "
        "everything, each change of each plan",
    )
    removals: Limit = Field(default_factory=Limit, description="Limit for the whole tenant")
    school_removals: Limit = Field(
        default_factory=lambda: Limit(percent=50, count=20),
        description="Limit within one school",
    )
    approval_days: Annotated[int, Field(ge=1, le=30)] = Field(
        default=7, description="Days after which a held plan can no longer be approved"
    )
    exceptions: tuple[DatedLimit, ...] = Field(default=(), description="Dated exceptions")


_EXISTING = """
CREATE OR REPLACE TABLE existing_counts AS
SELECT 'person' AS kind, coalesce(s.school, p.school) AS school, count(*) AS total
FROM existing_people a
LEFT JOIN desired_people p USING (external_id)
LEFT JOIN last_schools s USING (external_id)
WHERE a.external_source = 'sis' AND a.account_enabled GROUP BY ALL
UNION ALL
SELECT 'team', school, count(*) FROM class_teams WHERE NOT archived GROUP BY ALL
UNION ALL
SELECT kind, school, count(*) FROM managed_members GROUP BY ALL
UNION ALL
SELECT 'person_rule', school, count(*) FROM rule_values WHERE old IS NOT NULL GROUP BY ALL
"""

_IN_TENANT = """
UPDATE changes SET why_held = tripped.why FROM (
    SELECT c.kind, c.action,
           c.n || ' of ' || coalesce(e.total, 0) || ' existing: more than ' || $count
           || ' and more than ' || format('{:g}', $percent::DOUBLE) || ' %' AS why
    FROM (SELECT kind, action, count(*) AS n FROM changes
          WHERE action IN (SELECT unnest($removals)) GROUP BY ALL) c
    LEFT JOIN (SELECT kind, sum(total)::BIGINT AS total FROM existing_counts GROUP BY ALL) e
      ON e.kind = c.kind
    WHERE c.n > $count AND c.n > coalesce(e.total, 0) * $percent / 100
) tripped
WHERE changes.kind = tripped.kind AND changes.action = tripped.action AND changes.why_held = ''
"""

_IN_SCHOOL = """
UPDATE changes SET why_held = tripped.why FROM (
    SELECT c.kind, c.action, c.school,
           c.n || ' of ' || e.total || ' existing in school ' || c.school || ': more than '
           || $count || ' and more than ' || format('{:g}', $percent::DOUBLE) || ' %' AS why
    FROM (SELECT kind, action, school, count(*) AS n FROM changes
          WHERE action IN (SELECT unnest($removals)) AND school IS NOT NULL GROUP BY ALL) c
    JOIN existing_counts e ON e.kind = c.kind AND e.school = c.school
    WHERE c.n > $count AND c.n > e.total * $percent / 100
) tripped
WHERE changes.kind = tripped.kind AND changes.action = tripped.action
  AND changes.school = tripped.school AND changes.why_held = ''
"""

_UNREADABLE = """
UPDATE changes SET why_held = broken.why FROM (
    SELECT string_agg(lines || ' unreadable line(s) in ' || tbl, ', ' ORDER BY tbl) AS why
    FROM unreadable
) broken
WHERE broken.why IS NOT NULL AND changes.action IN (SELECT unnest($removals))
"""

_DOUBTED = """
UPDATE changes SET why_held = $doubt
WHERE $doubt <> '' AND why_held = '' AND action IN (SELECT unnest($removals))
"""


_EVERYTHING = "UPDATE changes SET why_held = $why WHERE why_held = ''"


def hold(con: DuckDBPyConnection, guards: Guards, today: date, doubt: str = "") -> None:
    """Sets `why_held` in the table `changes`; needs the tables of `owned.py`, and desired.

    `doubt`: why every removal is held; '' for none.
    """
    tenant, school = guards.removals, guards.school_removals
    for exception in guards.exceptions:
        if exception.since <= today <= exception.until:
            tenant = school = exception.limit
    con.execute(_EXISTING)
    con.execute(_UNREADABLE, {"removals": list(REMOVALS)})
    con.execute(_DOUBTED, {"doubt": doubt, "removals": list(REMOVALS)})
    for query, limit in ((_IN_TENANT, tenant), (_IN_SCHOOL, school)):
        con.execute(
            query, {"count": limit.count, "percent": limit.percent, "removals": list(REMOVALS)}
        )
    if guards.hold == "everything":
        con.execute(_EVERYTHING, {"why": "guards.hold is everything"})
