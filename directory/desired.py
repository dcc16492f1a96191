"""Desired: the directory as the roster and the policy want it today, as DuckDB tables.

Needs in the connection the roster tables (with `findings`, `files`, `line_shifts`), the existing_*
tables, `deleted_people` and `identities`. Makes:

    desired_people    everyone with a role; `active_today` says who counts now
    desired_contacts  guardians of students, as related contacts
    links             the account of each person that has one
    contested         who is left alone altogether, and why
    near_misses       accounts that are much like somebody's who has none
    twins             what School Data Sync made for people, classes and schools of the roster
    given_usernames   names that were made from templates, for this run and for later ones
    placed_people     who takes part: linked, or to be created (object_id NULL)
    desired_schools   administrative units
    desired_classes   class groups
    desired_teams     classes that should have a team
    ended_classes     classes that are known to be over
    desired_groups    security groups
    desired_members   kind, target, person, relation, school, reason, origin_file, origin_row
    ruled_members     the same, of units and groups whose rule decides who is in them
    rule_values       what rules read: the attribute of each account
    directory_findings  what could not be had, and why
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accounts import place_people
from .activity import find_active
from .adoption import find_twin_people, find_twins, hold_back_twins, leave_twin_people
from .classes import find_owned_classes, want_classes
from .findings import start_findings
from .groups import want_groups
from .identities import keep_matches, report_contested
from .matching import match_people
from .naming import define_names
from .near_misses import find_near_misses
from .opt_out import leave_opted_out
from .people import want_people
from .rules import define_rules, want_values
from .schools import want_schools
from .teams import want_teams
from .usernames import name_people

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
    define_rules(con)
    start_findings(con)
    for table in ("desired_members", "ruled_members"):
        con.execute(
            f"""CREATE OR REPLACE TABLE {table} (kind VARCHAR, target VARCHAR, person VARCHAR,
            relation VARCHAR, school VARCHAR, reason VARCHAR,
            origin_file UTINYINT, origin_row UINTEGER)"""
        )
    find_active(con, policy.sessions, today)
    want_people(con, policy.people, domains[0])
    keep_matches(con)
    find_twin_people(con, policy)
    match_people(con, policy.match_rules, domains[0])
    leave_twin_people(con)
    leave_opted_out(con, policy.people.opt_out_group)
    report_contested(con)
    find_near_misses(con)
    name_people(con, policy.people, domains, today)
    place_people(con, policy.people, domains)
    find_owned_classes(con)
    if find_twins(con, policy):
        find_owned_classes(con)
    want_schools(con, policy.schools, policy.unit_attribute)
    want_classes(con, policy.classes)
    want_teams(con, policy, today)
    want_groups(con, policy.groups, policy.group_attribute)
    hold_back_twins(con, policy)
    want_values(con, policy.unit_attribute or policy.group_attribute)
