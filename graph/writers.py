"""Writers: make one person, school, class or group so. Every write may be done twice without harm.

How each stays single:

    person  userPrincipalName is unique: a clash is looked up, and taken over only if the account
            carries the same roster id
    school  POST cannot be repeated blindly: after a lost answer, or on a second attempt, it is
    class   looked up by externalId first
    group   PATCH by uniqueName with `Prefer: create-if-missing` is an upsert
            (https://learn.microsoft.com/graph/api/group-upsert)

References are in `references.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from roster.errors import Terminal, Transient

from . import bodies
from .errors import AmbiguousWrite, error_for, reaction_to
from .exchange import GraphRequest, GraphResponse, as_object, from_sdk
from .passwords import first_password
from .references import References
from .teams import Teams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .client import Graph
    from .provisioning import Provisioning

BOUND_AT_CREATION = 20


class Writer:
    """Writes to the directory that `graph` is connected to."""

    def __init__(self, graph: Graph, provisioning: Provisioning | None = None) -> None:
        self.graph = graph
        self._references = References(graph)
        self._teams = Teams(graph)
        self._provisioning = provisioning

    async def create_person(self, fields: Mapping[str, Any]) -> str:
        """Creates an account with a random first password; returns its object id."""
        body = bodies.person_body(fields, first_password())
        request = from_sdk(
            self.graph.sdk.education.users.to_post_request_information(body), repeatable=False
        )
        response = await self._post(request)
        if response is not None and response.ok:
            return response.body["id"]
        found = await self._find_person(fields["upn"])
        if found is not None and _roster_id(found) == fields["external_id"]:
            return found["id"]
        if response is None:
            raise AmbiguousWrite("the account may have been made; it is looked up again")
        raise error_for(request, response)

    async def update_person(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of an account."""
        user = self.graph.sdk.education.users.by_education_user_id(object_id)
        body = bodies.person_body(fields)
        await self.graph.do(from_sdk(user.to_patch_request_information(body), object=object_id))

    async def create_school(self, fields: Mapping[str, Any], *, attempted: bool) -> str:
        """Creates a school with its administrative unit; returns the school's id."""
        builder = self.graph.sdk.education.schools
        request = from_sdk(
            builder.to_post_request_information(bodies.school_body(fields)), repeatable=False
        )
        return await self._create(request, "school", fields["external_id"], attempted)

    async def update_school(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a school."""
        school = self.graph.sdk.education.schools.by_education_school_id(object_id)
        body = bodies.school_body(fields)
        await self.graph.do(from_sdk(school.to_patch_request_information(body), object=object_id))

    async def create_class(self, fields: Mapping[str, Any], *, attempted: bool) -> str:
        """Creates a class group; returns its object id."""
        builder = self.graph.sdk.education.classes
        request = from_sdk(
            builder.to_post_request_information(bodies.class_body(fields)), repeatable=False
        )
        return await self._create(request, "class", fields["external_id"], attempted)

    async def update_class(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a class group."""
        class_ = self.graph.sdk.education.classes.by_education_class_id(object_id)
        body = bodies.class_body(fields)
        await self.graph.do(from_sdk(class_.to_patch_request_information(body), object=object_id))

    async def upsert_group(
        self, unique_name: str, fields: Mapping[str, Any], members: Sequence[str]
    ) -> str:
        """Creates a security group with its members, or finds it; returns its object id."""
        bound = [self.graph.reference(member) for member in members[:BOUND_AT_CREATION]]
        builder = self.graph.sdk.groups_with_unique_name(unique_name)
        request = from_sdk(
            builder.to_patch_request_information(bodies.group_body(fields, bound)),
            object=unique_name,
            headers={"Prefer": "create-if-missing"},
        )
        response = await self.graph.send(request)
        if response.status == 201:
            object_id, rest = response.body["id"], members[BOUND_AT_CREATION:]
        elif response.ok or reaction_to(response).meaning == "exists":
            object_id, rest = await self._existing("group", unique_name), members
        else:
            raise error_for(request, response)
        await self.add_references("group", object_id, rest, [])
        return object_id

    async def update_group(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a security group."""
        group = self.graph.sdk.groups.by_group_id(object_id)
        body = bodies.group_body({k: v for k, v in fields.items() if k == "display_name"}, [])
        await self.graph.do(from_sdk(group.to_patch_request_information(body), object=object_id))

    async def upload_people(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Hands people over to the provisioning service; see graph/provisioning.py."""
        if self._provisioning is None:
            raise Terminal("No provisioning job is set any more: rollcall.yaml has no `inbound`")
        await self._provisioning.upload(records)

    async def change_team(self, action: str, group: str, progress: Mapping[str, Any]) -> None:
        """Makes, archives or restores the team of a class group, or does the next step of it."""
        await self._teams.change(action, group, progress)

    async def add_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Adds people to a school, class or group; those who are there already are fine."""
        await self._references.add(kind, object_id, members, owners)

    async def remove_references(
        self, kind: str, object_id: str, members: Sequence[str], owners: Sequence[str]
    ) -> None:
        """Removes people from a school, class or group; those who are gone already are fine."""
        await self._references.remove(kind, object_id, members, owners)

    async def find(self, kind: str, key: str) -> str | None:
        """The object id of a school, class or group by its roster id or unique name."""
        value = quote(key.replace("'", "''"), safe="")
        if kind == "group":
            url = f"/groups?$filter=uniqueName eq '{value}'&$select=id"
        else:
            collection = {"school": "schools", "class": "classes"}[kind]
            url = f"/education/{collection}?$filter=externalId eq '{value}'&$select=id"
        found = (await self.graph.get(url))["value"]
        if len(found) > 1:
            raise Terminal(f"{len(found)} objects carry the id of one {kind}; remove all but one")
        return found[0]["id"] if found else None

    async def _existing(self, kind: str, key: str) -> str:
        found = await self.find(kind, key)
        if found is None:
            raise Transient(f"a {kind} that was just written cannot be found yet", 5)
        return found

    async def _create(
        self, request: GraphRequest, kind: str, external_id: str, attempted: bool
    ) -> str:
        if attempted and (found := await self.find(kind, external_id)):
            return found
        response = await self._post(request)
        if response is None:
            if found := await self.find(kind, external_id):
                return found
            raise AmbiguousWrite(f"the {kind} may have been made; it is looked up again")
        if not response.ok:
            raise error_for(request, response)
        return response.body["id"]

    async def _post(self, request: GraphRequest) -> GraphResponse | None:
        """The answer to a creation; None when it was lost. Only a name clash is let through."""
        try:
            response = await self.graph.send(request)
        except AmbiguousWrite:
            return None
        if not response.ok and reaction_to(response).meaning != "conflict":
            raise error_for(request, response)
        return response

    async def _find_person(self, upn: str) -> dict[str, Any] | None:
        value = quote(upn.replace("'", "''"), safe="@")
        page = await self.graph.get(
            f"/education/users?$filter=userPrincipalName eq '{value}'"
            "&$select=id,externalSource,student,teacher"
        )
        return page["value"][0] if page["value"] else None


def _roster_id(user: dict[str, Any]) -> str | None:
    ids = (as_object(user.get(role)).get("externalId") for role in ("student", "teacher"))
    return next((found for found in ids if found), None)
