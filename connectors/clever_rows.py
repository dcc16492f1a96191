"""What Clever's objects hold, as the rows of tables: people by their roles, who is in a section.

https://dev.clever.com/docs/ss-design
https://github.com/Clever/swagger-api (definitions of v3.0 and v3.1; the latter adds fields)

Design note. A list gives objects as they are; an event gives the whole object as it became, or as
it last was (https://dev.clever.com/docs/events-api). So both make the same rows, and an event's row
has one field more, `event`: `users.updated`. A user who no longer has a role is gone from that
role's tables. Tables hold Clever's own ids: which id the roster calls a person or a class by is
decided where all of them are known (connectors.clever_form), so that another choice needs no other
pull. An absent role is a missing name, or null; an unknown text is missing, or empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from connectors.account_ids import WORDS
from connectors.projection import Collection, Projection
from roster.schema import literal

LISTS = ("schools", "terms", "courses", "users", "sections")
"""The collections of a full pull, in the order that Clever documents."""

Fields = Mapping[str, Literal["VARCHAR", "JSON"]]

_FIELDS: dict[str, Fields] = {
    "districts": {"id": "VARCHAR", "name": "JSON"},
    "schools": {
        "id": "VARCHAR", "district": "VARCHAR", "name": "JSON", "sis_id": "VARCHAR",
        "school_number": "VARCHAR",
    },
    "terms": {"id": "VARCHAR", "name": "JSON", "start_date": "VARCHAR", "end_date": "VARCHAR"},
    "courses": {"id": "VARCHAR", "district": "VARCHAR", "name": "JSON", "number": "VARCHAR"},
    "users": {
        "id": "VARCHAR", "district": "VARCHAR", "email": "VARCHAR", "name": "JSON", "roles": "JSON",
    },
    "sections": {
        "id": "VARCHAR", "school": "VARCHAR", "name": "JSON", "sis_id": "VARCHAR",
        "section_number": "VARCHAR", "course": "VARCHAR", "term_id": "VARCHAR", "period": "VARCHAR",
        "subject": "VARCHAR", "teacher": "VARCHAR", "teachers": "JSON", "students": "JSON",
    },
}  # fmt: skip
_NAME = "name->>'$'"
_PARTS = ("first", "middle", "last")
_EMPLOYED = ("teacher", "staff", "district_admin")
_IN_EXT = ("active_directory_match_id", "sam_account_name", "employee_id")


def _plain(kind: str, columns: Mapping[str, str]) -> Projection:
    return Projection(kind, columns, "id")


def _held(*roles: str) -> str:
    """SQL: whether a user has any of these roles."""
    paths = ", ".join(literal(f"$.{role}") for role in roles)
    return f"list_contains(json_type(roles, [{paths}]), 'OBJECT')"


def _people(table: str, roles: Sequence[str], fields: Mapping[str, Sequence[str]]) -> Projection:
    """One row a user who has any of the roles. `fields`: column → paths in `roles`, the best first.

    All values are taken in one go, as reading the JSON anew for each costs ten times as much.
    """
    paths = [path for paths in fields.values() for path in paths]
    listed = ", ".join(literal(f"$.{path}") for path in paths)
    parts = ", ".join(literal(f"$.{part}") for part in _PARTS)
    values = f"""list_concat(json_extract_string(roles, [{listed}]),
        json_extract_string(name, [{parts}]))"""
    columns = {"id": "id", "email": "email"}
    place = 1
    for name, several in fields.items():
        texts = [f"nullif(item[{place + n}], '')" for n in range(len(several))]
        columns[name] = f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]
        place += len(several)
    columns |= {part: f"item[{place + n}]" for n, part in enumerate(_PARTS)}
    return Projection(table, columns, "id", each=f"CASE WHEN {_held(*roles)} THEN [{values}] END")


def _extensions(*roles: str) -> dict[str, list[str]]:
    """Ids of Active Directory that a district passes through Clever as columns `ext.…`."""
    return {
        column: [
            f"{role}.ext.{spelling}"
            for role in roles
            for spelling in dict.fromkeys(
                s for word in (*WORDS[column], column) for s in (word, word.lower())
            )
            if "." not in spelling
        ]
        for column in _IN_EXT
    }


def _texts(json: str) -> str:
    """SQL: the texts of a JSON list, an empty list for anything else."""
    listed = f"coalesce(from_json({json}, '[\"VARCHAR\"]'), [])"
    return f"list_filter({listed}, lambda v: coalesce(v, '') <> '')"


def _ids(json: str, one: str = "") -> str:
    """SQL: ids of a JSON list and perhaps one more, each once, in order."""
    more = f"list_concat({_texts(json)}, CASE WHEN {one} <> '' THEN [{one}] END)" if one else ""
    return f"list_sort(list_distinct({more or _texts(json)}))"


def _pairs(ids: str, **fixed: str) -> str:
    """SQL: a list of structs with an `id` and what is the same for all."""
    names = ", ".join(f"{name}: {sql}" for name, sql in fixed.items())
    return f"list_transform({ids}, lambda one: {{id: one, {names}}})"


_STUDENTS = _people(
    "students",
    ("student",),
    {
        "username": ("student.credentials.district_username",),
        "number": ("student.student_number",),
        "preferred_first": ("student.preferred_name.first",),
        "preferred_last": ("student.preferred_name.last",),
        **{
            field: (f"student.{field}",)
            for field in (
                "legacy_id", "sis_id", "school", "grade", "gender", "dob", "race",
                "hispanic_ethnicity",
            )
        },
        **_extensions("student"),
    },
)  # fmt: skip
_STUDENT_SCHOOLS = Projection(
    "student_schools",
    {"id": "id", "school": "item"},
    "id",
    each=f"CASE WHEN {_held('student')} THEN "
    + _ids("roles->'$.student.schools'", "roles->>'$.student.school'")
    + " END",
)
_EMPLOYEES = _people(
    "employees",
    _EMPLOYED,
    {
        "sis_id": ("teacher.sis_id", "staff.staff_id"),
        "legacy_id": tuple(f"{role}.legacy_id" for role in _EMPLOYED),
        "username": (
            "teacher.credentials.district_username", "staff.credentials.district_username",
        ),
        "number": ("teacher.teacher_number",),
        "school": ("teacher.school",),
        **_extensions("teacher", "staff"),
    },
)  # fmt: skip


def _posts(role: str, schools: str, words: str = "''") -> str:
    """SQL: an employee's places in one role; in the district where there is no school."""
    places = f"CASE WHEN len({schools}) > 0 THEN {schools} ELSE [district] END"
    posts = _pairs(places, role=literal(role), words=words)
    return f"CASE WHEN {_held(role)} THEN {posts} ELSE [] END"


_TITLES = f"""concat_ws('|', roles->>'$.staff.title',
    array_to_string({_texts("roles->'$.staff.roles'")}, '|'))"""
_POSTS = ", ".join(
    (
        _posts("teacher", _ids("roles->'$.teacher.schools'", "roles->>'$.teacher.school'")),
        _posts("staff", _ids("roles->'$.staff.schools'"), _TITLES),
        _posts("district_admin", "[]::VARCHAR[]", "coalesce(roles->>'$.district_admin.title', '')"),
    )
)
_EMPLOYEE_SCHOOLS = Projection(
    "employee_schools",
    {"id": "id", "school": "item.id", "role": "item.role", "words": "item.words"},
    "id",
    each=f"CASE WHEN {_held(*_EMPLOYED)} THEN list_concat({_POSTS}) END",
)
_CONTACTS = _people(
    "contacts",
    ("contact",),
    {name: (f"contact.{name}",) for name in ("legacy_id", "sis_id", "phone", "phone_type")},
)
_RELATIONSHIPS = Projection(
    "relationships",
    {
        "contact": "id",
        "student": "item->>'student'",
        "relationship": "item->>'relationship'",
        "type": "item->>'type'",
    },
    "id",
    each="from_json(roles->'$.contact.student_relationships', '[\"JSON\"]')",
)

# Where a section names its first teacher apart, that one is among its teachers all the same.
_MEMBERS = f"""list_concat({_pairs(_ids("students"), role="'student'")},
    {_pairs(_ids("teachers", "teacher"), role="'teacher'")})"""
_PROJECTIONS: dict[str, tuple[Projection, ...]] = {
    "districts": (_plain("districts", {"id": "id", "name": _NAME}),),
    "schools": (
        _plain(
            "schools",
            {
                "id": "id", "district": "district", "name": _NAME, "sis_id": "sis_id",
                "school_number": "school_number",
            },
        ),
    ),
    # Days, which the specification draws as moments.
    "terms": (
        _plain(
            "terms",
            {"id": "id", "name": _NAME, "start": "start_date[:10]", "end": "end_date[:10]"},
        ),
    ),
    "courses": (
        _plain(
            "courses", {"id": "id", "district": "district", "name": _NAME, "number": "number"}
        ),
    ),
    "users": (
        _STUDENTS, _STUDENT_SCHOOLS, _EMPLOYEES, _EMPLOYEE_SCHOOLS, _CONTACTS, _RELATIONSHIPS,
    ),
    "sections": (
        _plain(
            "sections",
            {
                "id": "id", "school": "school", "name": _NAME, "sis_id": "sis_id",
                "number": "section_number", "course": "course", "term": "term_id",
                "period": "period", "subject": "subject", "teacher": "teacher",
            },
        ),
        Projection(
            "members",
            {"section": "id", "section_sis_id": "sis_id", "person": "item.id", "role": "item.role"},
            "id",
            each=_MEMBERS,
        ),
    ),
}  # fmt: skip


def list_collections(*, contacts: bool) -> tuple[Collection, ...]:
    """The collections of a full pull."""
    return tuple(
        Collection(kind, _FIELDS[kind], _projections(kind, contacts)) for kind in _PROJECTIONS
    )


def event_collections(*, contacts: bool) -> tuple[Collection, ...]:
    """The collections of a pull of events, whose objects are of all kinds."""
    fields: dict[str, Literal["VARCHAR", "JSON"]] = {"event": "VARCHAR"}
    happened: list[Projection] = []
    for kind in LISTS:
        fields |= _FIELDS[kind]
        for projection in _projections(kind, contacts):
            gone = f"event = '{kind}.deleted'"
            where = f"event LIKE '{kind}.%' AND {projection.where}"
            happened.append(replace(projection, gone=gone, where=where))
    district = Collection("districts", _FIELDS["districts"], _PROJECTIONS["districts"])
    return district, Collection("events", fields, tuple(happened))


def _projections(kind: str, contacts: bool) -> tuple[Projection, ...]:
    return tuple(
        replace(p, where="false") if p in (_CONTACTS, _RELATIONSHIPS) and not contacts else p
        for p in _PROJECTIONS[kind]
    )
