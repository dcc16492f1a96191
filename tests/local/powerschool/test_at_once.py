"""Several clients at once while days pass: every answer is whole, of one day or the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from local.powerschool import create_app
from local.sis.serving import serving
from tests.local.powerschool.conftest import ENROLLMENTS, STUDENTS, ZIP, new_records
from tests.local.powerschool.plugin_zip import CREDENTIALS, Caller


def test_answers_are_whole_while_days_pass() -> None:
    records = new_records(60)
    with serving(create_app(records, plugin=ZIP, credentials=CREDENTIALS)) as url:

        def read(number: int) -> list[int]:
            caller = Caller(url)
            statuses: list[int] = []
            for turn in range(12):
                name = (STUDENTS, ENROLLMENTS)[(number + turn) % 2].name
                page = caller.run(name, page=1 + turn % 3, pagesize=20)
                whole = caller.run(name, pagesize=0)
                student = caller.get("/ws/v1/district/student", page=2, pagesize=20)
                statuses += [page.status_code, whole.status_code, student.status_code]
                assert whole.json()["record"]
            return statuses

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read, number) for number in range(4)]
            for day in range(3):
                records.advance(day, 0.1, datetime(2026, 11, 25 + day, 6, tzinfo=UTC))
            assert {status for reader in readers for status in reader.result()} == {200}
