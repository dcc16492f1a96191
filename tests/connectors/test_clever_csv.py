"""Clever's CSV files: what they become, which variants are read, what is refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb
import pytest

from connectors.reading import read_roster
from roster.errors import BadInput, Refused
from tests.connectors.conftest import ReadDrop
from tests.connectors.samples import CLEVER, with_lines, write

day = datetime.date
FIVE = {name: text for name, text in CLEVER.items() if name != "staff.csv"}


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return con.execute(query).fetchall()


def _edited(file: str, old: str, new: str, drop: Mapping[str, str] = FIVE) -> dict[str, str]:
    assert old in drop[file]
    return {**drop, file: drop[file].replace(old, new)}


def _student(**cells: str) -> str:
    """A line of students.csv; `cells`: column, with underscores for blanks → value."""
    columns = CLEVER["students.csv"].split("\n", 1)[0].split(",")
    given = {"School id": "S1", "Last name": "Lee", "First name": "Lia"} | {
        column.replace("_", " "): value for column, value in cells.items()
    }
    assert given.keys() <= set(columns)
    quoted = (given.get(column, "") for column in columns)
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in quoted)


def _found(roster: object) -> list[tuple[str, str, int, str]]:
    return [(f.rule, f.file, f.line, f.value) for f in roster.findings()]  # type: ignore[attr-defined]


def test_every_column_lands_in_its_table(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(CLEVER)
    assert list(roster.findings()) == []
    assert roster.format == "clever"
    assert roster.counts() == {
        "orgs": 2, "academic_sessions": 2, "courses": 2, "classes": 2, "users": 7, "roles": 7,
        "enrollments": 6, "relationships": 2, "demographics": 2,
    }  # fmt: skip
    first = {
        table: _rows(con, f"SELECT * EXCLUDE (origin_file, origin_row) FROM {table}"
                          f" ORDER BY ALL LIMIT 1")[0]
        for table in ("orgs", "courses", "classes", "demographics")
    }  # fmt: skip
    assert first == {
        "orgs": ("S1", "North School", "school", None, "N1", True),
        "courses": ("MTH5/Algebra-I", "S1", "Algebra I", "MTH5", None, ["math"], None),
        "classes": ("C1", "S1", "Algebra", "1", "MTH5/Algebra-I",
                    ["Semester-1/2025-08-19/2026-01-16"], True),
        "demographics": ("U1", "female", day(2010, 2, 3), None, None, None,
                         ["hispanicOrLatinoEthnicity"], ["asian"]),
    }  # fmt: skip
    people = "FROM users WHERE sourced_id NOT LIKE 'contact:%' ORDER BY 1"
    assert _rows(con, "SELECT sourced_id, username, given_name, family_name, middle_name, email,"
                      f" identifier {people}") == [
        ("P1", "sue", "Sue", "Stone", None, "sue@contoso.edu", None),
        ("T1", "tim", "Tim", "Taylor", None, "tim@contoso.edu", "t1"),
        ("T2", "tea", "Tea", "Thorn", None, "tea@contoso.edu", "t2"),
        ("U1", "ada", "Ada", "Adams", "K", "ada@contoso.edu", "n1"),
        ("U2", "ben", "Ben", "Brown", None, "ben@contoso.edu", "n2"),
    ]  # fmt: skip


def test_people_of_several_schools_have_a_role_in_each_however_many_contacts_they_have(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(CLEVER)
    assert _rows(con, "SELECT user_sourced_id, org_sourced_id, role, grade FROM roles"
                      " ORDER BY ALL") == [
        ("P1", "S1", "principal", None), ("T1", "S1", "teacher", None),
        ("T1", "S2", "teacher", None), ("T2", "S2", "teacher", None),
        ("U1", "S1", "student", "05"), ("U1", "S2", "student", "06"),
        ("U2", "S2", "student", "kg"),
    ]  # fmt: skip


def test_the_rows_of_a_person_may_not_differ(read_drop: ReadDrop) -> None:
    roster = read_drop(_edited("students.csv", "S2,U1,n1,778,Adams,Ada", "S2,U1,n1,778,Adams,Adi"))
    assert _found(roster) == [("users.sourced_id.differs", "students.csv", 4, "U1")]


def test_a_role_cites_the_first_line_of_its_school(read_drop: ReadDrop) -> None:
    roster = read_drop(_edited("students.csv", "\nS2,U1", "\nS9,U1"))
    assert _found(roster) == [("roles.org_sourced_id.missing", "students.csv", 4, "S9")]


def test_a_student_without_a_school_is_an_error_and_stays_uncertain(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(_edited("students.csv", "\nS2,U2", "\n,U2"))
    assert [f.rule for f in roster.findings() if f.severity == "error"] == [
        "roles.org_sourced_id.required"
    ]
    assert ("role", "U2") in _rows(con, "SELECT kind, key FROM uncertain")


def test_contacts_are_people_of_their_own_with_what_they_are_to_the_student(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(CLEVER)
    assert _rows(con, "SELECT sourced_id, username, given_name, family_name, email, phone, sms"
                      " FROM users WHERE sourced_id LIKE 'contact:%' ORDER BY 1") == [
        ("contact:G1", None, "Pat", "Adams", "pat@example.com", "4255550101", "4255550101"),
        ("contact:G2", None, "Max", "van den Berg", "max@example.com",
         "4255550102", None),
    ]  # fmt: skip
    assert _rows(con, "SELECT user_sourced_id, relationship_user_sourced_id, role"
                      " FROM relationships ORDER BY ALL") == [
        ("U1", "contact:G1", "parent"), ("U1", "contact:G2", "other"),
    ]  # fmt: skip


_MARY = {"Contact_relationship": "Mother", "Contact_name": "Mary Lee"}


@pytest.mark.parametrize(
    ("lines", "contacts"),
    [
        # one row for each telephone: the cell phone is where messages go
        ([{"Contact_sis_id": "G5", "Contact_phone": "4255550105", "Contact_phone_type": "Cell"},
          {"Contact_sis_id": "G5", "Contact_phone": "4255550106", "Contact_phone_type": "Home"}],
         [("contact:G5", None, "4255550106", "4255550105")]),
        # without an id, name and address make the person; letter case does not count
        ([{"Student_id": "U5", "Contact_email": "Mary@Example.com"},
          {"Student_id": "U6", "Contact_email": "mary@example.com"}],
         [("contact:mary@example.com/mary-lee", "mary@example.com", None, None)]),
        # without an address nobody can tell two people of one name apart
        ([{"Student_id": "U5", "Contact_phone": "4255550105"},
          {"Student_id": "U6", "Contact_phone": "4255550105"}],
         [("contact:U5/mary-lee", None, "4255550105", None),
          ("contact:U6/mary-lee", None, "4255550105", None)]),
        # two parents with one address are two people
        ([{"Contact_email": "lees@example.com"},
          {"Contact_email": "lees@example.com", "Contact_name": "Max Lee"}],
         [("contact:lees@example.com/mary-lee", "lees@example.com", None, None),
          ("contact:lees@example.com/max-lee", "lees@example.com", None, None)]),
        ([{"Contact_sis_id": "G5", "Contact_relationship": "Self"}], []),
        ([{"Contact_name": "", "Contact_phone": "4255550105"}], []),
    ],
)  # fmt: skip
def test_rows_of_one_contact_are_one_contact(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    lines: list[dict[str, str]],
    contacts: list[tuple[object, ...]],
) -> None:
    students = [_student(**{"Student_id": "U5", **_MARY, **line}) for line in lines]
    roster = read_drop(with_lines(FIVE, "students.csv", *students))
    assert [f.rule for f in roster.findings() if f.severity == "error"] == []
    assert _rows(con, "SELECT sourced_id, email, phone, sms FROM users"
                      " WHERE sourced_id LIKE 'contact:%' AND sourced_id NOT IN"
                      " ('contact:G1', 'contact:G2') ORDER BY 1") == contacts  # fmt: skip


def test_a_contact_is_never_taken_for_a_student_or_teacher_with_the_same_number(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(_edited("students.csv", ",G1,", ",T1,"))
    assert _rows(con, "SELECT given_name FROM users WHERE sourced_id IN ('T1', 'contact:T1')"
                      " ORDER BY 1") == [("Pat",), ("Tim",)]  # fmt: skip


def test_one_contact_number_with_two_names_is_an_error(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(_edited("students.csv", ",G2,", ",G1,"))
    assert [(f.rule, f.line, f.entity) for f in roster.findings()] == [
        ("users.sourced_id.conflict", 3, "contact:G1")
    ]
    assert _rows(con, "SELECT given_name FROM users WHERE sourced_id = 'contact:G1'") == [("Pat",)]


def _many(column: str, values: Iterable[str], **cells: str) -> dict[str, str]:
    """The drop with a student of its own for each value of a column: V0, V1, …"""
    lines = [
        _student(**cells, Student_id=f"V{place}", Contact_sis_id=f"G{place + 5}", **{column: value})
        for place, value in enumerate(values)
    ]
    return with_lines(FIVE, "students.csv", *lines)


def test_the_name_of_a_contact_is_cut_where_the_family_name_begins(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    names = {
        "Mary Ann Smith": ("Mary Ann", "Smith"),
        "Smith, Mary Ann": ("Mary Ann", "Smith"),
        "Ana García López": ("Ana", "García López"),
        "ANA GARCÍA LÓPEZ": ("ANA", "GARCÍA LÓPEZ"),
        "Ludwig van den Berg": ("Ludwig", "van den Berg"),
        "Ana De la Cruz": ("Ana", "De la Cruz"),
        "Mrs. Mary  Smith": ("Mary", "Smith"),
        "John Smith, Jr.": ("John", "Smith Jr."),
        "Smith, John III": ("John", "Smith III"),
        "Cher": (None, "Cher"),
    }
    read_drop(_many("Contact_name", names, Last_name="García López"))
    found = _rows(con, "SELECT given_name, family_name FROM users JOIN relationships"
                       " ON sourced_id = relationship_user_sourced_id"
                       " WHERE user_sourced_id LIKE 'V%' ORDER BY user_sourced_id")  # fmt: skip
    assert dict(zip(names, found, strict=True)) == names


def test_what_a_contact_is_comes_from_the_relationship_or_else_the_type(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    kin = {
        ("Parent", "Primary"): "parent",
        ("Grandparent", ""): "relative",
        ("Aunt/Uncle", "Emergency"): "relative",
        ("Sibling", ""): "relative",
        ("Mother", ""): "parent",
        ("Legal Guardian", ""): "guardian",
        ("", "Parent/Guardian"): "guardian",
        ("Other", "Family"): "relative",
        ("Other", "Emergency"): "other",
        ("", ""): "other",
    }
    lines = [
        _student(Student_id=f"V{place}", Contact_name="Max Lee", Contact_relationship=relationship,
                 Contact_type=kind, Contact_sis_id="G5", Contact_email="max@example.com")
        for place, (relationship, kind) in enumerate(kin)
    ]  # fmt: skip
    roster = read_drop(with_lines(FIVE, "students.csv", *lines))
    assert [f for f in roster.findings() if f.table == "relationships"] == []
    found = _rows(con, "SELECT role FROM relationships WHERE user_sourced_id LIKE 'V%'"
                       " ORDER BY user_sourced_id")  # fmt: skip
    assert dict(zip(kin, (role for (role,) in found), strict=True)) == kin


def test_an_unknown_relationship_is_told_and_can_be_mapped(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = write(tmp_path / "drop", _edited("students.csv", "Other,Emergency", "Pastor,Emergency"))
    assert [(f.rule, f.line, f.value) for f in read_roster(path, con).findings()] == [
        ("relationships.role.enum", 3, "Pastor")
    ]
    mapped = read_roster(path, con, mappings={"relationship_roles": {"Pastor": "other"}})
    assert list(mapped.findings()) == []


def test_every_grade_of_clever_is_known(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    grades = {
        "InfantToddler": "it", "Preschool": "pr", "PreKindergarten": "pk",
        "TransitionalKindergarten": "tk", "Kindergarten": "kg",
        **{str(year): f"{year:02}" for year in range(1, 14)},
        "PostGraduate": "postgraduate", "Ungraded": "ug", "Other": "other", "": None,
        "0": "kg", "-1": "pk",
    }  # fmt: skip
    roster = read_drop(_many("Grade", grades))
    assert [f for f in roster.findings() if f.table == "roles"] == []
    found = _rows(con, "SELECT grade FROM roles WHERE user_sourced_id LIKE 'V%'"
                       " ORDER BY user_sourced_id[2:]::INTEGER")  # fmt: skip
    assert dict(zip(grades, (grade for (grade,) in found), strict=True)) == grades


def test_an_unknown_grade_is_told_and_left_blank(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    roster = read_drop(_edited("students.csv", ",Kindergarten,", ",Reception,"))
    assert _found(roster) == [("roles.grade.enum", "students.csv", 5, "Reception")]
    assert _rows(con, "SELECT grade FROM roles WHERE user_sourced_id = 'U2'") == [(None,)]


def test_every_race_of_clever_is_known(read_drop: ReadDrop, con: duckdb.DuckDBPyConnection) -> None:
    races = {
        "Caucasian": "white",
        "W": "white",
        "Asian": "asian",
        "a": "asian",
        "Black or African American": "blackOrAfricanAmerican",
        "American Indian": "americanIndianOrAlaskaNative",
        "Hawaiian or Other Pacific Islander": "nativeHawaiianOrOtherPacificIslander",
        "Two or More Races": "demographicRaceTwoOrMoreRaces",
        "M": "demographicRaceTwoOrMoreRaces",
        "Unknown": None,
    }
    roster = read_drop(_many("Race", races))
    assert [f for f in roster.findings() if f.table == "demographics"] == []
    found = _rows(con, "SELECT race_codes[1] FROM demographics WHERE user_sourced_id LIKE 'V%'"
                       " ORDER BY user_sourced_id")  # fmt: skip
    assert dict(zip(races, (code for (code,) in found), strict=True)) == races


def test_ten_teachers_of_a_section_are_ten_enrollments(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    teachers = [f"X{place}" for place in range(10)]
    header = ["Teacher id", *(f"Teacher {place} id" for place in range(2, 11))]
    drop = with_lines(
        FIVE, "teachers.csv", *(f"S1,{t},,,,{t},,Lee,,{t}," for t in teachers)
    )  # fmt: skip
    drop["sections.csv"] = (
        f"School id,Section id,{','.join(header)},Name\n"
        f"S1,C1,{','.join(teachers)},Algebra\n"
        "S2,C2,T1,,T2,T1,,,,,,,Biology\n"
    )
    assert list(read_drop(drop).findings()) == []
    taught = "SELECT user_sourced_id FROM enrollments WHERE role = 'teacher' AND class_sourced_id ="
    assert _rows(con, f"{taught} 'C1' ORDER BY 1") == [(teacher,) for teacher in teachers]
    assert _rows(con, f"{taught} 'C2' ORDER BY 1") == [("T1",), ("T2",)]


def test_a_teacher_who_is_not_there_is_told_with_the_line_of_the_section(
    read_drop: ReadDrop,
) -> None:
    roster = read_drop(_edited("sections.csv", "C2,T1,T2", "C2,T1,T9"))
    assert _found(roster) == [("enrollments.user_sourced_id.missing", "sections.csv", 3, "T9")]


@pytest.mark.parametrize(
    ("change", "titles"),
    [
        (lambda text: text.replace("8/19/2025,1/16/2026", ","), [None, "Semester 1"]),
        (lambda text: text.replace("Semester 1,8/19", ",8/19"), ["Term", "Semester 1"]),
        (lambda text: text.replace("8/19/2025,1/16/2026", ",1/16/2026"), [None, "Semester 1"]),
    ],
)
def test_a_term_is_its_name_with_its_dates_and_without_dates_there_is_none(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    change: Callable[[str], str],
    titles: list[str | None],
) -> None:
    roster = read_drop({**FIVE, "sections.csv": change(CLEVER["sections.csv"])})
    assert list(roster.findings()) == []
    found = _rows(
        con,
        "SELECT s.title FROM classes c LEFT JOIN academic_sessions s ON"
        " list_contains(session_sourced_ids, s.sourced_id) ORDER BY c.sourced_id",
    )
    assert found == [(title,) for title in titles]
    assert _rows(con, "SELECT DISTINCT active FROM classes") == [(True,)]


def test_sections_without_columns_for_terms_and_courses_have_none(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    sections = "School_id,Section_id,Teacher_id,Name\nS1,C1,T1,Algebra\nS2,C2,T2,Biology\n"
    roster = read_drop({**FIVE, "sections.csv": sections})
    assert list(roster.findings()) == []
    assert {"academic_sessions", "courses"} & roster.counts().keys() == set()
    assert _rows(con, "SELECT course_sourced_id, session_sourced_ids FROM classes") == [
        (None, None), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "title"),
    [
        ("S1,C3,T1,,,7,5,Algebra I,MTH5,,3,math,,,", "Algebra I - Taylor - 3"),
        ("S1,C3,T1,,,7,5,,MTH5,,,math,,,", "MTH5 - Taylor"),
        ("S1,C3,T9,,,7,5,,,,,,,,", "7"),
        ("S1,C3,,,,,5,,,,,,,,", "C3"),
    ],
)
def test_a_section_without_a_name_is_named_by_course_teacher_and_period(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, section: str, title: str
) -> None:
    read_drop(with_lines(FIVE, "sections.csv", section))
    assert _rows(con, "SELECT title FROM classes WHERE sourced_id = 'C3'") == [(title,)]


def test_one_course_number_with_two_names_is_two_courses(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(_edited("sections.csv", "Biology,SCI", "Biology,MTH5"))
    assert _rows(con, "SELECT title, code FROM courses ORDER BY 1") == [
        ("Algebra I", "MTH5"), ("Biology", "MTH5"),
    ]  # fmt: skip


def test_a_subject_with_a_comma_is_one_subject(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    read_drop(_edited("sections.csv", ",math,", ',"math, applied",'))
    assert _rows(con, "SELECT subjects FROM courses WHERE code = 'MTH5'") == [(["math; applied"],)]


@pytest.mark.parametrize(
    ("title", "role", "known"),
    [
        ("Principal", "", "principal"),
        ("IT Admin", "School Tech Lead", "itAdmin"),
        ("Counselor", "", "advisor"),
        ("Head of Lunch", "Nurse", "nurse"),
        ("Assistant to the Principal", "School Tech Lead", "staff"),
        ("", "", "staff"),
        ("Student", "", "staff"),
    ],
)
def test_staff_have_the_role_that_their_title_names_or_are_staff(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, title: str, role: str, known: str
) -> None:
    drop = _edited("staff.csv", ",Principal,sue", f",{title},sue", CLEVER)
    drop = _edited("staff.csv", "School Tech Lead", role, drop)
    assert list(read_drop(drop).findings()) == []
    assert _rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'P1'") == [(known,)]


def test_staff_without_title_and_role_columns_are_staff(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    staff = "School_id,Staff_id,Staff_email,First_name,Last_name\nS1,P1,sue@contoso.edu,Sue,Stone\n"
    assert list(read_drop({**CLEVER, "staff.csv": staff}).findings()) == []
    assert _rows(con, "SELECT role FROM roles WHERE user_sourced_id = 'P1'") == [("staff",)]
    assert _rows(con, "SELECT username FROM users WHERE sourced_id = 'P1'") == [
        ("sue@contoso.edu",)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "S2,P7,TIM@contoso.edu,tim,TAYLOR,,Coach,ttaylor,,",  # another number, same address
        "S2,T1,,tim,TAYLOR,,Coach,,,",  # same number and name, no address
    ],
)
def test_staff_who_teach_are_one_person_with_the_teachers_number_and_details(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, line: str
) -> None:
    assert list(read_drop(with_lines(CLEVER, "staff.csv", line)).findings()) == []
    assert _rows(con, "SELECT sourced_id, username, given_name FROM users"
                      " WHERE lower(family_name) = 'taylor'") == [("T1", "tim", "Tim")]  # fmt: skip
    assert ("T1", "S2", "coach") in _rows(
        con, "SELECT user_sourced_id, org_sourced_id, role FROM roles"
    )


def test_staff_who_have_a_teachers_address_and_another_name_are_told(read_drop: ReadDrop) -> None:
    line = "S2,P7,tim@contoso.edu,Timothy,Taylor,,Coach,,,"
    roster = read_drop(with_lines(CLEVER, "staff.csv", line))
    assert _found(roster) == [("users.sourced_id.differs", "staff.csv", 3, "T1")]


def test_a_number_that_two_people_have_in_two_files_drops_both(read_drop: ReadDrop) -> None:
    roster = read_drop(with_lines(CLEVER, "staff.csv", "S2,T1,zoe@contoso.edu,Zoe,Zink,,,zoe,,"))
    ambiguous = {f.file for f in roster.findings() if f.rule == "users.sourced_id.ambiguous"}
    assert ambiguous == {"teachers.csv", "staff.csv"}


def test_a_mailbox_that_two_teachers_share_makes_nobody_of_the_staff_a_teacher(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    drop = _edited("teachers.csv", "tea@contoso.edu", "tim@contoso.edu", CLEVER)
    drop = _edited("staff.csv", "sue@contoso.edu", "tim@contoso.edu", drop)
    read_drop(drop)
    assert _rows(con, "SELECT username FROM users WHERE sourced_id = 'P1'") == [("sue",)]


def test_the_address_stands_for_a_missing_username_unless_people_share_it(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection
) -> None:
    shared = {"Student_email": "noemail@contoso.edu"}
    lines = [
        _student(Student_id="U5", Student_email="lia@contoso.edu"),
        _student(Student_id="U5", School_id="S2", Student_email="lia@contoso.edu"),
        _student(Student_id="U6", **shared),
        _student(Student_id="U7", **shared),
        _student(Student_id="U8", Student_email="none"),
    ]
    roster = read_drop(with_lines(FIVE, "students.csv", *lines))
    assert _rows(con, "SELECT sourced_id, username FROM users WHERE sourced_id SIMILAR TO 'U[5-8]'"
                      " ORDER BY 1") == [
        ("U5", "lia@contoso.edu"), ("U6", None), ("U7", None), ("U8", None),
    ]  # fmt: skip
    assert [f.rule for f in roster.findings() if f.severity == "error"] == []


def _respelt(spelling: Callable[[str], str]) -> dict[str, str]:
    drop: dict[str, str] = {}
    for name, text in FIVE.items():
        header, rest = text.split("\n", 1)
        drop[name] = spelling(header) + "\n" + rest
    return drop


@pytest.mark.parametrize(
    "spelling",
    [
        lambda header: header.replace(" ", "_"),
        str.upper,
        lambda header: header.replace(" ", "").lower(),
        lambda header: header.replace("ext.homeroom", "ext__homeroom"),
    ],
)
def test_headers_are_read_with_blanks_underscores_and_in_any_case(
    read_drop: ReadDrop, con: duckdb.DuckDBPyConnection, spelling: Callable[[str], str]
) -> None:
    read_drop(FIVE)
    expected = {table: _rows(con, f"FROM {table} ORDER BY ALL") for table in ("users", "roles")}
    roster = read_drop(_respelt(spelling))
    assert list(roster.findings()) == []
    assert roster.counts()["users"] == 6
    assert {table: _rows(con, f"FROM {table} ORDER BY ALL") for table in expected} == expected


def test_a_column_that_nobody_knows_is_told_and_one_of_an_extension_is_not(
    read_drop: ReadDrop,
) -> None:
    roster = read_drop(_edited("teachers.csv", ",Title,", ",Shoe size,"))
    assert _found(roster) == [("csv.columns", "teachers.csv", 1, "Shoe size")]


def test_staff_may_be_missing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    roster = read_roster(write(tmp_path / "drop", FIVE), con)
    assert list(roster.findings()) == []
    assert roster.counts()["users"] == 6


@pytest.mark.parametrize("file", ["schools", "students", "teachers", "sections", "enrollments"])
def test_the_five_files_come_together(read_drop: ReadDrop, file: str) -> None:
    drop = {name: text for name, text in CLEVER.items() if name != f"{file}.csv"}
    with pytest.raises(BadInput, match=rf"^{file}\.csv: missing .*expected clever: schools\.csv, "
                                       r"teachers\.csv, students\.csv, sections\.csv, "
                                       r"enrollments\.csv; optional staff\.csv"):  # fmt: skip
        read_drop(drop)


def test_sections_may_be_empty_in_summer_and_people_never(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    header = {name: text.split("\n", 1)[0] + "\n" for name, text in CLEVER.items()}
    summer = {**FIVE, "sections.csv": header["sections.csv"],
              "enrollments.csv": header["enrollments.csv"]}  # fmt: skip
    path = write(tmp_path / "drop", summer)
    assert read_roster(path, con).counts()["classes"] == 0
    with pytest.raises(Refused, match=r"sections\.csv has no records, and the last accepted drop"):
        read_roster(path, con, last_files=frozenset({"classes", "enrollments"}))
    with pytest.raises(Refused, match=r"students\.csv has no records"):
        read_roster(write(tmp_path / "no", {**FIVE, "students.csv": header["students.csv"]}), con)


def test_contacts_that_were_there_and_are_gone_are_refused(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    students = CLEVER["students.csv"].replace("Contact name", "ext.name")
    path = write(tmp_path / "drop", {**FIVE, "students.csv": students})
    with pytest.raises(Refused, match="the last accepted drop had relationships, this one has not"):
        read_roster(path, con, last_files=frozenset({"users", "relationships"}))


@pytest.mark.parametrize(
    ("file", "line", "uncertain"),
    [
        ("students.csv", "S1,U9,n9", [("role", "U9", None), ("user", "U9", None)]),
        ("teachers.csv", "S1,T9,t9,", [("role", "T9", None), ("user", "T9", None)]),
        ("staff.csv", "S1,P9,p9@contoso.edu", [("role", "P9", None), ("user", "P9", None)]),
        ("sections.csv", "S1,C9,T1", [("class", "C9", None)]),
        ("enrollments.csv", "S1,C1,U9,x", [("enrollment", "C1", "U9")]),
    ],
)
def test_a_truncated_row_leaves_uncertain_whom_it_names_and_nobody_else(
    read_drop: ReadDrop,
    con: duckdb.DuckDBPyConnection,
    file: str,
    line: str,
    uncertain: list[tuple[object, ...]],
) -> None:
    roster = read_drop(with_lines(CLEVER, file, line))
    lines = CLEVER[file].count("\n") + 1
    assert [(f.rule, f.file, f.line) for f in roster.findings()] == [("csv.fields", file, lines)]
    assert _rows(con, "FROM uncertain ORDER BY ALL") == uncertain
    assert _rows(con, "FROM unreadable") == []


def test_a_file_that_ends_in_the_middle_of_a_row_is_refused(read_drop: ReadDrop) -> None:
    cut = CLEVER["students.csv"].rsplit(",ben,", 1)[0]
    with pytest.raises(BadInput, match=r"^students\.csv:5: .*truncated"):
        read_drop({**FIVE, "students.csv": cut})


def test_passwords_are_read_only_on_request_and_shown_in_no_finding(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    broken = with_lines(CLEVER, "students.csv", "S1,U9,secret9")
    teacher = "S2,P7,tim@contoso.edu,Tim,Taylor,,,,secret5,"
    path = write(tmp_path / "drop", with_lines(broken, "staff.csv", teacher))
    roster = read_roster(path, con)
    assert "secret" not in str([*roster.findings(), *_rows(con, "FROM users")])
    read_roster(path, con, passwords=True)
    assert _rows(con, "FROM roster_passwords ORDER BY ALL") == [
        ("P1", "secret4"), ("T1", "secret3"), ("U1", "secret1"), ("U2", "secret2"),
    ]  # fmt: skip
