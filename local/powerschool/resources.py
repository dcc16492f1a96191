"""The resources of /ws/v1: which table each is of, its fields, its expansions, what q may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .shapes import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: the rows of `table` AS s, in `order`.

    `expansions`: the names told in @expansions, and what each adds; `asks`: the fields of q with
    their column and type; `extensions`: the names told in @extensions, and the JSON of each.
    """

    name: str
    table: str
    order: str
    fields: Callable[[Shape], list[str]]
    expansions: dict[str, Callable[[Shape], str]]
    asks: dict[str, tuple[str, str]]
    extensions: dict[str, Callable[[Shape], str]] = field(
        default_factory=dict[str, "Callable[[Shape], str]"]
    )

    def json(self, shape: Shape, expansions: set[str], extensions: set[str]) -> str:
        """The SQL expression of a row's JSON; what is asked for and not there is ignored."""
        members = self.fields(shape)
        members += [make(shape) for name, make in self.expansions.items() if name in expansions]
        tables = [make(shape) for name, make in self.extensions.items() if name in extensions]
        if tables:
            listed = shape.some("_table_extension", f"[{', '.join(tables)}]")
            members.append(shape.block("_extension_data", listed))
        return record(*members)


def _nothing(name: str) -> Callable[[Shape], str]:
    """A block that this server's schools never filled in."""
    return lambda shape: shape.block(name, "NULL::VARCHAR")


def _school(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.text("name", "s.name"),
        shape.number("school_number", "s.school_number"),
        shape.text("state_province_id", "s.sch_state_id"),
        shape.number("low_grade", "s.low_grade"),
        shape.number("high_grade", "s.high_grade"),
        shape.number("alternate_school_number", "s.alternate_school_number"),
        shape.block("addresses", "NULL::VARCHAR"),
        shape.block("phones", "NULL::VARCHAR"),
        shape.block(
            "principal",
            shape.block(
                "name",
                shape.text("first_name", "s.principal_first"),
                shape.text("last_name", "s.principal_last"),
            ),
            shape.text("email", "s.principalemail"),
        ),
    ]


def _term(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.number("school_id", "s.school_dcid"),
        shape.number("start_year", "s.yearid + 1990"),
        shape.number("portion", "s.portion"),
        shape.date("start_date", "s.firstday"),
        shape.date("end_date", "s.lastday"),
        shape.text("abbreviation", "s.abbreviation"),
        shape.text("name", "s.name"),
    ]


def _course(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.text("course_number", "s.course_number"),
        shape.text("course_name", "s.course_name"),
    ]


def _section(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.number("school_id", "s.school_dcid"),
        shape.number("course_id", "s.course_dcid"),
        shape.number("term_id", "s.term_dcid"),
        shape.text("section_number", "s.section_number"),
        shape.text("expression", "s.expression"),
        shape.text("external_expression", "s.external_expression"),
        shape.number("staff_id", "s.staff_dcid"),
        shape.text("gradebooktype", "s.gradebooktype"),
    ]


def _section_term(shape: Shape) -> str:
    return shape.block(
        "term",
        shape.number("id", "s.term_dcid"),
        shape.number("start_year", "s.start_year"),
        shape.number("portion", "s.portion"),
        shape.date("start_date", "s.firstday"),
        shape.date("end_date", "s.lastday"),
        shape.text("abbreviation", "s.abbreviation"),
        shape.text("name", "s.term_name"),
    )


def _section_enrollment(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.number("section_id", "s.section_dcid"),
        shape.number("student_id", "s.student_dcid"),
        shape.date("entry_date", "s.dateenrolled"),
        shape.date("exit_date", "s.dateleft"),
        shape.boolean("dropped", "s.dropped"),
    ]


def _staff(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.text("local_id", "s.teachernumber"),
        shape.text("admin_username", "s.loginid"),
        shape.text("teacher_username", "s.teacherloginid"),
        shape.block(
            "name",
            shape.text("first_name", "s.first_name"),
            shape.text("middle_name", "s.middle_name"),
            shape.text("last_name", "s.last_name"),
        ),
        shape.number("users_dcid", "s.users_dcid"),
    ]


def _affiliations(shape: Shape) -> str:
    one = record(
        shape.number("school_id", "a.school"),
        shape.number("type", "a.type"),
        shape.number("status", "a.status"),
    )
    items = f"list_transform(s.affiliations, lambda a: {one})"
    return shape.block("school_affiliations", shape.some("school_affiliation", items))


ENROLL_STATUSES = {
    -1: ("P", "Pre-registered"),
    0: ("A", "Active"),
    1: ("I", "Inactive"),
    2: ("T", "Transferred out"),
    3: ("G", "Graduated"),
    4: ("H", "Imported as historical"),
}


def _status(part: int, column: str) -> str:
    whens = " ".join(f"WHEN {code} THEN '{names[part]}'" for code, names in ENROLL_STATUSES.items())
    return f"CASE {column} {whens} ELSE '{ENROLL_STATUSES[1][part]}' END"


def _student(shape: Shape) -> list[str]:
    return [
        shape.number("id", "s.dcid"),
        shape.text("local_id", "s.student_number"),
        shape.text("state_province_id", "s.state_studentnumber"),
        shape.text("student_username", "s.student_web_id"),
        shape.block(
            "name",
            shape.text("first_name", "s.first_name"),
            shape.text("middle_name", "s.middle_name"),
            shape.text("last_name", "s.last_name"),
        ),
    ]


def _school_enrollment(shape: Shape) -> str:
    return shape.block(
        "school_enrollment",
        shape.text("enroll_status", _status(0, "s.enroll_status")),
        shape.text("enroll_status_description", _status(1, "s.enroll_status")),
        shape.number("enroll_status_code", "s.enroll_status"),
        shape.number("grade_level", "s.grade_level"),
        shape.date("entry_date", "s.entrydate"),
        shape.date("exit_date", "s.exitdate"),
        shape.text("exit_code", "s.exitcode"),
        shape.number("school_number", "s.schoolid"),
        shape.number("school_id", "s.school_dcid"),
        shape.block(
            "full_time_equivalency",
            shape.number("fteid", "s.fteid"),
            shape.text("name", "'Full Time'"),
        ),
    )


def _demographics(shape: Shape) -> str:
    return shape.block(
        "demographics",
        shape.text("gender", "s.gender"),
        shape.date("birth_date", "s.dob"),
        shape.date("district_entry_date", "s.districtentrydate"),
        shape.number("projected_graduation_year", "s.sched_yearofgraduation"),
    )


def _ethnicity_race(shape: Shape) -> str:
    one = record(shape.text("district_race_code", "r"))
    items = f"list_transform(s.races, lambda r: {one})"
    return shape.block(
        "ethnicity_race",
        shape.text(
            "federal_ethnicity", "CASE s.fedethnicity WHEN 1 THEN 'YES' WHEN 0 THEN 'NO' END"
        ),
        shape.text("scheduling_reporting_ethnicity", "s.ethnicity"),
        shape.block("races", shape.some("race", items)),
    )  # fmt: skip


def _students_extension(shape: Shape) -> str:
    one = record(
        shape.text("name", "'school_email'"),
        shape.text("type", "'String'"),
        shape.text("value", "s.email"),
    )
    return record(
        shape.text("name", "'u_students_extension'"),
        shape.boolean("recordFound", "s.email IS NOT NULL"),
        shape.some("_field", f"CASE WHEN s.email IS NOT NULL THEN [{one}] END"),
    )


SCHOOL = Resource(
    "school",
    "schools",
    "dcid",
    _school,
    {
        name: _nothing(name)
        for name in ("school_boundary", "full_time_equivalencies", "school_fees_setup")
    },
    {},
)
TERM = Resource(
    "term",
    "psdata.v1_terms",
    "portion, firstday, dcid",
    _term,
    {},
    {"start_year": ("s.yearid + 1990", "number")},
)
COURSE = Resource("course", "courses", "course_number, dcid", _course, {}, {})
SECTION = Resource(
    "section",
    "psdata.v1_sections",
    "dcid",
    _section,
    {"term": _section_term},
    {"term.start_year": ("s.start_year", "number")},
)
SECTION_ENROLLMENT = Resource(
    "section_enrollment",
    "psdata.v1_section_enrollments",
    "studentid, dateenrolled, dcid",
    _section_enrollment,
    {},
    {},
)
STAFF = Resource(
    "staff",
    "psdata.v1_staff",
    "dcid",
    _staff,
    {
        "addresses": _nothing("addresses"),
        "emails": lambda shape: shape.block("emails", shape.text("work_email", "s.email_addr")),
        "phones": lambda shape: shape.block("phones", shape.text("home_phone", "s.home_phone")),
        "school_affiliations": _affiliations,
    },
    {},
)
STUDENT = Resource(
    "student",
    "psdata.v1_students",
    "dcid",
    _student,
    {
        "demographics": _demographics,
        "addresses": _nothing("addresses"),
        "alerts": _nothing("alerts"),
        "phones": _nothing("phones"),
        "school_enrollment": _school_enrollment,
        "ethnicity_race": _ethnicity_race,
        "contact": _nothing("contact"),
        "contact_info": lambda shape: shape.block("contact_info", shape.text("email", "s.email")),
        "initial_enrollment": lambda shape: shape.block(
            "initial_enrollment",
            shape.date("district_entry_date", "s.districtentrydate"),
        ),
        "schedule_setup": lambda shape: shape.block(
            "schedule_setup", shape.text("home_room", "s.home_room")
        ),
        "fees": _nothing("fees"),
        "lunch": lambda shape: shape.block(
            "lunch", shape.text("lunch_status", "s.lunchstatus")
        ),
    },
    {
        "id": ("s.dcid", "number"),
        "local_id": ("s.student_number", "number"),
        "state_province_id": ("s.state_studentnumber", "text"),
        "student_username": ("s.student_web_id", "text"),
        "name.first_name": ("s.first_name", "text"),
        "name.middle_name": ("s.middle_name", "text"),
        "name.last_name": ("s.last_name", "text"),
        "school_enrollment.enroll_status": (_status(0, "s.enroll_status"), "letter"),
        "school_enrollment.enroll_status_code": ("s.enroll_status", "number"),
        "school_enrollment.entry_date": ("s.entrydate", "date"),
    },
    {"u_students_extension": _students_extension},
)  # fmt: skip
