"""How the tables of Clever's API fill the roster, and which id stands for whom.

https://dev.clever.com/docs/data-model-quirks
https://dev.clever.com/docs/api-v3-faqs

Design note, ids. Clever's ids are one for each person and never taken by another, so they are what
people, schools and classes are keyed by, unless the directory knows them by other ids:

    clever_id   Clever's ids
    sis_id      those of the student information system, as in Clever's CSV files and most other
                sources: whoever changes from files to the API, or merges both, keeps all accounts
                and classes. A pupil and a teacher with one number and two usernames are told apart
                by nothing; both are dropped, and a finding says so.
    legacy_id   as Clever's API was until v2.1: employees and contacts then had other ids, which
                Clever still names. It says for whom the directory was filled with these. Employees
                with several are known by the teacher's, then the staff's.

Who has none of the kind is known by Clever's id. Terms and courses are made by Clever of words in
the sections, and made anew when a word changes; they are known by the words, as in the CSV files.

A class may name people who are not shared: that is a finding, and the membership stays in doubt, so
that nobody loses it for that.
"""

from __future__ import annotations

from connectors.clever_keys import KeyedBy, file_of, id_of, kept
from connectors.clever_people import PEOPLE, people_files
from connectors.clever_words import joined
from connectors.formats import CsvFormat, Derived, FeedSpec, FileSpec
from connectors.terms import Term

FORMAT_NAME = "clever-api"

_TERM = Term(
    id=joined("coalesce({name}, 'term')"),
    title="coalesce({name}, 'Term')",
    start="start",
    end="end",
    needs=("start", "end"),
)


def _districts() -> FileSpec:
    org = {"sourced_id": "{id}", "name": "{name}", "type": "'district'"}
    return file_of("districts", "id name", FeedSpec("orgs", org), keeps="{id} AS id")


def _schools(keyed_by: KeyedBy) -> FileSpec:
    school = id_of(keyed_by, "{sis_id}")
    return file_of(
        "schools",
        "id district name sis_id school_number",
        FeedSpec(
            "orgs",
            {
                "sourced_id": school,
                "name": "{name}",
                "type": "'school'",
                "parent_sourced_id": "{district}",
                "identifier": "{school_number}",
            },
        ),
        mandatory=True,
        keeps=f"{{id}} AS id, {school} AS school",
    )


def _terms() -> FileSpec:
    return file_of(
        "terms",
        "id name start end",
        _TERM.feed(),
        keeps=f"{{id}} AS id, {_TERM.of_class()} AS term",
    )


def _courses() -> FileSpec:
    return file_of(
        "courses",
        "id district name number",
        keeps=f"{{id}} AS id, {{district}} AS district,"
        f" nullif({joined('trim({number})', 'trim({name})')}, '') AS course,"
        " coalesce({name}, {number}) AS title, {number} AS code",
    )


# A course belongs to the school that teaches it, or to the district if several do.
_TAUGHT_COURSES = Derived(
    "courses",
    "courses",
    """
    SELECT min(c.record) AS record, c.course, min(c.title) AS title, min(c.code) AS code,
        CASE WHEN count(DISTINCT h.school) = 1 THEN min(h.school) ELSE min(c.district) END AS org,
        string_agg(DISTINCT replace(s.subject, ',', ';'), ',' ORDER BY replace(s.subject, ',', ';'))
            AS subjects
    FROM kept_courses c
    LEFT JOIN kept_sections s ON s.course = c.id LEFT JOIN kept_schools h ON h.id = s.school
    WHERE c.course IS NOT NULL GROUP BY c.course ORDER BY record""",
    {
        "sourced_id": "course",
        "org_sourced_id": "org",
        "title": "title",
        "code": "code",
        "subjects": "subjects",
    },
    {"sourced_id": "id", "org_sourced_id": "district", "title": "name", "code": "number"},
    needs="id",
    lost=None,
)


def _sections(keyed_by: KeyedBy) -> FileSpec:
    columns = "id school name sis_id number course term period subject teacher"
    section = id_of(keyed_by, "{sis_id}")
    return file_of(
        "sections", columns, mandatory=True, keeps=f"{section} AS section, {kept(columns)}"
    )


# Clever names a section that has no name by its course, teacher and period. A term without dates
# says nothing; one that is not there is a finding.
_CLASSES = Derived(
    "classes",
    "sections",
    """
    SELECT s.record, s.section, coalesce(h.school, s.school) AS school, c.course, s.number,
        coalesce(s.name, nullif(concat_ws(' - ', c.title, e.last, s.period), ''), s.number,
            s.sis_id, s.id) AS title,
        CASE WHEN t.id IS NULL THEN s.term ELSE t.term END AS session
    FROM kept_sections s
    LEFT JOIN kept_schools h ON h.id = s.school LEFT JOIN kept_courses c ON c.id = s.course
    LEFT JOIN kept_terms t ON t.id = s.term LEFT JOIN kept_employees e ON e.id = s.teacher
    ORDER BY s.record""",
    {
        "sourced_id": "section",
        "org_sourced_id": "school",
        "title": "title",
        "code": "number",
        "course_sourced_id": "course",
        "session_sourced_ids": "session",
    },
    {
        "sourced_id": "id",
        "org_sourced_id": "school",
        "title": "name",
        "code": "number",
        "course_sourced_id": "course",
        "session_sourced_ids": "term",
    },
    needs="id",
    lost=None,
)


def _members(keyed_by: KeyedBy) -> FileSpec:
    section = "coalesce({section_sis_id}, {section})" if keyed_by == "sis_id" else "{section}"
    return file_of(
        "members",
        "section section_sis_id person role",
        mandatory=True,
        keeps=f"{section} AS section, {{person}} AS person, {{role}} AS role",
    )


_ENROLLMENTS = Derived(
    "enrollments",
    "members",
    """
    SELECT m.record, m.section, m.role, coalesce(s.person, e.person, m.person) AS person
    FROM kept_members m
    LEFT JOIN kept_students s ON s.id = m.person AND m.role = 'student'
    LEFT JOIN kept_employees e ON e.id = m.person AND m.role = 'teacher'
    ORDER BY m.record""",
    {"class_sourced_id": "section", "user_sourced_id": "person", "role": "role"},
    {"class_sourced_id": "section", "user_sourced_id": "person", "role": "role"},
    needs="section",
    lost=None,
)


def make_form(keyed_by: KeyedBy) -> CsvFormat:
    """The format whose files are the tables of connectors.clever_rows."""
    return CsvFormat(
        FORMAT_NAME,
        (
            _districts(),
            _schools(keyed_by),
            _terms(),
            _courses(),
            *people_files(keyed_by),
            _sections(keyed_by),
            _members(keyed_by),
        ),
        (),
        row_a_school=True,
        derived=(*PEOPLE, _TAUGHT_COURSES, _CLASSES, _ENROLLMENTS),
    )
