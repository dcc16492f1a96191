"""Findings as people read them: by rule, with what follows from each root cause under it.

One misspelt class id can drop a thousand enrollments: the class is what must be mended, so the
thousand are counted below it and not listed as faults of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roster.roster import Roster

CAUSES_SHOWN = 3

# `cause` names the root of a finding, such as orgs:9999. Of the findings that share one, those of
# a rule `….dropped` follow from the others; where there are no others they stand for themselves.
_GROUPS = """
WITH marked AS (
    SELECT *, coalesce(nullif(cause, ''), tbl || ':' || entity) AS root,
           ends_with(rule, '.dropped') AS follows
    FROM findings
), heads AS (
    SELECT root, min(rule) AS rule, min_by(severity, rule) AS severity
    FROM marked WHERE NOT follows GROUP BY root
), shown AS (
    SELECT * FROM marked WHERE NOT follows OR root NOT IN (SELECT root FROM heads)
), lines AS (
    SELECT h.rule, h.severity, count(*) AS found,
           count(*) || ' × ' || m.rule || ' because of ' || root AS line
    FROM marked m JOIN heads h USING (root) WHERE m.follows
    GROUP BY h.rule, h.severity, m.rule, root
    UNION ALL
    SELECT rule, severity, count(*), count(*) || ' of these because of ' || root
    FROM shown WHERE cause <> '' GROUP BY rule, severity, root HAVING count(*) > 1
), lists AS (
    SELECT rule, severity, list(line ORDER BY found DESC, line) AS lines FROM lines GROUP BY ALL
)
SELECT s.rule, s.severity, count(*) AS found,
       arg_min(concat_ws(':', file, line) || concat_ws(' ', '', nullif(col, ''),
                   CASE WHEN value <> '' THEN '“' || value || '”' END) || ': ' || message,
               (file, coalesce(line, 0))),
       any_value(hint), any_value(l.lines)
FROM shown s LEFT JOIN lists l USING (rule, severity)
GROUP BY s.rule, s.severity ORDER BY s.severity, found DESC, s.rule
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of a rule, without mere follow-ons. `follow_ons`: lines to show below them."""

    rule: str
    severity: str
    count: int
    example: str
    hint: str
    follow_ons: tuple[str, ...]


def group_findings(roster: Roster) -> list[Group]:
    """The findings of a roster, errors first, then the most frequent rule."""
    groups: list[Group] = []
    for rule, severity, count, example, hint, lines in roster.con.execute(_GROUPS).fetchall():
        shown = tuple(lines or ())[:CAUSES_SHOWN]
        if lines and len(lines) > CAUSES_SHOWN:
            shown += (f"… and {len(lines) - CAUSES_SHOWN:,} more causes",)
        groups.append(Group(rule, severity, count, example, hint, shown))
    return groups
