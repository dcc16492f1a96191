"""Writes a district as School Data Sync CSV files, version 2.1 or version 1 (also with UK headers),
or as OneRoster or Clever CSV (see local.district.oneroster and local.district.clever).

Formats: https://learn.microsoft.com/schooldatasync/sds-v2.1-csv-file-format,
https://learn.microsoft.com/schooldatasync/sds-v1-csv-file-format and, for the two guardian files of
version 1, https://learn.microsoft.com/schooldatasync/parent-contact-sync-file-format.
Files are UTF-8 without BOM, commas, LF, sorted by key; usernames carry a domain only if one is set.
Passwords are never written.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from . import clever, oneroster

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Format = Literal["sds-v2.1", "sds-v1", "sds-v1-uk", "oneroster-1.1", "oneroster-1.2", "clever"]

_EPOCH = (1980, 1, 1, 0, 0, 0)

_V21 = {
    "orgs.csv": """SELECT sourced_id AS "sourcedId", name, type, parent AS "parentSourcedId"
        FROM orgs ORDER BY type <> 'district', sourced_id""",
    "academicSessions.csv": """SELECT sourced_id AS "sourcedId", title, type,
        school_year AS "schoolYear", starts AS "startDate", ends AS "endDate"
        FROM sessions ORDER BY sourced_id""",
    "courses.csv": """SELECT sourced_id AS "sourcedId", 'district' AS "orgSourcedId", title, code,
        (SELECT max(sourced_id) FROM sessions WHERE type = 'schoolYear') AS "schoolYearSourcedId",
        subject, grade FROM courses ORDER BY sourced_id""",
    "classes.csv": """SELECT sourced_id AS "sourcedId", org AS "orgSourcedId", title,
        array_to_string(sessions, ',') AS "sessionSourcedIds", course AS "courseSourcedId", code
        FROM classes ORDER BY sourced_id""",
    "users.csv": """SELECT sourced_id AS "sourcedId", account AS username,
        given_name AS "givenName", family_name AS "familyName",
        NULL AS "activeDirectoryMatchId", mail AS email, phone, phone AS sms
        FROM accounts ORDER BY kind DESC, sourced_id""",
    "roles.csv": """SELECT user_id AS "userSourcedId", org AS "orgSourcedId", role,
        NULL AS "sessionSourcedId", grade, is_primary AS "isPrimary",
        NULL AS "roleStartDate", NULL AS "roleEndDate"
        FROM roles ORDER BY user_id, is_primary DESC, org, role""",
    "enrollments.csv": """SELECT class_id AS "classSourcedId", user_id AS "userSourcedId", role
        FROM enrollments ORDER BY class_id, role DESC, user_id""",
    "relationships.csv": """SELECT student_id AS "userSourcedId",
        contact_id AS "relationshipUserSourcedId", role AS "relationshipRole"
        FROM relationships ORDER BY student_id, contact_id""",
    "demographics.csv": """SELECT user_id AS "userSourcedId", sex, birth_date AS "birthDate",
        NULL AS "birthCity", NULL AS "birthState", NULL AS "birthCountry",
        ethnicity AS "ethnicityCodes", race AS "raceCodes" FROM demographics ORDER BY user_id""",
    "userFlags.csv": """SELECT user_id AS "userSourcedId", flag FROM user_flags
        ORDER BY user_id, flag""",
}

# Without academicSessions a class of last year would look current, so it is left out; guardians
# have no place without relationships.
_V21_MINIMAL = {
    "orgs.csv": 'SELECT sourced_id AS "sourcedId", name, type FROM orgs ORDER BY sourced_id',
    "users.csv": """SELECT sourced_id AS "sourcedId", account AS username FROM accounts
        WHERE kind <> 'guardian' ORDER BY kind DESC, sourced_id""",
    "roles.csv": """SELECT user_id AS "userSourcedId", org AS "orgSourcedId", role
        FROM roles WHERE role <> 'other' ORDER BY user_id, is_primary DESC, org, role""",
    "classes.csv": """SELECT sourced_id AS "sourcedId", org AS "orgSourcedId", title
        FROM classes WHERE sourced_id <> 'C099999' ORDER BY sourced_id""",
    "enrollments.csv": """SELECT class_id AS "classSourcedId", user_id AS "userSourcedId", role
        FROM enrollments WHERE class_id <> 'C099999' ORDER BY class_id, role DESC, user_id""",
}

_V1 = {
    "school.csv": """SELECT sourced_id AS "SIS ID", name AS "Name", sourced_id AS "School Number",
        lowest AS "Grade Low", highest AS "Grade High" FROM orgs WHERE type = 'school'
        ORDER BY sourced_id""",
    "section.csv": """SELECT c.sourced_id AS "SIS ID", c.org AS "School SIS ID",
        c.title AS "Section Name", c.code AS "Section Number", s.sourced_id AS "Term SIS ID",
        s.title AS "Term Name", s.starts AS "Term StartDate", e.ends AS "Term EndDate",
        k.sourced_id AS "Course SIS ID", k.title AS "Course Name", k.code AS "Course Number",
        k.subject AS "Course Subject", 'Active' AS "Status"
        FROM classes c JOIN sessions s ON s.sourced_id = c.sessions[1]
        JOIN sessions e ON e.sourced_id = c.sessions[-1]
        LEFT JOIN courses k ON k.sourced_id = c.course ORDER BY c.sourced_id""",
    "student.csv": """SELECT u.sourced_id AS "SIS ID", r.org AS "School SIS ID",
        given_name AS "First Name", family_name AS "Last Name", account AS "Username",
        u.number AS "Student Number", middle_name AS "Middle Name", r.grade AS "Grade",
        'Active' AS "Status", birth_date AS "Birthdate"
        FROM accounts u JOIN roles r ON r.user_id = u.sourced_id AND r.role = 'student'
        ORDER BY u.sourced_id, r.org""",
    "teacher.csv": """SELECT u.sourced_id AS "SIS ID", org AS "School SIS ID",
        given_name AS "First Name", family_name AS "Last Name", account AS "Username",
        u.number AS "Teacher Number", 'Active' AS "Status", middle_name AS "Middle Name",
        title AS "Title"
        FROM accounts u JOIN (
            SELECT user_id, CASE org WHEN 'district' THEN (SELECT min(sourced_id) FROM orgs)
                   ELSE org END AS org, upper(role[1]) || role[2:] AS title
            FROM roles WHERE role NOT IN ('student', 'other')) r ON r.user_id = u.sourced_id
        ORDER BY u.sourced_id, org""",
    "studentenrollment.csv": """SELECT class_id AS "Section SIS ID", user_id AS "SIS ID"
        FROM enrollments WHERE role = 'student' ORDER BY ALL""",
    "teacherroster.csv": """SELECT class_id AS "Section SIS ID", user_id AS "SIS ID"
        FROM enrollments WHERE role <> 'student' ORDER BY ALL""",
    "user.csv": """SELECT mail AS "Email", given_name AS "First Name", family_name AS "Last Name",
        phone AS "Phone", sourced_id AS "SIS ID" FROM accounts
        WHERE sourced_id IN (SELECT contact_id FROM relationships) ORDER BY sourced_id""",
    "guardianrelationship.csv": """SELECT student_id AS "SIS ID", mail AS "Email",
        upper(r.role[1]) || r.role[2:] AS "Role"
        FROM relationships r JOIN accounts u ON u.sourced_id = r.contact_id
        ORDER BY student_id, contact_id""",
}

_V1_MINIMAL = {
    "school.csv": """SELECT sourced_id AS "SIS ID", name AS "Name" FROM orgs
        WHERE type = 'school' ORDER BY sourced_id""",
    "section.csv": """SELECT sourced_id AS "SIS ID", org AS "School SIS ID",
        title AS "Section Name" FROM classes WHERE sourced_id <> 'C099999' ORDER BY sourced_id""",
    "student.csv": """SELECT u.sourced_id AS "SIS ID", r.org AS "School SIS ID",
        account AS "Username"
        FROM accounts u JOIN roles r ON r.user_id = u.sourced_id AND r.role = 'student'
        ORDER BY u.sourced_id, r.org""",
    "teacher.csv": """SELECT DISTINCT u.sourced_id AS "SIS ID", CASE org WHEN 'district'
        THEN (SELECT min(sourced_id) FROM orgs) ELSE org END AS "School SIS ID",
        account AS "Username" FROM accounts u JOIN roles r ON r.user_id = u.sourced_id
        WHERE role NOT IN ('student', 'other') ORDER BY ALL""",
    "studentenrollment.csv": """SELECT class_id AS "Section SIS ID", user_id AS "SIS ID"
        FROM enrollments WHERE role = 'student' AND class_id <> 'C099999' ORDER BY ALL""",
    "teacherroster.csv": """SELECT class_id AS "Section SIS ID", user_id AS "SIS ID"
        FROM enrollments WHERE role <> 'student' AND class_id <> 'C099999' ORDER BY ALL""",
}

_UK_SCHOOL = {"SIS ID": "DfE Number", "Zip": "Postal Code"}
_UK_OTHERS = {
    "School SIS ID": "School DfE Number",
    "Section SIS ID": "Section ID",
    "SIS ID": "ID",
}
_UK_UNCHANGED = ("user.csv", "guardianrelationship.csv")


def write_files(
    con: DuckDBPyConnection,
    folder: Path,
    format: Format,  # noqa: A002
    *,
    domain: str | None,
    as_zip: bool,
    minimal: bool,
) -> list[Path]:
    """Writes the selected day's tables into `folder`; see District.write."""
    files = _queries(format, minimal=minimal)
    _make_accounts(con, domain)
    folder.mkdir(parents=True, exist_ok=True)
    if not as_zip:
        return [_copy(con, query, folder / name) for name, query in files.items()]
    archive = folder / "roster.zip"
    with (
        tempfile.TemporaryDirectory(dir=folder) as loose,
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name, query in files.items():
            path = _copy(con, query, Path(loose) / name)
            entry = zipfile.ZipInfo(name, _EPOCH)  # the clock must not show in the bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, packed.open(entry, "w", force_zip64=True) as target:
                while block := source.read(1 << 20):
                    target.write(block)
    return [archive]


def _queries(format: Format, *, minimal: bool) -> dict[str, str]:  # noqa: A002
    if format == "oneroster-1.1" or format == "oneroster-1.2":
        return oneroster.queries(format, minimal=minimal)
    if format == "clever":
        return clever.queries(minimal=minimal)
    if format == "sds-v2.1":
        return _V21_MINIMAL if minimal else _V21
    files = _V1_MINIMAL if minimal else _V1
    if format == "sds-v1":
        return files
    return {name: _with_uk_headers(name, query) for name, query in files.items()}


def _with_uk_headers(name: str, query: str) -> str:
    if name in _UK_UNCHANGED:
        return query
    for header, uk in (_UK_SCHOOL if name == "school.csv" else _UK_OTHERS).items():
        query = query.replace(f'"{header}"', f'"{uk}"')
    return query


def _make_accounts(con: DuckDBPyConnection, domain: str | None) -> None:
    """The users as files show them: with the domain, if any; school mail only with a domain."""
    suffix = f"@{domain}" if domain else ""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE accounts AS
        SELECT *, CASE WHEN kind = 'guardian' THEN email ELSE username || $suffix END AS account,
               CASE WHEN kind = 'guardian' OR $suffix = '' THEN email
                    ELSE username || $suffix END AS mail
        FROM users""",
        {"suffix": suffix},
    )


def _copy(con: DuckDBPyConnection, query: str, path: Path) -> Path:
    target = str(path).replace("'", "''")
    con.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER, DELIMITER ',')")
    return path
