"""The objects of both versions, made of the very queries that write the district as OneRoster CSV.

What the files of a version say, its objects say, under the names of the JSON binding. Queries run
over views: those of the schema LIVE show what the district has, those of GONE what left it, each
as it was when it left. https://purl.imsglobal.org/spec/or/v1p2/schema/openapi/
onerosterv1p2rostersservice_openapi3_v1p0.json
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from local.district.oneroster import queries

from .fields import Field

if TYPE_CHECKING:
    from .quirks import Quirks

Version = Literal["1.1", "1.2"]
LIVE, GONE = "oneroster_live", "oneroster_gone"

# What a related row says of something that is gone, it says if both went at the same time.
VIEWS = f"""
CREATE SCHEMA {LIVE};
CREATE SCHEMA {GONE};
CREATE VIEW {LIVE}.orgs AS FROM sis.orgs WHERE NOT gone;
CREATE VIEW {LIVE}.sessions AS FROM sis.sessions WHERE NOT gone;
CREATE VIEW {LIVE}.courses AS FROM sis.courses WHERE NOT gone;
CREATE VIEW {LIVE}.classes AS FROM sis.classes WHERE NOT gone;
CREATE VIEW {LIVE}.accounts AS FROM sis.users WHERE NOT gone;
CREATE VIEW {LIVE}.roles AS FROM sis.roles WHERE NOT gone;
CREATE VIEW {LIVE}.enrollments AS FROM sis.enrollments WHERE NOT gone;
CREATE VIEW {LIVE}.relationships AS FROM sis.relationships WHERE NOT gone;
CREATE VIEW {LIVE}.demographics AS FROM sis.demographics WHERE NOT gone;
CREATE VIEW {LIVE}.user_flags AS FROM sis.user_flags WHERE NOT gone;
CREATE VIEW {GONE}.orgs AS FROM sis.orgs;
CREATE VIEW {GONE}.sessions AS FROM sis.sessions;
CREATE VIEW {GONE}.courses AS FROM sis.courses;
CREATE VIEW {GONE}.classes AS FROM sis.classes;
CREATE VIEW {GONE}.accounts AS FROM sis.users WHERE gone;
CREATE VIEW {GONE}.roles AS SELECT r.* FROM sis.roles r
    JOIN sis.users u ON u.sourced_id = r.user_id
    WHERE u.gone AND r.gone AND r.modified = u.modified;
CREATE VIEW {GONE}.enrollments AS FROM sis.enrollments WHERE gone;
CREATE VIEW {GONE}.relationships AS FROM sis.relationships r WHERE gone AND EXISTS (
    SELECT 1 FROM sis.users u WHERE u.gone AND u.modified = r.modified
    AND u.sourced_id IN (r.student_id, r.contact_id));
CREATE VIEW {GONE}.demographics AS FROM sis.demographics WHERE gone;
CREATE VIEW {GONE}.user_flags AS SELECT f.* FROM sis.user_flags f
    JOIN sis.users u ON u.sourced_id = f.user_id
    WHERE u.gone AND f.gone AND f.modified = u.modified;
"""

# A user's object changes with the roles, contacts and flags that it tells, theirs with the pupil's.
_USER_MARKS = """(
    SELECT u.sourced_id, u.gone, max(m.modified) AS modified FROM sis.users u JOIN (
        SELECT sourced_id AS user_id, modified FROM sis.users
        UNION ALL SELECT user_id, modified FROM sis.roles
        UNION ALL SELECT user_id, modified FROM sis.user_flags
        UNION ALL SELECT student_id, modified FROM sis.relationships
        UNION ALL SELECT contact_id, modified FROM sis.relationships
        UNION ALL SELECT k.contact_id, r.modified FROM sis.relationships k
            JOIN sis.roles r ON r.user_id = k.student_id WHERE NOT k.gone
    ) m ON m.user_id = u.sourced_id GROUP BY ALL)"""

# A class without a course has one of its own, since each class has to name one.
_COURSE_MARKS = """(
    SELECT sourced_id, gone, modified FROM sis.courses
    UNION ALL
    SELECT 'course-' || sourced_id, gone, modified FROM sis.classes WHERE course IS NULL)"""


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of object. `rows`: SQL over the views, one row each, aliased c.

    `marks`: what tells of each row whether it is gone and when it changed, aliased m; `same`: when
    a mark is a row's.
    """

    name: str
    fields: tuple[Field, ...]
    rows: str
    marks: str
    same: str = 'm.sourced_id = c."sourcedId"'

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((field for field in self.fields if field.name == name), None)


def entity(name: str, version: Version, quirks: Quirks) -> Entity:
    """The kind of object that a collection holds."""
    if name == "users":
        return _users(version, quirks)
    if name == "classGroups":
        return _CLASS_GROUPS
    return _COMMON[name]


def _base(ids: str = 'c."sourcedId"') -> tuple[Field, ...]:
    return (
        Field("sourcedId", "text", ids),
        Field("status", "text", "CASE WHEN m.gone THEN 'tobedeleted' ELSE 'active' END"),
        Field("dateLastModified", "moment", "date_trunc('milliseconds', m.modified)"),
    )


def _cell(name: str, column: str = "") -> Field:
    return Field(name, "text", f'c."{column or name}"::VARCHAR')


def _cells(*names: str) -> tuple[Field, ...]:
    return tuple(_cell(name) for name in names)


def _date(name: str) -> Field:
    return Field(name, "date", f'c."{name}"::DATE')


def _flag(name: str) -> Field:
    return Field(name, "flag", f'c."{name}"::BOOLEAN')


def _list(name: str) -> Field:
    return Field(name, "texts", f"""string_split(c."{name}"::VARCHAR, ',')""")


def _ref(name: str, to: str, column: str) -> Field:
    return Field(name, "ref", f'c."{column}"::VARCHAR', to)


def _refs(name: str, to: str, column: str) -> Field:
    return Field(name, "refs", f"""string_split(c."{column}"::VARCHAR, ',')""", to)


def _never(*names: str) -> tuple[Field, ...]:
    """Fields that the standard has and the district has nothing for."""
    return tuple(Field(name, "texts", "NULL::VARCHAR[]") for name in names)


def _file(name: str, version: Version = "1.2") -> str:
    csv = queries("oneroster-1.1" if version == "1.1" else "oneroster-1.2", minimal=False)
    return csv[f"{name}.csv"]


def _children(name: str) -> Field:
    below = f"""SELECT list(b."sourcedId" ORDER BY b."sourcedId") FROM ({_file(name)}) b
        WHERE b."parentSourcedId" = c."sourcedId" """
    return Field("children", "refs", f"({below})", name)


_COMMON = {
    each.name: each
    for each in (
        Entity(
            "orgs",
            (
                *_base(), *_cells("name", "type", "identifier"),
                _ref("parent", "orgs", "parentSourcedId"), _children("orgs"),
            ),
            _file("orgs"),
            "sis.orgs",
        ),
        Entity(
            "academicSessions",
            (
                *_base(), _cell("title"), _date("startDate"), _date("endDate"), _cell("type"),
                _ref("parent", "academicSessions", "parentSourcedId"),
                _children("academicSessions"), _cell("schoolYear"),
            ),
            _file("academicSessions"),
            "sis.sessions",
        ),
        Entity(
            "courses",
            (
                *_base(), _cell("title"),
                _ref("schoolYear", "academicSessions", "schoolYearSourcedId"),
                _cell("courseCode"), _list("grades"), _list("subjects"),
                _ref("org", "orgs", "orgSourcedId"), _list("subjectCodes"), *_never("resources"),
            ),
            _file("courses"),
            _COURSE_MARKS,
        ),
        Entity(
            "classes",
            (
                *_base(), *_cells("title", "classCode", "classType", "location"), _list("grades"),
                _list("subjects"), _ref("course", "courses", "courseSourcedId"),
                _ref("school", "orgs", "schoolSourcedId"),
                _refs("terms", "academicSessions", "termSourcedIds"),
                _list("subjectCodes"), _list("periods"), *_never("resources"),
            ),
            _file("classes"),
            "sis.classes",
        ),
        Entity(
            "enrollments",
            (
                *_base(), _ref("user", "users", "userSourcedId"),
                _ref("class", "classes", "classSourcedId"),
                _ref("school", "orgs", "schoolSourcedId"), _cell("role"), _flag("primary"),
                _date("beginDate"), _date("endDate"),
            ),
            _file("enrollments"),
            "sis.enrollments",
            'm.class_id = c."classSourcedId" AND m.user_id = c."userSourcedId" AND m.role = c.role',
        ),
        Entity(
            "demographics",
            (
                *_base(), _date("birthDate"), _cell("sex"),
                *map(_flag, (
                    "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican",
                    "nativeHawaiianOrOtherPacificIslander", "white",
                    "demographicRaceTwoOrMoreRaces", "hispanicOrLatinoEthnicity",
                )),
                *_cells("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth",
                        "publicSchoolResidenceStatus"),
            ),
            _file("demographics"),
            "sis.demographics",
            'm.user_id = c."sourcedId"',
        ),
    )
}  # fmt: skip

# Two classes that one teacher of a school has in the same sessions; the standard has no such thing.
_GROUPS = """
SELECT 'XL-' || min(g.sourced_id) AS "sourcedId", string_agg(g.title, ' / ' ORDER BY g.sourced_id)
           AS title, 'cross-listed' AS "groupType", max(g.modified) AS modified,
       string_agg(g.sourced_id, ',' ORDER BY g.sourced_id) AS classes
FROM (SELECT k.*, teacher, row_number() OVER (
          PARTITION BY org, teacher, sessions ORDER BY sourced_id) AS place
      FROM classes k JOIN (SELECT class_id, min(user_id) AS teacher FROM enrollments
                           WHERE role = 'teacher' GROUP BY class_id) ON class_id = sourced_id
      WHERE course IS NOT NULL) g
WHERE g.place <= 2 GROUP BY g.org, g.teacher, g.sessions HAVING count(*) > 1
"""
_CLASS_GROUPS = Entity(
    "classGroups",
    (
        *_base()[:2], Field("dateLastModified", "moment", "date_trunc('milliseconds', c.modified)"),
        *_cells("title", "groupType"), _refs("classes", "classes", "classes"),
    ),
    _GROUPS,
    "(SELECT false AS gone)",
    "true",
)  # fmt: skip

_FLAGS = """(SELECT list(flag ORDER BY flag) FROM user_flags WHERE user_id = c."sourcedId")"""
_PUPILS = """(SELECT list(student_id ORDER BY student_id) FROM relationships
    WHERE contact_id = c."sourcedId")"""
_ROLES = f"""(SELECT list(struct_pack("roleType" := r."roleType", role := r.role,
                                     org := r."orgSourcedId")
                          ORDER BY r."roleType", r."orgSourcedId", r.role)
    FROM ({_file("roles")}) r WHERE r."userSourcedId" = c."sourcedId")"""


def _users(version: Version, quirks: Quirks) -> Entity:
    contacts = """string_split(c."agentSourcedIds", ',')"""
    agents = {
        "students": contacts,
        "contacts": _PUPILS,
        "both": f"list_concat(coalesce({contacts}, []), coalesce({_PUPILS}, []))",
    }[quirks.agents]
    common = (
        *_base(), Field("metadata", "flags", _FLAGS), _cell("username"), *_never("userIds"),
        _flag("enabledUser"),
        *_cells("givenName", "familyName", "middleName", "identifier", "email", "sms", "phone"),
        Field("agents", "refs", agents, "users"), _list("grades"), _cell("password"),
    )  # fmt: skip
    of_version = {
        "1.1": (_cell("role"), _refs("orgs", "orgs", "orgSourcedIds")),
        "1.2": (
            Field("roles", "roles", _ROLES, "orgs"),
            _ref("primaryOrg", "orgs", "primaryOrgSourcedId"),
            _cell("userMasterIdentifier"),
            _cell("preferredFirstName", "preferredGivenName"), _cell("preferredMiddleName"),
            _cell("preferredLastName", "preferredFamilyName"), _cell("pronouns"),
            *_never("userProfiles", "resources"),
        ),
    }  # fmt: skip
    return Entity("users", (*common, *of_version[version]), _file("users", version), _USER_MARKS)
