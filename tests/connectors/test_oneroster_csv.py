"""OneRoster CSV: what its files become, which variants are read, what is refused."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from connectors.reading import read_roster
from roster.errors import BadInput, Refused
from tests.connectors.conftest import ReadDrop
from tests.connectors.samples import ONEROSTER_11, ONEROSTER_12, with_lines, write

day = datetime.date
PACKAGES = {"oneroster-1.1": ONEROSTER_11, "oneroster-1.2": ONEROSTER_12}


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return con.execute(query).fetchall()


def _edited(package: Mapping[str, str], file: str, old: str, new: str) -> dict[str, str]:
    assert old in package[file]
    return {**package, file: package[file].replace(old, new)}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_column_lands_in_its_table(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, name: str
) -> None:
    roster = read_drop(PACKAGES[name])
    assert list(roster.findings()) == []
    assert roster.format == name
    assert roster.counts() == {
        "orgs": 3, "academic_sessions": 2, "courses": 1, "classes": 1, "users": 4, "roles": 5,
        "enrollments": 3, "relationships": 1, "demographics": 1,
    }  # fmt: skip
    first = {
        table: _rows(con, f"SELECT * EXCLUDE (origin_file, origin_row) FROM {table} LIMIT 1")[0]
        for table in roster.counts()
    }
    assert _rows(con, "SELECT identifier, parent_sourced_id FROM orgs WHERE type = 'school'") == [
        ("0901", "D1"), ("0902", "D1"),
    ]  # fmt: skip
    assert first["academic_sessions"] == (
        "Y26", "2025/26", "schoolYear", "2026", day(2025, 8, 1), day(2026, 6, 30),
    )  # fmt: skip
    assert first["courses"] == (
        "K1", "S1", "Algebra I", "ALG1", "Y26", ["Mathematics"], ["09", "10"],
    )  # fmt: skip
    assert first["classes"] == ("C1", "S1", "Algebra", "ALG", "K1", ["Y26", "A26"], True)
    assert first["users"] == (
        "U1", "ada", "Ada", "Adams", "K", "ada@contoso.edu", "+14255550101", None, None, "n1",
        None, None, None, None, None, True,
    )  # fmt: skip
    assert first["enrollments"] == (
        "C1", "U1", "student", day(2025, 8, 12), day(2025, 12, 20), True,
    )  # fmt: skip
    assert first["relationships"] == ("U1", "P1", "parent")
    assert first["demographics"] == (
        "U1", "female", day(2010, 2, 3), "Redmond", "WA", "US", ["hispanicOrLatinoEthnicity"],
        ["asian", "white"],
    )  # fmt: skip


def test_a_person_has_the_one_role_in_each_org_of_the_list(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(ONEROSTER_11)
    assert _rows(
        con,
        "SELECT user_sourced_id, org_sourced_id, role, grade, is_primary FROM roles"
        " ORDER BY user_sourced_id = 'P1', user_sourced_id, org_sourced_id",
    ) == [
        ("T1", "S1", "teacher", None, True),
        ("U1", "S1", "student", "09", True),
        ("U1", "S2", "student", "09", False),
        ("U2", "S1", "student", "09", True),
        ("P1", "S1", "other", None, True),
    ]


def test_roles_of_their_own_file_take_the_grade_of_the_person(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(ONEROSTER_12)
    assert _rows(
        con,
        "SELECT user_sourced_id, org_sourced_id, role, grade, is_primary, start_date, end_date"
        " FROM roles ORDER BY origin_row",
    ) == [
        ("U1", "S1", "student", "09", True, None, None),
        ("U1", "S2", "student", "09", False, None, None),
        ("U2", "S1", "student", "09", True, None, None),
        ("T1", "S1", "coach", None, True, day(2025, 8, 1), day(2026, 6, 30)),
        ("P1", "S1", "other", None, True, None, None),
    ]


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("districtAdministrator", "administrator"), ("siteAdministrator", "administrator"),
        ("systemAdministrator", "itAdmin"), ("counselor", "advisor"), ("principal", "principal"),
        ("proctor", "proctor"), ("aide", "aide"), ("guardian", "other"), ("ext:Nurse", "nurse"),
        ("EXT:substitute", "substitute"), ("Teacher", "teacher"),
    ],
)  # fmt: skip
def test_the_roles_of_version_1_2_are_understood(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, word: str, role: str
) -> None:
    assert list(read_drop(_edited(ONEROSTER_12, "roles.csv", "ext:coach", word)).findings()) == []
    assert _rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'T1'") == [(role,)]


IDS = "active_directory_match_id, sam_account_name, employee_id"


@pytest.mark.parametrize(
    ("user_ids", "found"),
    [
        ("", (None, None, None)),
        ('"{SIS:1},{LDAP:ada}"', (None, None, None)),
        ("{sAMAccountName:asmith}", (None, "asmith", None)),
        ('"{SIS:1},{AD Username: asmith }"', (None, "asmith", None)),
        ('"{Active_Directory:ada@contoso.edu},{employee-id:4711}"',
         ("ada@contoso.edu", None, "4711")),
        ("{Employee:4711}", (None, None, "4711")),
        ("[employeeNumber:4711]", (None, None, "4711")),
        ("{upn:a:b@contoso.edu}", ("a:b@contoso.edu", None, None)),
        ("{ad:}", (None, None, None)),
    ],
)  # fmt: skip
def test_ids_that_accounts_go_by_are_found_among_the_user_ids(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, user_ids: str, found: tuple[object, ...]
) -> None:
    package = _edited(ONEROSTER_11, "users.csv", '"{SIS:1},{LDAP:ada}"', user_ids)
    assert list(read_drop(package).findings()) == []
    assert _rows(con, f"SELECT {IDS} FROM users WHERE sourced_id = 'U1'") == [found]


def _with_columns(package: Mapping[str, str], names: str, values: str) -> dict[str, str]:
    """The package with columns at the end of users.csv, filled for the first person."""
    header, first, *others = package["users.csv"].splitlines()
    blank = "," * names.count(",")
    lines = [f"{header},{names}", f"{first},{values}", *(f"{line},{blank}" for line in others)]
    return {**package, "users.csv": "\n".join([*lines, ""])}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize(
    ("names", "values", "found"),
    [
        ("metadata.sAMAccountName,metadata.employeeId", "asmith,4711", (None, "asmith", "4711")),
        ("metadata.activeDirectoryMatchId", "a@contoso.edu", ("a@contoso.edu", None, None)),
        ("metadata.microsoft.activeDirectoryMatchId", "a", ("a", None, None)),
        ("metadata.AD_Username", "asmith", (None, "asmith", None)),
        ("metadata.colour", "red", (None, None, None)),
    ],
)
def test_ids_that_accounts_go_by_are_found_in_columns_of_extensions(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    name: str,
    names: str,
    values: str,
    found: tuple[object, ...],
) -> None:
    assert list(read_drop(_with_columns(PACKAGES[name], names, values)).findings()) == []
    assert _rows(con, f"SELECT {IDS} FROM users WHERE sourced_id = 'U1'") == [found]


def test_a_column_of_an_id_goes_before_the_user_ids(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    package = _edited(ONEROSTER_11, "users.csv", "{SIS:1},{LDAP:ada}", "{employee:1}")
    read_drop(_with_columns(package, "metadata.employeeId", "2"))
    assert _rows(con, "SELECT employee_id FROM users WHERE sourced_id = 'U1'") == [("2",)]


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("oneroster-1.1", "metadata.preferredFirstName,metadata.preferredLastName"),
        ("oneroster-1.2", "metadata.preferredGivenName,metadata.preferredFamilyName"),
    ],
)
def test_preferred_names_are_read_from_extensions(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, name: str, names: str
) -> None:
    assert list(read_drop(_with_columns(PACKAGES[name], names, "Addie,Byron")).findings()) == []
    assert _rows(con, PREFERRED) == [("Addie", "Byron")]


PREFERRED = "SELECT preferred_given_name, preferred_family_name FROM users WHERE sourced_id = 'U1'"


def test_version_1_2_has_preferred_names_and_a_master_identifier(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    package = _edited(ONEROSTER_12, "users.csv", "secret1,,,,,S1", "secret1,d9b1,Addie,K,Byron,S1")
    assert list(read_drop(package).findings()) == []
    assert _rows(con, PREFERRED) == [("Addie", "Byron")]
    assert _rows(con, "SELECT master_identifier FROM users LIMIT 1") == [("d9b1",)]


def test_an_extension_that_nobody_explained_is_a_finding(read_drop: ReadDrop) -> None:
    package = _edited(ONEROSTER_12, "roles.csv", "ext:coach", "ext:wizard")
    found = [f for f in read_drop(package).findings() if f.rule == "roles.role.enum"]
    assert [(f.file, f.line, f.value) for f in found] == [("roles.csv", 5, "wizard")]


@pytest.mark.parametrize(
    ("of_student", "of_contact"), [("P1", ""), ("", "U1"), ("P1", "U1")]
)  # fmt: skip
@pytest.mark.parametrize("name", PACKAGES)
def test_a_relationship_may_be_written_from_either_end(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    name: str,
    of_student: str,
    of_contact: str,
) -> None:
    package = _edited(PACKAGES[name], "users.csv", ",P1,", f",{of_student},")
    package = _edited(
        package, "users.csv", "pat@example.com,,,U1", f"pat@example.com,,,{of_contact}"
    )
    assert list(read_drop(package).findings()) == []
    found = "SELECT user_sourced_id, relationship_user_sourced_id, role FROM relationships"
    assert _rows(con, found) == [("U1", "P1", "parent")]


def test_a_missing_org_of_a_list_costs_that_role_alone_and_names_its_line(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    package = _edited(ONEROSTER_11, "users.csv", '"S1,S2"', '"S1,S9"')
    found = list(read_drop(package).findings())
    assert [(f.rule, f.file, f.line, f.column, f.value) for f in found] == [
        ("roles.org_sourced_id.missing", "users.csv", 2, "orgSourcedIds", "S9")
    ]
    assert _rows(con, "SELECT org_sourced_id FROM roles WHERE user_sourced_id = 'U1'") == [("S1",)]


def test_a_blank_list_of_orgs_is_an_error_and_leaves_the_role_uncertain(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    package = _edited(ONEROSTER_11, "users.csv", "true,S1,teacher", "true,,teacher")
    found = [f for f in read_drop(package).findings() if f.severity == "error"]
    assert [(f.rule, f.file, f.line, f.column) for f in found] == [
        ("roles.org_sourced_id.required", "users.csv", 4, "orgSourcedIds")
    ]
    assert ("role", "T1") in _rows(con, "SELECT kind, key FROM uncertain")


def test_the_line_of_a_later_item_is_that_of_its_person(read_drop: ReadDrop) -> None:
    package = _edited(ONEROSTER_11, "users.csv", "true,S1,teacher", "true,S1,wizard")
    found = [f for f in read_drop(package).findings() if f.rule == "roles.role.enum"]
    assert [(f.file, f.line, f.column) for f in found] == [("users.csv", 4, "role")]


def test_a_line_that_is_no_record_leaves_its_roles_uncertain(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(with_lines(ONEROSTER_11, "users.csv", "U9,,,true"))
    assert _rows(con, "SELECT kind, key FROM uncertain ORDER BY kind") == [
        ("role", "U9"), ("user", "U9"),
    ]  # fmt: skip
    assert ("relationships", 1) in _rows(con, "SELECT tbl, lines FROM unreadable")


@pytest.mark.parametrize("status", ["tobedeleted", "inactive", "toBeDeleted"])
def test_what_is_to_be_deleted_is_inactive(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, status: str
) -> None:
    package = _edited(ONEROSTER_11, "users.csv", "U2,,", f"U2,{status},2025-10-01T00:00:00.000Z")
    package = _edited(package, "enrollments.csv", "E1,,", f"E1,{status},")
    package = _edited(package, "classes.csv", "C1,,", f"C1,{status},")
    assert list(read_drop(package).findings()) == []
    assert _rows(con, "SELECT sourced_id FROM users WHERE NOT active") == [("U2",)]
    assert _rows(con, "SELECT user_sourced_id FROM roles WHERE NOT active") == [("U2",)]
    assert _rows(con, "SELECT user_sourced_id FROM enrollments WHERE NOT active") == [("U1",)]
    assert _rows(con, "SELECT sourced_id FROM classes WHERE NOT active") == [("C1",)]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("users.csv", "userMasterIdentifier,", "userMasterIdentifier,resourceSourcedIds,"),
        ("users.csv", "pronouns", "pronouns,metadata.jp.kanaGivenName,metadata.jp.homeClass"),
        ("orgs.csv", "parentSourcedId", "parentSourcedId,metadata.region"),
    ],
)
def test_the_first_header_of_1_2_and_columns_of_extensions_are_no_finding(
    read_drop: ReadDrop, file: str, old: str, new: str
) -> None:
    header, rest = ONEROSTER_12[file].split("\n", 1)
    changed = header.replace(old, new)
    added = changed.count(",") - header.count(",")
    place = changed.split(",").index("resourceSourcedIds") if "resourceS" in new else None
    lines: list[str] = []
    for line in rest.splitlines():
        quoted = line.replace('"09,10"', "09")
        cells = quoted.split(",")
        at = len(cells) if place is None else place
        lines.append(",".join([*cells[:at], *[""] * added, *cells[at:]]))
    roster = read_drop({**ONEROSTER_12, file: "\n".join([changed, *lines, ""])})
    assert list(roster.findings()) == []


def test_a_package_of_version_1_0_has_no_manifest_and_other_names(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    package = {name: text for name, text in ONEROSTER_11.items() if name != "manifest.csv"}
    package["academicSessions.csv"] = (
        "sourcedId,status,title,type,startDate,endDate\n"
        "Y26,active,2025/26,schoolYear,2025-08-01,2026-06-30\n"
        "A26,active,Autumn,semester,2025-08-01,2025-12-31\n"
    )
    package["demographics.csv"] = "userSourcedId,status,birthdate,sex\nU1,active,2010-02-03,Male\n"
    package = _edited(package, "users.csv", "agentSourcedIds,grades", "agents,grade")
    package = _edited(package, "classes.csv", "termSourcedIds", "termSourcedId")
    package = _edited(package, "courses.csv", "schoolYearSourcedId", "schoolYearId")
    roster = read_drop(package)
    assert list(roster.findings()) == []
    assert _rows(con, "SELECT school_year FROM academic_sessions") == [("2026",), ("2025",)]
    assert _rows(con, "SELECT sex FROM demographics") == [("male",)]
    assert roster.counts()["relationships"] == 1


def test_files_of_no_use_are_skipped_and_profiles_are_noticed(read_drop: ReadDrop) -> None:
    package = {
        **ONEROSTER_12,
        "userProfiles.csv": "sourcedId,password\nX,secret\n",
        "results.csv": "",
        "lineItems.csv": "sourcedId\n",
    }
    package = _edited(package, "manifest.csv", "Profiles,absent", "Profiles,bulk")
    package = _edited(package, "manifest.csv", "results,absent", "results,delta")
    package = _edited(package, "manifest.csv", "lineItems,absent", "lineItems,bulk")
    found = [(f.rule, f.severity, f.file) for f in read_drop(package).findings()]
    assert found == [("csv.unused", "warning", "userProfiles.csv")]


def test_a_file_that_the_manifest_calls_absent_is_read_and_told(read_drop: ReadDrop) -> None:
    package = _edited(ONEROSTER_11, "manifest.csv", "demographics,bulk", "demographics,Absent")
    roster = read_drop(package)
    assert [(f.rule, f.file) for f in roster.findings()] == [
        ("csv.unannounced", "demographics.csv")
    ]
    assert roster.counts()["demographics"] == 1


@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("oneroster-1.1", "1.0", []),
        ("oneroster-1.1", "", []),
        ("oneroster-1.1", "1.2", [("csv.version", "manifest.csv", 3, "1.2")]),
        ("oneroster-1.2", "1.2.1", []),
        ("oneroster-1.2", "1.1", [("csv.version", "manifest.csv", 3, "1.1")]),
    ],
)
def test_a_version_that_the_files_contradict_is_told_and_the_files_are_followed(
    read_drop: ReadDrop, name: str, version: str, told: list[tuple[str, str, int, str]]
) -> None:
    own = name.removeprefix("oneroster-")
    package = _edited(PACKAGES[name], "manifest.csv", f"version,{own}", f"version,{version}")
    roster = read_drop(package)
    assert roster.format == name
    assert [(f.rule, f.file, f.line, f.value) for f in roster.findings()] == told


@pytest.mark.parametrize("role", ["guardian", "Parent", "relative"])
def test_a_contact_who_is_enrolled_is_told_and_is_no_teacher_of_the_class(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, role: str
) -> None:
    package = _edited(ONEROSTER_11, "enrollments.csv", "T1,teacher", f"P1,{role}")
    found = {(f.rule, f.severity): f for f in read_drop(package).findings()}
    assert set(found) == {
        ("enrollments.role.contact", "warning"), ("classes.teachers.none", "warning"),
    }  # fmt: skip
    contact = found["enrollments.role.contact", "warning"]
    assert (contact.file, contact.line, contact.column, contact.value) == (
        "enrollments.csv", 4, "role", role.lower(),
    )  # fmt: skip
    assert _rows(con, "FROM uncertain") == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("file.users,bulk", "file.users,delta",
         r"^manifest\.csv: users\.csv: changes only \(delta\), .* in full \(bulk\) first"),
        ("file.enrollments,bulk", "file.enrollments,Delta", r"enrollments\.csv: changes only"),
        ("file.users,bulk", "file.users,some",
         r"^manifest\.csv:16: file\.users is neither .*allowed: absent, bulk, delta"),
        ("propertyName,value", "propertyName,state", r"^manifest\.csv:1: the column value is miss"),
    ],
)  # fmt: skip
def test_a_manifest_that_promises_no_whole_roster_is_refused(
    read_drop: ReadDrop, old: str, new: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        read_drop(_edited(ONEROSTER_11, "manifest.csv", old, new))


def test_a_file_that_is_promised_and_missing_is_refused(read_drop: ReadDrop) -> None:
    package = {name: text for name, text in ONEROSTER_11.items() if name != "demographics.csv"}
    with pytest.raises(BadInput, match=r"^manifest\.csv:10: demographics\.csv is announced"):
        read_drop(package)


@pytest.mark.parametrize("file", ["users.csv", "roles.csv", "orgs.csv"])
def test_a_package_without_a_required_file_is_refused(read_drop: ReadDrop, file: str) -> None:
    package = {name: text for name, text in ONEROSTER_12.items() if name != file}
    with pytest.raises(BadInput, match=rf"^{file}: missing .*expected oneroster-1"):
        read_drop(package)


def test_relationships_that_were_there_and_are_gone_are_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    last = frozenset({"users", "relationships"})
    package = _edited(ONEROSTER_11, "users.csv", ",P1,", ",,")
    package = _edited(package, "users.csv", "pat@example.com,,,U1", "pat@example.com,,,")
    with pytest.raises(Refused, match="the last accepted drop had relationships, this one has not"):
        read_roster(write(tmp_path / "drop", package), con, last_files=last)
    package = _edited(package, "users.csv", "agentSourcedIds", "metadata.agents")
    assert read_roster(write(tmp_path / "drop", package), con).counts()["users"] == 4


def test_passwords_are_read_only_on_request(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = write(tmp_path / "drop", ONEROSTER_12)
    read_roster(path, con)
    assert "secret1" not in str(_rows(con, "FROM users"))
    read_roster(path, con, passwords=True)
    assert _rows(con, "FROM roster_passwords") == [("U1", "secret1")]
