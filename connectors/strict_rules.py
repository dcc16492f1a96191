"""The clauses of OneRoster CSV that `rollcall check --strict` holds a package to, as a table.

https://www.imsglobal.org/oneroster-v11-final-csv-tables
https://www.imsglobal.org/spec/oneroster/v1p2/bind/csv

An error is what the standard forbids. A warning is what it recommends, or what is known of one
restatement of it alone, so that another receiver may well take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from connectors.oneroster_binding import VERSIONS
from roster.finding import Severity

_ONLY_11, _ONLY_12 = VERSIONS[:1], VERSIONS[1:]


@dataclass(frozen=True)
class Clause:
    """One rule. `versions`: of OneRoster, in which it holds."""

    id: str
    message: str
    hint: str
    versions: tuple[str, ...] = VERSIONS
    severity: Severity = "error"


_PACKAGE = (
    Clause(
        "oneroster.package.root",
        "the files of the zip stand in a folder",
        "put manifest.csv and the data files at the root of the zip",
    ),
    Clause(
        "oneroster.package.unknown_file",
        "the standard has no such file",
        "leave it out of the package",
    ),
    Clause(
        "oneroster.package.name",
        "the file's name is not written as the standard writes it",
        "names count with their case: academicSessions.csv",
    ),
    Clause(
        "oneroster.package.empty",
        "the file has no record",
        "leave the file out, and write absent for it in manifest.csv",
        _ONLY_11,
        "warning",
    ),
    Clause(
        "oneroster.manifest.missing",
        "the package has no manifest.csv",
        "add it, with the columns propertyName and value",
    ),
    Clause(
        "oneroster.manifest.header",
        "the header of the manifest is another",
        "it has to be propertyName,value",
    ),
    Clause(
        "oneroster.manifest.property_missing",
        "the manifest lacks a property",
        "every file of the version has its row, and so have manifest.version and oneroster.version",
    ),
    Clause(
        "oneroster.manifest.property_unknown",
        "the version has no such property",
        "remove it; names count with their case",
    ),
    Clause(
        "oneroster.manifest.property_twice", "the property stands here twice", "remove the second"
    ),
    Clause(
        "oneroster.manifest.version", "the version of the manifest is another", "it has to be 1.0"
    ),
    Clause(
        "oneroster.manifest.oneroster_version",
        "the manifest names no version of OneRoster that has one",
        "write 1.1 or 1.2 (1.2 for 1.2.1 too)",
    ),
    Clause(
        "oneroster.manifest.state",
        "the value is not one of the list",
        "allowed: absent, bulk, delta",
    ),
    Clause(
        "oneroster.manifest.file_missing",
        "the manifest announces a file that is not in the package",
        "add the file, or write absent",
    ),
    Clause(
        "oneroster.manifest.file_unexpected",
        "the file is in the package, and the manifest says that it is absent",
        "write bulk or delta for it, or leave the file out",
    ),
)

_FORM = (
    Clause("oneroster.encoding", "the file is not UTF-8", "save the file as UTF-8"),
    Clause(
        "oneroster.csv.delimiter", "values are not separated by commas", "separate values by commas"
    ),
    Clause(
        "oneroster.csv.quote",
        "the line has a stray quotation mark",
        'quote the whole value, and write a mark inside it twice: "5"" pipe"',
    ),
    Clause(
        "oneroster.csv.line_break",
        "a value contains a line break",
        "write every record on one line",
    ),
    Clause(
        "oneroster.csv.fields",
        "the line has more or fewer values than the header has columns",
        "write a value for each column, if only an empty one",
    ),
    Clause(
        "oneroster.header.row",
        "the file does not begin with a row of column names",
        "write the names of the columns on the first line",
    ),
    Clause(
        "oneroster.header.case",
        "the column's name is not written as the standard writes it",
        "names count with their case, and without blanks",
    ),
    Clause(
        "oneroster.header.unknown",
        "the standard has no such column",
        "remove it, or call it metadata. and a name, and put it at the end",
    ),
    Clause("oneroster.header.twice", "the column stands here twice", "remove the second"),
    Clause(
        "oneroster.header.missing",
        "a column of the standard is missing",
        "write every column, also where all its cells are empty",
    ),
    Clause(
        "oneroster.header.order",
        "the columns are not in the order of the standard",
        "put this column where the standard has it",
    ),
    Clause(
        "oneroster.header.metadata",
        "a column of an extension stands before one of the standard",
        "put all metadata.* columns after the last column of the standard",
    ),
)

_VALUES = (
    Clause("oneroster.required", "a required value is missing", "fill it in"),
    Clause(
        "oneroster.empty",
        "the cell holds blanks only",
        "an empty cell has nothing between its two commas",
        severity="warning",
    ),
    Clause("oneroster.guid.length", "the id is longer than 255 characters", "use a shorter id"),
    Clause(
        "oneroster.guid.characters",
        "the id has a character that ids may not have",
        "allowed: letters of ASCII, digits, and . - _ / @",
    ),
    Clause(
        "oneroster.guid.unique",
        "another row of the file has this sourcedId",
        "an id names one thing: correct the id, or remove the wrong row",
    ),
    Clause("oneroster.date.form", "the value is no date", "expected: YYYY-MM-DD"),
    Clause(
        "oneroster.datetime.form",
        "the value is no date and time",
        "expected: YYYY-MM-DDTHH:MM:SS.sssZ, in UTC, with milliseconds",
    ),
    Clause("oneroster.year.form", "the value is no year", "expected: YYYY"),
    Clause(
        "oneroster.year.end",
        "the year is not the one in which the school year ends",
        "2025/26 is the school year 2026",
    ),
    Clause("oneroster.boolean.form", "the value is neither true nor false", "allowed: true, false"),
    Clause(
        "oneroster.vocabulary.case",
        "the word is written in another case than the standard's",
        "words count with their case",
    ),
    Clause(
        "oneroster.vocabulary.unknown",
        "the word is not one of the list",
        "use a word of the standard; from 1.2 on an extension may do, such as ext:coach",
    ),
    Clause(
        "oneroster.ext",
        "an extension may not stand here, or is not written so",
        "1.1 has no extensions; in 1.2 write ext: and letters, digits, . - _ where the list may be"
        " extended: not in status, roleType and the like",
    ),
    Clause("oneroster.list.empty", "an item of the list is empty", "remove the comma too many"),
    Clause(
        "oneroster.list.blanks",
        "a blank stands beside an item of the list",
        'write "09,10" and not "09, 10": some readers keep the blank',
        severity="warning",
    ),
    Clause(
        "oneroster.userids.form",
        "the item is not of the form {type:identifier}",
        'write "{SIS:4711},{LDAP:asmith}"',
    ),
    Clause(
        "oneroster.subjects.paired",
        "there are not as many subjectCodes as subjects",
        "the first code belongs to the first subject, and so on",
    ),
    Clause(
        "oneroster.bulk.status",
        "status and dateLastModified have to be empty in a file that the manifest calls bulk",
        "leave the cell empty, or deliver the file as delta",
    ),
    Clause(
        "oneroster.delta.status",
        "status and dateLastModified have to be filled in a file that the manifest calls delta",
        "fill in both, or deliver the file as bulk",
    ),
)

_SENSE = (
    Clause(
        "oneroster.reference.missing",
        "the package has no row with this id",
        "add the row to the file that the id belongs to, or correct the id",
    ),
    Clause(
        "oneroster.reference.school_year",
        "the academic session of a course is no school year",
        "cite a session of the type schoolYear",
    ),
    Clause(
        "oneroster.reference.school",
        "the org is no school",
        "cite an org of the type school",
    ),
    Clause(
        "oneroster.reference.profile",
        "the profile belongs to another user",
        "cite a row of userProfiles.csv with the same userSourcedId",
        _ONLY_12,
    ),
    Clause(
        "oneroster.roles.primary_once",
        "the user has another primary role in this org",
        "a user has one primary role in an org; write secondary for the others",
        _ONLY_12,
    ),
    Clause(
        "oneroster.users.primary_org",
        "the user has no role in the primary org",
        "add the role to roles.csv, or correct the org",
        _ONLY_12,
        "warning",
    ),
    Clause(
        "oneroster.enrollments.primary_role",
        "only a teacher can be the primary one",
        "write true under primary for teachers only",
    ),
    Clause(
        "oneroster.enrollments.primary_once",
        "the class has another primary teacher at the same time",
        "write true for one teacher of a class, false for the others",
    ),
    Clause(
        "oneroster.enrollments.dates",
        "the enrollment begins before the class's sessions or ends after them",
        "give it dates inside the sessions of the class",
        severity="warning",
    ),
)

CLAUSES: MappingProxyType[str, Clause] = MappingProxyType(
    {clause.id: clause for clause in (*_PACKAGE, *_FORM, *_VALUES, *_SENSE)}
)
