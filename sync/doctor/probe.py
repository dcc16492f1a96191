"""The probe: settles, on the tenant itself, what Microsoft's pages leave open.

It makes throw-away groups (and a school and a class, where these are configured), tries on them
what a run does, and deletes them. What writes cost is read from x-ms-throttle-limit-percentage,
which answers carry only above 80 % of the quota: so the probe first uses up the app's own quota,
with small writes to its own groups, and then sees how much further some binds push it
(https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graph.exchange import as_object
from roster.errors import RollcallError

from .lab import PER_BATCH, PREFIX, Lab

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from graph.direct import Direct, Heard

GROUPS = 20
BOUND = 20  # references in one bind
QUOTA, REFILL = 3_000, 20.0  # writes in 150 s, and writes that come back in a second
WARNED = 0.8
AT_ONCE = 4
MOST_WRITES = 6_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the probe found. `setting`: what it concerns, with the value that fits."""

    question: str
    answer: str
    setting: str = ""

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True)
class Probed:
    """`left`: names of objects that could not be deleted. `failed`: why it ended early, or ''."""

    answers: tuple[Answer, ...]
    left: tuple[str, ...]
    failed: str = ""


def intentions(features: Collection[str]) -> list[str]:
    """What a probe makes and does, told before it does it."""
    groups = f"makes {2 * GROUPS} empty security groups named {PREFIX}-…, and binds some to others"
    writes = (
        f"makes at least {int(WARNED * QUOTA):,} and at most {MOST_WRITES:,} small writes to these "
        "groups, which uses up the app's quota of writes for some minutes: let no run be under way"
    )
    told = [groups, writes]
    if "schools" in features:
        told.append(f"makes one school, with its administrative unit, named {PREFIX}-…")
    if "classes" in features:
        told.append(f"makes one class group named {PREFIX}-…")
    return [*told, "touches no account, and deletes all that it made, for good"]


async def probe(
    line: Direct,
    features: Collection[str],
    owner: str,
    say: Callable[[str], None],
    patience: float = 2.0,
) -> Probed:
    """Asks every question and clears up. `owner`: an object that may own groups, the app itself.

    `patience`: seconds of the first wait for what is fresh.
    """
    lab = Lab(line, f"{datetime.now(UTC):%Y%m%d%H%M%S}", patience)
    answers: list[Answer] = []
    failed = ""
    try:
        await _ask(lab, features, owner, say, answers)
    except RollcallError as error:
        failed = str(error)
    finally:
        say("Deleting what the probe made")
        left = await asyncio.shield(lab.clear())
    return Probed(tuple(answers), tuple(left), failed)


async def _ask(
    lab: Lab,
    features: Collection[str],
    owner: str,
    say: Callable[[str], None],
    answers: list[Answer],
) -> None:
    say(f"Making {2 * GROUPS} groups")
    targets = [await lab.group(number) for number in range(GROUPS)]
    members = [await lab.group(GROUPS + number) for number in range(GROUPS)]
    await lab.settled(lambda: lab.line.get(f"/groups/{members[-1]}"))
    education: str = ""
    if "classes" in features:
        say("Making a class")
        education, found = await _class(lab)
        answers.append(found)
    if "schools" in features:
        say("Making a school")
        education, found = await _school(lab)
        answers.append(found)
    steps: list[tuple[str, Callable[[], Awaitable[list[Answer]]]]] = [
        ("Timing batches", lambda: _batches(lab, targets)),
        ("Binding owners", lambda: _owners(lab, targets[0], owner)),
        ("Binding twice and too many", lambda: _bounds(lab, targets[1], members)),
        ("Failing on purpose", lambda: _envelope(lab, targets[0])),
        ("Using up the quota of writes", lambda: _cost(lab, targets, members, education, say)),
    ]
    for what, step in steps:
        say(what)
        answers += await step()


async def _class(lab: Lab) -> tuple[str, Answer]:
    made = await lab.education("class")
    heard = await lab.settled(lambda: lab.line.get(f"/groups/{made}?$select=id"))
    same = "yes" if heard.response.ok else f"no ({heard.response.status})"
    address = f"/education/classes/{made}"
    return address, Answer("Is a class the group with the same id?", same, "classes.enabled")


async def _school(lab: Lab) -> tuple[str, Answer]:
    made = await lab.education("school")
    address = f"/education/schools/{made}"
    heard = await lab.settled(lambda: lab.line.get(f"{address}/administrativeUnit"))
    if heard.response.ok:
        same = "yes" if heard.response.body.get("id") == made else "no: it is looked up"
    else:
        same = f"its unit cannot be read ({heard.response.status})"
    question = "Has a school the id of its administrative unit?"
    return address, Answer(question, same, "schools.enabled")


async def _batches(lab: Lab, targets: list[str]) -> list[Answer]:
    single = [
        (await lab.line.ask("PATCH", f"/groups/{one}", {"description": "probe"})).seconds
        for one in targets[:5]
    ]
    whole = [(await lab.batch(_patches(targets, f"{turn}"))).seconds for turn in range(3)]
    alone, together = statistics.median(single), statistics.median(whole)
    side_by_side = max(1.0, len(targets) * alone / together)
    needed = max(1, round(together * REFILL / PER_BATCH))
    return [
        Answer(
            f"How long does a batch of {PER_BATCH} writes take?",
            f"{together * 1000:,.0f} ms (one write alone: {alone * 1000:,.0f} ms)",
            f"batches under way that reach the quota: {needed}",
        ),
        Answer(
            "How many items of a batch run side by side?",
            f"about {min(side_by_side, PER_BATCH):,.0f}",
        ),
    ]


async def _owners(lab: Lab, group: str, owner: str) -> list[Answer]:
    heard = await lab.bind(group, (), [owner])
    found = "yes" if heard.response.ok else f"no: {_said(heard)}"
    question = "Can an app bind owners with PATCH?"
    return [Answer(question, found, "owners are bound together with members")]


async def _bounds(lab: Lab, group: str, members: list[str]) -> list[Answer]:
    twice = await lab.bind(group, [members[0], members[0]])
    many = await lab.bind(group, [*members, group])
    return [
        Answer(
            "What does a reference that stands twice in one bind do?",
            "it is added once" if twice.response.ok else f"refused: {_said(twice)}",
            "references are sent once each",
        ),
        Answer(
            f"What does a bind of {BOUND + 1} references do?",
            "it is taken" if many.response.ok else f"refused: {_said(many)}",
            f"binds hold {BOUND}",
        ),
    ]


async def _envelope(lab: Lab, group: str) -> list[Answer]:
    absent = {"method": "GET", "url": f"/groups/{'0' * 8}-0000-4000-8000-{'0' * 12}"}
    heard = await lab.batch([absent, {"method": "GET", "url": f"/groups/{group}?$select=id"}])
    question = "What status has a batch of which an item fails?"
    return [Answer(question, str(heard.response.status), "both 200 and 424 are read alike")]


async def _cost(
    lab: Lab,
    targets: list[str],
    members: list[str],
    education: str,
    say: Callable[[str], None],
) -> list[Answer]:
    """What a bind costs, and whether education writes are charged, above 80 % of the quota."""
    question = f"How many writes does a bind of {BOUND} references cost?"
    fresh = targets[2:]  # the others hold references already
    level = await _load_up(lab, [*targets, *members], say)
    if level < WARNED:
        told = f"not told: no warning within {MOST_WRITES:,} writes"
        return [Answer(question, told, "graph.bind_cost: thirds is the careful value")]
    began = time.monotonic()
    before = await _level(lab, targets[0])
    binds = [
        {"method": "PATCH", "url": f"/groups/{one}", "body": lab.bound(members)} for one in fresh
    ]
    heard = await lab.batch(binds)
    done = sum(answer["status"] == 204 for answer in _responses(heard))
    after = await _level(lab, targets[0])
    back = (time.monotonic() - began) * REFILL
    answers: list[Answer] = []
    if done and after >= WARNED and not _is_coarse(before, after):
        cost = ((after - before) * QUOTA + back - 1) / done
        fits = "thirds" if cost > BOUND / 6 else "one"
        answers.append(Answer(question, f"about {max(cost, 0):,.1f}", f"graph.bind_cost: {fits}"))
    else:
        careful = "graph.bind_cost: thirds is the careful value"
        answers.append(Answer(question, f"not told: {done} of {len(fresh)} went through", careful))
    if education:
        write = await lab.line.ask("PATCH", education, {"displayName": f"{PREFIX}-renamed"})
        told = write.response.status == 429 or write.load >= WARNED
        answers.append(
            Answer(
                "Do education writes use up the same quota?",
                "yes" if told else "no: their answers tell nothing of it",
                "they are paced as if they did",
            )
        )
    return answers


async def _load_up(lab: Lab, groups: list[str], say: Callable[[str], None]) -> float:
    """Writes small things until answers warn; the share of the quota that is used then.

    No two batches that are under way at once write to the same group.
    """
    level, sent = 0.0, 0
    size = len(groups) // AT_ONCE
    parts = [groups[n * size : (n + 1) * size] for n in range(AT_ONCE)]
    while level < WARNED and sent < MOST_WRITES:
        heard = await asyncio.gather(*(lab.batch(_patches(part, str(sent))) for part in parts))
        sent += size * AT_ONCE
        level = max(_loaded(one) for one in heard)
        if sent % 400 == 0:
            say(f"Using up the quota of writes: {sent:,} so far")
    return level


async def _level(lab: Lab, group: str) -> float:
    """The share of the quota that is used now, by one more write."""
    heard = await lab.line.ask("PATCH", f"/groups/{group}", {"description": "level"})
    return 1.0 if heard.response.status == 429 else heard.load


def _is_coarse(*levels: float) -> bool:
    """Whether the service seems to round to tenths, in which a few writes do not show."""
    return all(abs(level * 10 - round(level * 10)) < 1e-6 for level in levels)


def _patches(groups: list[str], text: str) -> list[dict[str, Any]]:
    return [
        {"method": "PATCH", "url": f"/groups/{one}", "body": {"description": f"probe {text}"}}
        for one in groups
    ]


def _responses(heard: Heard) -> list[dict[str, Any]]:
    return heard.response.body.get("responses") or []


def _loaded(heard: Heard) -> float:
    """The highest share of the quota that the items of a batch tell of; 1.0 for a refused one."""
    level = 1.0 if heard.response.status == 429 else heard.load
    for item in _responses(heard):
        told_by = as_object(item.get("headers"))
        headers = {name.lower(): value for name, value in told_by.items()}
        told = float(headers.get("x-ms-throttle-limit-percentage", 0))
        level = max(level, 1.0 if item["status"] == 429 else told)
    return level


def _said(heard: Heard) -> str:
    """Status, code and Graph's own words, which hold no person's data here."""
    return f"{heard.response.status} {heard.response.code} {heard.response.message}".strip()
