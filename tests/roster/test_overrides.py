"""Corrections by hand: what they do, what is said of wrong ones, and that none removes anybody."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from roster.roster import LeftOutCount, Roster
from tests.roster.rosters import SOUND, Row, Tables, combine, plus, rows

HEADER = "table,key,column,value,expires,reason\n"


def take(
    con: duckdb.DuckDBPyConnection, folder: Path, *lines: str, tables: Tables = SOUND
) -> Roster:
    return combine(con, folder, {"sis": tables}, overrides="\n".join(lines))


def found(roster: Roster) -> list[tuple[str, str, int | None, str, str, str]]:
    return [(f.rule, f.severity, f.line, f.column, f.value, f.entity) for f in roster.findings()]


def test_values_are_corrected_and_blanked(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = take(
        con, tmp_path,
        "users,U1,email,ADA.Adams@contoso.edu,2026-02-01,mistyped",
        "users,U1,phone,,,",
        "users,U2,active,false,,",
        "users,U2,middle_name,  B.  Bruno ",
        "orgs,S1,name,New School,,",
        "classes,C1,session_sourced_ids,,,",
        "courses,K1,grades,\"9, 11\",,",
        "academic_sessions,Y1,end_date,7/31/2026,,",
        "demographics,U1,sex,,,",
        "relationships,U1/P1,role,guardian,,",
    )  # fmt: skip
    assert found(roster) == []
    assert rows(con, "SELECT email, phone, active, middle_name FROM users"
                     " WHERE sourced_id IN ('U1', 'U2') ORDER BY sourced_id") == [
        ("ada.adams@contoso.edu", None, True, None),
        ("ben@contoso.edu", "4255550101", False, "B. Bruno"),
    ]  # fmt: skip
    assert rows(con, "SELECT name FROM orgs WHERE sourced_id = 'S1'") == [("New School",)]
    assert rows(con, "SELECT session_sourced_ids FROM classes") == [(None,)]
    assert rows(con, "SELECT grades FROM courses") == [(["09", "11"],)]
    assert rows(con, "SELECT end_date::VARCHAR FROM academic_sessions") == [("2026-07-31",)]
    assert rows(con, "SELECT sex FROM demographics") == [(None,)]
    assert rows(con, "SELECT role FROM relationships") == [("guardian",)]
    assert rows(con, "FROM uncertain") == []
    assert rows(con, "SELECT source, name, records FROM files WHERE source = ''") == [
        ("", "overrides.csv", 10)
    ]


ROLES: Tables = plus(
    SOUND,
    roles=[
        {"user_sourced_id": "T1", "org_sourced_id": "D1", "role": "teacher"},
        {"user_sourced_id": "T1", "org_sourced_id": "S1", "role": "coach"},
    ],
)


@pytest.mark.parametrize(
    ("key", "primary"),
    [
        ("T1", ["D1 teacher", "S1 coach", "S1 teacher"]),
        ("T1/S1", ["S1 coach", "S1 teacher"]),
        ("T1/S1/coach", ["S1 coach"]),
    ],
)
def test_a_key_names_as_much_as_it_says(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, key: str, primary: list[str]
) -> None:
    take(con, tmp_path, f"roles,{key},end_date,2026-03-03,,", tables=ROLES)
    changed = rows(
        con, "SELECT org_sourced_id || ' ' || role AS one FROM roles"
        " WHERE user_sourced_id = 'T1' AND end_date = DATE '2026-03-03' ORDER BY one"
    )  # fmt: skip
    assert [one for (one,) in changed] == primary


def test_a_correction_that_makes_two_rows_one_is_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    twin = {"user_sourced_id": "T1", "org_sourced_id": "S1", "role": "teacher"}
    tables = plus(ROLES, roles=[twin])
    roster = take(con, tmp_path, "roles,T1/S1/coach,role,teacher,,", tables=tables)
    assert [(f.rule, f.file) for f in roster.findings()] == [("roles.row.duplicate", "roles.csv")]


def test_rows_are_dropped_with_all_that_goes_with_them_and_it_is_written_down(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(
        con, tmp_path, "enrollments,C1/T1,drop,,,", "users,U1,drop,,,", "courses,K1,drop,,,",
        "demographics,U1,drop,,,",
    )  # fmt: skip
    assert rows(con, "SELECT sourced_id FROM users ORDER BY 1") == [("T1",), ("U2",)]
    assert rows(con, "FROM enrollments") == []
    assert rows(con, "FROM relationships") == []
    assert rows(con, "SELECT course_sourced_id FROM classes") == [(None,)]
    assert roster.left_out() == [
        LeftOutCount("overrides.csv:2", "enrollment", 1, "C1/T1/teacher"),
        LeftOutCount("overrides.csv:3", "user", 2, "P1"),
        LeftOutCount("overrides.csv:4", "course", 1, "K1"),
        LeftOutCount("overrides.csv:5", "demographics", 1, "U1"),
    ]
    assert {f.rule for f in roster.findings()} == {"classes.students.none", "classes.teachers.none"}
    assert rows(con, "FROM uncertain") == []


def test_a_contact_whose_last_student_is_taken_away_goes(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, "relationships,U1/P1/parent,drop,,,")
    assert rows(con, "FROM users WHERE sourced_id = 'P1'") == []
    assert [(count.kind, count.example) for count in roster.left_out()] == [
        ("relationship", "U1/P1/parent"), ("user", "P1")
    ]  # fmt: skip


def test_an_org_takes_what_is_below_it(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    other = {"sourced_id": "S9", "name": "Other", "type": "school"}
    roster = take(con, tmp_path, "orgs,D1,drop,,,", tables=plus(SOUND, orgs=[other]))
    assert rows(con, "SELECT sourced_id FROM orgs") == [("S9",)]
    assert {count.kind: count.count for count in roster.left_out()} == {
        "org": 2, "course": 1, "class": 1, "role": 3, "user": 4
    }  # fmt: skip
    assert list(roster.findings()) == []


def test_a_dropped_session_takes_classes_that_have_no_other(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    session = {**SOUND["academic_sessions"][0], "sourced_id": "Y2"}
    class_ = SOUND["classes"][0]
    tables = plus(
        SOUND,
        academic_sessions=[session],
        classes=[
            {**class_, "sourced_id": "C2", "session_sourced_ids": "Y1,Y2"},
            {**class_, "sourced_id": "C3", "session_sourced_ids": None},
        ],
        roles=[{**row, "session_sourced_id": "Y2"} for row in SOUND["roles"]],
    )
    roster = take(con, tmp_path, "academic_sessions,Y1,drop,,,", tables=tables)
    assert rows(con, "SELECT sourced_id, session_sourced_ids FROM classes ORDER BY 1") == [
        ("C2", ["Y2"]), ("C3", None)
    ]  # fmt: skip
    assert rows(con, "SELECT DISTINCT session_sourced_id FROM roles") == [("Y2",)]
    assert rows(con, "SELECT school_year_sourced_id FROM courses") == [(None,)]
    assert not [f for f in roster.findings() if f.severity == "error"]
    assert rows(con, "FROM left_out WHERE kind IN ('class', 'academic_session')") == [
        ("overrides.csv:2", "academic_session", "Y1"), ("overrides.csv:2", "class", "C1")
    ]  # fmt: skip


def test_people_are_enrolled_by_hand(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    tables = plus(SOUND, classes=[{**SOUND["classes"][0], "sourced_id": "C/1"}])
    roster = take(
        con, tmp_path, "enrollments,C1/U2,add,Student,,", "enrollments,C/1/U2,add,student,,",
        tables=tables,
    )  # fmt: skip
    assert rows(
        con,
        """SELECT class_sourced_id, user_sourced_id, role, active, start_date,
            s.line + origin_row - s.row FROM enrollments
        JOIN files f ON f.id = origin_file AND f.name = 'overrides.csv'
        ASOF JOIN line_shifts s ON s.file = origin_file AND s.row <= origin_row ORDER BY 1""",
    ) == [("C/1", "U2", "student", True, None, 3), ("C1", "U2", "student", True, None, 2)]
    assert [f.rule for f in roster.findings()] == ["classes.teachers.none"]


def test_enrollments_can_be_added_where_the_source_has_none(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables = {name: found for name, found in SOUND.items() if name != "enrollments"}
    roster = take(con, tmp_path, "enrollments,C1/U2,add,student,,", tables=tables)
    assert roster.counts()["enrollments"] == 1


COLUMN_HINT = "allowed: org_sourced_id, title, code, course_sourced_id, session_sourced_ids"
WRONG = [
    ("user,U1,email,,,", "overrides.table.enum", "table", "user", "allowed: orgs, academic_"),
    ("classes,C1,colour,red,,", "overrides.column.classes", "column", "colour", COLUMN_HINT),
    ("classes,C1,add,student,,", "overrides.column.classes", "column", "add", COLUMN_HINT),
    ("users,U1,sourced_id,U9,,", "overrides.column.users", "column", "sourced_id", "allowed: user"),
    ("users,U1,email,no mail,,", "users.email.format", "value", "no mail", "expected: an e-mail"),
    ("classes,C1,title,,,", "classes.title.required", "value", "", "fill it in"),
    ("classes,C1,active,maybe,,", "classes.active.enum", "value", "maybe", "allowed: "),
    ("roles,U1,grade,99,,", "roles.grade.enum", "value", "99", "allowed: it, pr"),
    ("enrollments,C1/U2,add,wizard,,", "enrollments.role.enum", "value", "wizard", "allowed: stu"),
    ("enrollments,C1/U2,add,,,", "enrollments.role.required", "value", "", "fill it in"),
    ("users,U1,phone,,31 March,", "overrides.expires.format", "expires", "31 March", "expected: Y"),
    ("users,U1", "csv.fields", "", "", "quote values"),
    ("users,U1,phone,,,a,b", "csv.fields", "", "", "quote values"),
    ("enrollments,C1/U1,end_date,2025-01-01,,", "enrollments.end_date.order", "value",
     "2025-01-01", "correct one of the two"),
]  # fmt: skip
DOUBT = {"users": ("user", "U1", None), "classes": ("class", "C1", None),
         "roles": ("role", "U1", None)}  # fmt: skip


@pytest.mark.parametrize(("line", "rule", "column", "value", "hint"), WRONG)
def test_a_wrong_line_says_what_is_allowed_does_nothing_and_removes_nobody(
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    line: str,
    rule: str,
    column: str,
    value: str,
    hint: str,
) -> None:
    roster = take(con, tmp_path, "users,U2,phone,,,", line)
    (finding,) = roster.findings()
    assert (finding.rule, finding.file, finding.line) == (rule, "overrides.csv", 3)
    assert (finding.column, finding.value, finding.entity) == (column, value, line.split(",")[1])
    assert finding.hint.startswith(hint)
    table, key = line.split(",")[:2]
    enrollment = ("enrollment", *key.split("/")[:2])
    doubt = {**DOUBT, "enrollments": enrollment}.get(table)
    assert rows(con, "FROM uncertain") == ([doubt] if doubt else [])
    assert rows(con, "SELECT email FROM users WHERE sourced_id = 'U1'") == [("ada@contoso.edu",)]
    assert rows(con, "SELECT count(*) FROM enrollments") == [(2,)]


@pytest.mark.parametrize(
    "line",
    [
        "users,u1,phone,,,", "users,,phone,,,", "enrollments,C1/U9,drop,,,", "users,U8,drop,,,",
        "enrollments,C1/U9,add,student,,", "enrollments,C1,add,student,,",
    ],
)  # fmt: skip
def test_a_line_whose_row_is_not_there_is_told_and_leaves_no_doubt(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, line: str
) -> None:
    roster = take(con, tmp_path, line)
    key = line.split(",")[1]
    assert found(roster) == [("overrides.key.missing", "error", 2, "key", key, key)]
    assert rows(con, "FROM uncertain") == []
    assert roster.left_out() == []


def test_a_wrong_line_that_drops_leaves_no_doubt(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    take(con, tmp_path, "users,U1,drop,,soon,")
    assert rows(con, "FROM uncertain") == []
    assert rows(con, "SELECT count(*) FROM users") == [(4,)]


def test_a_wrong_line_about_a_session_leaves_what_counts_by_it_uncertain(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    take(con, tmp_path, "academic_sessions,Y1,end_date,31 July,,")
    assert rows(con, "FROM uncertain") == [
        ("class", "C1", None), *[("role", user, None) for user in ("T1", "U1", "U2")]
    ]  # fmt: skip


def test_dates_are_put_in_order_together(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = take(
        con, tmp_path,
        "enrollments,C1/U1,start_date,2027-01-01,,", "enrollments,C1/U1,end_date,2027-02-01,,",
        "enrollments,C1/T1,start_date,2027-01-01,,", "enrollments,C1/T1,end_date,2026-12-31,,",
        "roles,U1,start_date,2027-01-01,,", "roles,U2,end_date,never,,",
    )  # fmt: skip
    assert found(roster) == [
        ("enrollments.end_date.order", "warning", 4, "value", "2027-01-01", "C1/T1"),
        ("enrollments.end_date.order", "warning", 5, "value", "2026-12-31", "C1/T1"),
        ("roles.end_date.order", "warning", 6, "value", "2027-01-01", "U1"),
        ("roles.end_date.format", "warning", 7, "value", "never", "U2"),
    ]
    dates = "SELECT start_date::VARCHAR, end_date::VARCHAR FROM enrollments ORDER BY 1"
    assert rows(con, dates) == [("2025-08-01", "2026-06-30"), ("2027-01-01", "2027-02-01")]


def test_an_expired_line_does_nothing_and_is_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, "users,U1,phone,,2026-01-31,", "users,U2,phone,,1/31/2026,")
    assert found(roster) == [
        ("overrides.expires.past", "warning", 2, "expires", "2026-01-31", "U1"),
        ("overrides.expires.past", "warning", 3, "expires", "1/31/2026", "U2"),
    ]
    assert rows(con, "SELECT count(phone) FROM users") == [(4,)]
    assert rows(con, "FROM uncertain") == []


def test_of_two_lines_for_one_value_the_first_is_used(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(
        con, tmp_path, "users,U1,phone,4711,,", "users,U1,phone,4712,,",
        "roles,U1,grade,11,,", "roles,U1/S1,grade,12,,",
        "enrollments,C1/U2,add,student,,", "enrollments,C1/U2,add,STUDENT,,",
        "enrollments,C1/U2,add,coach,,",
    )  # fmt: skip
    assert [(rule, line) for rule, _, line, *_ in found(roster) if rule.startswith("over")] == [
        ("overrides.row.twice", 3), ("overrides.row.twice", 5), ("overrides.row.twice", 7)
    ]  # fmt: skip
    assert rows(con, "SELECT phone FROM users WHERE sourced_id = 'U1'") == [("4711",)]
    assert rows(con, "SELECT grade FROM roles WHERE user_sourced_id = 'U1'") == [("11",)]
    assert rows(con, "SELECT role FROM enrollments WHERE user_sourced_id = 'U2' ORDER BY 1") == [
        ("coach",), ("student",)
    ]  # fmt: skip


def test_a_line_that_changes_nothing_is_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(con, tmp_path, "users,U1,given_name,ada,,", "enrollments,C1/U1,add,student,,")
    assert found(roster) == [
        ("overrides.row.needless", "warning", 2, "key", "U1", "U1"),
        ("overrides.row.needless", "warning", 3, "key", "C1/U1", "C1/U1"),
    ]
    assert rows(con, "SELECT count(*) FROM enrollments") == [(2,)]


def test_what_a_correction_says_wrong_is_cited_where_it_is_written(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    roster = take(
        con, tmp_path, "classes,C1,course_sourced_id,K9,,", "users,U2,username,Ada,,",
        "users,T1,username,,,",
    )  # fmt: skip
    cited = {(f.rule, f.file, f.line, f.column, f.value) for f in roster.findings()}
    assert {finding for finding in cited if not finding[0].endswith(".dropped")} == {
        ("users.username.shared", "overrides.csv", 3, "value", "Ada"),
        ("users.username.shared", "users.csv", 2, "username", "ada"),
        ("classes.course_sourced_id.missing", "overrides.csv", 2, "value", "K9"),
        ("users.username.none", "overrides.csv", 4, "value", ""),
    }


def test_a_correction_wins_over_every_source(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def with_course(course: str | None) -> Tables:
        class_: Row = {**SOUND["classes"][0], "course_sourced_id": course}
        return {**SOUND, "classes": [class_]}

    roster = combine(
        con, tmp_path, {"sis": with_course(None), "lms": with_course("K1")},
        overrides="classes,C1,course_sourced_id,K9,,",
    )  # fmt: skip
    assert [(f.file, f.line, f.value) for f in roster.findings()] == [("overrides.csv", 2, "K9")]


def test_a_file_without_lines_does_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = take(con, tmp_path)
    assert list(roster.findings()) == []
    assert roster.counts() == {name: len(rows) for name, rows in SOUND.items()}
