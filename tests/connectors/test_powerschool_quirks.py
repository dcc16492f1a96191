"""What differs between PowerSchool servers, and what goes wrong with one, by both roads."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors import session as session_module
from connectors.connector import Mark
from connectors.pages import FolderPages
from connectors.powerschool_plugin import FILES
from connectors.pull import run_pull
from local.district import generate
from local.powerschool import Quirks, create_app
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from roster.errors import BadInput, Refused, Terminal
from tests.connectors.conformance import Rows, follow, pull
from tests.connectors.test_powerschool_api import plugin, source

TODAY = date(2026, 11, 26)
PAGES = {
    f"{name}_max_page_size": 4
    for name in ("school", "term", "course", "section", "section_enrollment", "staff", "student")
}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FIRST_PAUSE", 0.001)


@dataclass(frozen=True)
class Server:
    """A running server, and the district behind it."""

    address: str
    records: Records


@contextmanager
def server(
    quirks: Quirks | None = None,
    faults: Faults | None = None,
    archive: bytes | None = None,
    people: int = 60,
) -> Generator[Server]:
    """The same district every time."""
    records = Records(generate(people, 1, today=TODAY, domain="contoso.edu"))
    with serving(create_app(records, quirks or Quirks(), faults, plugin=archive)) as address:
        yield Server(address, records)


@pytest.fixture(scope="module")
def by_lists(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    with server() as it:
        rows, _ = asyncio.run(pull(source(it.address), tmp_path_factory.mktemp("by-lists")))
        return rows


@dataclass(frozen=True)
class Expected:
    rows: Rows
    records: Records


@pytest.fixture(scope="module")
def by_queries(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    with server(archive=plugin()) as it:
        rows, _ = asyncio.run(pull(source(it.address), tmp_path_factory.mktemp("by-queries")))
        return Expected(rows, it.records)


async def administer(it: Server, method: str, path: str, body: Any = None, **values: Any) -> None:
    async with httpx.AsyncClient(base_url=it.address) as client:
        answer = await client.request(method, f"/_emulator/{path}", json=body or values)
        answer.raise_for_status()


def changed_plugin(name: str, before: str, after: str) -> bytes:
    """The plugin with another text in one of its files."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plugin())) as old, zipfile.ZipFile(made, "w") as new:
        for file in FILES:
            text = old.read(file).decode()
            assert file != name or before in text
            new.writestr(file, text.replace(before, after) if file == name else text)
    return made.getvalue()


@pytest.mark.parametrize(
    "quirks",
    [
        {
            "collapse_single": False,
            "empty_list": "array",
            "empty_block": "object",
            "digits_as_numbers": False,
            "scalars_absent": False,
        },
        {
            "empty_block": "absent",
            "graduated_school_listed": False,
            "school_students_active_only": False,
            "dropped_listed": False,
        },
        {"expires_in_as_text": False, "same_token": False, "token_calls": 25},
        pytest.param(PAGES, marks=pytest.mark.thorough),
        PAGES | {"enrollments_paged": False},
        PAGES | {"oversize": "refuse"},
    ],
    ids=lambda quirks: "-".join(quirks)[:60],
)
async def test_the_lists_give_the_same_roster_whatever_the_server_is_like(
    by_lists: Rows, tmp_path: Path, quirks: dict[str, Any]
) -> None:
    with server(replace(Quirks(), **quirks)) as it:
        rows, _ = await pull(source(it.address), tmp_path / "1")
    assert rows == by_lists


@pytest.mark.parametrize(
    "quirks",
    [
        {"numbers_as_numbers": True, "dates": "oracle"},
        {"token_calls": 15, "same_token": False},
    ],
    ids=lambda quirks: "-".join(quirks),
)
async def test_the_queries_give_the_same_roster_whatever_the_server_is_like(
    by_queries: Expected, tmp_path: Path, quirks: dict[str, Any]
) -> None:
    with server(replace(Quirks(), **quirks), archive=plugin()) as it:
        rows, _ = await pull(source(it.address), tmp_path / "1")
    assert rows == by_queries.rows


async def test_small_pages_of_queries_give_the_same_roster(
    by_queries: Expected, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.powerschool_queries.PAGE", 7)
    with server(archive=plugin()) as it:
        rows, _ = await pull(source(it.address), tmp_path / "1")
    assert rows == by_queries.rows


async def test_changes_are_found_on_a_server_that_keeps_only_the_day_of_a_change(
    tmp_path: Path,
) -> None:
    quirks = Quirks(whole_day_stamps=True)
    with server(quirks, archive=plugin()) as it:
        mark = await follow(source(it.address), tmp_path / "0")
        it.records.advance(3, 0.2)
        found, after = await pull(source(it.address), tmp_path / "1", mark, tmp_path / "0")
        expected, _ = await pull(source(it.address), tmp_path / "2")
    assert found == expected
    assert after.full_at == mark.full_at


async def test_both_roads_agree_but_for_co_teachers_contacts_and_the_district_office(
    by_lists: Rows, by_queries: Expected
) -> None:
    students = {row for row in by_queries.rows["enrollments"] if row[2] == "student"}
    assert {row for row in by_lists["enrollments"] if row[2] == "student"} == students
    teaching = {row[:3] for row in by_queries.rows["enrollments"] if row[2] != "student"}
    assert {row[:3] for row in by_lists["enrollments"] if row[2] != "student"} < teaching
    people = {row[0]: row for row in by_queries.rows["users"]}
    assert {row[0]: row for row in by_lists["users"]}.items() <= people.items()
    assert by_lists["classes"] == by_queries.rows["classes"]
    assert not by_lists["relationships"]
    assert by_queries.rows["relationships"]


async def test_an_enrollment_ends_on_the_day_before_the_one_that_powerschool_names(
    by_queries: Expected,
) -> None:
    expected = by_queries.records.rows(
        """SELECT k.dcid::VARCHAR, 'S' || s.dcid, e.dateleft - 1
        FROM ps.cc e JOIN ps.sections k ON k.id = e.sectionid
        JOIN ps.students s ON s.id = e.studentid AND s.enroll_status = 0
        WHERE e.sectionid > 0 AND k.termid >= 3600 ORDER BY ALL"""
    )
    found = [(*row[:2], row[4]) for row in by_queries.rows["enrollments"] if row[2] == "student"]
    assert sorted(found) == expected


async def test_a_dropped_enrollment_is_none_and_who_came_back_has_the_other_one(
    by_queries: Expected,
) -> None:
    [(dropped,)] = by_queries.records.rows("SELECT count(*) FROM ps.cc WHERE sectionid < 0")
    assert dropped
    pairs = [row[:2] for row in by_queries.rows["enrollments"]]
    assert len(pairs) == len(set(pairs))


async def test_courses_that_belong_to_no_school_are_found_by_their_number(
    by_queries: Expected,
) -> None:
    assert by_queries.records.rows("SELECT 1 FROM ps.courses WHERE schoolid = 0")
    assert all(row[4] for row in by_queries.rows["classes"])


async def test_only_who_is_there_counts(by_queries: Expected) -> None:
    [(former,)] = by_queries.records.rows(
        "SELECT count(*) FROM ps.students WHERE enroll_status <> 0"
    )
    assert former
    students = {row[0] for row in by_queries.rows["users"] if row[0].startswith("S")}
    active = by_queries.records.rows("SELECT 'S' || dcid FROM ps.students WHERE enroll_status = 0")
    assert students == {dcid for (dcid,) in active}
    assert all("Graduated" not in row[1] for row in by_queries.rows["orgs"])


async def test_a_teacher_at_two_schools_is_one_person_with_two_roles(tmp_path: Path) -> None:
    with server(archive=plugin(), people=300) as it:
        rows, _ = await pull(source(it.address), tmp_path / "1")
    roles = [(row[0], row[1]) for row in rows["roles"] if row[0].startswith("T")]
    of_two = {person for person, _ in roles if len([1 for p, _ in roles if p == person]) > 1}
    assert of_two
    assert len({row[0] for row in rows["users"]}) == len(rows["users"])
    first = [row for row in rows["roles"] if row[0] in of_two and row[5]]
    assert len(first) == len(of_two)


async def test_people_can_be_named_by_their_numbers(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        rows, _ = await pull(source(it.address, people_ids="number"), tmp_path / "1")
    numbers = {str(n) for (n,) in it.records.rows("SELECT teachernumber FROM ps.users")}
    assert {row[0] for row in rows["roles"] if row[2] != "student"} <= numbers
    assert all(row[0] == row[9] for row in rows["users"] if row[0][0] != "P")
    people = {row[0] for row in rows["users"]}
    assert {row[1] for row in rows["enrollments"]} <= people


async def test_a_username_can_be_the_address(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        rows, _ = await pull(source(it.address, username="email"), tmp_path / "1")
    assert all(row[1] == row[5] for row in rows["users"])


async def test_contacts_can_be_left_alone(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        rows, _ = await pull(source(it.address, contacts=False), tmp_path / "1")
    assert not rows["relationships"]
    assert all(row[0][0] in "ST" for row in rows["users"])


@pytest.mark.parametrize("road", ["queries", "walk"])
async def test_schools_can_be_chosen_by_their_numbers(road: str, tmp_path: Path) -> None:
    with server(archive=plugin(), people=300) as it:
        rows, _ = await pull(source(it.address, road=road, schools=["2"]), tmp_path / "1")
        with pytest.raises(BadInput, match=r"no school number 77; it has 1, 2, 3"):
            await pull(source(it.address, road=road, schools=["2", "77"]), tmp_path / "2")
    assert [row[0] for row in rows["orgs"] if row[2] == "school"] == ["4"]
    assert {row[1] for row in rows["roles"]} == {"4"}
    assert {row[1] for row in rows["classes"]} == {"4"}
    assert rows["enrollments"]


async def test_a_disabled_plugin_is_told_apart_and_where_to_enable_it(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        await administer(it, "PATCH", "plugins/Rollcall", enabled=False)
        with pytest.raises(Terminal, match=r"Plugin Management Configuration .* enabled"):
            await pull(source(it.address), tmp_path / "1")


async def test_a_host_without_oauth_is_told_as_a_wrong_address(tmp_path: Path) -> None:
    with server(Quirks(oauth=False)) as it, pytest.raises(Terminal, match="check the address"):
        await pull(source(it.address), tmp_path / "1")


async def test_tokens_that_end_on_the_way_are_asked_for_again(
    by_queries: Expected, tmp_path: Path
) -> None:
    with server(archive=plugin()) as it:
        settings = source(it.address)
        connector = settings.connector()
        async with connector.session() as session:
            begun = await connector.begin(session, None, full=True)
            await administer(it, "DELETE", "tokens")
            page = await connector.fetch(session, begun, connector.start(begun)[0])
            assert page.rows


@pytest.mark.parametrize("road", ["auto", "walk"])
async def test_lists_that_are_not_allowed_say_which_level_to_set(tmp_path: Path, road: str) -> None:
    with server() as it:
        await administer(it, "PATCH", "plugins/Roster Reader", level="NONE")
        with pytest.raises(Terminal, match=r"accessLevelV1Api READ.*access level.*to Read"):
            await pull(source(it.address, road=road), tmp_path / "1")


async def test_queries_need_no_access_to_the_lists(by_queries: Expected, tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        await administer(it, "PATCH", "plugins/Rollcall", level="NONE")
        rows, _ = await pull(source(it.address), tmp_path / "1")
    assert rows == by_queries.rows


async def _begun(address: str, last: Mark | None = None, **more: Any) -> Any:
    connector = source(address, **more).connector()
    async with connector.session() as session:
        return await connector.begin(session, last, full=last is None)


async def test_the_report_says_which_road_was_taken_and_why() -> None:
    with server() as it:
        begun = await _begun(it.address)
        assert begun.road == "walk"
        assert "because the query org.rollcall.roster.state is not to be had (404" in begun.why
        assert "without co-teachers and contacts" in begun.why
        with pytest.raises(Terminal, match="install the plugin Rollcall"):
            await _begun(it.address, road="queries")
    with server(archive=plugin()) as it:
        begun = await _begun(it.address)
        assert begun.road == "queries"
        assert begun.why == "everything, by the queries of the plugin"
        assert (await _begun(it.address, road="walk")).road == "walk"


async def test_once_the_queries_gave_the_roster_the_lists_do_not_take_their_place(
    tmp_path: Path,
) -> None:
    with server(archive=plugin()) as it:
        mark = await follow(source(it.address), tmp_path / "1")
    without = changed_plugin("plugin.xml", '    <field table="TERMS" field="YEARID" access="ViewOnly"/>\n', "")  # noqa: E501  # fmt: skip
    with server(archive=without) as it:
        with pytest.raises(Refused, match=r"403.*TERMS.YEARID.*co-teachers.*road: walk"):
            await _begun(it.address, mark)
        begun = await _begun(it.address, mark, road="walk")
    assert (begun.road, begun.full) == ("walk", True)


async def test_a_column_that_is_not_granted_is_named(tmp_path: Path) -> None:
    without = changed_plugin("plugin.xml", '    <field table="CODESET" field="CODE" access="ViewOnly"/>\n', "")  # noqa: E501  # fmt: skip
    with server(archive=without) as it:
        with pytest.raises(Terminal, match=r"contacts \(403.*CODESET\.CODE.*contacts: false"):
            await pull(source(it.address), tmp_path / "1")
        await pull(source(it.address, contacts=False), tmp_path / "2")


async def test_changes_are_asked_for_only_while_road_settings_and_school_year_are_the_same(
    tmp_path: Path,
) -> None:
    with server(archive=plugin()) as it:
        mark = await follow(source(it.address), tmp_path / "1")
        begun = await _begun(it.address, mark)
        assert not begun.full
        assert begun.why.startswith("changes since 20")
        assert not begun.facts["whole"]
        assert (await _begun(it.address, mark, username="email")).full
        year = replace(mark, position=mark.position.replace('"year": "36"', '"year": "35"'))
        assert "another school year counts" in (await _begun(it.address, year)).why
        other = replace(mark, position='{"road": "walk"}')
        assert "by another road" in (await _begun(it.address, other)).why
        assert (await _begun(it.address, mark, full_days=0)).full


async def test_a_table_of_which_rows_were_deleted_is_read_in_whole(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        mark = await follow(source(it.address), tmp_path / "0")
        it.records.advance(5, 0.3)
        gone = it.records.rows("SELECT 1 FROM classes WHERE gone")
        begun = await _begun(it.address, mark)
    assert gone
    assert "enrollments" in begun.facts["whole"]
    assert "where rows were deleted" in begun.why
    assert "students" not in begun.facts["whole"]


async def test_changes_are_asked_for_by_data_version_too_where_the_server_keeps_one(
    tmp_path: Path,
) -> None:
    with server(archive=plugin()) as it:
        await administer(it, "PUT", "subscriptions/rollcall", ["students", "cc"])
        settings = source(it.address, data_version="rollcall")
        mark = await follow(settings, tmp_path / "0")
        it.records.advance(4, 0.2)
        # A clock that ran ahead when the last pull began would hide changes, but for the version.
        later = replace(mark, position=mark.position.replace('"now": "2026', '"now": "2027'))
        begun = await _begun(it.address, later, data_version="rollcall")
        found, _ = await pull(settings, tmp_path / "1", later, tmp_path / "0")
        expected, _ = await pull(settings, tmp_path / "2")
        nobody = await _begun(it.address, mark, data_version="somebody")
        none = await _begun(
            it.address,
            replace(
                mark, settings=source(it.address, data_version="somebody").connector().settings
            ),
            data_version="somebody",
        )
    assert " or data version " in begun.why
    assert {row for row in expected["users"] if row[0][0] == "S"} == {
        row for row in found["users"] if row[0][0] == "S"
    }
    assert nobody.full
    assert not none.full
    assert "data version" not in none.why


async def test_changes_cost_few_requests(tmp_path: Path) -> None:
    with server(archive=plugin()) as it:
        mark = await follow(source(it.address), tmp_path / "0")
        connector = source(it.address).connector()
        found = await run_pull(
            connector, FolderPages(tmp_path / "1"), lambda: None, lambda _: None, last=mark,
            full=False,
        )  # fmt: skip
    assert found.requests < 25
    assert found.extracted.rows()["students"] == 0


@pytest.mark.parametrize(
    ("path", "wrapper"),
    [
        ("*/district/student?page=3*", "students"),
        pytest.param("*/staff?page=1*", "staffs", marks=pytest.mark.thorough),
        pytest.param("*/section?page=2*", "sections", marks=pytest.mark.thorough),
        ("*/section_enrollment?page=1*", "section_enrollments"),
    ],
)
async def test_a_page_that_shifted_is_seen_and_the_list_read_again(
    by_lists: Rows, tmp_path: Path, path: str, wrapper: str
) -> None:
    faults = Faults()
    with server(replace(Quirks(), **PAGES), faults) as it:
        faults.add(Fault("empty", path=path, body=f'{{"{wrapper}": ""}}'))
        rows, _ = await pull(source(it.address), tmp_path / "1")
        pages = FolderPages(tmp_path / "1").heads()
    assert rows == by_lists
    again = {head.request.collection for head in pages if head.request.attempt}
    chain = {"terms", "sections", "enrollments"}
    name = {"staffs": "staff"}.get(wrapper, wrapper)
    at_once = {"section_enrollments": set[str](), "sections": chain}
    assert again == at_once.get(name, {name})


async def test_a_list_that_stays_short_is_refused(tmp_path: Path) -> None:
    faults = Faults()
    with server(replace(Quirks(), **PAGES), faults) as it:
        body = '{"students":{"student":[]}}'
        faults.add(Fault("empty", path="*/district/student?page=3*", body=body, times=None))
        with pytest.raises(Refused, match=r"students: .* rows are there, and .* came"):
            await pull(source(it.address), tmp_path / "1")
