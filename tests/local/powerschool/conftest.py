"""One server of a small district with the usual switches; tests put back what they switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime

import pytest

from local.district import generate
from local.powerschool import Quirks, create_app
from local.sis.faults import Faults
from local.sis.records import Records
from local.sis.serving import serving
from tests.local.powerschool.plugin_zip import CREDENTIALS, Caller, Query, plugin

TODAY = date(2026, 11, 24)
FIRST = datetime(2026, 11, 1, 8, tzinfo=UTC)

STUDENTS = Query(
    "org.example.students",
    {
        "dcid": "STUDENTS.DCID",
        "student_number": "STUDENTS.STUDENT_NUMBER",
        "state_number": "STUDENTS.STATE_STUDENTNUMBER",
        "last_name": "STUDENTS.LAST_NAME",
        "middle_name": "STUDENTS.MIDDLE_NAME",
        "enroll_status": "STUDENTS.ENROLL_STATUS",
        "schoolid": "STUDENTS.SCHOOLID",
        "entered": "STUDENTS.ENTRYDATE",
        "exit": "STUDENTS.EXITDATE",
        "changed": "STUDENTS.TRANSACTION_DATE",
        "email_id": "EMAILADDRESS.EMAILADDRESSID",
        "email": "EMAILADDRESS.EMAILADDRESS",
    },
    """SELECT s.dcid, s.student_number, s.state_studentnumber, s.last_name, s.middle_name,
        s.enroll_status, s.schoolid, TO_CHAR(s.entrydate, 'YYYY-MM-DD'), s.exitdate,
        s.transaction_date, e.emailaddressid, e.emailaddress
    FROM students s
    LEFT OUTER JOIN personemailaddressassoc a ON a.personid = s.person_id
    LEFT OUTER JOIN emailaddress e ON e.emailaddressid = a.emailaddressid
    WHERE (:since IS NULL OR s.transaction_date >= :since) ORDER BY s.dcid""",
    args='<arg name="since" column="STUDENTS.TRANSACTION_DATE" required="false"/>',
)
ENROLLMENTS = Query(
    "org.example.enrollments",
    {
        name: f"CC.{name.upper()}"
        for name in (
            "dcid", "id", "studentid", "sectionid", "termid", "schoolid", "dateenrolled",
            "dateleft", "course_number", "transaction_date",
        )
    },
    """SELECT dcid, id, studentid, sectionid, termid, schoolid,
        TO_CHAR(dateenrolled, 'YYYY-MM-DD'), TO_CHAR(dateleft, 'YYYY-MM-DD'), course_number,
        transaction_date
    FROM ps.cc ORDER BY dcid""",
    core="CC",
)  # fmt: skip
SECTIONS = Query(
    "org.example.sections",
    {name: f"SECTIONS.{name.upper()}" for name in ("dcid", "id", "termid", "teacher")},
    "SELECT dcid, id, termid, teacher FROM sections ORDER BY dcid",
    core="SECTIONS",
)
TEACHERS = Query(
    "org.example.sectionteachers",
    {
        "id": "SECTIONTEACHER.ID",
        "sectionid": "SECTIONTEACHER.SECTIONID",
        "teacherid": "SECTIONTEACHER.TEACHERID",
        "role": "ROLEDEF.NAME",
        "users_dcid": "SCHOOLSTAFF.USERS_DCID",
        "status": "SCHOOLSTAFF.STATUS",
        "end_date": "SECTIONTEACHER.END_DATE",
    },
    """SELECT t.id, t.sectionid, t.teacherid, r.name, s.users_dcid, s.status, t.end_date
    FROM sectionteacher t JOIN roledef r ON r.id = t.roleid
    JOIN schoolstaff s ON s.id = t.teacherid ORDER BY t.id""",
    core="SECTIONTEACHER",
)
QUERIES = (STUDENTS, ENROLLMENTS, SECTIONS, TEACHERS)
OTHER_GRANTS = ("STUDENTS.ID", "TERMS.ID", "TERMS.NAME", "TERMS.SCHOOLID", "TERMS.FIRSTDAY")
ZIP = plugin(*QUERIES, grants=OTHER_GRANTS)


def new_records(people: int = 150, domain: str | None = "contoso.edu") -> Records:
    return Records(generate(people, 1, today=TODAY, domain=domain), FIRST)


@pytest.fixture(scope="module")
def records() -> Records:
    return new_records()


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def server(records: Records, faults: Faults) -> Iterator[Caller]:
    app = create_app(records, faults=faults, plugin=ZIP, credentials=CREDENTIALS)
    with serving(app) as url:
        caller = Caller(url)
        yield caller
        caller.http.close()


@pytest.fixture
def caller(server: Caller, faults: Faults) -> Iterator[Caller]:
    """A signed-in client; what a test switched and broke is put back."""
    server.sign_in()
    yield server
    faults.clear()
    server.quirks(**asdict(Quirks()))
