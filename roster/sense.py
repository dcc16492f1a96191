"""Rules of sense: rows that are correct each, and odd together. They warn and change nothing.

Where a row was dropped, what it would have said is unknown; nobody is told off for that.
"""

from __future__ import annotations

import duckdb

from roster.ledger import Ledger
from roster.rules import RULES
from roster.schema import literal
from roster.values import CONTACT_ROLES, ORG_ROLES, SECTION_ROLE

_STUDENT = "role = 'student'"
_STAFF = ", ".join(literal(role.name) for role in ORG_ROLES if role.group == "staff")
_SECTION_STAFF = ", ".join(
    literal(role)
    for role in SECTION_ROLE.values
    if role not in {"student", "alumni", *CONTACT_ROLES}
)
_CONTACT = f"role IN ({', '.join(map(literal, CONTACT_ROLES))})"
_PLACE = "origin_file AS file, origin_row AS row"


def check_sense(con: duckdb.DuckDBPyConnection, ledger: Ledger, fed: set[str]) -> None:
    """Apply the rules whose tables the source fed."""
    _people_without_role(ledger)
    _contacts_without_address(ledger)
    if "enrollments" in fed:
        _unpeopled_classes(con, ledger)
        _contacts_in_classes(ledger)
        _role_against_enrollment(con, ledger)


def _people_without_role(ledger: Ledger) -> None:
    ledger.report(
        RULES["users.role.none"],
        f"""
        SELECT {_PLACE}, sourced_id AS value, sourced_id AS entity FROM users
        WHERE active AND sourced_id NOT IN (
            SELECT user_sourced_id FROM roles
            UNION ALL SELECT relationship_user_sourced_id FROM relationships
            UNION ALL SELECT key FROM uncertain WHERE kind = 'role'
            UNION ALL SELECT key2 FROM uncertain WHERE kind = 'relationship')
        """,
    )


def _contacts_without_address(ledger: Ledger) -> None:
    ledger.report(
        RULES["users.contact.incomplete"],
        f"""
        SELECT {_PLACE}, sourced_id AS value, sourced_id AS entity FROM users
        WHERE (given_name IS NULL OR family_name IS NULL OR email IS NULL)
            AND sourced_id IN (SELECT relationship_user_sourced_id FROM relationships)
        """,
    )


def _unpeopled_classes(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE attendance AS
        SELECT class_sourced_id, bool_or({_STUDENT}) AS studied,
            bool_or(NOT {_STUDENT} AND NOT {_CONTACT}) AS taught
        FROM enrollments GROUP BY class_sourced_id
        UNION ALL SELECT DISTINCT key, true, true FROM uncertain WHERE kind = 'enrollment'
        """
    )
    for rule, done in (("classes.teachers.none", "taught"), ("classes.students.none", "studied")):
        ledger.report(
            RULES[rule],
            f"""
            SELECT {_PLACE}, sourced_id AS value, sourced_id AS entity FROM classes
            WHERE active AND sourced_id NOT IN (
                SELECT class_sourced_id FROM attendance WHERE {done})
            """,
        )
    con.execute("DROP TABLE attendance")


def _contacts_in_classes(ledger: Ledger) -> None:
    ledger.report(
        RULES["enrollments.role.contact"],
        f"""
        SELECT {_PLACE}, role AS value, class_sourced_id || '/' || user_sourced_id AS entity
        FROM enrollments WHERE {_CONTACT}
        """,
    )


def _role_against_enrollment(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE standing AS
        SELECT user_sourced_id, bool_or({_STUDENT}) AS student,
            bool_or(role IN ({_STAFF})) AS staff
        FROM roles GROUP BY user_sourced_id
        UNION ALL SELECT DISTINCT key, true, true FROM uncertain WHERE kind = 'role'
        """
    )
    for rule, person, role in (
        (
            "enrollments.role.student_teaching",
            "student AND NOT staff",
            f"role IN ({_SECTION_STAFF})",
        ),
        ("enrollments.role.staff_studying", "staff AND NOT student", _STUDENT),
    ):
        ledger.report(
            RULES[rule],
            f"""
            SELECT {_PLACE}, role AS value, class_sourced_id || '/' || user_sourced_id AS entity
            FROM enrollments
            WHERE {role}
                AND user_sourced_id IN (SELECT user_sourced_id FROM standing WHERE {person})
                AND user_sourced_id NOT IN (
                    SELECT user_sourced_id FROM standing WHERE student AND staff)
            """,
        )
    con.execute("DROP TABLE standing")
