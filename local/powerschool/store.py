"""PowerSchool's tables, made from the district's records and made anew when these have changed.

The schema `ps` has what SQL sees: views with PowerSchool's columns, TEACHERS among them, and the
macros that Oracle's functions are here. `psdata` has the tables under them, each with the columns

    print    a hash of the row's columns, to know the same row again
    stamp    when the row last changed (UTC): what TRANSACTION_DATE and WHENMODIFIED tell
    version  the data version that brought the change

and `ids`, which numbers whatever PowerSchool numbers. It only grows: a newcomer never changes the
number of another, and who comes back has the old one. DCID and ID of a row differ, and lie so that
one taken for the other meets another row.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from . import contacts, enrollments, people, schools
from .oracle import MACROS
from .shapes import MACROS as SHAPE_MACROS
from .v1_tables import V1_TABLES

if TYPE_CHECKING:
    import duckdb

    from local.sis.records import Records

    from .quirks import Quirks
    from .tables import Table

# What the tables are made of, in order: a name in psdata and its query.
_GROUND: tuple[tuple[str, str], ...] = (
    ("places", schools.PLACES),
    ("calendar", schools.CALENDAR),
    ("this_year", schools.THIS_YEAR),
    ("class_terms", schools.CLASS_TERMS),
    ("workplaces", people.WORKPLACES),
    ("attended", people.ATTENDED),
    ("races", people.RACES),
    ("stays", enrollments.STAYS),
    ("attendances", enrollments.ATTENDANCES),
    ("persons", contacts.PERSONS),
    ("kinships", contacts.KINSHIPS),
)
# These need numbers given to what stands above.
_NUMBERED_GROUND = (("catalogue", schools.CATALOGUE), ("leads", enrollments.LEADS))

_KEYS: tuple[tuple[str, str], ...] = (
    ("term", "SELECT p.org || '/' || c.session FROM psdata.calendar c, psdata.places p"),
    ("course", "SELECT sourced_id FROM sis.courses"),
    ("course", "SELECT 'class/' || sourced_id FROM sis.classes WHERE course IS NULL"),
    ("section", "SELECT sourced_id FROM sis.classes"),
    ("user", "SELECT sourced_id FROM sis.users WHERE kind = 'staff'"),
    ("schoolstaff", "SELECT user_id || '/' || org FROM psdata.workplaces"),
    ("student", "SELECT sourced_id FROM sis.users WHERE kind = 'student'"),
    ("student", people.FORMER_KEYS),
    ("person", "SELECT key FROM psdata.persons"),
    ("person", f"SELECT 'student/' || key FROM ({people.FORMER_KEYS})"),
    ("race", "SELECT user_id || '/' || code FROM psdata.races"),
    ("email", "SELECT DISTINCT lower(email) FROM psdata.persons WHERE email IS NOT NULL"),
    ("phone", "SELECT DISTINCT phone FROM psdata.persons WHERE phone IS NOT NULL"),
    ("contact", "SELECT student_id || '/' || contact_id FROM psdata.kinships"),
    ("cc", "SELECT key FROM psdata.attendances"),
    (
        "sectionteacher",
        """SELECT class_id || '/' || user_id || '/' || number FROM psdata.stays
        WHERE role = 'teacher'""",
    ),
)

TABLES: tuple[Table, ...] = (
    schools.SCHOOLS,
    schools.TERMS,
    schools.COURSES,
    schools.SECTIONS,
    people.USERS,
    people.SCHOOLSTAFF,
    people.STUDENTS,
    people.U_STUDENTS_EXTENSION,
    people.STUDENTRACE,
    enrollments.CC,
    enrollments.ROLEDEF,
    enrollments.SECTIONTEACHER,
    contacts.PERSON,
    contacts.EMAILADDRESS,
    contacts.PERSONEMAILADDRESSASSOC,
    contacts.PHONENUMBER,
    contacts.PERSONPHONENUMBERASSOC,
    contacts.STUDENTCONTACTASSOC,
    contacts.STUDENTCONTACTDETAIL,
    contacts.CODESET,
    contacts.SYNC_STUDENTMAP,
    contacts.PSM_STUDENTCONTACT,
    contacts.PSM_STUDENTCONTACTTYPE,
    contacts.PREFS,
)
KEYS = {table.name: table.key for table in TABLES}
VIEWS = {
    "teachers": """
        SELECT s.dcid, s.id, s.users_dcid, s.schoolid, s.status, s.staffstatus, s.notes,
               u.teachernumber, u.first_name, u.middle_name, u.last_name, u.lastfirst,
               u.email_addr, u.homeschoolid, u.loginid, u.teacherloginid, u.title, u.ptaccess,
               u.psaccess, u.home_phone, u.school_phone, u.homeroom, u.preferredname,
               greatest(s.transaction_date, u.transaction_date) AS transaction_date
        FROM ps.schoolstaff s JOIN ps.users u ON u.dcid = s.users_dcid""",
    "dual": "SELECT 'X' AS dummy",
}


class Store:
    """PowerSchool's tables over records. Any thread may read; one at a time makes them anew."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self.made: tuple[object, ...] = ()
        self.version = 0
        self.keys = KEYS
        cursor = records.cursor()
        cursor.execute("CREATE SCHEMA ps; CREATE SCHEMA psdata; SET schema = 'ps'")
        cursor.execute("CREATE TABLE psdata.ids (kind VARCHAR, key VARCHAR, n BIGINT)")
        for macro in (*MACROS, *SHAPE_MACROS):
            cursor.execute(macro)

    def cursor(self, quirks: Quirks) -> duckdb.DuckDBPyConnection:
        """A cursor for which the tables are what the records say now."""
        wanted = (self._records.revision, quirks.history, quirks.whole_day_stamps, quirks.hours)
        with self._lock:
            if self.made != wanted:
                self._make(quirks)
                self.made = wanted
        cursor = self._records.cursor()
        cursor.execute("SET schema = 'ps'")
        return cursor

    def now(self) -> datetime:
        """The server's clock, UTC: on the district's day, or on that of the newest change."""
        real = datetime.now(UTC)
        today = self._records.district.today
        [(newest,)] = self._records.rows("SELECT max(stamp) FROM changes")
        shown = real + timedelta(days=(today - real.date()).days)
        return max(shown, newest.replace(tzinfo=UTC)) if newest else shown

    def _make(self, quirks: Quirks) -> None:
        cursor = self._records.cursor()
        cursor.execute("SET schema = 'ps'; BEGIN")
        values: dict[str, object] = {"today": self.now().date(), "history": quirks.history}
        self._number(cursor, "school", "SELECT sourced_id FROM sis.orgs")
        for name, query in _GROUND:
            _make_table(cursor, name, query, values)
        for kind, keys in _KEYS:
            self._number(cursor, kind, keys)
        for name, query in _NUMBERED_GROUND:
            _make_table(cursor, name, query, values)
        version = self._records.revision
        newest = cursor.execute(
            "SELECT coalesce(max(stamp), max(modified)) FROM sis.orgs, "
            "(SELECT max(stamp) AS stamp FROM sis.changes)"
        ).fetchone()
        for table in TABLES:
            _make_rows(cursor, table, {**values, "version": version, "newest": (newest or [0])[0]})
            _show(cursor, table, quirks)
        for name, query in VIEWS.items():
            cursor.execute(f"CREATE OR REPLACE VIEW ps.{name} AS {query}")
        for name, query in V1_TABLES:
            _make_table(cursor, name, query, {})
        cursor.execute("COMMIT")
        self.version = version

    def _number(self, cursor: duckdb.DuckDBPyConnection, kind: str, keys: str) -> None:
        """Gives what has no number yet the next ones, in the order of the keys."""
        cursor.execute(
            f"""INSERT INTO psdata.ids
            SELECT $kind, key, row_number() OVER (ORDER BY key)
                + (SELECT coalesce(max(n), 0) FROM psdata.ids WHERE kind = $kind)
            FROM ({keys}) k(key)
            WHERE key NOT IN (SELECT key FROM psdata.ids WHERE kind = $kind)""",
            {"kind": kind},
        )


def _make_table(
    cursor: duckdb.DuckDBPyConnection, name: str, query: str, values: dict[str, object]
) -> None:
    used = {key: value for key, value in values.items() if f"${key}" in query}
    cursor.execute(f"CREATE OR REPLACE TABLE psdata.{name} AS {query}", used)


def _make_rows(cursor: duckdb.DuckDBPyConnection, table: Table, values: dict[str, object]) -> None:
    """Makes a table's rows; a row that is as it was keeps its stamp and version."""
    unseen = ", ".join(("touched", *table.silent))
    _make_table(
        cursor,
        "next",
        f"SELECT *, hash(*COLUMNS(* EXCLUDE ({unseen}))) AS print FROM ({table.query})",
        values,
    )
    cursor.execute(
        f"""CREATE TABLE IF NOT EXISTS psdata.{table.name} AS
        SELECT * EXCLUDE (touched), touched AS stamp, 0::BIGINT AS version
        FROM psdata.next LIMIT 0"""
    )
    cursor.execute(
        f"""CREATE OR REPLACE TABLE psdata.{table.name} AS
        SELECT n.* EXCLUDE (touched),
            CASE WHEN o.known = n.print THEN o.stamp
                 WHEN o.known IS NULL OR n.touched > o.stamp THEN n.touched
                 ELSE $newest::TIMESTAMP END AS stamp,
            CASE WHEN o.known = n.print THEN o.version ELSE $version::BIGINT END AS version
        FROM psdata.next n
        LEFT JOIN (SELECT {table.key}, print AS known, stamp, version FROM psdata.{table.name}) o
            USING ({table.key})
        ORDER BY {table.order or table.key}""",
        {"newest": values["newest"], "version": values["version"]},
    )


def _show(cursor: duckdb.DuckDBPyConnection, table: Table, quirks: Quirks) -> None:
    unit = "day" if quirks.whole_day_stamps else "second"
    local = f"date_trunc('{unit}', stamp + to_hours({quirks.hours}))"
    stamps = "".join(f", {local} AS {name}" for name in table.stamps)
    cursor.execute(
        f"CREATE OR REPLACE VIEW ps.{table.name} AS "
        f"SELECT * EXCLUDE (print, stamp, version){stamps} FROM psdata.{table.name}"
    )
