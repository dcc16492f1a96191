"""References: who is in what. Added twenty to a request where Graph allows it, removed one by one.

A class is a group with the same id, so its owners and members are bound through `PATCH /groups`,
owners and members sharing the twenty. Such a request is all or nothing, so one reference that
cannot be added must not keep the other nineteen out:

    it is there already       nothing was added; what is missing is read and sent again. If
                              somebody was quicker again, each of the rest is sent by itself
    the person is not there   is left out, the others are added, and it is told at the end
    too many owners           the service counts those too that are there already, so the same

The people of a school's administrative unit are added one by one, as there is no other way
(https://learn.microsoft.com/graph/api/group-post-members,
https://learn.microsoft.com/graph/api/educationschool-post-users).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from roster.errors import RollcallError

from .batch import HOLD
from .errors import error_for, reaction_to, unknown_id
from .exchange import GraphRequest, from_sdk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from kiota_abstractions.request_information import RequestInformation

    from .client import Graph
    from .exchange import GraphResponse

PER_REQUEST = 20
Relation = Literal["members", "owners"]
Wanted = list[tuple[Relation, str]]


@dataclass(frozen=True)
class FailedReference:
    """A reference that could not be added or removed. `heals`: it may work a little later."""

    action: Literal["add", "remove"]
    relation: Literal["member", "owner"]
    person: str
    error: str
    heals: bool


class ReferencesFailed(RollcallError):
    """Everything else of a call is done, but these references are not."""

    def __init__(self, failed: Sequence[FailedReference], object_id: str = "") -> None:
        super().__init__(f"{len(failed)} references failed: {failed[0].error}")
        self.failed = tuple(failed)
        self.object_id = object_id


class References:
    """Adds and removes references to people in the directory of `graph`.

    Raises ReferencesFailed at the end if some of them failed, and any other error at once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def add(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Adds what is missing; owners first, so that a class is never without one."""
        wanted = in_order(members, owners)
        if kind == "school":
            _check(await _all(self._add_one(kind, object_id, pair) for pair in wanted))
        else:
            await self.bind(object_id, wanted)

    async def bind(
        self, group: str, wanted: Wanted, failed: Sequence[FailedReference] = ()
    ) -> None:
        """Adds people to a group or class; `failed` is what failed at its creation already."""
        found = list(failed)
        for start in range(0, len(wanted), PER_REQUEST):
            found += await self._bind(group, wanted[start : start + PER_REQUEST])
        _check(found, group)

    async def remove(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Removes what is there."""
        failed = await _all(self._remove(kind, object_id, ("members", who)) for who in members)
        failed += await _all(self._remove(kind, object_id, ("owners", who)) for who in owners)
        _check(failed)

    def bound(self, wanted: Wanted) -> dict[str, list[str]]:
        """What a group's body says to bind people to it."""
        return {
            f"{relation}@odata.bind": [
                self._graph.reference(person) for other, person in wanted if other == relation
            ]
            for relation in dict.fromkeys(relation for relation, _ in wanted)
        }

    async def _bind(self, group: str, wanted: Wanted) -> list[FailedReference]:
        failed: list[FailedReference] = []
        read_again = False
        while wanted:
            request = self._binding(group, wanted)
            response = await self._graph.send(request)
            if response.ok:
                break
            if unknown := unknown_people(request, response, group, wanted):
                failed += unknown
                wanted = without(wanted, unknown)
            elif reaction_to(response).meaning not in ("exists", "owners"):
                raise error_for(request, response)
            elif read_again:
                return failed + await _all(self._add_one("group", group, pair) for pair in wanted)
            else:
                read_again = True
                wanted = await self._missing(group, wanted)
        return failed

    def _binding(self, group: str, wanted: Wanted) -> GraphRequest:
        from msgraph.generated.models.group import Group

        builder = self._graph.sdk.groups.by_group_id(group)
        body = Group(additional_data=dict(self.bound(wanted)))
        return from_sdk(builder.to_patch_request_information(body), object=group)

    async def _missing(self, group: str, wanted: Wanted) -> Wanted:
        """What of `wanted` is not there; reads no more pages than it takes to find the others."""
        missing: Wanted = list(wanted)
        for relation in dict.fromkeys(relation for relation, _ in wanted):
            url = f"/groups/{group}/{relation}?$select=id&$top=999"
            async for page in self._graph.pages(url, hold=HOLD):
                there = {str(person["id"]).lower() for person in page["value"]}
                missing = [p for p in missing if p[0] != relation or p[1].lower() not in there]
                if not any(other == relation for other, _ in missing):
                    break
        return missing

    async def _add_one(
        self, kind: str, container: str, pair: tuple[Relation, str]
    ) -> list[FailedReference]:
        """Adds one reference; one that is there already is fine."""
        information = self._addition(kind, container, *pair)
        request = from_sdk(information, object=f"{container}/{pair[1]}")
        response = await self._graph.send(request)
        if response.ok or reaction_to(response).meaning == "exists":
            return []
        if reaction_to(response).meaning == "owners":
            return [_failed("add", pair, request, response)]
        if unknown := unknown_people(request, response, container, [pair]):
            return unknown
        raise error_for(request, response)

    def _addition(
        self, kind: str, container: str, relation: Relation, person: str
    ) -> RequestInformation:
        from msgraph.generated.models.reference_create import ReferenceCreate

        sdk = self._graph.sdk
        if kind == "school":
            users = sdk.education.schools.by_education_school_id(container).users
            body = ReferenceCreate(odata_id=f"{self._graph.root}/education/users/{person}")
            return users.ref.to_post_request_information(body)
        body = ReferenceCreate(odata_id=self._graph.reference(person))
        group = sdk.groups.by_group_id(container)
        people = group.owners if relation == "owners" else group.members
        return people.ref.to_post_request_information(body)

    def _removal(
        self, kind: str, container: str, relation: Relation, person: str
    ) -> RequestInformation:
        sdk = self._graph.sdk
        if kind == "school":
            school = sdk.education.schools.by_education_school_id(container)
            return school.users.by_education_user_id(person).ref.to_delete_request_information()
        group = sdk.groups.by_group_id(container)
        people = group.owners if relation == "owners" else group.members
        return people.by_directory_object_id(person).ref.to_delete_request_information()

    async def _remove(
        self, kind: str, container: str, pair: tuple[Relation, str]
    ) -> list[FailedReference]:
        """Removes one reference; one that is not there, or in a group that is gone, is fine."""
        information = self._removal(kind, container, *pair)
        request = from_sdk(information, object=f"{container}/{pair[1]}")
        response = await self._graph.send(request)
        if response.ok or response.status == 404 or reaction_to(response).meaning == "absent":
            return []
        if reaction_to(response).meaning == "last_owner":
            return [_failed("remove", pair, request, response)]
        raise error_for(request, response)


def in_order(members: Sequence[str], owners: Sequence[str]) -> Wanted:
    """(relation, person) in the order of binding, each once: owners first."""
    wanted: Wanted = [("owners", person) for person in dict.fromkeys(owners)]
    return wanted + [("members", person) for person in dict.fromkeys(members)]


def without(wanted: Wanted, failed: Sequence[FailedReference]) -> Wanted:
    """What is left when the people of `failed` are left out."""
    people = {reference.person for reference in failed}
    return [pair for pair in wanted if pair[1] not in people]


def unknown_people(
    request: GraphRequest, response: GraphResponse, container: str, wanted: Wanted
) -> list[FailedReference]:
    """The references whose person is not there, as far as the answer tells."""
    unknown = unknown_id(response)
    if not unknown or unknown == container.lower():
        return []
    hit = [pair for pair in wanted if pair[1].lower() == unknown]
    return [_failed("add", pair, request, response) for pair in hit]


def _failed(
    action: Literal["add", "remove"],
    pair: tuple[Relation, str],
    request: GraphRequest,
    response: GraphResponse,
) -> FailedReference:
    relation: Literal["member", "owner"] = "owner" if pair[0] == "owners" else "member"
    meaning = reaction_to(response).meaning
    error = (
        "the person's account is not in the directory: it was deleted, and the next run sees that"
        if meaning == "lag"
        else str(error_for(request, response))
    )
    return FailedReference(action, relation, pair[1], error, heals=meaning != "owners")


def _check(failed: Sequence[FailedReference], object_id: str = "") -> None:
    if failed:
        raise ReferencesFailed(failed, object_id)


async def _all(works: Iterable[Awaitable[list[FailedReference]]]) -> list[FailedReference]:
    """Runs all, and raises the first error only when all have ended: each is worth its while."""
    failed: list[FailedReference] = []
    errors: list[BaseException] = []
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            errors.append(result)
        else:
            failed += result
    if errors:
        raise errors[0]
    return failed
