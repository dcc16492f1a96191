"""The tables that the lists of /ws/v1 make."""

from __future__ import annotations

from typing import Any

from connectors.powerschool_people import People
from connectors.powerschool_values import (
    GRADUATED_SCHOOL,
    blank,
    grade,
    last_day,
    never_attended,
    staff_role,
)
from connectors.projection import Collection, Projection
from roster.schema import literal


def collections(people: People) -> tuple[Collection, ...]:
    """What the pages consist of, and the tables that they make."""
    return (
        _schools(people),
        Collection(
            "terms",
            _texts("id", "name", "portion", "start_year", "start_date", "end_date"),
            (
                Projection(
                    "terms",
                    {
                        "id": "id",
                        "name": "name",
                        "portion": "portion",
                        "schoolyear": "try_cast(start_year AS INTEGER) + 1",
                        "firstday": "start_date",
                        "lastday": "end_date",
                    },
                    "id",
                ),
            ),
        ),
        Collection(
            "courses",
            _texts("id", "course_number", "course_name"),
            (
                Projection(
                    "courses",
                    {"id": "id", "number": blank("course_number"), "name": blank("course_name")},
                    "id",
                ),
            ),
        ),
        _sections(people),
        _staff(people),
        _students(people),
        Collection(
            "enrollments",
            _texts("id", "section_id", "student_id", "entry_date", "exit_date", "dropped"),
            (
                Projection(
                    "enrollments",
                    {
                        "id": "id",
                        "section": "section_id",
                        "student": "student_id",
                        "startdate": "entry_date",
                        "enddate": last_day("exit_date"),
                    },
                    "id",
                    gone="lower(dropped) IN ('true', '1') OR "
                    + never_attended("entry_date", "exit_date"),
                ),
            ),
        ),
    )


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, "VARCHAR")


def _schools(people: People) -> Collection:
    return Collection(
        "schools",
        _texts("id", "school_number", "name"),
        (
            Projection(
                "schools",
                {
                    "id": "id",
                    "number": "school_number",
                    "name": "name",
                    "district": literal(people.district),
                },
                "id",
                gone=f"school_number IN ('0', '{GRADUATED_SCHOOL}') OR {people.elsewhere('id')}",
            ),
        ),
    )


def _sections(people: People) -> Collection:
    elsewhere = people.elsewhere("school_id")
    return Collection(
        "sections",
        _texts("id", "school_id", "course_id", "term_id", "section_number", "staff_id"),
        (
            Projection(
                "sections",
                {
                    "id": "id",
                    "school": "school_id",
                    "course": "course_id",
                    "term": "term_id",
                    "number": blank("section_number"),
                },
                "id",
                gone=elsewhere,
            ),
            Projection(
                "sectionteachers",
                {
                    "id": "id",
                    "section": "id",
                    "staff": "staff_id",
                    "role": "'teacher'",
                    "startdate": "NULL",
                    "enddate": "NULL",
                },
                "id",
                where="coalesce(staff_id, '0') <> '0'",
                gone=elsewhere,
            ),
        ),
    )


def _staff(people: People) -> Collection:
    affiliations = as_list_sql("school_affiliations->'school_affiliation'")
    current = (
        f"list_filter({affiliations}, lambda a: a->>'status' = '1'"
        " AND a->>'school_id' IN (list_school, '0'))"
    )
    school = "item->>'school_id'"
    return Collection(
        "staff",
        {
            **_texts(
                "id", "users_dcid", "local_id", "teacher_username", "admin_username", "list_school"
            ),
            "name": "JSON",
            "emails": "JSON",
            "school_affiliations": "JSON",
        },
        (
            Projection(
                "staff",
                {
                    "id": "id",
                    "person": people.teacher("users_dcid", "local_id"),
                    "number": blank("local_id"),
                    "username": people.account(
                        ("teacher_username", "admin_username"), "emails->>'work_email'"
                    ),
                    "givenname": "name->>'first_name'",
                    "familyname": "name->>'last_name'",
                    "middlename": "name->>'middle_name'",
                    "email": blank("emails->>'work_email'"),
                    "school": school,
                    "role": staff_role("item->>'type'"),
                    "primary": "NULL",
                },
                "id",
                # Whoever is listed works there, also where the server tells no affiliations.
                each=f"CASE WHEN len({current}) > 0 THEN {current}"
                " ELSE [json_object('school_id', list_school, 'type', '2')] END",
            ),
        ),
    )


def _students(people: People) -> Collection:
    return Collection(
        "students",
        {
            **_texts("id", "local_id", "student_username"),
            "name": "JSON",
            "school_enrollment": "JSON",
            "contact_info": "JSON",
        },
        (
            Projection(
                "students",
                {
                    "id": "id",
                    "person": people.student("id", "local_id"),
                    "number": blank("local_id"),
                    "username": people.account(("student_username",), "contact_info->>'email'"),
                    "givenname": "name->>'first_name'",
                    "familyname": "name->>'last_name'",
                    "middlename": "name->>'middle_name'",
                    "email": blank("contact_info->>'email'"),
                    "school": "school_enrollment->>'school_id'",
                    "grade": grade("school_enrollment->>'grade_level'"),
                },
                "id",
                gone=people.elsewhere("school_enrollment->>'school_id'"),
            ),
        ),
    )


def as_list_sql(sql: str) -> str:
    """A list of PowerSchool as a list of JSON, whether it has none, one or several members."""
    return (
        f"CASE json_type({sql}) WHEN 'ARRAY' THEN from_json({sql}, '[\"json\"]')"
        f" WHEN 'OBJECT' THEN [({sql})::JSON] ELSE []::JSON[] END"
    )
