"""Clever's API: what every connector has to do, and what is Clever's own."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import orjson
import pytest
from pydantic import SecretStr, ValidationError

from connectors import session as session_module
from connectors.clever_api import CleverSource
from connectors.connector import Mark, Pull
from connectors.pages import FolderPages, Head, Request
from connectors.pull import next_mark, run_pull, wants_full
from local.clever import Clock, create_app
from local.district import generate
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import Refused, Terminal, Transient
from tests.connectors.conformance import TODAY, Conformance, Variant, follow, pull, rows_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def source(address: str, **more: Any) -> CleverSource:
    """The emulated district, as an administrator would configure it."""
    settings = {
        "client_id": "emulated-client",
        "client_secret": SecretStr("emulated-secret"),
        "address": address,
    }
    return CleverSource(name="clever", **(settings | more))


class TestClever(Conformance):
    data_paths = "/v3.*"
    empty = '{"data": [], "links": []}'
    more: ClassVar[dict[str, Any]] = {}

    def app(self, records: Records, faults: Faults) -> ASGIApp:
        return create_app(records, faults=faults)

    def settings(self, address: str) -> CleverSource:
        return source(address, **self.more)

    def refused(self, address: str) -> CleverSource:
        return source(address, client_secret=SecretStr("not-the-secret"))


@pytest.mark.thorough
class TestCleverKeyedBySisIds(Variant, TestClever):
    more: ClassVar[dict[str, Any]] = {"keyed_by": "sis_id", "version": "v3.0", "page_size": 100}


@pytest.mark.thorough
class TestCleverWithoutContacts(Variant, TestClever):
    more: ClassVar[dict[str, Any]] = {"contacts": False, "keyed_by": "legacy_id"}


@dataclass
class Clever:
    """A running emulator."""

    address: str
    records: Records
    faults: Faults
    clock: Clock
    app: Any

    def switch(self, what: str, **values: Any) -> Any:
        answer = httpx.post(f"{self.address}/_emulator/{what}", json=values)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def own_district(self) -> str:
        """The district whose records are served."""
        self.switch("quirks", tokens_per_page=0)
        listed = httpx.get(f"{self.address}/_emulator/tokens").json()["data"]
        [own] = [t["owner"]["id"] for t in listed if not t["owner"]["id"].startswith("7a")]
        return own

    @property
    def lists(self) -> list[str]:
        """The addresses of lists that were read, without tokens, counts and the district."""
        ours = [address for address in self.faults.seen if "/_emulator" not in address]
        return [a for a in ours if "/oauth" not in a and "count=" not in a and "distr" not in a]


@pytest.fixture
def clever(monkeypatch: pytest.MonkeyPatch) -> Generator[Clever]:
    monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)
    records = Records(generate(60, 1, today=TODAY, domain="contoso.edu"))
    faults, clock = Faults(), Clock()
    app = create_app(records, faults=faults, clock=clock)
    with serving(app) as address:
        yield Clever(address, records, faults, clock, app)


async def _begin(settings: CleverSource, last: Mark | None = None, *, full: bool = False) -> Pull:
    connector = settings.connector()
    async with connector.session() as session:
        return await connector.begin(session, last, full=full)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "client_id and client_secret, or district_token"),
        ({"client_id": "a"}, "belong together"),
        ({"client_id": "a", "client_secret": "b", "district_token": "c"}, "or district_token"),
        ({"district_token": "c", "district": "Springvale"}, "district"),
        ({"district_token": "c", "address": "http://example.com"}, "https"),
        ({"district_token": "c", "version": "v2.1"}, "version"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        CleverSource.model_validate({"name": "clever", "kind": "clever", **settings})


def test_tokens_are_listed_where_clever_does_so_or_where_the_data_are() -> None:
    token = SecretStr("a-token-of-a-district")
    plain = CleverSource(name="c", district_token=token)
    assert (plain.address, plain.tokens) == ("https://api.clever.com", "https://clever.com")
    assert source("http://127.0.0.1:1").tokens == "http://127.0.0.1:1/"
    assert source("http://127.0.0.1:1", token_address="https://a.example").tokens == (
        "https://a.example/"
    )
    assert "a-token" not in repr(plain)
    assert "a-token" not in plain.connector().settings


async def test_a_district_token_opens_the_district_without_the_applications_secret(
    clever: Clever, tmp_path: Path
) -> None:
    token = clever.switch("tokens", do="connect")["access_token"]
    settings = CleverSource(name="clever", address=clever.address, district_token=SecretStr(token))
    found, _ = await pull(settings, tmp_path)
    assert found["users"]
    assert not [address for address in clever.faults.seen if "oauth" in address]


async def test_a_token_that_was_replaced_is_looked_up_once_more(
    clever: Clever, tmp_path: Path
) -> None:
    connector = source(clever.address).connector()
    async with connector.session() as session:
        begun = await connector.begin(session, None, full=True)
        clever.switch("tokens", do="rotate")
        request = connector.start(begun)[0]
        assert (await connector.fetch(session, begun, request)).rows
    assert len([address for address in clever.faults.seen if "oauth" in address]) == 2


async def test_a_district_that_disconnected_is_an_error_that_says_so(clever: Clever) -> None:
    connector = source(clever.address).connector()
    async with connector.session() as session:
        begun = await connector.begin(session, None, full=True)
        clever.switch("tokens", do="disconnect")
        with pytest.raises(Terminal, match="no token for any district"):
            await connector.fetch(session, begun, connector.start(begun)[0])


async def test_an_application_with_several_districts_needs_to_know_which(clever: Clever) -> None:
    clever.switch("quirks", other_districts=3, tokens_per_page=2)
    with pytest.raises(Terminal, match="has 4 districts; set `district`"):
        await _begin(source(clever.address))
    own = clever.own_district()
    begun = await _begin(source(clever.address, district=own))
    assert begun.facts["district"] == own
    with pytest.raises(Terminal, match="no token for the district"):
        await _begin(source(clever.address, district="f" * 24))


async def test_the_token_of_a_person_is_no_token_for_rosters(
    clever: Clever, tmp_path: Path
) -> None:
    token = clever.switch("tokens", do="sign-in")["access_token"]
    settings = CleverSource(name="clever", address=clever.address, district_token=SecretStr(token))
    with pytest.raises(Terminal, match="Secure Sync"):
        await pull(settings, tmp_path)


@pytest.mark.parametrize(
    ("state", "why"), [("paused", "paused"), ("error", "could not be read"), ("pending", "yet")]
)
async def test_a_district_that_is_not_in_order_is_refused(
    clever: Clever, tmp_path: Path, state: str, why: str
) -> None:
    clever.switch("quirks", state=state)
    with pytest.raises(Refused, match=why):
        await pull(source(clever.address), tmp_path)
    clever.switch("quirks", state="running")
    found, _ = await pull(source(clever.address), tmp_path)
    assert found["users"]


async def test_lists_are_begun_in_clevers_order_and_every_page_keeps_the_limit(
    clever: Clever, tmp_path: Path
) -> None:
    settings = source(clever.address, page_size=100)
    connector = settings.connector()
    connector.parallel = 1
    await run_pull(connector, FolderPages(tmp_path), lambda: None, lambda _: None)
    read = [address for address in clever.lists if "events" not in address]
    names = list(dict.fromkeys(a.split("?")[0].removeprefix("/v3.1/") for a in read))
    assert names == ["schools", "terms", "courses", "users", "sections"]
    assert all("limit=100" in address for address in read)
    assert len([address for address in read if "/users" in address]) > 1


async def test_pages_are_followed_where_links_are_missing(
    clever: Clever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = await pull(source(clever.address), tmp_path / "1")
    monkeypatch.setattr("connectors.clever_asking.next_link", lambda _: "")
    found, _ = await pull(source(clever.address, page_size=100), tmp_path / "2")
    assert found == expected


@pytest.mark.parametrize(
    "link",
    ["/v3.1/users?limit=100", "/v3.1/users?starting_after=000000000000000000000000",
     "/v3.1/contacts?starting_after=ffffffffffffffffffffffff"],
)  # fmt: skip
async def test_a_link_that_leads_round_or_elsewhere_is_not_followed(
    clever: Clever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    monkeypatch.setattr("connectors.clever_asking.next_link", lambda _: link)
    with pytest.raises(Terminal, match="leads elsewhere"):
        await pull(source(clever.address, page_size=100), tmp_path)


async def test_a_page_that_is_too_large_is_asked_for_smaller(
    clever: Clever, tmp_path: Path
) -> None:
    expected, mark = await pull(source(clever.address), tmp_path / "0")
    clever.records.advance(1, 0.2)
    changed, _ = await pull(source(clever.address), tmp_path / "1", mark, tmp_path / "0")
    clever.switch("quirks", events_limit=100)
    again, _ = await pull(source(clever.address), tmp_path / "2", mark, tmp_path / "0")
    assert again == changed != expected
    assert any("limit=100" in address for address in clever.lists)
    clever.switch("quirks", events_limit=10)
    with pytest.raises(Terminal, match="413"):
        await pull(source(clever.address), tmp_path / "3", mark, tmp_path / "0")


async def test_the_limit_of_requests_is_waited_for_until_it_resets(
    clever: Clever, tmp_path: Path
) -> None:
    clever.switch("quirks", rate_limit=5)
    with pytest.raises(Transient) as error:
        await pull(source(clever.address), tmp_path)
    assert error.value.retry_after is not None
    assert 20 < error.value.retry_after <= 61
    asked = len(clever.faults.seen)
    assert asked <= 5 + 1 + 4, "what is refused is not asked for again and again"


async def test_a_429_without_a_pace_before_it_says_when_the_minute_ends(clever: Clever) -> None:
    clever.switch("quirks", rate_limit=0)
    with pytest.raises(Transient) as error:
        await _begin(source(clever.address))
    assert error.value.retry_after is not None
    assert 50 < error.value.retry_after <= 61


async def test_a_sync_between_two_pages_is_noticed_and_all_is_read_again(
    clever: Clever, tmp_path: Path
) -> None:
    connector = source(clever.address, page_size=100).connector()
    pages = _Syncing(tmp_path, clever, times=1)
    found = await run_pull(connector, pages, lambda: None, lambda _: None)
    assert {head.request.attempt for head in found.extracted.heads} == {1}
    rows = rows_of(connector, found, pages, None)
    assert rows == (await pull(source(clever.address), tmp_path / "again"))[0]
    with pytest.raises(Refused, match="synced while it was read"):
        await run_pull(
            connector, _Syncing(tmp_path / "3", clever, times=99), lambda: None, lambda _: None
        )


class _Syncing(FolderPages):
    """Each time the users' first page was saved, a day passes."""

    def __init__(self, folder: Path, clever: Clever, times: int) -> None:
        super().__init__(folder)
        self._clever = clever
        self._left = times

    def save(self, head: Head, rows: bytes) -> None:
        super().save(head, rows)
        if head.request.name.startswith("users") and self._left and head.facts:
            self._left -= 1
            self._clever.records.advance(self._left + 3, 0.1)


async def test_a_list_shorter_than_clever_counts_is_doubted(clever: Clever, tmp_path: Path) -> None:
    clever.faults.add(Fault("empty", path="/v3.1/courses?limit=2000", times=None,
                            body='{"data": []}'))  # fmt: skip
    with pytest.raises(Refused, match=r"courses has \d+ rows, and 0 came"):
        await pull(source(clever.address), tmp_path)


async def test_without_counts_lists_are_believed(clever: Clever, tmp_path: Path) -> None:
    clever.switch("quirks", count=False)
    found, _ = await pull(source(clever.address), tmp_path)
    assert found["users"]


def _aged(mark: Mark, days: float) -> Mark:
    at = datetime.now(UTC) - timedelta(days=days)
    return replace(mark, at=at.isoformat())


async def test_events_are_asked_for_only_where_they_reach_back_for_certain(
    clever: Clever, tmp_path: Path
) -> None:
    settings = source(clever.address)
    mark = await follow(settings, tmp_path)
    begun = await _begin(settings, mark)
    assert (begun.full, begun.since) == (False, mark.position)
    assert (await _begin(settings, _aged(mark, 28.9))).full is False
    old = await _begin(settings, _aged(mark, 29.1))
    assert (old.full, old.position) == (True, mark.position)
    assert "30 days" in old.why
    assert "another one" in (await _begin(settings, replace(mark, position="d9/e1"))).why
    assert (await _begin(settings, mark, full=True)).full
    assert (await _begin(settings, None)).full


async def test_an_application_without_events_is_always_read_in_full(
    clever: Clever, tmp_path: Path
) -> None:
    settings = source(clever.address)
    mark = await follow(settings, tmp_path)
    clever.switch("quirks", events=False)
    begun = await _begin(settings, mark)
    assert (begun.full, begun.position) == (True, "")
    assert "Enable events" in begun.why
    assert wants_full(next_mark(settings.connector(), begun, mark), settings.connector().settings,
                      7, datetime.now(UTC))  # fmt: skip


async def test_events_that_stopped_while_the_district_went_on_are_not_relied_on(
    clever: Clever, tmp_path: Path
) -> None:
    settings = source(clever.address)
    mark = await follow(settings, tmp_path)
    clever.switch("quirks", events=False)
    clever.switch("clock", advance=2 * 86400)
    clever.switch("sync")
    hidden = clever.switch("quirks", events=True)
    assert hidden["events"]
    begun = await _begin(settings, mark)
    assert begun.full
    assert "since the last event" in begun.why


async def test_a_pull_of_events_reads_nothing_else(clever: Clever, tmp_path: Path) -> None:
    settings = source(clever.address)
    mark = await follow(settings, tmp_path / "0")
    clever.records.advance(4, 0.1)
    clever.faults.clear()
    await pull(settings, tmp_path / "1", mark, tmp_path / "0")
    assert [address.split("?")[0] for address in clever.lists] == ["/v3.1/events"] * 2


@pytest.mark.parametrize(
    "quirks",
    [
        {"as_specified": ["previous_attributes", "uri", "links", "student", "dates"]},
        {"absent_roles": "null"},
        {"keep_filters": False},
        {"teacher_apart": True},
    ],
)
async def test_what_is_drawn_differently_says_the_same(
    clever: Clever, tmp_path: Path, quirks: dict[str, Any]
) -> None:
    settings = source(clever.address, page_size=100, contacts=False)
    expected, _ = await pull(settings, tmp_path / "0")
    clever.switch("quirks", **quirks)
    found, mark = await pull(settings, tmp_path / "1")
    assert found == expected
    clever.records.advance(5, 0.2)
    changed, _ = await pull(settings, tmp_path / "2", mark, tmp_path / "1")
    everything, _ = await pull(settings, tmp_path / "3")
    assert changed == everything != expected


async def test_a_district_that_lacks_everything_that_it_may_lack(
    clever: Clever, tmp_path: Path
) -> None:
    clever.switch(
        "quirks", lacking=["teacher", "term", "course"], ghosts=True, no_email=3, same_email=True,
        empty_username=4, two_roles=True,
    )  # fmt: skip
    settings = source(clever.address)
    found, mark = await pull(settings, tmp_path / "1")
    assert found["users"]
    clever.records.advance(6, 0.2)
    changed, _ = await pull(settings, tmp_path / "2", mark, tmp_path / "1")
    everything, _ = await pull(settings, tmp_path / "3")
    assert changed == everything


@pytest.mark.parametrize("full", [True, False], ids=["all", "events"])
@pytest.mark.parametrize(
    ("sharing", "why"),
    [
        ({"schools": []}, "no longer shared"),
        ({"roles": ["student", "staff", "district_admin", "contact"]}, "no teachers are shared"),
        ({"roles": ["student", "teacher", "staff", "district_admin"]}, "no contacts are shared"),
    ],
)
async def test_less_sharing_is_refused_and_nothing_when_it_is_back(
    clever: Clever, tmp_path: Path, sharing: dict[str, Any], why: str, full: bool
) -> None:
    settings = source(clever.address)
    expected, mark = await pull(settings, tmp_path / "0")
    clever.switch("sharing", **sharing)
    with pytest.raises(Refused, match=why):
        await pull(settings, tmp_path / "1", None if full else mark, tmp_path / "0")
    clever.switch("sharing")
    found, _ = await pull(settings, tmp_path / "2", None if full else mark, tmp_path / "0")
    assert found == expected


async def test_a_hidden_field_is_refused(clever: Clever, tmp_path: Path) -> None:
    settings = source(clever.address)
    await pull(settings, tmp_path / "0")
    clever.switch("quirks", hidden=["credentials"])
    with pytest.raises(Refused, match="the username of students is not shared any more"):
        await pull(settings, tmp_path / "1", None, tmp_path / "0")
    allowed = source(clever.address, largest_drop=100)
    found, _ = await pull(allowed, tmp_path / "2", None, tmp_path / "0")
    assert found["users"]


@pytest.mark.parametrize("event", [{}, {"type": "users.created"}, {"type": "users", "data": {}}])
async def test_an_event_that_says_nothing_is_never_passed_over(
    clever: Clever, tmp_path: Path, event: dict[str, Any]
) -> None:
    settings = source(clever.address)
    mark = await follow(settings, tmp_path / "0")
    body = orjson.dumps({"data": [{"data": {"id": "6" * 24} | event}]}).decode()
    clever.faults.add(Fault("empty", path="*events?limit*", times=None, body=body))
    with pytest.raises(Terminal, match="--full"):
        await pull(settings, tmp_path / "1", mark, tmp_path / "0")


async def test_a_token_of_another_district_than_the_configured_one_is_an_error(
    clever: Clever,
) -> None:
    token = SecretStr(clever.switch("tokens", do="connect")["access_token"])
    settings = CleverSource(
        name="clever", address=clever.address, district_token=token, district="f" * 24
    )
    with pytest.raises(Terminal, match="the token opens the district"):
        await _begin(settings)


@pytest.mark.parametrize("body", ['{"data": [{"data": {}}]}', '{"error": "later"}'])
async def test_a_newest_event_that_cannot_be_read_is_not_taken_for_none(
    clever: Clever, body: str
) -> None:
    clever.faults.add(Fault("empty", path="*events*", times=None, body=body))
    with pytest.raises(Transient):
        await _begin(source(clever.address))


async def test_a_district_that_does_not_say_when_it_synced_may_have_events(
    clever: Clever, tmp_path: Path
) -> None:
    mark = await follow(source(clever.address), tmp_path)
    district = {"id": clever.own_district(), "last_sync": "lately"}
    body = orjson.dumps({"data": [{"data": district}]}).decode()
    clever.faults.add(Fault("empty", path="*districts*", times=None, body=body))
    assert (await _begin(source(clever.address), mark)).full is False


def test_pages_that_overlap_are_doubted() -> None:
    connector = source("http://127.0.0.1:1").connector()
    ends = [("a", "m"), ("c", "z")]
    heads = [
        Head(Request("users", f"{n:06}", "v3.1/users"), 2, facts={"first": first, "last": last})
        for n, (first, last) in enumerate(ends)
    ]
    doubts = connector.prove(Pull(True, "", ""), heads)
    assert "users: a page begins before the end of the one before it" in [d.why for d in doubts]
    assert "no answer about sections" in [d.why for d in doubts]
