"""The lab: throw-away objects for the probe, each of which is deleted again whatever happens.

Members are groups themselves, so that no person's account is touched. An object is written down
before it is asked for: one whose answer was lost is looked up by its name when the lab is cleared.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from graph.direct import Direct, Heard

PREFIX = "rollcall-probe"
LAG_TRIES = 5
LAGGING = "or one of the objects being referenced do not exist"
PER_BATCH = 20


@dataclass
class Made:
    """An object of the lab. `collection`: where it lives; `id` is unknown until it was answered."""

    collection: str
    name: str
    id: str = ""


@dataclass
class Lab:
    """`patience`: seconds of the first wait for a fresh object, doubled each time."""

    line: Direct
    stamp: str
    patience: float = 2.0
    made: list[Made] = field(default_factory=list[Made])

    async def group(self, number: int) -> str:
        """Makes an empty security group; returns its id."""
        name = f"{PREFIX}-{self.stamp}-{number}"
        made = Made("/groups", name)
        self.made.append(made)
        body = {
            "displayName": name, "description": "Made by rollcall doctor --probe; deleted again",
            "mailEnabled": False, "mailNickname": name, "securityEnabled": True,
        }  # fmt: skip
        heard = await self.line.ask(
            "PATCH", f"/groups(uniqueName='{name}')", body, {"Prefer": "create-if-missing"}
        )
        made.id = _id(heard, "group")
        return made.id

    async def education(self, kind: str) -> str:
        """Makes a school or a class that no run takes for its own; returns its id."""
        name = f"{PREFIX}-{self.stamp}-{kind}"
        collection = {"school": "/education/schools", "class": "/education/classes"}[kind]
        made = Made(collection, name)
        self.made.append(made)
        body: dict[str, Any] = {"displayName": name, "externalId": name, "externalSource": "manual"}
        if kind == "class":
            body |= {"mailNickname": name, "externalName": name}
        made.id = _id(await self.line.ask("POST", collection, body), kind)
        return made.id

    async def settled(self, ask: Callable[[], Awaitable[Heard]]) -> Heard:
        """The answer once a fresh object is known everywhere (404, or 400 of that meaning)."""
        heard = await ask()
        for wait in self._waits():
            if heard.response.status != 404 and LAGGING not in heard.response.message:
                break
            await asyncio.sleep(wait)
            heard = await ask()
        return heard

    async def bind(self, group: str, members: Sequence[str], owners: Sequence[str] = ()) -> Heard:
        """The answer to one PATCH that binds members and owners."""
        body = self.bound(members, owners)
        return await self.settled(lambda: self.line.ask("PATCH", f"/groups/{group}", body))

    def bound(self, members: Sequence[str], owners: Sequence[str] = ()) -> dict[str, Any]:
        """The body that binds members and owners."""
        found = {"members": members, "owners": owners}
        return {
            f"{relation}@odata.bind": [f"{self.line.root}/directoryObjects/{one}" for one in ids]
            for relation, ids in found.items()
            if ids
        }

    async def batch(self, items: Sequence[Mapping[str, Any]]) -> Heard:
        """The answer to one $batch; `items` have method, url and maybe body."""
        requests = [
            {"id": str(number), **item}
            | ({"headers": {"Content-Type": "application/json"}} if "body" in item else {})
            for number, item in enumerate(items)
        ]
        return await self.line.ask("POST", "/$batch", {"requests": requests})

    async def clear(self) -> list[str]:
        """Deletes everything, for good; returns the names of what could not be deleted."""
        left: list[str] = []
        for made in reversed(self.made):
            try:
                gone = await self._delete(made)
            except (Transient, Terminal):
                gone = False
            if not gone:
                left.append(made.name)
        return left

    async def _delete(self, made: Made) -> bool:
        if not made.id:
            heard = await self.line.get(await self._address(made))
            found = heard.response.body.get("value", [heard.response.body])
            if heard.response.status == 404 or not found:
                return True
            if not heard.response.ok:
                return False
            made.id = str(found[0].get("id", ""))
        binned = await self._directory_id(made)
        heard = await self.line.ask("DELETE", f"{made.collection}/{made.id}")
        for wait in self._waits():
            if heard.response.ok:
                # Out of the recycle bin too, or it counts against the tenant's objects for a month.
                await self.line.ask("DELETE", f"/directory/deletedItems/{binned}")
                return True
            await asyncio.sleep(heard.response.retry_after or wait)
            heard = await self.line.ask("DELETE", f"{made.collection}/{made.id}")
        return heard.response.status == 404  # so long after, that is not replication any more

    def _waits(self) -> list[float]:
        """Seconds between tries, each twice the one before."""
        return [self.patience * 2**number for number in range(LAG_TRIES)]

    async def _directory_id(self, made: Made) -> str:
        """The id in the recycle bin, where a school lies as its administrative unit."""
        if made.collection != "/education/schools":
            return made.id
        heard = await self.line.get(f"{made.collection}/{made.id}/administrativeUnit?$select=id")
        return str(heard.response.body.get("id", made.id))

    async def _address(self, made: Made) -> str:
        if made.collection == "/groups":
            return f"/groups(uniqueName='{made.name}')"
        return f"{made.collection}?$filter=externalId eq '{made.name}'&$select=id"


def _id(heard: Heard, kind: str) -> str:
    if not heard.response.ok or "id" not in heard.response.body:
        raise Terminal(
            f"the probe could not make its {kind}: {heard.response.status} {heard.response.code}",
            heard.response.code,
        )
    return str(heard.response.body["id"])
