"""OneRoster CSV 1.0, 1.1, 1.2 and 1.2.1, as one zip or as loose files.

https://www.imsglobal.org/oneroster-v11-final-csv-tables
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv

Design note. Until 1.1 a person has one role and a list of orgs, both in users.csv; from 1.2 on the
roles are a file of their own. The grade stands with the person in both, and goes to the person's
roles as a student; of several the first is taken. `agentSourcedIds` usually leads from the student
to the guardian, in some systems the other way or both ways: whichever end is the student is the
student of the relationship, and what the other one is to them is their own role.
Flags of a person (free lunch and so on) have no column in the standard; School Data Sync reads them
in `metadata.microsoft.userFlags`: https://learn.microsoft.com/en-us/schooldatasync/sds-oneroster-api
A status of `tobedeleted` or `inactive` makes a row inactive, in bulk files too, where the standard
leaves the cell blank. Session and enrollment dates are read as the last day that counts, although
the standard means the first day after: whoever writes the last day loses nothing, and nobody is
taken out of a class a day early.
"""

from __future__ import annotations

from connectors.account_ids import from_user_ids, metadata_columns, metadata_key
from connectors.formats import CsvColumn, CsvFormat, Derived, FeedSpec, FileSpec, header_key
from roster.normalise import pieces

_SECRETS = {"password"}
EXTENSION = "metadata."
# Where School Data Sync reads the flags of a person, joined by commas.
USER_FLAGS = "metadata.microsoft.userFlags"
NOTICED = "userprofiles"
MANIFEST = "manifest"

# Known and of no use to a roster of people and classes.
_SKIPPED = (
    "categories", "classResources", "courseResources", "lineItems", "resources", "results",
)  # fmt: skip
_SKIPPED_12 = (
    *_SKIPPED, "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds",
    "resultScoreScales", "scoreScales", "userProfiles", "userResources",
)  # fmt: skip

_RACES = (
    "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander", "white", "demographicRaceTwoOrMoreRaces",
)  # fmt: skip


def _yes(column: str) -> str:
    key = header_key(column)
    return f"CASE WHEN lower(trim({{{key}}})) IN ('true', 'yes', 'y', 't', '1') THEN '{column}' END"


def _word(key: str) -> str:
    """A value of a vocabulary; the word of an extension (`ext:coach`) is the word itself."""
    return f"regexp_replace({{{key}}}, '^\\s*ext:', '', 'i')"


def _first(key: str) -> str:
    return f"{pieces(f'{{{key}}}')}[1]"


_PERSON = "trim({sourcedid})"
_STUDYING = "lower(trim({role})) = 'student'"
_SEX = (
    "CASE WHEN lower(trim({sex})) IN ('unspecified', 'other') THEN 'notSelected'"
    f" ELSE {_word('sex')} END"
)

_STATUS = "status dateLastModified"


def _columns(required: str, optional: str) -> tuple[CsvColumn, ...]:
    """Columns in words; other spellings, of version 1.0 or seen in files, follow after `|`."""
    columns: list[CsvColumn] = []
    for words, needed in ((required, True), (f"{_STATUS} {optional}", False)):
        for word in words.split():
            spellings = tuple(word.split("|"))
            key = header_key(spellings[0])
            columns.append(CsvColumn(key, spellings, needed, key in _SECRETS))
    return tuple(columns)


def _file(
    name: str,
    required: str,
    optional: str,
    *feeds: FeedSpec,
    mandatory: bool = False,
    keeps: str = "",
) -> FileSpec:
    return FileSpec(name, _columns(required, optional), feeds, mandatory, EXTENSION, keeps)


_ORGS = _file(
    "orgs",
    "sourcedId name type",
    "identifier parentSourcedId",
    FeedSpec(
        "orgs",
        {
            "sourced_id": "{sourcedid}",
            "name": "{name}",
            "type": _word("type"),
            "identifier": "{identifier}",
            "parent_sourced_id": "{parentsourcedid}",
            "active": "{status}",
        },
    ),
    mandatory=True,
)

# Version 1.0 has no school year; a session then belongs to the year in which it ends.
_SESSIONS = _file(
    "academicSessions",
    "sourcedId title type startDate endDate",
    "parentSourcedId schoolYear",
    FeedSpec(
        "academic_sessions",
        {
            "sourced_id": "{sourcedid}",
            "title": "{title}",
            "type": _word("type"),
            "school_year": "coalesce({schoolyear}, regexp_extract({enddate}, '2[0-9][0-9][0-9]'))",
            "start_date": "{startdate}",
            "end_date": "{enddate}",
        },
    ),
)

_COURSES = _file(
    "courses",
    "sourcedId title orgSourcedId",
    "schoolYearSourcedId|schoolYearId courseCode grades|grade subjects subjectCodes",
    FeedSpec(
        "courses",
        {
            "sourced_id": "{sourcedid}",
            "org_sourced_id": "{orgsourcedid}",
            "title": "{title}",
            "code": "{coursecode}",
            "school_year_sourced_id": "{schoolyearsourcedid}",
            "subjects": "{subjects}",
            "grades": "{grades}",
        },
    ),
)

_CLASSES = _file(
    "classes",
    "sourcedId title schoolSourcedId",
    "grades|grade courseSourcedId classCode classType location termSourcedIds|termSourcedId"
    " subjects subjectCodes periods",
    FeedSpec(
        "classes",
        {
            "sourced_id": "{sourcedid}",
            "org_sourced_id": "{schoolsourcedid}",
            "title": "{title}",
            "code": "{classcode}",
            "course_sourced_id": "{coursesourcedid}",
            "session_sourced_ids": "{termsourcedids}",
            "active": "{status}",
        },
    ),
)

_ENROLLMENTS = _file(
    "enrollments",
    "sourcedId classSourcedId userSourcedId role",
    "schoolSourcedId primary beginDate endDate",
    FeedSpec(
        "enrollments",
        {
            "class_sourced_id": "{classsourcedid}",
            "user_sourced_id": "{usersourcedid}",
            "role": _word("role"),
            "start_date": "{begindate}",
            "end_date": "{enddate}",
            "active": "{status}",
        },
    ),
)

_DEMOGRAPHICS = _file(
    "demographics",
    "sourcedId|userSourcedId",
    "birthDate sex " + " ".join(_RACES) + " hispanicOrLatinoEthnicity countryOfBirthCode"
    " stateOfBirthAbbreviation cityOfBirth publicSchoolResidenceStatus",
    FeedSpec(
        "demographics",
        {
            "user_sourced_id": "{sourcedid}",
            "sex": _SEX,
            "birth_date": "{birthdate}",
            "birth_city": "{cityofbirth}",
            "birth_state": "{stateofbirthabbreviation}",
            "birth_country": "{countryofbirthcode}",
            "ethnicity_codes": _yes("hispanicOrLatinoEthnicity"),
            "race_codes": f"nullif(concat_ws(',', {', '.join(map(_yes, _RACES))}), '')",
        },
    ),
)


def _carried(column: str, first: str = "NULL") -> str:
    """An id or name that accounts go by: of its own column, of `metadata.*`, or of `userIds`."""
    texts = (first, f"{{{metadata_key(column)}}}")
    given = ", ".join(f"nullif(trim({text}), '')" for text in texts)
    return f"coalesce({given}, {from_user_ids('{userids}', column)})"


_USER = FeedSpec(
    "users",
    {
        "sourced_id": "{sourcedid}",
        "username": "{username}",
        "given_name": "{givenname}",
        "family_name": "{familyname}",
        "middle_name": "{middlename}",
        "email": "{email}",
        "phone": "{phone}",
        "sms": "{sms}",
        "identifier": "{identifier}",
        "master_identifier": "{usermasteridentifier}",
        "active_directory_match_id": _carried("active_directory_match_id"),
        "sam_account_name": _carried("sam_account_name"),
        "employee_id": _carried("employee_id"),
        "preferred_given_name": _carried("preferred_given_name", "{preferredgivenname}"),
        "preferred_family_name": _carried("preferred_family_name", "{preferredfamilyname}"),
        "active": "{status}",
    },
)
_USER_COLUMNS = (
    "enabledUser userIds middleName identifier|userId email sms phone agentSourcedIds|agents"
    f" grades|grade password {metadata_columns()} {USER_FLAGS}"
)
_USERS_12_COLUMNS = (
    " userMasterIdentifier resourceSourcedIds preferredGivenName|prefferedGivenName"
    " preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns"
)

_KEPT_OF_USERS = (
    f"{_PERSON} AS person, {_first('grades')} AS grade,"
    f" {pieces('{agentsourcedids}')} AS agents, {{status}} AS status,"
    f" {pieces(f'{{{header_key(USER_FLAGS)}}}')} AS flags"
)

_USERS_11 = _file(
    "users",
    "sourcedId orgSourcedIds|orgSourcedId role username givenName familyName",
    _USER_COLUMNS,
    _USER,
    mandatory=True,
    keeps=f"{_KEPT_OF_USERS}, {_word('role')} AS role, {pieces('{orgsourcedids}')} AS orgs",
)

_USERS_12 = _file(
    "users",
    "sourcedId username givenName familyName",
    _USER_COLUMNS + _USERS_12_COLUMNS,
    _USER,
    mandatory=True,
    keeps=_KEPT_OF_USERS,
)

_ROLES_12 = _file(
    "roles",
    "sourcedId userSourcedId role orgSourcedId",
    "roleType beginDate endDate userProfileSourcedId",
    FeedSpec(
        "roles",
        {
            "user_sourced_id": "{usersourcedid}",
            "org_sourced_id": "{orgsourcedid}",
            "role": _word("role"),
            "grade": (
                f"CASE WHEN {_STUDYING} THEN (SELECT any_value(grade) FROM kept_users p"
                f" WHERE p.person = trim({{usersourcedid}})) END"
            ),
            "is_primary": "CASE lower(trim({roletype})) WHEN 'primary' THEN 'true'"
            " WHEN 'secondary' THEN 'false' ELSE {roletype} END",
            "start_date": "{begindate}",
            "end_date": "{enddate}",
            "active": "{status}",
        },
    ),
    mandatory=True,
    keeps=f"trim({{usersourcedid}}) AS person, {_word('role')} AS role",
)

# A person without an org keeps one row, so that a blank cell is an error and nobody's leaving.
_ROLES_11 = Derived(
    "roles",
    "users",
    """SELECT record, person, role, status,
        CASE WHEN lower(trim(role)) = 'student' THEN grade END AS grade,
        unnest(orgs) AS org, generate_subscripts(orgs, 1) AS place
    FROM (
        SELECT * REPLACE (CASE WHEN len(orgs) > 0 THEN orgs ELSE [NULL] END AS orgs)
        FROM kept_users)""",
    {
        "user_sourced_id": "person",
        "org_sourced_id": "org",
        "role": "role",
        "grade": "grade",
        "is_primary": "CASE WHEN place = 1 THEN 'true' ELSE 'false' END",
        "active": "status",
    },
    {"org_sourced_id": "orgSourcedIds", "role": "role", "grade": "grades", "active": "status"},
    needs="orgsourcedids",
    lost={"user_sourced_id": "{sourcedid}"},
)


def _relationships(standing: str) -> Derived:
    """`standing`: the kept table that has the roles of people, one a row."""
    return Derived(
        "relationships",
        "users",
        f"""
        WITH standing AS (
            SELECT person, bool_or(lower(trim(role)) = 'student') AS student,
                min(lower(trim(role))) FILTER (
                    lower(trim(role)) IN ('parent', 'guardian', 'relative', 'aide')) AS kin
            FROM {standing} GROUP BY person
        ), pairs AS (
            SELECT record, person, unnest(agents) AS agent FROM kept_users
        )
        SELECT record,
            CASE WHEN turned THEN agent ELSE person END AS student,
            CASE WHEN turned THEN person ELSE agent END AS contact,
            coalesce(CASE WHEN turned THEN one_kin ELSE other_kin END, 'other') AS kin
        FROM (
            SELECT record, person, agent, one.kin AS one_kin, other.kin AS other_kin,
                coalesce(other.student, false) AND NOT coalesce(one.student, false) AS turned
            FROM pairs LEFT JOIN standing one USING (person)
            LEFT JOIN standing other ON other.person = agent)
        QUALIFY row_number() OVER (PARTITION BY student, contact ORDER BY record) = 1
        ORDER BY record, contact""",
        {
            "user_sourced_id": "student",
            "relationship_user_sourced_id": "contact",
            "role": "kin",
        },
        {"relationship_user_sourced_id": "agentSourcedIds"},
        needs="agentsourcedids",
        lost={},
    )


_FLAGS = Derived(
    "user_flags",
    "users",
    "SELECT DISTINCT record, person, unnest(flags) AS flag FROM kept_users ORDER BY record, flag",
    {"user_sourced_id": "person", "flag": "flag"},
    {"flag": USER_FLAGS},
    needs=header_key(USER_FLAGS),
    lost={},
)


_MANIFEST = FileSpec(
    MANIFEST, (CsvColumn("propertyname", ("propertyName",)), CsvColumn("value", ("value",))), ()
)
_TOGETHER = (frozenset({"classes", "enrollments"}),)


def _format(name: str, people: tuple[FileSpec, ...], skipped: tuple[str, ...],
            derived: tuple[Derived, ...]) -> CsvFormat:  # fmt: skip
    return CsvFormat(
        name,
        (
            _MANIFEST, _ORGS, _SESSIONS, _COURSES, _CLASSES, *people, _ENROLLMENTS, _DEMOGRAPHICS,
            *(FileSpec(file, (), ()) for file in skipped),
        ),
        _TOGETHER,
        derived=(*derived, _FLAGS),
        noticed=frozenset({NOTICED}),
    )  # fmt: skip


FORMAT_11 = _format(
    "oneroster-1.1", (_USERS_11,), _SKIPPED, (_ROLES_11, _relationships("kept_users"))
)
FORMAT_12 = _format(
    "oneroster-1.2", (_USERS_12, _ROLES_12), _SKIPPED_12, (_relationships("kept_roles"),)
)
FORMATS = (FORMAT_11, FORMAT_12)
# The files that the roster uses, lower-case.
USED = frozenset(spec.name.lower() for form in FORMATS for spec in form.files if spec.feeds)
