"""The records of an emulated system follow a district from day to day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from local.district import generate
from local.sis.records import KEYS, Records

TODAY = date(2026, 11, 24)
LATER = datetime(2026, 11, 25, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def records() -> Records:
    first = generate(60, 1, today=TODAY, domain="contoso.edu")
    records = Records(first, datetime(2026, 11, 1, tzinfo=UTC))
    records.advance(7, 0.2, LATER)
    return records


@pytest.mark.parametrize("table", KEYS)
def test_what_is_there_is_the_day(records: Records, table: str) -> None:
    own = "revision, modified, gone" + (", account, mail" if table == "users" else "")
    there = records.rows(f"SELECT * EXCLUDE ({own}) FROM {table} WHERE NOT gone")
    day = records.rows(f"SELECT * FROM {records.district.schema}.{table}")
    assert sorted(map(str, there)) == sorted(map(str, day))


def test_only_what_changed_is_stamped_and_revisions_grow(records: Records) -> None:
    [(stamped, changed, newest)] = records.rows(
        """SELECT (SELECT count(*) FROM enrollments WHERE modified = '2026-11-25 06:00:00'),
            (SELECT count(*) FROM changes WHERE tbl = 'enrollments'),
            (SELECT max(revision) FROM changes)"""
    )
    [(rows,)] = records.rows("SELECT count(*) FROM enrollments")
    assert 0 < stamped == changed < rows
    assert newest == records.revision


def test_who_left_keeps_their_last_values_and_is_gone(records: Records) -> None:
    gone = records.rows(
        """SELECT u.sourced_id, u.family_name FROM users u
        JOIN changes c ON c.tbl = 'users' AND c.key = u.sourced_id AND action = 'deleted'
        WHERE u.gone"""
    )
    assert gone
    assert all(name for _, name in gone)


def test_accounts_and_mail_have_the_domain_but_for_guardians(records: Records) -> None:
    kinds = dict(
        records.rows(
            "SELECT kind, bool_and(account LIKE '%@contoso.edu' AND mail = account) "
            "FROM users GROUP BY kind"
        )
    )
    assert kinds["student"]
    assert not kinds["guardian"]
