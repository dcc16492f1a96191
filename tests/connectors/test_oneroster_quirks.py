"""What OneRoster providers do differently changes nothing in the roster that is read."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors import session as session_module
from connectors.pages import FolderPages
from connectors.pull import run_pull
from local.district import generate
from local.oneroster import Quirks, create_app
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import Refused, Terminal, Transient
from tests.connectors.conformance import TODAY, Rows, pull
from tests.connectors.test_oneroster_api import ROOTS, source

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OAUTH1 = {"sign_in": "oauth1", "token_url": None}


@dataclass
class Provider:
    """A running provider. `plain`: version → the roster it gives when it does nothing oddly."""

    address: str
    records: Records
    faults: Faults
    plain: dict[str, Rows]

    def has(self, **quirks: Any) -> None:
        """Sets switches."""
        answer = httpx.post(f"{self.address}/_emulator/quirks", json=quirks)
        assert answer.status_code == 200, answer.text

    async def read(self, folder: Path, of: str = "1.2", **settings: Any) -> Rows:
        """The roster of a full pull."""
        asked = source(self.address, ROOTS.get(of, ""), **settings)
        rows, _ = await pull(asked, folder / "read")
        return rows


@pytest.fixture(scope="module")
def running() -> Generator[Provider]:
    records, faults = Records(generate(80, 1, today=TODAY, domain="contoso.edu")), Faults()
    with serving(create_app(records, faults=faults)) as address:
        yield Provider(address, records, faults, {})


@pytest.fixture
def as_usual(running: Provider) -> None:
    httpx.delete(f"{running.address}/_emulator/quirks")
    running.faults.clear()


@pytest.fixture
async def provider(
    running: Provider, as_usual: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Provider:
    monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)
    for version in ROOTS:
        if version not in running.plain:
            running.plain[version] = await running.read(tmp_path / f"plain-{version}", version)
    running.faults.clear()
    return running


# What the versions share is met by the same code.
VERSIONS = ("1.2", pytest.param("1.1", marks=pytest.mark.thorough))
PAGING: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    ({"max_limit": 37}, {}),
    ({"max_limit": 37, "total": "none", "links": "none"}, {}),
    ({"total": "none", "links": "none"}, {"page_size": 5000}),
    ({"max_limit": 1000, "over_limit": "refuse"}, {"page_size": 5000}),
    ({"total": "none", "body_total": "counts"}, {}),
    ({"total": "none", "body_total": "data"}, {}),
    ({"links": "relative"}, {}),
    ({"links": "stale", "total": "none"}, {}),
    ({"total": "unfiltered"}, {"active_only": True}),
    ({}, {"active_only": True}),
    ({"empty": "404"}, {}),
    ({"empty": "null", "total": "none"}, {}),
    ({"repeat": "once"}, {}),
    ({"parallel": 1}, {"parallel": 1}),
    ({"trailing_slash": True}, {}),
    ({"content_type": "text/plain"}, {}),
)
VALUES: tuple[Mapping[str, Any], ...] = (
    *({"references": way} for way in ("ids", "text", "parent-text", "constant", "wrong-type")),
    *({"booleans": way} for way in ("json", "title", "number")),
    {"absent": "null"},
    {"absent": "blank"},
    *({"stamps": way} for way in ("offset", "blank", "no-zone", "date")),
    {"dates_with_time": True},
    {"metadata": "text"},
    {"metadata": "text", "user_flags": "list"},
    {"user_flags": "list"},
    {"agents": "contacts"},
    {"agents": "both"},
    {"grades_as_text": True},
    {"bare_single": True},
    {"enrollment_ids": "campus"},
    {"status": "missing", "deleted": "hidden"},
    {"wrappers": "path"},
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("quirks", "settings"), PAGING, ids=str)
async def test_however_pages_come_the_roster_is_the_same(
    provider: Provider,
    tmp_path: Path,
    version: str,
    quirks: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    provider.has(**quirks)
    assert await provider.read(tmp_path, version, **settings) == provider.plain[version]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("quirks", VALUES, ids=str)
async def test_however_values_are_written_the_roster_is_the_same(
    provider: Provider, tmp_path: Path, version: str, quirks: Mapping[str, Any]
) -> None:
    provider.has(**quirks)
    assert await provider.read(tmp_path, version, page_size=1000) == provider.plain[version]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("deleted", ["tobedeleted", "inactive", "toBeDeleted"])
async def test_what_is_marked_as_deleted_is_left_out(
    tmp_path: Path, version: str, deleted: str
) -> None:
    records = Records(generate(80, 1, today=TODAY, domain="contoso.edu"))
    records.advance(5, 0.2)
    [(gone,)] = records.rows("SELECT count(*) FROM users WHERE gone")
    assert gone
    with serving(create_app(records, Quirks(deleted_status=deleted))) as address:  # pyright: ignore
        rows, _ = await pull(source(address, ROOTS[version]), tmp_path)
    people = records.rows("SELECT sourced_id FROM users WHERE NOT gone ORDER BY ALL")
    assert [row[:1] for row in rows["users"]] == people


SIGN_IN: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    ({"token_credentials": ["body"]}, {"credentials": "body"}),
    ({"token_credentials": ["query"]}, {"credentials": "query"}),
    ({"token_reply": "text"}, {}),
    ({"token_reply": "no-expiry"}, {}),
    ({"token_reply": "text-expiry"}, {}),
    ({"token_reply": "lower"}, {}),
    ({"token_reply": "no-scope"}, {}),
    ({"token_seconds": 0.3}, {}),
    ({"scope_required": True}, {}),
    (
        {"scope_prefix": "one-roster-api:"},
        {"scope": "one-roster-api:https://purl.imsglobal.org/spec/or/v1p1/scope/roster.readonly"},
    ),
    ({"session_cookie": True}, {}),
    ({"fixed_bearer": "proxy-token"}, {"sign_in": "bearer", "client_secret": "proxy-token"}),
    ({"schemes": ["oauth1"], "signatures": ["HMAC-SHA1"]}, {**OAUTH1, "signature": "sha1"}),
    ({"schemes": ["oauth1"], "signatures": ["HMAC-SHA256"]}, OAUTH1),
)


@pytest.mark.parametrize(("quirks", "settings"), SIGN_IN, ids=str)
async def test_every_way_to_sign_in(
    provider: Provider, tmp_path: Path, quirks: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    provider.has(**quirks)
    rows = await provider.read(tmp_path, "1.1", **{"demographics": False, **settings})
    assert rows["users"] == provider.plain["1.1"]["users"]
    assert rows["demographics"] == []


async def test_a_query_with_filters_is_signed_as_it_is_sent(
    provider: Provider, tmp_path: Path
) -> None:
    filters = {"users": "familyName!='O''Neill & Söhne' AND status='active'"}
    rows = await provider.read(tmp_path, "1.1", **OAUTH1, filters=filters)
    assert rows["users"] == provider.plain["1.1"]["users"]


@pytest.mark.parametrize("version", ["auto", "1.1", "1.2"])
async def test_an_address_without_version_is_looked_behind(
    provider: Provider, tmp_path: Path, version: str
) -> None:
    rows = await provider.read(tmp_path, of="", version=version)
    assert rows == provider.plain["1.2" if version == "auto" else version]


async def test_another_root_is_taken_as_it_is(provider: Provider, tmp_path: Path) -> None:
    provider.has(root_11="/api/oneroster/v1")
    address = f"{provider.address}/api/oneroster/v1"
    rows, _ = await pull(source(address, "", **OAUTH1), tmp_path / "read")
    assert rows == provider.plain["1.1"]


async def test_an_address_without_a_service_is_told(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="no OneRoster service at this address"):
        await pull(source(f"{provider.address}/elsewhere", ""), tmp_path / "read")


async def test_collections_that_are_missing_are_read_by_other_paths(
    provider: Provider, tmp_path: Path
) -> None:
    provider.has(
        missing=["/users", "/orgs", "/academicSessions"],
        wrappers="path",
        semesters_are_terms=True,
    )
    rows = await provider.read(tmp_path, "1.1")
    plain = provider.plain["1.1"]
    people = {row[0] for row in rows["users"]}
    assert rows["enrollments"] == [row for row in plain["enrollments"] if row[1] in people]
    assert rows["orgs"] == [
        (id_, name, kind, None, *rest) for id_, name, kind, _, *rest in plain["orgs"]
        if kind == "school"
    ]  # fmt: skip
    students = {row[0] for row in plain["roles"] if row[2] == "student"}
    assert students < people
    assert rows["academic_sessions"]


async def test_courses_may_be_missing_and_demographics_only_when_they_are_not_wanted(
    provider: Provider, tmp_path: Path
) -> None:
    provider.has(missing=["/courses", "/demographics"])
    with pytest.raises(Terminal, match="demographics: false"):
        await provider.read(tmp_path / "1")
    rows = await provider.read(tmp_path / "2", demographics=False)
    assert rows["courses"] == []
    assert rows["enrollments"] == provider.plain["1.2"]["enrollments"]


@pytest.mark.parametrize("way", ["text", "texts", "detail", "old", "flat", "standard", "nested"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_right_that_is_missing_is_told_in_every_shape_of_error(
    provider: Provider, tmp_path: Path, version: str, way: str
) -> None:
    provider.has(errors=way, scopes=["roster-core.readonly"])
    with pytest.raises(Terminal, match=r"demographics.*roster-demographics\.readonly") as error:
        await provider.read(tmp_path, version)
    assert "scope" in str(error.value)


@pytest.mark.parametrize("way", ["text", "texts", "detail", "old", "flat", "standard", "nested"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_an_error_with_status_200_is_no_empty_collection(
    provider: Provider, tmp_path: Path, version: str, way: str
) -> None:
    provider.has(errors=way, errors_in_200=True, missing=["/classes"])
    last = frozenset({"classes", "enrollments"})
    asked = source(provider.address, ROOTS[version])
    with pytest.raises((Transient, Terminal, Refused)):
        await pull(asked, tmp_path / "read", last=last)


@pytest.mark.parametrize("quirks", [{"shift": "delete"}, {"shift": "insert"}], ids=str)
@pytest.mark.parametrize("total", ["filtered", "none"])
async def test_pages_that_shift_are_read_again(
    provider: Provider, tmp_path: Path, quirks: Mapping[str, Any], total: str
) -> None:
    provider.has(total=total, links="none", **quirks)
    asked = source(provider.address, page_size=50).connector()
    pages = FolderPages(tmp_path / "read")
    found = await run_pull(asked, pages, lambda: None, lambda _: None)
    last = found.extracted.of("enrollments")
    assert {head.request.attempt for head in last} == {1}
    [(expected,)] = provider.records.rows("SELECT count(*) FROM enrollments")
    # The first row is gone for good in the one case.
    assert sum(head.rows for head in last) == expected - (quirks["shift"] == "delete")


@pytest.mark.parametrize("quirks", [{"repeat": "always"}, {"unordered": True}], ids=str)
@pytest.mark.parametrize("total", ["filtered", "none"])
async def test_pages_that_never_agree_are_refused(
    provider: Provider, tmp_path: Path, quirks: Mapping[str, Any], total: str
) -> None:
    provider.has(total=total, links="none", **quirks)
    with pytest.raises(Refused, match=r"changed while it was read|gave the same page"):
        await provider.read(tmp_path, page_size=50)


async def test_a_page_that_is_empty_in_the_midst_is_asked_for_again(
    provider: Provider, tmp_path: Path
) -> None:
    provider.has(total="none", links="none")
    provider.faults.add(Fault("empty", path="*/enrollments?limit=50*", after=2, body="{}"))
    provider.faults.add(Fault("empty", path="*/users?limit=50*", after=2, body='{"users": []}'))
    with pytest.raises(Transient, match="without a list"):
        await provider.read(tmp_path / "1", page_size=50)
    assert await provider.read(tmp_path / "2", page_size=50) == provider.plain["1.2"]


async def test_passwords_are_never_kept(provider: Provider, tmp_path: Path) -> None:
    provider.has(passwords=True)
    await provider.read(tmp_path, page_size=1000)
    kept = [
        p.read_text()
        for p in FolderPages(tmp_path / "read").files(FolderPages(tmp_path / "read").heads())
    ]
    assert not [text for text in kept if "secret-" in text or "password" in text]


async def test_a_total_that_counts_something_else_can_be_passed_over(tmp_path: Path) -> None:
    records = Records(generate(80, 1, today=TODAY, domain="contoso.edu"))
    with serving(_counting_one_more(create_app(records))) as address:
        with pytest.raises(Refused, match="by its own count"):
            await pull(source(address), tmp_path / "1")
        rows, _ = await pull(source(address, trust_total=False), tmp_path / "2")
        assert rows["users"]


def _counting_one_more(app: ASGIApp) -> ASGIApp:
    """A provider whose X-Total-Count is one too many."""

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            headers = [
                (name, str(int(value) + 1).encode() if name == b"x-total-count" else value)
                for name, value in message.get("headers", ())
            ]
            await send({**message, "headers": headers} if headers else message)

        await app(scope, receive, counted)

    return changed


async def test_many_pages_are_asked_for_at_the_same_time(
    provider: Provider, tmp_path: Path
) -> None:
    await provider.read(tmp_path, page_size=10, parallel=4)
    offsets = [seen for seen in provider.faults.seen if "/enrollments?limit=10&" in seen]
    assert len(offsets) > 20
    heads = FolderPages(tmp_path / "read").heads()
    (first,) = [
        head for head in heads if head.request.name == "enrollments/0-enrollments-000000000"
    ]
    assert len(first.then) == len(offsets) - 1


async def test_cross_listed_classes_become_one(provider: Provider, tmp_path: Path) -> None:
    provider.has(class_groups=True)
    rows = await provider.read(tmp_path, class_groups=True)
    plain = provider.plain["1.2"]
    groups = [row for row in rows["classes"] if row[0].startswith("XL-")]
    assert groups
    assert len(rows["classes"]) == len(plain["classes"]) - len(groups)
    merged = {row[0].removeprefix("XL-") for row in groups}
    assert not merged & {row[0] for row in rows["classes"]}
    for group in groups:
        assert [row for row in rows["enrollments"] if row[0] == group[0]]
    assert len({row[:3] for row in rows["enrollments"]}) == len(rows["enrollments"])


async def test_groups_that_are_wanted_must_be_there(provider: Provider, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="class_groups: false"):
        await provider.read(tmp_path, class_groups=True)
