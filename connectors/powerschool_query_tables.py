"""The tables that the rows of the plugin's queries make."""

from __future__ import annotations

from typing import Any

from connectors.connector import Pull
from connectors.powerschool_people import People
from connectors.powerschool_queries import WHOLE
from connectors.powerschool_values import (
    ACTIVE_STUDENT,
    CURRENT_STAFF,
    GRADUATED_SCHOOL,
    blank,
    grade,
    last_day,
    never_attended,
    relation,
    staff_role,
    teaching_role,
)
from connectors.projection import Collection, Projection
from roster.schema import literal


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, "VARCHAR")


def collections(pull: Pull, people: People, *, contacts: bool) -> tuple[Collection, ...]:
    """What the pages consist of, and the tables that they make."""
    whole = {*WHOLE, *pull.facts["whole"]}
    made = [
        _schools(people),
        _terms(),
        _courses(),
        _sections(people),
        _staff(people),
        _sectionteachers(),
        _students(people),
        _enrollments(),
    ]
    if contacts:
        made.append(_contacts())
    return tuple(
        Collection(name, fields, (projection,), whole=name in whole)
        for name, fields, projection in made
    )


_Parts = tuple[str, dict[str, Any], Projection]


def _schools(people: People) -> _Parts:
    return (
        "schools",
        _texts("dcid", "school_number", "name"),
        Projection(
            "schools",
            {
                "id": "dcid",
                "number": "school_number",
                "name": "name",
                "district": literal(people.district),
            },
            "dcid",
            gone=f"school_number IN ('0', '{GRADUATED_SCHOOL}') OR {people.elsewhere('dcid')}",
        ),
    )


def _terms() -> _Parts:
    return (
        "terms",
        _texts("dcid", "yearid", "name", "portion", "first_day", "last_day"),
        Projection(
            "terms",
            {
                "id": "dcid",
                "name": "name",
                "portion": "portion",
                "schoolyear": "try_cast(yearid AS INTEGER) + 1991",
                "firstday": "first_day",
                "lastday": "last_day",
            },
            "dcid",
        ),
    )


def _courses() -> _Parts:
    return (
        "courses",
        _texts("dcid", "course_number", "course_name"),
        Projection(
            "courses",
            {"id": "dcid", "number": blank("course_number"), "name": blank("course_name")},
            "dcid",
        ),
    )


def _sections(people: People) -> _Parts:
    return (
        "sections",
        _texts("dcid", "school_dcid", "course_dcid", "term_dcid", "section_number"),
        Projection(
            "sections",
            {
                "id": "dcid",
                "school": "school_dcid",
                "course": "course_dcid",
                "term": "term_dcid",
                "number": blank("section_number"),
            },
            "dcid",
            gone=people.elsewhere("school_dcid"),
        ),
    )


def _staff(people: People) -> _Parts:
    names = ("first_name", "middle_name", "last_name", "email", "teacher_login", "admin_login")
    return (
        "staff",
        _texts(
            "dcid", "users_dcid", "person_number", *names,
            "school_dcid", "status", "staff_status", "is_home",
        ),
        Projection(
            "staff",
            {
                "id": "dcid",
                "person": people.teacher("users_dcid", "person_number"),
                "number": blank("person_number"),
                "username": people.account(("teacher_login", "admin_login"), "email"),
                "givenname": "first_name",
                "familyname": "last_name",
                "middlename": "middle_name",
                "email": blank("email"),
                "school": "school_dcid",
                "role": staff_role("staff_status"),
                "primary": "is_home",
            },
            "dcid",
            gone=f"status <> '{CURRENT_STAFF}' OR {people.elsewhere('school_dcid')}",
        ),
    )  # fmt: skip


def _sectionteachers() -> _Parts:
    return (
        "sectionteachers",
        _texts("dcid", "section_dcid", "staff_dcid", "role", "start_date", "end_date"),
        Projection(
            "sectionteachers",
            {
                "id": "dcid",
                "section": "section_dcid",
                "staff": "staff_dcid",
                "role": teaching_role("role"),
                "startdate": "start_date",
                "enddate": "end_date",
            },
            "dcid",
        ),
    )


def _students(people: People) -> _Parts:
    return (
        "students",
        _texts(
            "dcid", "person_number", "login", "first_name", "middle_name", "last_name", "email",
            "grade_level", "enroll_status", "school_dcid",
        ),
        Projection(
            "students",
            {
                "id": "dcid",
                "person": people.student("dcid", "person_number"),
                "number": blank("person_number"),
                "username": people.account(("login",), "email"),
                "givenname": "first_name",
                "familyname": "last_name",
                "middlename": "middle_name",
                "email": blank("email"),
                "school": "school_dcid",
                "grade": grade("grade_level"),
            },
            "dcid",
            gone=f"enroll_status <> '{ACTIVE_STUDENT}' OR {people.elsewhere('school_dcid')}",
        ),
    )  # fmt: skip


def _enrollments() -> _Parts:
    return (
        "enrollments",
        _texts("dcid", "section_dcid", "student_dcid", "date_enrolled", "date_left", "dropped"),
        Projection(
            "enrollments",
            {
                "id": "dcid",
                "section": "section_dcid",
                "student": "student_dcid",
                "startdate": "date_enrolled",
                "enddate": last_day("date_left"),
            },
            "dcid",
            gone=f"dropped <> '0' OR {never_attended('date_enrolled', 'date_left')}",
        ),
    )


def _contacts() -> _Parts:
    return (
        "contacts",
        _texts(
            "dcid", "student_dcid", "person_id", "first_name", "last_name", "email", "phone",
            "relation",
        ),
        Projection(
            "contacts",
            {
                "id": "dcid",
                "student": "student_dcid",
                "person": "'P' || person_id",
                "givenname": "first_name",
                "familyname": "last_name",
                "email": blank("email"),
                "phone": blank("phone"),
                "relation": relation("relation"),
            },
            "dcid",
        ),
    )  # fmt: skip
