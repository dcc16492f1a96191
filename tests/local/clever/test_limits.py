"""Requests a minute, on the service's clock, for each token."""

from __future__ import annotations

from local.clever import Quirks

from .conftest import NOW, Emulated, Start


def test_every_answer_to_a_token_tells_the_counter(start: Start) -> None:
    clever = start()
    begin = int(NOW.timestamp())
    for used, path in enumerate(("/users", "/users/0", "/nothing", "/users?limit=10001"), start=1):
        headers = clever.answer(path).headers
        assert headers["x-ratelimit-bucket"] == "bearer"
        assert headers["x-ratelimit-limit"] == "1200"
        assert headers["x-ratelimit-remaining"] == str(1200 - used)
        assert headers["x-ratelimit-reset"] == str(begin + 60)
        assert headers["cache-control"] == "no-store"
        assert headers["x-request-id"]


def test_the_minute_is_fixed_and_then_starts_anew(start: Start) -> None:
    clever = start(quirks=Quirks(rate_limit=2))
    statuses: list[int] = []
    for seconds in (0, 30, 29, 1):
        clever.clock.advance(seconds)
        statuses.append(clever.answer("/terms").status_code)
    assert statuses == [200, 200, 429, 200]


def test_one_too_many_is_429_and_each_token_has_its_own(start: Start) -> None:
    clever = start(quirks=Quirks(rate_limit=1, other_districts=1))
    clever.answer("/terms")
    answer = clever.answer("/terms")
    assert answer.status_code == 429
    assert [*answer.json()] == ["message"]
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert "retry-after" not in answer.headers
    token = clever.http.get("/_emulator/tokens").json()["data"][1]["access_token"]
    clever.sign_in(token)
    assert clever.answer("/terms").status_code == 200


def test_retry_after_tells_the_rest_of_the_minute_if_switched_on(start: Start) -> None:
    clever = start(quirks=Quirks(rate_limit=1, retry_after=True))
    clever.answer("/terms")
    clever.clock.advance(20)
    assert clever.answer("/terms").headers["retry-after"] == "40"


def test_a_fault_strikes_any_path(clever: Emulated) -> None:
    clever.http.post("/_emulator/faults", json={"kind": "status", "path": "/v3.1/terms*"})
    assert [clever.answer("/terms").status_code for _ in range(2)] == [503, 200]
