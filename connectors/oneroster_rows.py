"""OneRoster objects as JSON → the tables that OneRoster CSV files make.

https://www.imsglobal.org/oneroster-v11-final-specification
https://purl.imsglobal.org/spec/or/v1p2/schema/openapi/onerosterv1p2rostersservice_openapi3_v1p0.json

Design note. One shape serves both versions, that of 1.2: a person with `roles` has those, a person
with `role` and `orgs` has that role in each org. Which of the two an object has is looked at row by
row, because there are providers whose address says 1.1 and whose objects are those of 1.2. A person
without any role keeps one row that is an error, so that a blank list is nobody's leaving.
Providers write references as objects, as bare ids and as null, lists of one without brackets, the
object `metadata` as a text: all of it is read. A row that a provider says is to be deleted is left
out, which is what it comes to when the provider no longer sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from connectors.account_ids import WORDS, types_of
from connectors.formats import CsvColumn, CsvFormat, Derived, FileSpec
from connectors.oneroster_csv import FORMAT_12, USER_FLAGS
from connectors.projection import Collection, Projection
from roster.normalise import pieces
from roster.schema import literal, quoted

_Kinds = Mapping[str, Literal["VARCHAR", "JSON"]]
# `inactive` is version 1.0's word, which the standard says to read as `tobedeleted`.
_GONE = "regexp_replace(lower(trim(status)), '[^a-z]', '', 'g') IN ('tobedeleted', 'inactive')"


def _id(json: str) -> str:
    """SQL: the id that a reference holds, an object or the bare id."""
    return f"(CASE json_type({json}) WHEN 'OBJECT' THEN {json}->>'sourcedId' ELSE {json}->>'$' END)"


def _many(json: str) -> str:
    """SQL: the items of a list; one that stands alone is a list of one."""
    return (
        f"(CASE json_type({json}) WHEN 'ARRAY' THEN from_json({json}, '[\"json\"]')"
        f" WHEN 'NULL' THEN NULL ELSE CASE WHEN {json} IS NOT NULL THEN [{json}] END END)"
    )


def _joined(items: str) -> str:
    """SQL: a list of texts as a CSV cell holds it; NULL for none."""
    return f"nullif(array_to_string(list_filter({items}, lambda t: trim(t) <> ''), ','), '')"


def _ids(json: str) -> str:
    return _joined(f"list_transform({_many(json)}, lambda r: {_id('r')})")


def _texts(json: str) -> str:
    return _joined(f"list_transform({_many(json)}, lambda r: r->>'$')")


_USER_IDS = _joined(
    f"""list_transform({_many("userIds")}, lambda r: CASE json_type(r) WHEN 'OBJECT'
        THEN '{{' || coalesce(r->>'type', '') || ':' || (r->>'identifier') || '}}'
        ELSE r->>'$' END)"""
)
_METADATA = """(CASE json_type(metadata) WHEN 'OBJECT' THEN metadata
    WHEN 'VARCHAR' THEN try_cast(metadata->>'$' AS JSON) END)"""


def _of_metadata(names: tuple[str, ...]) -> str:
    """SQL: the text of the first key of `metadata` that means one of the folded names."""
    known = ", ".join(map(literal, names))
    folded = r"regexp_replace(lower(k), '[\s_.-]+', '', 'g')"
    key = f"list_filter(json_keys({_METADATA}), lambda k: {folded} IN ({known}))[1]"
    return f"""({_METADATA}->('$."' || {key} || '"'))"""


def _metadata_columns() -> dict[str, str]:
    """The `metadata.*` columns of users.csv that mean something, out of the object."""
    columns = {
        f"metadata.{words[0]}": f"nullif({_of_metadata(types_of(column))}->>'$', '')"
        for column, words in WORDS.items()
    }
    nested = f"""{_METADATA}->'microsoft'->'userFlags'"""
    flags = f"coalesce({_of_metadata(('microsoftuserflags', 'userflags'))}, {nested})"
    return columns | {USER_FLAGS: _texts(flags)}


_BASE = {"sourcedId": "sourcedId", "status": "status"}
_BASE_FIELDS: _Kinds = {"sourcedId": "VARCHAR", "status": "VARCHAR"}


def _fields(texts: str, json: str = "") -> _Kinds:
    """Fields in words, besides those that every object has."""
    fields: dict[str, Literal["VARCHAR", "JSON"]] = {**_BASE_FIELDS}
    for name in texts.split():
        fields[name] = "VARCHAR"
    for name in json.split():
        fields[name] = "JSON"
    return fields


def _same(texts: str) -> dict[str, str]:
    """Columns that are called as the fields are."""
    return {name: quoted(name) for name in texts.split()}


def _collection(name: str, fields: _Kinds, columns: Mapping[str, str]) -> Collection:
    table = Projection(name.lower(), {**_BASE, **columns}, "sourcedId", gone=_GONE)
    return Collection(name, fields, (table,))


_ORGS = _collection(
    "orgs",
    _fields("name type identifier", "parent"),
    {**_same("name type identifier"), "parentSourcedId": _id("parent")},
)

_SESSIONS = _collection(
    "academicSessions",
    _fields("title type startDate endDate schoolYear", "parent"),
    {**_same("title type startDate endDate schoolYear"), "parentSourcedId": _id("parent")},
)

_COURSES = _collection(
    "courses",
    _fields("title courseCode", "schoolYear org grades subjects"),
    {
        **_same("title courseCode"),
        "orgSourcedId": _id("org"),
        "schoolYearSourcedId": _id('"schoolYear"'),
        "grades": _texts("grades"),
        "subjects": _texts("subjects"),
    },
)

_CLASSES = _collection(
    "classes",
    _fields("title classCode classType location", "course school terms grades subjects periods"),
    {
        **_same("title classCode classType location"),
        "courseSourcedId": _id("course"),
        "schoolSourcedId": _id("school"),
        "termSourcedIds": _ids("terms"),
        "grades": _texts("grades"),
        "subjects": _texts("subjects"),
        "periods": _texts("periods"),
    },
)

_ENROLLMENTS = _collection(
    "enrollments",
    _fields("role primary beginDate endDate", "user class school"),
    {
        **_same("role primary beginDate endDate"),
        "userSourcedId": _id('"user"'),
        "classSourcedId": _id("class"),
        "schoolSourcedId": _id("school"),
    },
)

_DEMOGRAPHIC = (
    "birthDate sex americanIndianOrAlaskaNative asian blackOrAfricanAmerican"
    " nativeHawaiianOrOtherPacificIslander white demographicRaceTwoOrMoreRaces"
    " hispanicOrLatinoEthnicity countryOfBirthCode stateOfBirthAbbreviation cityOfBirth"
)
_DEMOGRAPHICS = _collection("demographics", _fields(_DEMOGRAPHIC), _same(_DEMOGRAPHIC))

_PERSON = "username givenName familyName middleName identifier email sms phone"
_PREFERRED = {
    "preferredGivenName": 'coalesce("preferredFirstName", "preferredGivenName")',
    "preferredMiddleName": '"preferredMiddleName"',
    "preferredFamilyName": 'coalesce("preferredLastName", "preferredFamilyName")',
}
# Roles as objects: those of 1.2, or one for each org of a 1.1 person.
_ROLES = f"""(CASE WHEN len({_many("roles")}) > 0 THEN {_many("roles")}
    ELSE list_transform(
        CASE WHEN len({_many("orgs")}) > 0 THEN {_many("orgs")} ELSE [NULL::JSON] END,
        lambda o, i: json_object('role', role, 'org', o,
            'roleType', CASE WHEN i = 1 THEN 'primary' ELSE 'secondary' END)::JSON) END)"""

_USERS = Collection(
    "users",
    _fields(
        f"{_PERSON} enabledUser role userMasterIdentifier preferredFirstName preferredGivenName"
        " preferredMiddleName preferredLastName preferredFamilyName",
        "userIds agents grades metadata roles orgs",
    ),
    (
        Projection(
            "users",
            {
                **_BASE,
                **_same(f"enabledUser {_PERSON} userMasterIdentifier"),
                **_PREFERRED,
                "userIds": _USER_IDS,
                "agentSourcedIds": _ids("agents"),
                "grades": _texts("grades"),
                **_metadata_columns(),
            },
            "sourcedId",
            gone=_GONE,
        ),
        Projection(
            "roles",
            {
                "userSourcedId": "sourcedId",
                "roleType": "item->>'roleType'",
                "role": "item->>'role'",
                "beginDate": "item->>'beginDate'",
                "endDate": "item->>'endDate'",
                "orgSourcedId": _id("(item->'org')"),
            },
            "sourcedId",
            each=_ROLES,
            gone=_GONE,
        ),
    ),
)

_GROUPS = "classGroups"
_CLASS_GROUPS = Collection(
    _GROUPS,
    _fields("title groupType", "classes"),
    (
        Projection(
            _GROUPS.lower(),
            {**_same("sourcedId title"), "classSourcedId": _id("item")},
            "sourcedId",
            each=_many("classes"),
            # Other kinds of groups, and groups of one class, merge nothing.
            gone=f"""{_GONE} OR coalesce(len({_many("classes")}), 0) < 2 OR coalesce(
                regexp_replace(lower("groupType"), '[^a-z]', '', 'g'), '') <> 'crosslisted'""",
        ),
    ),
)

COLLECTIONS: tuple[Collection, ...] = (
    _ORGS, _SESSIONS, _COURSES, _CLASSES, _USERS, _ENROLLMENTS, _DEMOGRAPHICS, _CLASS_GROUPS,
)  # fmt: skip

FORM = replace(FORMAT_12, name="oneroster")


_GROUPED = ("sourcedId", "title", "classSourcedId")
_TOLD = ("user_sourced_id", "role", "start_date", "end_date", "active")


def _merging(form: CsvFormat) -> CsvFormat:
    """The form with the classes of a group as one class, which has the group's id and title."""
    grouped = f"SELECT class, min(grouping) AS grouping FROM kept_{_GROUPS} GROUP BY class"
    groups = FileSpec(
        _GROUPS,
        tuple(
            CsvColumn(name.lower(), (name,)) for name in ("sourcedId", "title", "classSourcedId")
        ),
        (),
        keeps="trim({sourcedid}) AS grouping, {title} AS title, trim({classsourcedid}) AS class",
    )
    files: list[FileSpec] = []
    for file in form.files:
        if file.name == "classes":
            (feed,) = file.feeds
            alone = f"trim({{sourcedid}}) NOT IN (SELECT class FROM ({grouped}))"
            kept = (
                "trim({sourcedid}) AS class, {schoolsourcedid} AS org, {classcode} AS code,"
                f" {{coursesourcedid}} AS course, {pieces('{termsourcedids}')} AS sessions"
            )
            files += [groups, replace(file, feeds=(replace(feed, where=alone),), keeps=kept)]
        elif file.name == "enrollments":
            (feed,) = file.feeds
            columns = feed.columns
            own = columns["class_sourced_id"]
            group = f"(SELECT grouping FROM ({grouped}) WHERE class = trim({own}))"
            merged = {**columns, "class_sourced_id": f"coalesce({group}, {own})"}
            # Who is in several of the classes is in the one class once.
            told = ", ".join(f"trim({columns[name]})" for name in _TOLD)
            once = f"coalesce({group} || '/' || concat_ws('/', {told}), rowid::VARCHAR)"
            files.append(replace(file, feeds=(replace(feed, columns=merged, once=once),)))
        else:
            files.append(file)
    return replace(form, files=tuple(files), derived=(*form.derived, _merged_classes(grouped)))


def _merged_classes(grouped: str) -> Derived:
    """One class a group: its first class says where it is, and it runs in the sessions of all."""
    return Derived(
        "classes",
        "classes",
        f"""
        SELECT min(c.record) AS record, grouping,
            (SELECT any_value(t.title) FROM kept_{_GROUPS} t WHERE t.grouping = g.grouping)
                AS title,
            arg_min(c.org, c.record) AS org, arg_min(c.code, c.record) AS code,
            arg_min(c.course, c.record) AS course,
            array_to_string(list_distinct(flatten(list(c.sessions ORDER BY c.record))), ',')
                AS sessions
        FROM kept_classes c JOIN ({grouped}) g USING (class)
        GROUP BY grouping ORDER BY record""",
        {
            "sourced_id": "grouping",
            "org_sourced_id": "org",
            "title": "title",
            "code": "code",
            "course_sourced_id": "course",
            "session_sourced_ids": "sessions",
        },
        {"org_sourced_id": "schoolSourcedId", "session_sourced_ids": "termSourcedIds"},
        needs="sourcedid",
        lost={},
    )


FORM_MERGING = _merging(FORM)
