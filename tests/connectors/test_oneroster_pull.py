"""Pulls over OneRoster: everything or changes, pages behind links, settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors import session as session_module
from connectors.connector import Mark
from connectors.oneroster_api import OneRosterSource
from connectors.oneroster_asking import own_address
from connectors.pages import FolderPages
from connectors.pull import next_mark, run_pull
from local.district import generate
from local.oneroster import Quirks, create_app
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import Refused, Terminal, Transient
from tests.connectors.conformance import TODAY, assert_same, follow, pull
from tests.connectors.test_oneroster_api import ROOTS, source

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from connectors.pull import Pulled


def district() -> Records:
    return Records(generate(80, 1, today=TODAY, domain="contoso.edu"))


async def begun(source: OneRosterSource, folder: Path, last: Mark | None) -> Pulled:
    """A pull of changes, if that is possible."""
    pages = FolderPages(folder)
    return await run_pull(
        source.connector(), pages, lambda: None, lambda _: None, last=last, full=False
    )


CHANGES: tuple[Mapping[str, Any], ...] = (
    {},
    {"total": "unfiltered", "links": "none"},
    {"total": "none", "links": "none", "stamps": "offset"},
    {"empty": "404", "max_limit": 20},
    {"empty": "null", "total": "none", "deleted_status": "inactive"},
    {"greedy_operators": True, "naive_and": True},
    {"ignored_filters": "unknown"},
)


@pytest.mark.parametrize(
    ("version", "quirks"),
    [
        *(("1.2", quirks) for quirks in CHANGES[:3]),
        *(pytest.param("1.2", quirks, marks=pytest.mark.thorough) for quirks in CHANGES[3:]),
        ("1.1", CHANGES[0]),
    ],
    ids=str,
)
async def test_changes_over_what_was_are_everything_whatever_the_provider_does(
    tmp_path: Path, version: str, quirks: Mapping[str, Any]
) -> None:
    records = district()
    with serving(create_app(records, Quirks(**quirks))) as address:
        asked = source(address, ROOTS[version])
        mark = await follow(asked, tmp_path / "0")
        records.advance(1, 0.2)
        mark = await follow(asked, tmp_path / "1", mark, tmp_path / "0")
        records.advance(2, 0.2)
        changes, mark = await pull(asked, tmp_path / "2", mark, tmp_path / "1")
        everything, _ = await pull(asked, tmp_path / "full")
        again = await begun(asked, tmp_path / "kind", mark)
    assert not again.pull.full
    assert_same(changes, everything, {})
    assert_same(everything, changes, {})


async def test_a_provider_that_cannot_say_what_changed_is_asked_for_everything(
    tmp_path: Path,
) -> None:
    quirks = {"ignored_filters": "all"}
    with serving(create_app(district())) as address:
        asked = source(address)
        mark = await follow(asked, tmp_path / "0")
        async with httpx.AsyncClient() as client:
            await client.post(f"{address}/_emulator/quirks", json=quirks)
        found = await begun(asked, tmp_path / "1", mark)
    assert found.pull.full
    assert "everything" not in found.pull.why
    assert "provider" in found.pull.why


@pytest.mark.parametrize(
    ("closed", "table"), [("users", "users"), ("orgs", "orgs"), ("courses", "courses")]
)
async def test_a_collection_that_was_open_and_is_closed_is_nobodys_leaving(
    tmp_path: Path, closed: str, table: str
) -> None:
    faults = Faults()
    with serving(create_app(district(), faults=faults)) as address:
        mark = await follow(source(address), tmp_path / "0")
        faults.add(Fault("status", path=f"*/{closed}?*", times=None, status=403, body="{}"))
        with pytest.raises(Refused, match=f"/{closed} was read the last time and is closed now"):
            await begun(source(address), tmp_path / "1", mark)
        less = await begun(source(address, may_be_missing=[table]), tmp_path / "2", mark)
        assert less.pull.full
        assert "other collections than before" in less.pull.why
        narrow = next_mark(source(address).connector(), less.pull, mark)
        faults.clear()
        again = await begun(source(address), tmp_path / "3", narrow)
    assert again.pull.full
    assert f"/{closed}" in again.pull.road


async def test_what_is_pulled_and_why(tmp_path: Path) -> None:
    with serving(create_app(district())) as address:
        asked = source(address)
        first = await begun(asked, tmp_path / "1", None)
        mark = next_mark(asked.connector(), first.pull, None)
        changes = await begun(asked, tmp_path / "2", mark)
        old = Mark(mark.at, "2026-01-01T00:00:00+00:00", mark.position, mark.settings)
        late = await begun(asked, tmp_path / "3", old)
        other = await begun(source(address, demographics=False), tmp_path / "4", mark)
        filtered = source(address, filters={"users": "status='active'"})
        strict = await begun(filtered, tmp_path / "5", mark)
    why = [found.pull.why for found in (first, changes, late, other, strict)]
    assert [found.pull.full for found in (first, changes, late, other, strict)] == [
        True, False, True, True, True,
    ]  # fmt: skip
    assert why[0] == "nothing was pulled before"
    assert why[1].startswith("what changed since 20")
    assert (
        why[2] == why[3] == "the last full pull is too long ago, or settings of the source changed"
    )
    assert "filters" in why[4]
    assert sum(changes.extracted.rows().values()) == 0
    assert changes.pull.since < mark.position


async def test_a_collection_that_is_gone_in_the_midst_is_an_outage(tmp_path: Path) -> None:
    faults = Faults()
    with serving(create_app(district(), faults=faults)) as address:
        faults.add(Fault("status", path="*/users?limit=100*", status=404, body="{}"))
        with pytest.raises(Transient, match="was there a moment ago"):
            await pull(source(address), tmp_path)


async def test_a_collection_that_has_no_rows_where_it_had_some_is_doubted(tmp_path: Path) -> None:
    faults = Faults()
    with serving(create_app(district(), Quirks(total="none"), faults)) as address:
        faults.add(Fault("empty", path="*/users?limit=100*", times=None, body='{"users": []}'))
        with pytest.raises(Refused, match="had rows before it was read"):
            await pull(source(address), tmp_path)


ROWS: Mapping[str, list[dict[str, Any]]] = {
    "orgs": [{"sourcedId": "S1", "name": "Fern Hill", "type": "school"}],
    "users": [
        {"sourcedId": f"U{number:03}", "username": f"u{number}", "givenName": "A",
         "familyName": "B", "role": "student", "orgs": ["S1"]}
        for number in range(95)
    ],
}  # fmt: skip


def by_cursor(*, lost: bool = False, elsewhere: bool = False, stuck: bool = False) -> ASGIApp:
    """A provider whose next page is known only by the link to it. `lost`: it loses a row."""

    async def answer(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        rows = ROWS.get(name, [])
        at = int(request.query_params.get("cursor", "c0")[1:])
        limit = min(int(request.query_params.get("limit", 10)), 10)
        headers = {"X-Total-Count": str(len(rows))}
        if at + limit < len(rows):
            host = "http://elsewhere.test" if elsewhere else ""
            here = 10 if stuck else at + limit
            headers["Link"] = f'<{host}/ims/oneroster/v1p1/{name}?cursor=c{here}>; rel="next"'
        missing = 1 if lost and at == 20 else 0
        return JSONResponse({name: rows[at : at + limit - missing]}, headers=headers)

    return Starlette(routes=[Route("/ims/oneroster/v1p1/{name}", answer)])


async def test_links_that_only_the_provider_understands_are_followed(tmp_path: Path) -> None:
    with serving(by_cursor()) as address:
        rows, _ = await pull(bearer(address), tmp_path)
    assert len(rows["users"]) == 95
    names = [head.request.name for head in FolderPages(tmp_path).heads()]
    assert "users/0-users-next-000000009" in names


@pytest.mark.parametrize("stuck", [True, False])
async def test_rows_that_are_lost_behind_links_are_noticed(tmp_path: Path, stuck: bool) -> None:
    with (
        serving(by_cursor(lost=True, stuck=stuck)) as address,
        pytest.raises(Refused, match="users has 95 rows by its own count, and"),
    ):
        await pull(bearer(address), tmp_path)


async def test_a_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with (
        serving(by_cursor(elsewhere=True)) as address,
        pytest.raises(Terminal, match=r"another host \(elsewhere.test\)"),
    ):
        await pull(bearer(address), tmp_path)


def by_page(*, told: bool) -> ASGIApp:
    """A provider that makes a page number of the offset. `told`: it says how many rows it has."""

    async def answer(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        rows, limit = ROWS.get(name, []), min(int(request.query_params["limit"]), 20)
        page = int(request.query_params["offset"]) // limit
        headers = {"X-Total-Count": str(len(rows))} if told else {}
        return JSONResponse({name: rows[page * limit : (page + 1) * limit]}, headers=headers)

    return Starlette(routes=[Route("/ims/oneroster/v1p1/{name}", answer)])


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("size", [10, 20, 30, 95, 1000])
async def test_a_provider_that_counts_pages_is_asked_by_pages(
    tmp_path: Path, told: bool, size: int
) -> None:
    with serving(by_page(told=told)) as address:
        rows, _ = await pull(bearer(address, page_size=size), tmp_path)
    assert len(rows["users"]) == 95
    assert sum(head.rows for head in FolderPages(tmp_path).heads()) == 96


Answers = Callable[["Request"], tuple[int, Any] | None]


def odd(answers: Answers, root: str = "/ims/oneroster/v1p1") -> ASGIApp:
    """A provider that answers some requests oddly, and the others with a page of few rows."""

    async def answer(request: Request) -> Response:
        if (told := answers(request)) is not None:
            status, body = told
            if 300 <= status < 400:
                return Response(status_code=status, headers={"Location": body})
            return JSONResponse(body, status)
        name = request.url.path.removeprefix(f"{root}/")
        rows = ROWS.get(name, [])
        at, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        return JSONResponse({name: rows[at : at + limit]})

    return Starlette(routes=[Route("/{path:path}", answer)])


def refusing(*, status: int, unless: str, body: Any = None) -> Answers:
    """Refuses whatever has not that in its address."""
    return lambda request: None if unless in str(request.url) else (status, body)


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_of_two_places_the_one_that_answers_is_taken(
    tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)
    with serving(odd(refusing(status=status, unless="/v1p1/"))) as address:
        given = {"sign_in": "bearer", "client_secret": "t", "demographics": False}
        rows, _ = await pull(source(address, "", **given), tmp_path)
    assert len(rows["users"]) == 95


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        (401, Terminal, "compare the credentials of source sis"),
        (403, Terminal, "orgs: the provider forbids it: quota"),
        (404, Terminal, "tried /orgs, and /schools"),
        (503, Transient, "answered 503"),
        (422, Terminal, "orgs: the provider refuses the request: quota"),
        (307, Transient, "the provider leads elsewhere"),
    ],
)
async def test_a_place_that_is_closed_says_why(
    tmp_path: Path,
    status: int,
    kind: type[Exception],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)
    body = "/login" if status == 307 else {"error": "quota"}
    with (
        serving(odd(refusing(status=status, unless="nowhere", body=body))) as address,
        pytest.raises(kind, match=why),
    ):
        await pull(bearer(address), tmp_path)


def _no_sort(request: Request) -> tuple[int, Any] | None:
    return (400, {"error": "no sort"}) if "sort" in request.query_params else None


def _warns_of_sort(request: Request) -> tuple[int, Any] | None:
    if "sort" not in request.query_params:
        return None
    name = request.url.path.rpartition("/")[2]
    warning = {"imsx_codeMajor": "success", "imsx_codeMinor": "invalid_sort_field"}
    return 200, {name: ROWS[name][:1], "statusInfoSet": [warning]}


@pytest.mark.parametrize("answers", [_no_sort, _warns_of_sort])
async def test_a_provider_that_cannot_sort_is_not_asked_to(
    tmp_path: Path, answers: Answers
) -> None:
    with serving(odd(answers)) as address:
        rows, _ = await pull(bearer(address, page_size=20), tmp_path)
    assert len(rows["users"]) == 95


async def test_a_filter_that_is_refused_is_named(tmp_path: Path) -> None:
    def answers(request: Request) -> tuple[int, Any] | None:
        return (400, {"error": "no such field"}) if "filter" in request.query_params else None

    with (
        serving(odd(answers)) as address,
        pytest.raises(
            Terminal, match=r"users: .* refuses the request: no such field; check filters"
        ),
    ):
        await pull(bearer(address, filters={"users": "shoe='9'"}), tmp_path)


async def test_one_collection_that_cannot_say_what_changed_makes_everything_be_pulled(
    tmp_path: Path,
) -> None:
    def answers(request: Request) -> tuple[int, Any] | None:
        asked = request.query_params.get("filter", "")
        if not asked:
            return None
        return (400, {}) if "/enrollments" in request.url.path else (200, {"users": []})

    with serving(odd(answers)) as address:
        first = await begun(bearer(address), tmp_path / "1", None)
        mark = next_mark(bearer(address).connector(), first.pull, None)
        second = await begun(bearer(address), tmp_path / "2", mark)
    assert second.pull.full
    assert "does not say what changed" in second.pull.why


def bearer(address: str, **more: Any) -> OneRosterSource:
    given = {"sign_in": "bearer", "client_secret": "t", "demographics": False}
    return source(address, ROOTS["1.1"], **(given | more))


def test_a_link_of_the_same_host_keeps_the_address_that_is_asked() -> None:
    asked = "https://sis.test/oneroster/v1p1/"
    for link in ("http://sis.test:8080/a/users?c=1", "//sis.test/a/users?c=1", "/a/users?c=1"):
        assert own_address(asked, "users", link) == "https://sis.test/a/users?c=1"
    assert own_address(asked, "users", "?c=1") == "https://sis.test/oneroster/v1p1/users?c=1"
    assert own_address(asked, "users", "https://x.test/u?c=1") == "https://x.test/u?c=1"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"signature": "md5"}, "'sha256' or 'sha1'"),
        ({"client_id": ""}, "sign_in oauth2 needs client_id"),
        ({"token_url": None}, "sign_in oauth2 needs token_url"),
        ({"sign_in": "oauth1", "client_secret": ""}, "sign_in oauth1 needs client_secret"),
        ({"sign_in": "bearer", "client_secret": ""}, "sign_in bearer needs client_secret"),
        ({"version": "1.1"}, "version is 1.1, but the address is of version 1.2"),
        ({"filters": {"pupils": "a='b'"}}, "use any of orgs, academicSessions"),
        ({"filters": {"users": "a='b'"}, "active_only": True}, "do not go together"),
        ({"token_url": "http://sis.test/token"}, "not an address of the form https://"),
        ({"page_size": 1}, "greater than or equal to 10"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: Mapping[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as error:
        source("https://sis.test", **settings)
    assert why in str(error.value)
    assert "rollcall-secret!" not in str(error.value)


def test_what_decides_the_pull_is_remembered_and_no_secret() -> None:
    one, other = source("https://sis.test"), source("https://sis.test", active_only=True)
    assert one.connector().settings != other.connector().settings
    assert "rollcall" not in json.dumps(one.connector().settings)
    slower = source("https://sis.test", page_size=50, parallel=1)
    assert slower.connector().settings == one.connector().settings


def test_the_page_shows_settings_that_work_and_names_all_of_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources-oneroster.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        [settings] = yaml.safe_load(block)["sources"]
        assert OneRosterSource.model_validate(settings).connector()
    for name, field in OneRosterSource.model_fields.items():
        if name not in ("name", "kind", "mappings", "may_be_missing"):
            assert name in page, name
        default = field.default
        if isinstance(default, bool | int):
            written = str(default).lower() if isinstance(default, bool) else str(default)
            assert f"| `{name}` | `{written}` |".replace("`", "") in page.replace("`", "")
