"""References: who is in what. Added twenty to a request where Graph allows it, removed one by one.

A class is a group with the same id, so its owners and members are bound through `PATCH /groups`,
owners and members sharing the twenty. Such a request is all or nothing: if one reference exists
already, nothing was added, and what is missing is found out and sent again. The people of a
school's administrative unit are added one by one, as there is no other way
(https://learn.microsoft.com/graph/api/group-post-members,
https://learn.microsoft.com/graph/api/educationschool-post-users).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .errors import error_for, reaction_to
from .exchange import GraphRequest, from_sdk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from kiota_abstractions.request_information import RequestInformation

    from .client import Graph

PER_REQUEST = 20


class References:
    """Adds and removes references to people in the directory of `graph`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def add(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Adds what is missing; owners first, so that a class is never without one."""
        if kind == "school":
            await _all(self._add_to_school(object_id, person) for person in members)
            return
        await self.bind(object_id, in_order(members, owners))

    async def bind(self, group: str, wanted: list[tuple[str, str]]) -> None:
        """Adds people to a group or class, each as (`owners` or `members`, person)."""
        for start in range(0, len(wanted), PER_REQUEST):
            await self._bind(group, wanted[start : start + PER_REQUEST])

    async def remove(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Removes what is there."""
        removals = [self._removal(kind, object_id, "members", person) for person in members]
        removals += [self._removal(kind, object_id, "owners", person) for person in owners]
        for information in removals:
            await self._remove(from_sdk(information, object=object_id))

    def bound(self, wanted: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        """What a group's body says to bind people to it."""
        return {
            f"{relation}@odata.bind": [
                self._graph.reference(person) for other, person in wanted if other == relation
            ]
            for relation in dict.fromkeys(relation for relation, _ in wanted)
        }

    async def _bind(self, group: str, wanted: list[tuple[str, str]]) -> None:
        request = self._binding(group, wanted)
        response = await self._graph.send(request)
        if not response.ok and reaction_to(response).meaning == "exists":
            missing = await self._missing(group, wanted)
            if not missing:
                return
            request = self._binding(group, missing)
            response = await self._graph.send(request)
        if not response.ok:
            raise error_for(request, response)

    def _binding(self, group: str, wanted: list[tuple[str, str]]) -> GraphRequest:
        from msgraph.generated.models.group import Group

        builder = self._graph.sdk.groups.by_group_id(group)
        body = Group(additional_data=self.bound(wanted))
        return from_sdk(builder.to_patch_request_information(body), object=group)

    async def _missing(self, group: str, wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
        there: set[tuple[str, str]] = set()
        for relation in dict.fromkeys(relation for relation, _ in wanted):
            async for page in self._graph.pages(f"/groups/{group}/{relation}?$select=id&$top=999"):
                there |= {(relation, person["id"]) for person in page["value"]}
        return [pair for pair in wanted if pair not in there]

    async def _add_to_school(self, school: str, person: str) -> None:
        from msgraph.generated.models.reference_create import ReferenceCreate

        builder = self._graph.sdk.education.schools.by_education_school_id(school).users.ref
        body = ReferenceCreate(odata_id=f"{self._graph.root}/education/users/{person}")
        request = from_sdk(builder.to_post_request_information(body), object=f"{school}/{person}")
        response = await self._graph.send(request)
        if not response.ok and reaction_to(response).meaning != "exists":
            raise error_for(request, response)

    def _removal(self, kind: str, object_id: str, relation: str, person: str) -> RequestInformation:
        sdk = self._graph.sdk
        if kind == "school":
            school = sdk.education.schools.by_education_school_id(object_id)
            return school.users.by_education_user_id(person).ref.to_delete_request_information()
        group = sdk.groups.by_group_id(object_id)
        people = group.owners if relation == "owners" else group.members
        return people.by_directory_object_id(person).ref.to_delete_request_information()

    async def _remove(self, request: GraphRequest) -> None:
        response = await self._graph.send(request)
        gone = response.status == 404 or reaction_to(response).meaning == "absent"
        if not response.ok and not gone:
            raise error_for(request, response)


def in_order(members: Sequence[str], owners: Sequence[str]) -> list[tuple[str, str]]:
    """(relation, person) in the order of binding: owners first."""
    wanted = [("owners", person) for person in owners]
    return wanted + [("members", person) for person in members]


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Runs all, and raises the first error only when all have ended: each is worth its while."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
