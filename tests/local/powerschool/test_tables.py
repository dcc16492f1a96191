"""PowerSchool's tables say what the district says, with PowerSchool's keys and meanings."""

from __future__ import annotations

from typing import Any

import pytest

from local.powerschool.quirks import Quirks
from local.powerschool.store import KEYS, Store
from local.sis.records import Records
from tests.local.powerschool.conftest import new_records


class Tables:
    """The tables of a district, to be asked in SQL."""

    def __init__(self, records: Records, quirks: Quirks | None = None) -> None:
        self.store = Store(records)
        self.quirks = quirks or Quirks()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.store.cursor(self.quirks).execute(query).fetchall()


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables(new_records(300), Quirks(history=False))


@pytest.mark.parametrize("table", KEYS)
def test_keys_are_unique(tables: Tables, table: str) -> None:
    [(rows, keys)] = tables.rows(f"SELECT count(*), count(DISTINCT {KEYS[table]}) FROM {table}")
    assert rows == keys > 0


@pytest.mark.parametrize("table", ["students", "sections", "cc", "schoolstaff", "courses"])
def test_dcid_and_id_are_never_the_same_but_lie_in_one_range(tables: Tables, table: str) -> None:
    [(same, mixed)] = tables.rows(
        f"""SELECT count(*) FILTER (dcid = id),
            count(*) FILTER (dcid IN (SELECT id FROM {table})) FROM {table}"""
    )
    assert same == 0
    [(rows,)] = tables.rows(f"SELECT count(*) FROM {table}")
    assert mixed > 0 or rows < 300


def test_enrollments_join_by_id_and_schools_by_number(tables: Tables) -> None:
    found = tables.rows(
        """SELECT s.student_number::VARCHAR, c.course_name, h.name
        FROM cc JOIN students s ON s.id = cc.studentid JOIN sections k ON k.id = cc.sectionid
        JOIN courses c ON c.course_number = k.course_number
        JOIN schools h ON h.school_number = k.schoolid"""
    )
    known = tables.rows(
        """SELECT e.user_id, left(coalesce(c.title, k.title), 40), o.name
        FROM sis.enrollments e JOIN sis.users u ON u.sourced_id = e.user_id
        JOIN sis.classes k ON k.sourced_id = e.class_id
        LEFT JOIN sis.courses c ON c.sourced_id = k.course
        JOIN sis.orgs o ON o.sourced_id = k.org
        WHERE e.role = 'student' AND u.kind = 'student'"""
    )
    assert sorted(found) == sorted(known)


def test_terms_are_numbered_by_year_and_repeat_in_each_school(tables: Tables) -> None:
    rows = tables.rows(
        """SELECT id, yearid, isyearrec, portion, count(*), count(DISTINCT schoolid)
        FROM terms GROUP BY ALL ORDER BY id"""
    )
    assert [row[:4] for row in rows] == [
        (3500, 35, 1, 1), (3501, 35, 0, 2), (3502, 35, 0, 2),
        (3600, 36, 1, 1), (3601, 36, 0, 2), (3602, 36, 0, 2),
    ]  # fmt: skip
    assert {row[4:] for row in rows} == {(4, 4)}  # three schools and the district office


def test_a_class_of_both_semesters_is_a_section_of_the_year(tables: Tables) -> None:
    rows = tables.rows(
        """SELECT DISTINCT k.termid FROM sections k JOIN courses c USING (course_number)
        WHERE c.course_name LIKE 'Mathematics, Grade 1_'"""
    )
    assert rows == [(3600,)]


def test_ends_are_exclusive_in_cc_and_inclusive_in_terms(tables: Tables) -> None:
    [(other,)] = tables.rows(
        """SELECT count(*) FROM cc JOIN terms t ON t.id = cc.termid AND t.schoolid = cc.schoolid
        WHERE cc.dateleft <> t.lastday + 1 OR cc.dateenrolled <> t.firstday"""
    )
    assert other == 0


def test_courses_of_the_district_have_school_0(tables: Tables) -> None:
    [(district, schools, lost)] = tables.rows(
        """SELECT count(*) FILTER (c.schoolid = 0), count(*) FILTER (c.schoolid > 0),
            count(*) FILTER (c.schoolid NOT IN (0, k.schoolid))
        FROM sections k JOIN courses c USING (course_number)"""
    )
    assert district > 0
    assert schools > 0
    assert lost == 0


def test_course_numbers_are_unique_and_short(tables: Tables) -> None:
    [(longest, numbers, courses)] = tables.rows(
        "SELECT max(length(course_number)), count(DISTINCT course_number), count(*) FROM courses"
    )
    assert longest <= 11
    assert numbers == courses


def test_teachers_are_in_sectionteacher_and_the_lead_in_the_section_too(tables: Tables) -> None:
    found = tables.rows(
        """SELECT k.dcid - 1500, u.teachernumber FROM sectionteacher t
        JOIN sections k ON k.id = t.sectionid JOIN schoolstaff s ON s.id = t.teacherid
        JOIN users u ON u.dcid = s.users_dcid WHERE s.schoolid = k.schoolid"""
    )
    known = tables.rows(
        """SELECT i.n, e.user_id FROM sis.enrollments e
        JOIN psdata.ids i ON i.kind = 'section' AND i.key = e.class_id WHERE e.role = 'teacher'"""
    )
    assert sorted(found) == sorted(known)
    leads = tables.rows(
        """SELECT r.name, count(*), count(*) FILTER (k.teacher = t.teacherid)
        FROM sectionteacher t JOIN roledef r ON r.id = t.roleid
        JOIN sections k ON k.id = t.sectionid
        GROUP BY r.name ORDER BY r.name DESC"""
    )
    [(sections,)] = tables.rows("SELECT count(*) FROM sections")
    assert leads[0] == ("Lead Teacher", sections, sections)
    assert leads[1][0] == "Co-teacher"
    assert leads[1][2] == 0


def test_one_person_in_users_and_a_row_for_each_school_in_schoolstaff(tables: Tables) -> None:
    [(users, people)] = tables.rows(
        """SELECT (SELECT count(*) FROM users),
            (SELECT count(*) FROM sis.users WHERE kind = 'staff')"""
    )
    assert users == people
    [(staff, roles)] = tables.rows(
        """SELECT (SELECT count(*) FROM teachers), (SELECT count(*) FROM sis.roles r
            JOIN sis.users u ON u.sourced_id = r.user_id
            WHERE u.kind = 'staff' AND r.role <> 'student')"""
    )
    assert staff == roles > users
    assert tables.rows("SELECT DISTINCT status FROM schoolstaff") == [(1,)]
    assert tables.rows("SELECT DISTINCT title, staffstatus FROM teachers WHERE schoolid = 0") == [
        ("IT Administrator", 2)
    ]


def test_logins_and_addresses(tables: Tables) -> None:
    [(wrong,)] = tables.rows(
        """SELECT count(*) FROM users u JOIN sis.users d ON d.sourced_id = u.teachernumber
        WHERE coalesce(u.teacherloginid, u.loginid) <> d.account OR u.email_addr <> d.mail"""
    )
    assert wrong == 0
    ways = tables.rows(
        """SELECT c.email, a.emailaddress FROM students s
        JOIN sync_studentmap m ON m.studentsdcid = s.dcid
        JOIN psm_studentcontact c ON c.studentid = m.studentid
        JOIN psm_studentcontacttype t ON t.id = c.studentcontacttypeid AND t.name = 'Self'
        JOIN personemailaddressassoc p ON p.personid = s.person_id
        JOIN emailaddress a USING (emailaddressid)"""
    )
    assert len(ways) == tables.rows("SELECT count(*) FROM students")[0][0]
    assert all(one == other for one, other in ways)


def test_contacts_are_persons_with_address_and_telephone(tables: Tables) -> None:
    found = tables.rows(
        """SELECT s.student_number::VARCHAR, e.emailaddress, n.phonenumberasentered, lower(c.code)
        FROM studentcontactassoc a JOIN students s ON s.dcid = a.studentdcid
        JOIN studentcontactdetail d USING (studentcontactassocid)
        JOIN codeset c ON c.codesetid = d.relationshiptypecodesetid
        JOIN personemailaddressassoc p ON p.personid = a.personid
        JOIN emailaddress e USING (emailaddressid)
        LEFT JOIN personphonenumberassoc n ON n.personid = a.personid"""
    )
    known = tables.rows(
        """SELECT r.student_id, u.email, u.phone, r.role FROM sis.relationships r
        JOIN sis.users u ON u.sourced_id = r.contact_id"""
    )
    assert sorted(map(str, found)) == sorted(map(str, known))


def test_demographics(tables: Tables) -> None:
    found = tables.rows(
        """SELECT s.student_number::VARCHAR, s.gender, s.dob, s.fedethnicity,
            count(r.racecd) FROM students s LEFT JOIN studentrace r ON r.studentid = s.id
        GROUP BY ALL"""
    )
    known = tables.rows(
        """SELECT user_id, upper(sex[1]), birth_date, (ethnicity IS NOT NULL)::BIGINT,
            coalesce(len(string_split(race, ',')), 0) FROM sis.demographics"""
    )
    assert sorted(found) == sorted(known)
    [(free, flagged)] = tables.rows(
        """SELECT (SELECT count(*) FROM students WHERE lunchstatus = 'F'),
            (SELECT count(*) FROM sis.user_flags WHERE flag = 'freeLunch')"""
    )
    assert free == flagged


def test_a_member_of_staff_who_takes_a_class_is_no_student(tables: Tables) -> None:
    [(students, pupils)] = tables.rows(
        """SELECT (SELECT count(*) FROM students),
            (SELECT count(*) FROM sis.users WHERE kind = 'student')"""
    )
    assert students == pupils


def test_every_server_has_history() -> None:
    tables = Tables(new_records(60))
    assert tables.rows(
        """SELECT enroll_status, count(*) FROM students WHERE enroll_status <> 0
        GROUP BY 1 ORDER BY 1"""
    ) == [(-1, 1), (1, 1), (2, 1), (3, 2)]
    assert {row[0] for row in tables.rows(
        "SELECT schoolid FROM students WHERE enroll_status = 3"
    )} == {999999}  # fmt: skip
    [(again, ends)] = tables.rows(
        """SELECT count(*), count(*) FILTER (d.dateleft < a.dateenrolled)
        FROM cc d JOIN cc a ON a.studentid = d.studentid AND a.sectionid = -d.sectionid
        WHERE d.sectionid < 0 AND d.termid < 0"""
    )
    assert again == ends > 0


def test_small_schools_have_a_section_of_one_and_an_empty_one() -> None:
    tables = Tables(new_records(60), Quirks(history=False))
    sizes = {size for (size,) in tables.rows(
        """SELECT count(cc.id) FROM sections k LEFT JOIN cc ON cc.sectionid = k.id
        GROUP BY k.id""")}  # fmt: skip
    assert {0, 1} <= sizes
