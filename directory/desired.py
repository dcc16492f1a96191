"""Desired: the directory as the roster and the policy want it today, as DuckDB tables.

Needs in the connection the roster tables (with `findings`, `files`, `line_shifts`) and the
existing_* tables. Makes:

    desired_people    everyone with a role; `active_today` says who counts now
    desired_contacts  guardians of students, as related contacts
    links             the account of each person that has one
    placed_people     who takes part: linked, or to be created (object_id NULL)
    desired_schools   administrative units
    desired_classes   class groups
    desired_teams     classes that should have a team
    ended_classes     classes that are known to be over
    desired_groups    security groups
    desired_members   kind, target, person, relation, school, reason, origin_file, origin_row
    directory_findings  what could not be had, and why
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accounts import place_people
from .activity import find_active
from .classes import want_classes
from .findings import start_findings
from .groups import want_groups
from .matching import match_people
from .naming import define_names
from .people import want_people
from .schools import want_schools
from .teams import want_teams

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from duckdb import DuckDBPyConnection

    from .policy import Policy


def build_desired(
    con: DuckDBPyConnection, policy: Policy, *, today: date, domains: Sequence[str]
) -> None:
    """Makes the tables above. `domains`: the tenant's verified domains, its default one first."""
    define_names(con)
    start_findings(con)
    con.execute(
        """CREATE OR REPLACE TABLE desired_members (kind VARCHAR, target VARCHAR, person VARCHAR,
           relation VARCHAR, school VARCHAR, reason VARCHAR,
           origin_file UTINYINT, origin_row UINTEGER)"""
    )
    find_active(con, policy.sessions, today)
    want_people(con, policy.people, domains[0])
    match_people(con, policy.matching, domains[0])
    place_people(con, policy.people, domains)
    want_schools(con, policy.schools)
    want_classes(con, policy.classes)
    want_teams(con, policy, today)
    want_groups(con, policy.groups)
