"""PowerSchool by the queries of the plugin: few requests, co-teachers and contacts, and changes.

https://support.powerschool.com/developer (PowerQueries)

Design note, paging. Pages by number shift when a row is inserted before them. So each query is
asked for spans of its key, up to the last key that there was when the pull began, and within a span
it goes on after the key of the last row that came: what is written meanwhile changes no page, and
belongs to the next pull. The first page of a span says how many rows it has, and as many have to
come. Spans cost the server no more than what is in them, and several can be asked at a time.

Design note, changes. Rows of sections, staff, teachers, students and enrollments say when they were
changed; what PowerSchool deletes it says nowhere. But its keys only grow. So the number of rows up
to the last key of the pull before must be what it was then; where it is not, something was deleted,
and that table is read in whole. The time counts in days, one day back, because some servers
only keep the day, and it is the server's own clock. Schools, terms, courses and contacts are always
read in whole: their tables say too little of changes. Where the server keeps data versions for an
application that the settings name, rows that changed by version are asked for too: they show what
has no time. They do not take the place of the time, because which columns a subscription follows is
the district's own choice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

from connectors.connector import Doubt, Pull
from connectors.pages import Head, Page, Request
from connectors.powerschool_answers import as_list, told
from connectors.powerschool_plugin import PREFIX
from connectors.proof import check_present
from roster.errors import Refused, Terminal, Transient

if TYPE_CHECKING:
    from connectors.session import Session

PAGE = 5000
EVERYTHING = "1900-01-01"
VERSION = "$dataversion"
REFUSED = (400, 403, 404)

# The arguments of each query beside `after`.
CHANGING: Mapping[str, tuple[str, ...]] = {
    "sections": ("upto", "since", "year"),
    "staff": ("upto", "since", "departed"),
    "sectionteachers": ("upto", "since", "year"),
    "students": ("upto", "since", "departed"),
    "enrollments": ("upto", "since", "year", "departed"),
}
WHOLE: Mapping[str, tuple[str, ...]] = {
    "schools": (),
    "terms": ("year",),
    "courses": (),
    "contacts": (),
}
ALL = CHANGING | WHOLE


def path(name: str) -> str:
    """Where a query is asked."""
    return f"ws/schema/query/{PREFIX}{name}"


def arguments(
    name: str, year: str, upto: str, *, since: str = EVERYTHING, departed: bool = False
) -> dict[str, str]:
    """The body of a query's first page. `departed`: with who left, as changes have to show them."""
    values = {"upto": upto, "since": since, "year": year, "departed": "1" if departed else "0"}
    return {"after": "0"} | {argument: values[argument] for argument in ALL[name]}


async def ask_state(session: Session) -> Mapping[str, str] | str:
    """The server's clock (`now`), its school year, first and last keys; a text says why not."""
    answer = await session.post(path("state"), {}, allow=REFUSED)
    if answer.status in REFUSED:
        return f"{answer.status}{told(answer.body)}"
    rows = records(answer.body, answer.path)
    if len(rows) != 1:
        raise Refused(
            "completeness: PowerSchool has no school year among its terms, so no section counts;"
            " look under School › Years & Terms"
        )
    return _checked(rows[0], answer.path)


def _checked(row: Mapping[str, Any], where: str) -> dict[str, str]:
    """The state as texts: a day, and whole numbers."""
    texts = {name: str(value) for name, value in row.items() if name[:1] != "_" and value != ""}
    try:
        date.fromisoformat(texts["now"])
        int(texts["year"])
        for name, text in texts.items():
            if name != "now":
                int(text)
    except (KeyError, ValueError):
        raise Transient(f"{where}: answered with something that is no day or no number") from None
    return texts


async def count(session: Session, name: str, body: Mapping[str, str]) -> int:
    """How many rows a query has for these arguments."""
    answer = await session.post(f"{path(name)}/count", dict(body), allow=REFUSED)
    _refuse(answer.status, answer.body, name)
    found = _counted(answer.body)
    if found is None:
        raise Transient(f"{answer.path}: answered without a count")
    return found


async def count_all(
    session: Session, state: Mapping[str, str], lasts: Mapping[str, str]
) -> dict[str, int]:
    """Rows of each changing table up to the keys in `lasts`, who left included."""
    counted = await asyncio.gather(
        *(
            count(session, name, arguments(name, state["year"], lasts[name], departed=True))
            for name in CHANGING
        )
    )
    return dict(zip(CHANGING, counted, strict=True))


async def data_version(session: Session, application: str, last: str) -> str:
    """The current data version of an application; "" if the server keeps none for it.

    `last`: a version that the server gave before; "0" for none.
    """
    if not application:
        return ""
    body = {"after": "0"} | _by_version(application, last or "0")
    answer = await session.post(path("schools"), body, {"pagesize": "1"}, allow=REFUSED)
    told: Any = answer.body if answer.status not in REFUSED else None
    version: Any = cast("dict[str, Any]", told).get(VERSION) if isinstance(told, dict) else None
    return str(version) if str(version).isdecimal() else ""


def _by_version(application: str, last: str) -> dict[str, str]:
    return {VERSION: last, f"{VERSION}_applicationname": application}


def day_before(day: str) -> str:
    """From which day on changes are asked for, if the last pull began on `day`."""
    return str(date.fromisoformat(day) - timedelta(days=1))


def start(pull: Pull, *, contacts: bool) -> list[Request]:
    """The first page of each span of each query."""
    requests: list[Request] = []
    for name in ALL:
        if name == "contacts" and not contacts:
            continue
        changes = name in CHANGING and name not in pull.facts["whole"]
        since = pull.facts["since"] if changes else EVERYTHING
        bodies = [
            {
                **arguments(name, pull.facts["year"], upto, since=since, departed=changes),
                "after": after,
            }
            for after, upto in _spans(pull, name, changes=changes)
        ]
        if changes and pull.facts["version"]:
            versioned = _by_version(pull.facts["application"], pull.facts["version"])
            bodies += [body | {"since": EVERYTHING} | versioned for body in bodies]
        for number, body in enumerate(bodies):
            params = {"pagesize": str(PAGE), "count": "true"}
            requests.append(Request(name, _place(number, 0), path(name), params, body))
    return requests


def _spans(pull: Pull, name: str, *, changes: bool) -> list[tuple[str, str]]:
    """(after, upto): one span for what is small or only changes, else about one a page."""
    first, last, rows = pull.facts["spread"].get(name, (1, 0, 0))
    if changes or rows <= PAGE:
        return [("0", str(last))]
    step = max(1, -(-(last - first + 1) // -(-rows // PAGE)))
    ends = [*range(first + step - 1, last, step), last]
    return list(zip(["0", *map(str, ends[:-1])], map(str, ends), strict=True))


def _place(span: int, done: int, total: str = "") -> str:
    return f"{span:06d}-{done:09d}{'.' if total else ''}{total}"


async def fetch(session: Session, request: Request) -> Page:
    """One page; the next one of its span begins after its last key."""
    name, body = request.collection, request.body
    span, _, place = request.place.partition("-")
    done, _, known = place.partition(".")
    answer = await session.post(request.path, body, request.params, allow=REFUSED)
    _refuse(answer.status, answer.body, name)
    rows = records(answer.body, answer.path)
    total = int(known) if known else _counted(answer.body)
    if total is None:
        total = await count(session, name, body)
    keys = _keys(rows, answer.path)
    _check_links(rows, answer.path)
    facts = {"span": span, "after": int(body["after"]), "keys": keys}
    so_far = int(done) + len(rows)
    if not rows or so_far >= total:
        return Page(rows, total=total, facts=facts)
    following = Request(
        name,
        _place(int(span), so_far, str(total)),
        request.path,
        {"pagesize": str(PAGE)},
        {**body, "after": str(keys[1])},
    )
    return Page(rows, (following,), total, facts)


async def all_schools(session: Session) -> list[dict[str, Any]]:
    """The rows of all schools."""
    params = {"pagesize": str(PAGE), "count": "true"}
    rows: list[dict[str, Any]] = []
    todo = [Request("schools", _place(0, 0), path("schools"), params, {"after": "0"})]
    while todo:
        page = await fetch(session, todo.pop())
        rows += page.rows
        todo += page.then
    return rows


def _keys(rows: Sequence[Mapping[str, Any]], where: str) -> list[int]:
    """The first and the last key of a page; [] for one without rows."""
    try:
        return [int(row["dcid"]) for row in (rows[0], rows[-1])] if rows else []
    except (KeyError, TypeError, ValueError):
        raise Transient(f"{where}: answered with rows without their key") from None


def _check_links(rows: Sequence[Mapping[str, Any]], where: str) -> None:
    """Keys of rows and links, which are numbers, or blank where there is no link."""
    for name in rows[0] if rows else ():
        if name.endswith("dcid") and not all(
            value is None or str(value) == "" or str(value).isdecimal()
            for value in (row.get(name) for row in rows)
        ):
            raise Transient(f"{where}: answered with {name} that is no number")


def prove(heads: Sequence[Head], *, contacts: bool) -> list[Doubt]:
    """Doubts about tables: rows of each span, and whether keys only grow from page to page."""
    names = [name for name in ALL if name != "contacts" or contacts]
    doubts = check_present(heads, names)
    for name in names:
        spans: dict[str, list[Head]] = {}
        for head in heads:
            if head.request.collection == name:
                spans.setdefault(head.facts["span"], []).append(head)
        why = next((why for pages in spans.values() if (why := _doubtful(name, pages))), "")
        if why:
            doubts.append(Doubt(frozenset({name}), why))
    return doubts


def _doubtful(name: str, pages: Sequence[Head]) -> str:
    """Why a span is not to be believed; "" if it is."""
    rows, total = sum(head.rows for head in pages), pages[0].total or 0
    if rows != total:
        return f"{name}: {total:,} rows are there, and {rows:,} came"
    for head in pages:
        if head.facts["keys"] and head.facts["keys"][0] <= head.facts["after"]:
            return f"{name}: rows came twice, or not in the order of their keys"
    return ""


def records(body: Any, where: str) -> list[dict[str, Any]]:
    """The rows of an answer: `record` is missing without any, and may be a single object."""
    if not isinstance(body, dict):
        raise Transient(f"{where}: answered with something that is no result of a query")
    found: Any = cast("dict[str, Any]", body).get("record")
    return as_list(found, where)


def _refuse(status: int, body: Any, name: str) -> None:
    if status in REFUSED:
        more = " or set contacts: false" if name == "contacts" else ""
        raise Terminal(
            f"PowerSchool refused the query {PREFIX}{name} ({status}{told(body)}); install the"
            " current plugin as an update, and enable it so that its fields are approved" + more,
            str(status),
        )


def _counted(body: Any) -> int | None:
    try:
        return int(body["count"])
    except (KeyError, TypeError, ValueError):
        return None


def position(state: Mapping[str, str], rows: Mapping[str, int], version: str) -> dict[str, Any]:
    """What the next pull has to know of this one."""
    return {
        "road": "queries",
        "now": state["now"],
        "year": state["year"],
        "lasts": lasts(state),
        "rows": dict(rows),
        "version": version,
    }


def lasts(state: Mapping[str, str]) -> dict[str, str]:
    """The last key of each changing table; "0" where a table is empty."""
    return {name: state.get(f"{name}_last") or "0" for name in CHANGING}


def spread(state: Mapping[str, str], rows: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    """Table → (first key, last key, rows), as far as they count."""
    return {
        name: (int(state.get(f"{name}_first") or 1), int(last), rows[name])
        for name, last in lasts(state).items()
    }


def deleted(before: Mapping[str, int], after: Mapping[str, int]) -> Sequence[str]:
    """The tables of which rows are not there any more."""
    return sorted(name for name, rows in after.items() if before.get(name) != rows)
