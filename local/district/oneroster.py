"""Queries that write a district as OneRoster CSV, version 1.1 or 1.2, every file in bulk.

https://www.imsglobal.org/oneroster-v11-final-csv-tables
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv

A class needs a course: one without gets a course of its own.
Version 1.1 has one role a person: the primary one. Words that its lists lack become the nearest
that they have; version 1.2 writes them as extensions (`ext:`).
"""

from __future__ import annotations

from typing import Literal

OneRoster = Literal["oneroster-1.1", "oneroster-1.2"]

_BULK = 'NULL AS status, NULL AS "dateLastModified"'
_KIN = "(SELECT min(role) FROM relationships WHERE contact_id = u.sourced_id)"
_AGENTS = """(SELECT string_agg(contact_id, ',' ORDER BY contact_id) FROM relationships
    WHERE student_id = u.sourced_id)"""


def _ceds(grade: str) -> str:
    """A grade as OneRoster spells it: KG, 09, Other."""
    return (
        f"CASE WHEN length({grade}) = 2 THEN upper({grade}) WHEN {grade} = 'other' THEN 'Other'"
        f" ELSE {grade} END"
    )


_GRADE = f"""(SELECT {_ceds("min(grade)")} FROM roles
    WHERE user_id = u.sourced_id AND role = 'student')"""
_NAMES = """given_name AS "givenName", family_name AS "familyName", middle_name AS "middleName",
    number AS identifier, mail AS email, phone AS sms, phone"""
_RACES = ", ".join(
    f"""list_contains(string_split(coalesce(race, ''), ','), '{race}') AS "{race}\""""
    for race in (
        "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander", "white",
    )
)  # fmt: skip

_COMMON = {
    "orgs.csv": f"""SELECT sourced_id AS "sourcedId", {_BULK}, name, type,
        sourced_id AS identifier, parent AS "parentSourcedId"
        FROM orgs ORDER BY type <> 'district', sourced_id""",
    "academicSessions.csv": f"""SELECT sourced_id AS "sourcedId", {_BULK}, title, type,
        starts AS "startDate", ends AS "endDate",
        CASE type WHEN 'semester' THEN sourced_id[:-3] END AS "parentSourcedId",
        school_year AS "schoolYear" FROM sessions ORDER BY sourced_id""",
    "courses.csv": f"""SELECT sourced_id AS "sourcedId", {_BULK},
        (SELECT max(sourced_id) FROM sessions WHERE type = 'schoolYear') AS "schoolYearSourcedId",
        title, code AS "courseCode", {_ceds("grade")} AS grades, 'district' AS "orgSourcedId",
        subject AS subjects, NULL AS "subjectCodes" FROM courses
        UNION ALL
        SELECT 'course-' || sourced_id, {_BULK}, NULL, title, code, NULL, org, NULL, NULL
        FROM classes WHERE course IS NULL ORDER BY "sourcedId\"""",
    "classes.csv": f"""SELECT sourced_id AS "sourcedId", {_BULK}, title, NULL AS grades,
        coalesce(course, 'course-' || sourced_id) AS "courseSourcedId", code AS "classCode",
        'scheduled' AS "classType",
        NULL AS location, org AS "schoolSourcedId",
        array_to_string(sessions, ',') AS "termSourcedIds", NULL AS subjects,
        NULL AS "subjectCodes", NULL AS periods FROM classes ORDER BY sourced_id""",
    "enrollments.csv": f"""SELECT class_id || '-' || user_id AS "sourcedId", {_BULK},
        class_id AS "classSourcedId", c.org AS "schoolSourcedId", user_id AS "userSourcedId", role,
        NULL AS "primary", NULL AS "beginDate", NULL AS "endDate"
        FROM enrollments e JOIN classes c ON c.sourced_id = e.class_id
        ORDER BY class_id, role DESC, user_id""",
}
_DEMOGRAPHICS = {
    "demographics.csv": f"""SELECT user_id AS "sourcedId", {_BULK}, birth_date AS "birthDate", sex,
        {_RACES}, NULL AS "demographicRaceTwoOrMoreRaces",
        ethnicity IS NOT NULL AS "hispanicOrLatinoEthnicity", NULL AS "countryOfBirthCode",
        NULL AS "stateOfBirthAbbreviation", NULL AS "cityOfBirth",
        NULL AS "publicSchoolResidenceStatus" FROM demographics ORDER BY user_id""",
}

# The primary role, and the orgs in which the person has it; the primary one leads.
_LEADING = """(
    SELECT user_id, any_value(first_role) AS role,
           string_agg(org, ',' ORDER BY is_primary DESC, org) AS orgs
    FROM (SELECT *, first_value(role) OVER (
              PARTITION BY user_id ORDER BY is_primary DESC, org, role) AS first_role FROM roles)
    WHERE role = first_role GROUP BY user_id)"""

_USERS_11 = {
    "users.csv": f"""SELECT u.sourced_id AS "sourcedId", {_BULK}, true AS "enabledUser",
        orgs AS "orgSourcedIds", CASE
            WHEN role = 'other' THEN {_KIN}
            WHEN role IN ('student', 'teacher', 'aide', 'proctor') THEN role
            ELSE 'administrator' END AS role,
        account AS username, NULL AS "userIds", {_NAMES}, {_AGENTS} AS "agentSourcedIds",
        CASE role WHEN 'student' THEN {_GRADE} END AS grades, NULL AS password
        FROM accounts u JOIN {_LEADING} r ON r.user_id = u.sourced_id
        ORDER BY kind DESC, u.sourced_id""",
}

_USERS_12 = {
    "users.csv": f"""SELECT u.sourced_id AS "sourcedId", {_BULK}, true AS "enabledUser",
        account AS username, NULL AS "userIds", {_NAMES}, {_AGENTS} AS "agentSourcedIds",
        {_GRADE} AS grades, NULL AS password, NULL AS "userMasterIdentifier",
        NULL AS "preferredGivenName", NULL AS "preferredMiddleName",
        NULL AS "preferredFamilyName",
        (SELECT first(org ORDER BY is_primary DESC, org) FROM roles
         WHERE user_id = u.sourced_id) AS "primaryOrgSourcedId", NULL AS pronouns
        FROM accounts u ORDER BY kind DESC, u.sourced_id""",
    # What a guardian is, a relationship says; staff who are parents have that role beside theirs.
    "roles.csv": f"""SELECT user_id || '-' || org || '-' || role AS "sourcedId", {_BULK},
        user_id AS "userSourcedId", CASE WHEN is_primary THEN 'primary' ELSE 'secondary' END
            AS "roleType",
        CASE WHEN role IN ('student', 'teacher', 'aide', 'proctor', 'principal', 'parent',
                           'guardian', 'relative') THEN role
             WHEN role = 'administrator' THEN 'siteAdministrator'
             WHEN role = 'itAdmin' THEN 'systemAdministrator'
             WHEN role = 'advisor' THEN 'counselor' ELSE 'ext:' || role END AS role,
        NULL AS "beginDate", NULL AS "endDate", org AS "orgSourcedId",
        NULL AS "userProfileSourcedId"
        FROM (
            SELECT user_id, org, CASE role WHEN 'other' THEN (
                SELECT min(k.role) FROM relationships k WHERE contact_id = user_id)
                ELSE role END AS role, is_primary FROM roles
            UNION ALL
            SELECT contact_id, min(p.org), min(k.role), false FROM relationships k
            JOIN roles p ON p.user_id = student_id AND p.role = 'student'
            WHERE contact_id NOT IN (SELECT user_id FROM roles WHERE role = 'other')
            GROUP BY contact_id)
        ORDER BY "userSourcedId", "roleType", org, role""",
}

_FILES_11 = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources",
    "demographics", "enrollments", "lineItems", "orgs", "resources", "results", "users",
)  # fmt: skip
_FILES_12 = (
    *_FILES_11, "lineItemLearningObjectiveIds", "lineItemScoreScales",
    "resultLearningObjectiveIds", "resultScoreScales", "roles", "scoreScales", "userProfiles",
    "userResources",
)  # fmt: skip


def queries(format: OneRoster, *, minimal: bool) -> dict[str, str]:  # noqa: A002
    """File name → query. `minimal`: without demographics."""
    users = _USERS_11 if format == "oneroster-1.1" else _USERS_12
    files = _COMMON | users | ({} if minimal else _DEMOGRAPHICS)
    return {"manifest.csv": _manifest(format, set(files)), **files}


def _manifest(format: OneRoster, written: set[str]) -> str:  # noqa: A002
    known = _FILES_11 if format == "oneroster-1.1" else _FILES_12
    rows = [
        ("manifest.version", "1.0"),
        ("oneroster.version", format.removeprefix("oneroster-")),
        *((f"file.{n}", "bulk" if f"{n}.csv" in written else "absent") for n in sorted(known)),
        ("source.systemName", "Rollcall sample"),
        ("source.systemCode", "rollcall"),
    ]
    values = ", ".join(f"('{name}', '{value}')" for name, value in rows)
    return f'SELECT * FROM (VALUES {values}) AS manifest("propertyName", value)'
