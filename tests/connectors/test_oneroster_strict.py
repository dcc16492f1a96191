"""Every clause is broken once, in a package that keeps all the others, and none in a clean one."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.oneroster_binding import BINDING, Kind
from connectors.oneroster_strict import (
    Strictness,
    add_findings,
    check_strict,
    findings_alone,
)
from connectors.reading import read_roster
from connectors.strict_rules import CLAUSES
from roster.errors import BadInput
from tests.connectors.samples import ONEROSTER_11, ONEROSTER_12, V21, write

Package = Mapping[str, str | bytes]
Edit = Callable[[dict[str, Any]], None]


def put(file: str, old: str, new: str) -> Edit:
    """Replaces a text of a file, once."""

    def edit(package: dict[str, Any]) -> None:
        assert old in package[file], (file, old)
        package[file] = package[file].replace(old, new, 1)

    return edit


def add(file: str, text: str | bytes) -> Edit:
    return lambda package: package.__setitem__(file, text)


def more(file: str, *lines: str) -> Edit:
    return lambda package: package.__setitem__(file, package[file] + "\n".join([*lines, ""]))


def move(old: str, new: str) -> Edit:
    return lambda package: package.__setitem__(new, package.pop(old))


def encoded(file: str, encoding: str) -> Edit:
    return lambda package: package.__setitem__(file, package[file].encode(encoding))


def column_last(file: str, column: str) -> Edit:
    """Moves a column to the end."""

    def edit(package: dict[str, Any]) -> None:
        lines = [line.split(",") for line in package[file].splitlines()]
        place = lines[0].index(column)
        for cells in lines:
            cells.append(cells.pop(place))
        package[file] = "\n".join([*map(",".join, lines), ""])

    return edit


def column_in(file: str, column: str, before: str | None = None) -> Edit:
    """Puts an empty column before another one, or at the end."""

    def edit(package: dict[str, Any]) -> None:
        rows = list(csv.reader(io.StringIO(package[file])))
        place = rows[0].index(before) if before else len(rows[0])
        for at, cells in enumerate(rows):
            cells.insert(place, "" if at else column)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        package[file] = text.getvalue()

    return edit


def as_delta(file: str) -> Edit:
    """Fills in status and dateLastModified."""

    def edit(package: dict[str, Any]) -> None:
        header, *lines = package[file].splitlines()
        filled = [line.replace(",,,", ",active,2025-10-01T08:00:00.000Z,", 1) for line in lines]
        package[file] = "\n".join([header, *filled, ""])

    return edit


def state(file: str, new: str) -> Edit:
    return put("manifest.csv", f"file.{file},bulk", f"file.{file},{new}")


def edited(package: Package, *edits: Edit) -> dict[str, Any]:
    changed: dict[str, Any] = dict(package)
    for edit in edits:
        edit(changed)
    return changed


PROFILES = (
    "sourcedId,status,dateLastModified,userSourcedId,profileType,vendorId,applicationId,"
    "description,credentialType,username,password\n"
    "UP1,,,U1,sso,contoso,,,username,ada,secret9\n"
)
CLEAN_11 = edited(
    ONEROSTER_11,
    put("demographics.csv", "TRUE", "true"),
    put("users.csv", ",,,,9,", ",,,,09,"),
)
CLEAN_12 = edited(
    {**CLEAN_11, **{name: ONEROSTER_12[name] for name in ("users.csv", "roles.csv")}},
    put("manifest.csv", "oneroster.version,1.1", "oneroster.version,1.2"),
    more("manifest.csv", "file.roles,bulk", "file.userProfiles,bulk",
         *(f"file.{name},absent" for name in (
             "lineItemLearningObjectiveIds", "lineItemScoreScales", "resultLearningObjectiveIds",
             "resultScoreScales", "scoreScales", "userResources"))),
    add("userProfiles.csv", PROFILES),
    put("roles.csv", "R1,,,U1,primary,student,,,S1,", "R1,,,U1,primary,student,,,S1,UP1"),
)  # fmt: skip
CLEAN = {"1.1": CLEAN_11, "1.2": CLEAN_12}


@dataclass(frozen=True)
class Example:
    """How a clause is broken, and where. `also`: what else cannot but be broken then."""

    version: str
    edits: tuple[Edit, ...]
    place: tuple[str, int | None, str, str]
    also: frozenset[str] = field(default_factory=frozenset)
    folder: str = ""


def _11(*edits: Edit, at: tuple[str, int | None, str, str], also: str = "") -> Example:
    return Example("1.1", edits, at, frozenset(also.split()))


def _12(*edits: Edit, at: tuple[str, int | None, str, str], also: str = "") -> Example:
    return Example("1.2", edits, at, frozenset(also.split()))


DELTA = (
    state("orgs", "delta"),
    put("orgs.csv", "D1,,,", "D1,active,2025-10-01T00:00:00.000Z,"),
    put("orgs.csv", "S1,,,", "S1,tobedeleted,2025-10-01T00:00:00.000Z,"),
)
EXAMPLES: dict[str, Example] = {
    "package.root": Example("1.1", (), ("drop.zip", None, "", "export"), folder="export/"),
    "package.unknown_file": _11(add("notes.csv", "a\n1\n"), at=("notes.csv", None, "", "")),
    "package.name": _11(
        move("academicSessions.csv", "academicsessions.csv"),
        at=("academicsessions.csv", None, "", "academicSessions.csv")),
    "package.empty": _11(
        add("demographics.csv", CLEAN_11["demographics.csv"].split("\n")[0] + "\n"),
        at=("demographics.csv", None, "", "")),
    "manifest.missing": _11(
        lambda package: package.pop("manifest.csv"), at=("manifest.csv", None, "", "")),
    "manifest.header": _11(
        put("manifest.csv", "propertyName,value", "PropertyName,value"),
        at=("manifest.csv", 1, "", "PropertyName,value")),
    "manifest.property_missing": _11(
        put("manifest.csv", "file.results,absent\n", ""),
        at=("manifest.csv", None, "", "file.results")),
    "manifest.property_unknown": _11(
        more("manifest.csv", "file.roles,absent"), at=("manifest.csv", 18, "", "file.roles")),
    "manifest.property_twice": _11(
        more("manifest.csv", "file.orgs,bulk"), at=("manifest.csv", 18, "", "file.orgs")),
    "manifest.version": _11(
        put("manifest.csv", "manifest.version,1.0", "manifest.version,1"),
        at=("manifest.csv", 2, "manifest.version", "1")),
    "manifest.oneroster_version": _11(
        put("manifest.csv", "oneroster.version,1.1", "oneroster.version,v1p1"),
        at=("manifest.csv", 3, "oneroster.version", "v1p1")),
    "manifest.state": _11(state("orgs", "Bulk"), at=("manifest.csv", 13, "file.orgs", "Bulk")),
    "manifest.file_missing": _11(
        put("manifest.csv", "file.results,absent", "file.results,bulk"),
        at=("manifest.csv", 15, "file.results", "bulk")),
    "manifest.file_unexpected": _11(
        state("demographics", "absent"),
        at=("manifest.csv", 10, "file.demographics", "absent")),
    "encoding": _11(
        put("orgs.csv", "North School", "École"), encoded("orgs.csv", "windows-1252"),
        at=("orgs.csv", 3, "", "")),
    "csv.delimiter": _11(
        add("orgs.csv", CLEAN_11["orgs.csv"].replace(",", ";")), at=("orgs.csv", 1, "", ";")),
    "csv.quote": _11(
        more("orgs.csv", 'S3,,,"West" School,school,0903,D1'),
        at=("orgs.csv", 5, "name", 'S3,,,"West" School,school,0903,D1')),
    "csv.line_break": _11(
        put("orgs.csv", "North School", '"North\nSchool"'),
        at=("orgs.csv", 3, "name", "North School")),
    "csv.fields": _11(
        more("orgs.csv", "S3,,,West School,school,0903"),
        at=("orgs.csv", 5, "parentSourcedId", "S3,,,West School,school,0903")),
    "header.row": _11(
        add("results.csv", "X1,,,LI1,U1,submitted,5,2025-10-01,\n"),
        put("manifest.csv", "file.results,absent", "file.results,bulk"),
        at=("results.csv", 1, "", "")),
    "header.case": _11(
        put("orgs.csv", "parentSourcedId", "parentsourcedid"),
        at=("orgs.csv", 1, "parentSourcedId", "parentsourcedid")),
    "header.unknown": _11(
        column_in("orgs.csv", "colour"), at=("orgs.csv", 1, "colour", "")),
    "header.twice": _11(
        column_in("orgs.csv", "name"), at=("orgs.csv", 1, "name", "")),
    "header.missing": _11(
        add("orgs.csv", "".join(
            ",".join([*line.split(",")[:5], *line.split(",")[6:]]) + "\n"
            for line in CLEAN_11["orgs.csv"].splitlines())),
        at=("orgs.csv", 1, "identifier", "")),
    "header.order": _11(column_last("orgs.csv", "type"), at=("orgs.csv", 1, "type", "")),
    "header.metadata": _11(
        column_in("orgs.csv", "metadata.region", "name"),
        at=("orgs.csv", 1, "metadata.region", "")),
    "required": _11(
        put("users.csv", "Ben,Brown", "Ben,"), at=("users.csv", 3, "familyName", "")),
    "empty": _11(put("users.csv", "Adams,K,", "Adams, ,"), at=("users.csv", 2, "middleName", " ")),
    "guid.length": _11(
        more("orgs.csv", f"{'x' * 256},,,West School,school,,D1"),
        at=("orgs.csv", 5, "sourcedId", "x" * 200)),
    "guid.characters": _11(
        more("orgs.csv", "S 3,,,West School,school,,D1"),
        at=("orgs.csv", 5, "sourcedId", "S 3")),
    "guid.unique": _11(
        more("orgs.csv", "S1,,,West School,school,,D1"), at=("orgs.csv", 5, "sourcedId", "S1")),
    "date.form": _11(
        put("enrollments.csv", "2025-08-12", "8/12/2025"),
        at=("enrollments.csv", 2, "beginDate", "8/12/2025")),
    "datetime.form": _11(
        *DELTA, put("orgs.csv", "S2,,,", "S2,active,2025-10-01,"),
        at=("orgs.csv", 4, "dateLastModified", "2025-10-01")),
    "year.form": _11(
        put("academicSessions.csv", "Y26,2026", "Y26,2025-26"),
        at=("academicSessions.csv", 3, "schoolYear", "2025-26")),
    "year.end": _11(
        put("academicSessions.csv", "06-30,,2026", "06-30,,2025"),
        at=("academicSessions.csv", 2, "schoolYear", "2025")),
    "boolean.form": _11(
        put("users.csv", "U1,,,true", "U1,,,True"), at=("users.csv", 2, "enabledUser", "True")),
    "vocabulary.case": _11(
        put("orgs.csv", "North School,school", "North School,School"),
        at=("orgs.csv", 3, "type", "School")),
    "vocabulary.unknown": _11(
        put("enrollments.csv", "T1,teacher,true", "T1,aide,"),
        at=("enrollments.csv", 4, "role", "aide")),
    "ext": _11(
        put("enrollments.csv", "T1,teacher,true", "T1,ext:aide,"),
        at=("enrollments.csv", 4, "role", "ext:aide")),
    "list.empty": _11(
        put("users.csv", '"09,10"', '"09,,10"'), at=("users.csv", 2, "grades", "09,,10")),
    "list.blanks": _11(
        put("users.csv", '"09,10"', '"09, 10"'), at=("users.csv", 2, "grades", "09, 10")),
    "userids.form": _11(
        put("users.csv", "{LDAP:ada}", "LDAP:ada"),
        at=("users.csv", 2, "userIds", "{SIS:1},LDAP:ada")),
    "subjects.paired": _11(
        put("courses.csv", ",02052", ',"02052,02053"'),
        at=("courses.csv", 2, "subjectCodes", "02052,02053")),
    "bulk.status": _11(
        put("orgs.csv", "S1,,,", "S1,active,,"), at=("orgs.csv", 3, "status", "active")),
    "delta.status": _11(
        *DELTA, put("orgs.csv", "S2,,,", "S2,active,,"),
        at=("orgs.csv", 4, "dateLastModified", "")),
    "reference.missing": _11(
        put("users.csv", '"S1,S2"', '"S1,S9"'), at=("users.csv", 2, "orgSourcedIds", "S9")),
    "reference.school_year": _11(
        put("courses.csv", "Y26", "A26"), at=("courses.csv", 2, "schoolYearSourcedId", "A26")),
    "reference.school": _11(
        put("classes.csv", "R14,S1", "R14,D1"), at=("classes.csv", 2, "schoolSourcedId", "D1")),
    "reference.profile": _12(
        put("roles.csv", "student,,,S1,UP1", "student,,,S1,"),
        put("roles.csv", "R3,,,U2,primary,student,,,S1,", "R3,,,U2,primary,student,,,S1,UP1"),
        at=("roles.csv", 4, "userProfileSourcedId", "UP1")),
    "roles.primary_once": _12(
        more("roles.csv", "R6,,,U1,primary,aide,,,S1,"),
        at=("roles.csv", 7, "roleType", "primary")),
    "users.primary_org": _12(
        put("users.csv", ",,,,,S1,\nT1", ",,,,,S2,\nT1"),
        at=("users.csv", 3, "primaryOrgSourcedId", "S2")),
    "enrollments.primary_role": _11(
        put("enrollments.csv", "U2,student,", "U2,student,true"),
        at=("enrollments.csv", 3, "primary", "true")),
    "enrollments.primary_once": _11(
        more("enrollments.csv", "E4,,,C1,S1,P1,teacher,true,2025-09-01,2025-10-01"),
        at=("enrollments.csv", 5, "primary", "true")),
    "enrollments.dates": _11(
        put("enrollments.csv", "2025-08-12", "2025-07-31"),
        at=("enrollments.csv", 2, "beginDate", "2025-07-31")),
}  # fmt: skip


def held(
    con: duckdb.DuckDBPyConnection, folder: Path, package: Package, inside: str | None = None
) -> tuple[Strictness, list[tuple[str, str, int | None, str, str]]]:
    path = write(folder / "drop", package)
    if inside is not None:
        path = folder / "drop.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in package.items():
                archive.writestr(inside + name, text)
    strictness = check_strict(path, con)
    found = [
        (f.rule.removeprefix("oneroster."), f.file, f.line, f.column, f.value)
        for f in findings_alone(con).findings()
    ]
    return strictness, found


def test_every_clause_is_in_the_documentation_as_it_is() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "csv-sources.md").read_text(encoding="utf-8")
    told = [line for line in docs.splitlines() if line.startswith("| `oneroster.")]
    assert told == [
        f"| `{clause.id}` | {clause.severity} | {clause.message}"
        f"{'' if len(clause.versions) > 1 else f' ({clause.versions[0]} only)'}; {clause.hint} |"
        for clause in CLAUSES.values()
    ]


def test_every_clause_has_an_example() -> None:
    assert {f"oneroster.{clause}" for clause in EXAMPLES} == set(CLAUSES)


@pytest.mark.parametrize("clause", EXAMPLES)
def test_a_clause_is_told_with_its_place_and_alone(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, clause: str
) -> None:
    example = EXAMPLES[clause]
    package = edited(CLEAN[example.version], *example.edits)
    strictness, found = held(con, tmp_path, package, example.folder or None)
    assert (clause, *example.place) in found
    assert {rule for rule, *_ in found} == {clause} | example.also
    assert strictness.breaches == len(found)
    assert strictness.version == example.version


@pytest.mark.parametrize("inside", [None, ""])
@pytest.mark.parametrize("version", CLEAN)
def test_a_clean_package_breaks_nothing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, version: str, inside: str | None
) -> None:
    assert held(con, tmp_path, CLEAN[version], inside) == (Strictness(version, 0, 0), [])


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(
            (column_in("users.csv", "resourceSourcedIds", "preferredGivenName"),),
            id="the first header of 1.2"),
        pytest.param((column_in("orgs.csv", "metadata.jp.region"),), id="extensions on the right"),
        pytest.param(
            (lambda package: package.update(
                {name: text.encode("utf-8-sig") for name, text in package.items()}),),
            id="byte order marks"),
        pytest.param(
            (state("roles", "delta"), state("users", "delta"), as_delta("roles.csv"),
             as_delta("users.csv"),
             put("roles.csv", "S2,", "S9,")), id="deltas that cite what came before"),
        pytest.param((put("roles.csv", "ext:coach", "ext:a_b-c.d"),), id="any extension"),
        pytest.param((put("users.csv", '"09,10"', '"Year 3"'),), id="the grades of 1.2"),
    ],
)  # fmt: skip
def test_what_version_1_2_allows_breaks_nothing(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, edits: tuple[Edit, ...]
) -> None:
    assert held(con, tmp_path, edited(CLEAN_12, *edits))[1] == []


@pytest.mark.parametrize(
    ("old", "new"), [("R1,,,U1,primary", "R1,,,U1,ext:main"), ("ext:coach", "ext:a b")]
)
def test_an_extension_has_its_places_and_its_form(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, old: str, new: str
) -> None:
    _, found = held(con, tmp_path, edited(CLEAN_12, put("roles.csv", old, new)))
    assert [rule for rule, *_ in found] == ["ext"]


def test_the_version_of_the_manifest_decides_what_a_package_is_held_to(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = edited(CLEAN_11, put("manifest.csv", "version,1.1", "version,1.2"))
    strictness, found = held(con, tmp_path, package)
    assert strictness.version == "1.2"
    missing = {column for rule, file, _, column, _ in found
               if (rule, file) == ("header.missing", "users.csv")}  # fmt: skip
    assert "preferredGivenName" in missing
    assert {value for rule, *_, value in found if rule == "manifest.property_missing"} >= {
        "file.roles",
    }  # fmt: skip


def test_a_package_without_manifest_is_held_to_what_its_files_are(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for version, package in CLEAN.items():
        loose = {name: text for name, text in package.items() if name != "manifest.csv"}
        strictness, found = held(con, tmp_path / version, loose)
        assert strictness.version == version
        assert [rule for rule, *_ in found] == ["manifest.missing"]


def test_a_file_without_header_repeats_nobody(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    users = CLEAN_11["users.csv"].split("\n", 1)[1]
    _, found = held(con, tmp_path, edited(CLEAN_11, add("users.csv", users)))
    assert [row for row in found if row[1] == "users.csv"] == [
        ("header.row", "users.csv", 1, "", "")
    ]


def test_no_password_is_shown(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    broken = edited(
        CLEAN_12,
        put("users.csv", "secret1", '"secret\n1"'),
        more("userProfiles.csv", "UP2,,,U2,sso,contoso,secret3"),
        put("userProfiles.csv", "secret9", " "),
    )
    _, found = held(con, tmp_path, broken)
    assert {rule for rule, *_ in found} == {"csv.line_break", "csv.fields"}
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (encoded("orgs.csv", "utf-16"), ("encoding", "orgs.csv", 1, "", "utf-16")),
        (put("orgs.csv", "sourcedId", "\nsourcedId"), ("header.row", "orgs.csv", 1, "", "")),
        (add("results.csv", ""), ("header.row", "results.csv", 1, "", "")),
        (put("orgs.csv", "parentSourcedId\n", "parentSourcedId,\n"),
         ("header.unknown", "orgs.csv", 1, "column 8", "")),
        (put("orgs.csv", ",name,", ", name,"), ("header.case", "orgs.csv", 1, "name", " name")),
    ],
)  # fmt: skip
def test_the_first_lines_have_to_be_so_as_well(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    edit: Edit,
    found: tuple[str, str, int, str, str],
) -> None:
    assert found in held(con, tmp_path, edited(CLEAN_11, edit))[1]


def test_a_zip_in_a_folder_and_other_things_in_a_zip(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    held(con, tmp_path, {**CLEAN_12, "readme.txt": "hello"}, "")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "drop.zip").rename(tmp_path / "inbox" / "drop.zip")
    assert check_strict(tmp_path / "inbox", con) == Strictness("1.2", 1, 0)
    assert [(f.rule, f.file) for f in findings_alone(con).findings()] == [
        ("oneroster.package.unknown_file", "readme.txt")
    ]


def test_enrollments_of_a_delta_may_cite_what_came_before(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = edited(
        CLEAN_11, state("enrollments", "delta"), as_delta("enrollments.csv"),
        put("enrollments.csv", "C1,S1,U1", "C7,D1,U7"), put("enrollments.csv", "08-12", "01-12"),
    )  # fmt: skip
    assert held(con, tmp_path, package)[1] == []


def test_a_manifest_that_is_no_table_is_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = edited(CLEAN_11, more("manifest.csv", f'"{"x" * 140_000}'))
    for read in (check_strict, read_roster):
        with pytest.raises(BadInput, match=r"^manifest\.csv:18: the manifest is no CSV table"):
            read(write(tmp_path / "drop", package), con)


def test_a_line_that_is_no_record_is_one_finding(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = edited(CLEAN_11, put("users.csv", "T1,,,true,S1", "T1,,,true"))
    _, found = held(con, tmp_path, package)
    assert found == [("csv.fields", "users.csv", 4, "password", "T1")]


def test_other_formats_are_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^--strict: these files are sds-v2\.1, and only OneRoster"):
        check_strict(write(tmp_path / "drop", V21), con)


def test_what_is_found_joins_the_findings_of_the_roster(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    package = edited(
        CLEAN_11, put("orgs.csv", "North School,school", "North School,School"),
        put("users.csv", '"S1,S2"', '"S1,S9"'),
    )  # fmt: skip
    path = write(tmp_path / "drop", package)
    check_strict(path, con)
    roster = read_roster(path, con)
    add_findings(con)
    assert {(f.rule, f.file, f.line, f.column) for f in roster.findings()} == {
        ("roles.org_sourced_id.missing", "users.csv", 2, "orgSourcedIds"),
        ("oneroster.reference.missing", "users.csv", 2, "orgSourcedIds"),
        ("oneroster.vocabulary.case", "orgs.csv", 3, "type"),
    }


def test_a_clause_of_one_version_is_not_held_against_the_other(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    header = CLEAN_12["demographics.csv"].split("\n")[0] + "\n"
    assert held(con, tmp_path, edited(CLEAN_12, add("demographics.csv", header)))[1] == []


def test_the_tables_of_the_standard_are_whole() -> None:
    assert {version: len(files) for version, files in BINDING.items()} == {"1.1": 13, "1.2": 21}
    for files in BINDING.values():
        order = list(files)
        for place, (name, bound) in enumerate(files.items()):
            for header in bound.headers:
                assert [c.name for c in header[:3]] == ["sourcedId", "status", "dateLastModified"]
                assert len({column.name for column in header}) == len(header)
                for column in header:
                    assert (column.kind is Kind.WORD) == bool(column.words.words)
                    if column.target:
                        assert order.index(column.target) <= place, (name, column.name)
    widths = {name: len(BINDING["1.1"][name].headers[0]) for name in ("users", "demographics")}
    assert widths == {"users": 18, "demographics": 16}
    assert [len(header) for header in BINDING["1.2"]["users"].headers] == [22, 23]
