"""PowerSchool by the lists of /ws/v1: schools, their terms, courses, sections and staff, and so on.

https://support.powerschool.com/developer (pagination, searching, *-resources)

Design note. This road knows no co-teachers, no contacts, and nothing of what changed; it costs a
request for each section. Its JSON is translated from XML: a list with one member is the member, an
empty one is missing, an empty block is "", and text of digits comes as a number without its leading
zeros. Pages go by number, so a row that is added or removed while a list is read moves all behind
it. That is seen by three things: the list's own count before its first page and after its last one,
the number of rows that came, and that no row came twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

from connectors.connector import Doubt, Pull
from connectors.pages import Head, Page, Request
from connectors.powerschool_answers import as_list, told
from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from connectors.session import Answer, Session

CLOSED_DAYS = 60
SECTIONS_A_PAGE = 25
TRIES = 3
REFUSED = (401, 403, 404)
# Lists and the name of their members; the list is called as its members with an s, staff too.
MEMBERS = {
    "schools": "school",
    "terms": "term",
    "courses": "course",
    "sections": "section",
    "staff": "staff",
    "students": "student",
    "enrollments": "section_enrollment",
}
# What has to be read again together, because one leads to the other.
CHAIN = frozenset({"terms", "sections", "enrollments"})
_ACTIVE = "school_enrollment.enroll_status_code==0"


async def page_sizes(session: Session) -> dict[str, int]:
    """The largest page of each list, as the administrator set it for the plugin."""
    answer = await session.get("ws/v1/metadata")
    told = _inside(answer.body, "metadata") or {}
    return {
        name: max(1, whole_number(told, f"{member}_max_page_size", answer.path))
        for name, member in MEMBERS.items()
    }


async def district(session: Session) -> Answer:
    """Whether the lists may be read at all, see the status."""
    return await session.get("ws/v1/district", allow=REFUSED)


async def all_rows(
    session: Session, name: str, path: str, size: int, params: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """All rows of a short list, page by page, until there are as many as its count says.

    The count of schools leaves out the one of the graduated, so there may be more rows.
    """
    total = await _count(session, path, params or {})
    rows: list[dict[str, Any]] = []
    page = 1
    while True:
        paging = {"page": str(page), "pagesize": str(size)}
        answer = await session.get(path, {**(params or {}), **paging})
        some = members(answer, name)
        rows += some
        if not some or (len(some) < size and len(rows) >= total):
            break
        page += 1
    if len(rows) < total:
        raise Transient(f"{path}: {total:,} rows are there, and {len(rows):,} came")
    return rows


def members(answer: Answer, name: str) -> list[dict[str, Any]]:
    """The rows of a list's answer."""
    wrapper = f"{MEMBERS[name]}s"
    inside = _inside(answer.body, wrapper)
    if inside is None:
        raise Transient(f"{answer.path}: answered without {wrapper}")
    return as_list(inside.get(MEMBERS[name]), answer.path)


def _inside(body: Any, wrapper: str) -> dict[str, Any] | None:
    """What an answer wraps; {} for an empty text, None if it wraps something else."""
    inside: Any = cast("dict[str, Any]", body).get(wrapper) if isinstance(body, dict) else None
    if inside == "":
        return {}
    return cast("dict[str, Any]", inside) if isinstance(inside, dict) else None


def start(pull: Pull) -> list[Request]:
    """The first page of each list of each school, and of the district's students."""
    requests = [
        Request("schools", "1", "ws/v1/district/school"),
        _first("students", "0", "ws/v1/district/student", pull),
    ]
    for school in pull.facts["walked"]:
        base = f"ws/v1/school/{school}"
        requests.append(Request("terms", _place(school), f"{base}/term"))
        requests.append(_first("courses", school, f"{base}/course", pull))
        requests.append(_first("staff", school, f"{base}/staff", pull))
    return requests


def _place(of: str, page: int = 1, total: str = "") -> str:
    return f"{of:0>10}-{page:06d}{'.' if total else ''}{total}"


def _first(name: str, of: str, path: str, pull: Pull, asked: str = "") -> Request:
    params = {"page": "1", "pagesize": str(pull.facts["sizes"][name])}
    if name == "students":
        params |= {"q": _ACTIVE, "expansions": "school_enrollment,contact_info"}
    if name == "staff":
        params |= {"expansions": "emails,school_affiliations"}
    if asked:
        params["q"] = asked
    return Request(name, _place(of), path, params)


async def fetch(session: Session, pull: Pull, request: Request) -> Page:
    """One page, or a short list in whole."""
    name = request.collection
    if name == "schools":
        return Page(await all_rows(session, name, request.path, pull.facts["sizes"][name]))
    if name == "terms":
        return await _terms_page(session, pull, request)
    if name == "enrollments":
        return await _enrollments_page(session, request)
    return await _listed_page(session, pull, request)


async def _terms_page(session: Session, pull: Pull, request: Request) -> Page:
    """A school's terms since last year; the sections of each year that matters follow."""
    today = date.fromisoformat(pull.began[:10])
    asked = {"q": f"start_year=ge={today.year - 1}"}
    size = pull.facts["sizes"]["terms"]
    rows = await all_rows(session, "terms", request.path, size, asked)
    school = str(int(request.place.partition("-")[0]))
    following = tuple(
        _first(
            "sections",
            f"{school}{year}",
            f"ws/v1/school/{school}/section",
            pull,
            f"term.start_year=={year}",
        )
        for year in school_years(rows, today, request.path)
    )
    return Page(rows, following)


def school_years(terms: Sequence[Mapping[str, Any]], today: date, where: str) -> list[int]:
    """The years whose sections count: those that are not long over, else the last one begun."""
    closing = str(today - timedelta(days=CLOSED_DAYS))
    years = [whole_number(term, "start_year", where) for term in terms]
    dated = list(zip(years, terms, strict=True))
    running = {year for year, term in dated if str(term.get("end_date", "")) >= closing}
    begun = {year for year, term in dated if str(term.get("start_date", "")) <= str(today)}
    return sorted(running) or sorted(begun)[-1:]


def whole_number(row: Mapping[str, Any], name: str, where: str) -> int:
    """A number that the walk cannot go on without."""
    try:
        return int(row[name])
    except (KeyError, TypeError, ValueError):
        raise Transient(f"{where}: answered with a row without {name}") from None


async def _listed_page(session: Session, pull: Pull, request: Request) -> Page:
    """A page of a list with a count: the first one asks for it, the last one asks again."""
    name, params = request.collection, dict(request.params)
    of, _, place = request.place.partition("-")
    page, _, known = place.partition(".")
    size = int(params["pagesize"])
    total = int(known) if known else await _count(session, request.path, params)
    rows = members(await session.get(request.path, params), name)
    last = max(1, -(-total // size))
    facts: dict[str, Any] = {"of": of, "ids": [row.get("id") for row in rows]}
    if int(page) == last:
        facts["after"] = await _count(session, request.path, params)
    following: list[Request] = []
    if int(page) == 1:
        following = [
            Request(name, _place(of, n, str(total)), request.path, {**params, "page": str(n)})
            for n in range(2, last + 1)
        ]
    if name == "sections":
        sections = [whole_number(row, "id", request.path) for row in rows]
        following += _enrollments_of(sections, pull)
    if name == "staff":
        school = str(int(of))
        rows = [{**row, "list_school": school} for row in rows]
    return Page(rows, tuple(following), total, facts)


def _enrollments_of(sections: Sequence[int], pull: Pull) -> list[Request]:
    """Requests for the enrollments of sections, some sections each, so that pages are not tiny."""
    size = str(pull.facts["sizes"]["enrollments"])
    batches = [
        sections[at : at + SECTIONS_A_PAGE] for at in range(0, len(sections), SECTIONS_A_PAGE)
    ]
    return [
        Request(
            "enrollments",
            _place(str(batch[0])),
            "ws/v1/section/{id}/section_enrollment",
            {"sections": ",".join(map(str, batch)), "pagesize": size},
        )
        for batch in batches
    ]


async def _enrollments_page(session: Session, request: Request) -> Page:
    """The enrollments of some sections."""
    size = int(request.params["pagesize"])
    rows: list[dict[str, Any]] = []
    for section in request.params["sections"].split(","):
        rows += await _enrolled(session, request.path.replace("{id}", section), size)
    return Page(rows)


async def _enrolled(session: Session, path: str, size: int) -> list[dict[str, Any]]:
    """The enrollments of a section. Some servers give them on pages, some all at once.

    What is neither empty nor a full page is all of it; for the rest the count decides. A section
    that was deleted since it was listed has none.
    """
    for _ in range(TRIES):
        paging = {"page": "1", "pagesize": str(size)}
        answer = await session.get(path, paging, allow=(404,))
        if answer.status == 404:
            return []
        rows = members(answer, "enrollments")
        if 0 < len(rows) < size:
            return rows
        total = await _count(session, path, {})
        page = 1
        while len(rows) < total and len(rows) == page * size:
            page += 1
            some = await session.get(path, {"page": str(page), "pagesize": str(size)})
            rows += members(some, "enrollments")
        whole = len(rows) == total == len({row.get("id") for row in rows})
        if whole and (page == 1 or total == await _count(session, path, {})):
            return rows
    raise Transient(f"{path}: keeps changing while it is read")


async def _count(session: Session, path: str, params: Mapping[str, str]) -> int:
    asked = {"q": params["q"]} if "q" in params else None
    answer = await session.get(f"{path}/count", asked)
    try:
        return int(answer.body["resource"]["count"])
    except (KeyError, TypeError, ValueError):
        raise Transient(f"{answer.path}: answered without a count") from None


def prove(pull: Pull, heads: Sequence[Head]) -> list[Doubt]:
    """Doubts about lists: their counts before and after, their rows, and rows that came twice."""
    lists: dict[tuple[str, str], list[Head]] = {}
    for head in heads:
        if head.total is not None:
            name = head.request.collection
            lists.setdefault((name, str(head.facts["of"])), []).append(head)
    doubts = [
        Doubt(_again(name), why)
        for (name, _), pages in lists.items()
        if (why := _shifted(name, pages))
    ]
    there = {head.request.collection for head in heads}
    doubts += [
        Doubt(_again(name), f"no answer about {name}")
        for name in MEMBERS
        if name not in there and (pull.facts["walked"] or name in ("schools", "students"))
    ]
    return doubts


def _again(name: str) -> frozenset[str]:
    return CHAIN if name in CHAIN else frozenset({name})


def _shifted(name: str, pages: Sequence[Head]) -> str:
    """Why a list is not to be believed; "" if it is."""
    totals = {int(head.total or 0) for head in pages}
    totals |= {int(head.facts["after"]) for head in pages if "after" in head.facts}
    rows = sum(head.rows for head in pages)
    ids = [row for head in pages for row in head.facts["ids"]]
    if len(totals) > 1:
        return f"{name} changed while they were read ({' and '.join(map(str, sorted(totals)))})"
    if rows != (total := totals.pop()):
        return f"{name}: {total:,} rows are there, and {rows:,} came"
    if len(set(ids)) != len(ids):
        return f"{name}: a row came twice, so another one is missing"
    return ""


def says_why(answer: Answer) -> bool:
    """Whether an error answer is about the access level, and not about the token."""
    return isinstance(answer.body, dict) and "errorMessage" in answer.body


def check_allowed(answer: Answer, hint: str) -> None:
    """Raises Terminal if the lists may not be read. `hint`: what to do about it."""
    if answer.status in REFUSED:
        said = f"{answer.status}{told(answer.body)}"
        raise Terminal(f"{answer.path}: {said}; {hint}", str(answer.status))


def position() -> str:
    """What the next pull has to know of this one: by which road it came."""
    return json.dumps({"road": "walk"})
