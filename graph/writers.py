"""Writers: make one person, school, class or group so. Every write may be done twice without harm.

How each stays single:

    person  userPrincipalName is unique, so a POST may be repeated: a clash is looked up, and taken
            over only if the account carries the same roster id
    school  POST cannot be repeated blindly: after a lost answer, or on a second attempt, it is
    class   looked up by externalId first; a class is also found by its mail nickname, which is
            unique among groups, if somebody was quicker
    group   PATCH by uniqueName with `Prefer: create-if-missing` is an upsert that binds the first
            twenty people too (https://learn.microsoft.com/graph/api/group-upsert); a class that is
            a plain Microsoft 365 group is made in the same way

What was just made may not be found for a while. A clash with something that cannot be found is
therefore NotThere, and only in the end a clash with somebody else's.

References are in `references.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from roster.errors import Terminal

from . import bodies
from .errors import AmbiguousWrite, NotThere, error_for, reaction_to
from .exchange import GraphRequest, GraphResponse, as_object, from_sdk
from .passwords import Unknown
from .references import (
    PER_REQUEST,
    FailedReference,
    References,
    Wanted,
    in_order,
    unknown_people,
    without,
)
from .teams import Teams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msgraph.generated.models.group import Group

    from .client import Graph
    from .passwords import Passwords
    from .provisioning import Provisioning

PASSWORD_TRIES = 3


class Writer:
    """Writes to the directory that `graph` is connected to."""

    def __init__(self, graph: Graph, provisioning: Provisioning | None = None) -> None:
        self.graph = graph
        self._references = References(graph)
        self._teams = Teams(graph)
        self._provisioning = provisioning

    async def complete(self, kind: str, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes of a new object what its creation cannot take.

        It is a step of its own, so that what goes wrong here never leads to a second creation.
        """
        if kind == "person":
            await self._extend(object_id, fields)
        elif kind == "school":
            await self._rule_unit(object_id, fields)

    async def create_person(
        self, fields: Mapping[str, Any], passwords: Passwords | None = None
    ) -> str:
        """Creates an account; returns its object id. Without `passwords` nobody knows the first."""
        passwords = passwords or Unknown()
        request, response = await self._post_person(fields, passwords)
        for _ in range(PASSWORD_TRIES - 1):
            if response.ok or reaction_to(response).meaning != "password":
                break
            request, response = await self._post_person(fields, passwords)
        if response.ok:
            return response.body["id"]
        if reaction_to(response).meaning != "conflict":
            raise error_for(request, response)
        found = await self._find_person(fields["upn"])
        if found is None:
            raise NotThere(
                "another object has this name or mail nickname already, and is not found by it: "
                "an account that was just made, a deleted one, or a group"
            )
        if _roster_id(found) != fields["external_id"]:
            raise error_for(request, response)
        await passwords.doubt()
        return found["id"]

    async def _post_person(
        self, fields: Mapping[str, Any], passwords: Passwords
    ) -> tuple[GraphRequest, GraphResponse]:
        body = bodies.person_body(
            fields, await passwords.issue(), force_change=passwords.force_change
        )
        builder = self.graph.sdk.education.users
        request = from_sdk(builder.to_post_request_information(body), object=fields["upn"])
        return request, await self.graph.send(request)

    async def update_person(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of an account."""
        if bodies.has_education_fields(fields):
            user = self.graph.sdk.education.users.by_education_user_id(object_id)
            body = bodies.person_body(fields)
            await self.graph.do(from_sdk(user.to_patch_request_information(body), object=object_id))
        await self._extend(object_id, fields)

    async def _extend(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the fields that only `/users` takes."""
        body = bodies.extension_body(fields)
        if body is not None:
            user = self.graph.sdk.users.by_user_id(object_id)
            await self.graph.do(from_sdk(user.to_patch_request_information(body), object=object_id))

    async def create_school(self, fields: Mapping[str, Any], *, attempted: bool) -> str:
        """Creates a school with its administrative unit; returns the school's id."""
        builder = self.graph.sdk.education.schools
        request = from_sdk(
            builder.to_post_request_information(bodies.school_body(fields)), repeatable=False
        )
        return await self._create(request, "school", fields["external_id"], attempted)

    async def update_school(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a school; its membership rule stands on its unit."""
        if "display_name" in fields:
            school = self.graph.sdk.education.schools.by_education_school_id(object_id)
            body = bodies.school_body(fields)
            request = from_sdk(school.to_patch_request_information(body), object=object_id)
            await self.graph.do(request)
        await self._rule_unit(object_id, fields)

    async def _rule_unit(self, school: str, fields: Mapping[str, Any]) -> None:
        if "membership_rule" not in fields:
            return
        found = await self.graph.get(f"/education/schools/{school}/administrativeUnit?$select=id")
        unit = self.graph.sdk.directory.administrative_units.by_administrative_unit_id(found["id"])
        body = bodies.unit_body(fields["membership_rule"])
        await self.graph.do(from_sdk(unit.to_patch_request_information(body), object=found["id"]))

    async def create_class(self, fields: Mapping[str, Any], *, attempted: bool) -> str:
        """Creates a class group; returns its object id."""
        builder = self.graph.sdk.education.classes
        request = from_sdk(
            builder.to_post_request_information(bodies.class_body(fields)), repeatable=False
        )
        return await self._create(request, "class", fields["external_id"], attempted)

    async def upsert_class(
        self, fields: Mapping[str, Any], members: Sequence[str], owners: Sequence[str]
    ) -> str:
        """Creates a class as a plain group with its people, or finds it; returns its object id."""
        body = bodies.class_group_body(fields)
        return await self._upsert(fields["unique_name"], body, in_order(members, owners))

    async def update_class(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a class group."""
        if set(fields) == {"display_name"}:  # all that a plain group may need, and each group has
            await self.update_group(object_id, fields)
            return
        class_ = self.graph.sdk.education.classes.by_education_class_id(object_id)
        body = bodies.class_body(fields)
        await self.graph.do(from_sdk(class_.to_patch_request_information(body), object=object_id))

    async def upsert_group(
        self, unique_name: str, fields: Mapping[str, Any], members: Sequence[str]
    ) -> str:
        """Creates a security group with its members, or finds it; returns its object id."""
        return await self._upsert(unique_name, bodies.group_body(fields), in_order(members, ()))

    async def _upsert(self, unique_name: str, body: Group, wanted: Wanted) -> str:
        """Makes a group with its first people, then adds the others; those there are fine."""
        failed: list[FailedReference] = []
        while True:
            body.additional_data = dict(self._references.bound(wanted[:PER_REQUEST]))
            # All builders of a client share the name that this one was made with last: it may not
            # be kept over an await.
            builder = self.graph.sdk.groups_with_unique_name(unique_name)
            request = from_sdk(
                builder.to_patch_request_information(body),
                object=unique_name,
                headers={"Prefer": "create-if-missing"},
            )
            response = await self.graph.send(request)
            unknown = unknown_people(request, response, unique_name, wanted[:PER_REQUEST])
            if not unknown:
                break
            failed += unknown
            wanted = without(wanted, unknown)
        if response.status == 201:
            object_id, rest = response.body["id"], wanted[PER_REQUEST:]
        elif response.ok or reaction_to(response).meaning == "exists":
            object_id, rest = await self._existing("group", unique_name), wanted
        elif response.status == 400 and (found := await self.find("group", unique_name)):
            # What may be said at creation only was refused: an earlier try was answered too late.
            object_id, rest = found, wanted
        else:
            raise error_for(request, response)
        await self._references.bind(object_id, rest, failed)
        return object_id

    async def update_group(self, object_id: str, fields: Mapping[str, Any]) -> None:
        """Writes the given fields of a group."""
        group = self.graph.sdk.groups.by_group_id(object_id)
        request = from_sdk(
            group.to_patch_request_information(bodies.group_body(fields)), object=object_id
        )
        await self.graph.do(request)

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
            raise NotThere(f"a {kind} that was just written cannot be found yet", 5)
        return found

    async def _create(
        self, request: GraphRequest, kind: str, external_id: str, attempted: bool
    ) -> str:
        if attempted and (found := await self.find(kind, external_id)):
            return found
        try:
            response = await self.graph.send(request)
        except AmbiguousWrite:
            if found := await self.find(kind, external_id):
                return found
            raise
        if response.ok:
            return response.body["id"]
        if reaction_to(response).meaning == "conflict" and (
            found := await self._find_clash(request, kind, external_id)
        ):
            return found
        raise error_for(request, response)

    async def _find_clash(self, request: GraphRequest, kind: str, external_id: str) -> str | None:
        """The object that a creation clashes with, if it is the one to be created."""
        if found := await self.find(kind, external_id):
            return found
        nickname = as_object(request.body).get("mailNickname")
        if kind != "class" or not nickname:
            return None
        value = quote(nickname.replace("'", "''"), safe="")
        page = await self.graph.get(f"/groups?$filter=mailNickname eq '{value}'&$select=id")
        if not page["value"]:
            raise NotThere("a group with this mail nickname was just made and is not found yet")
        group: str = page["value"][0]["id"]
        response = await self.graph.send(
            GraphRequest("GET", f"/education/classes/{group}?$select=id,externalId")
        )
        return group if response.body.get("externalId") == external_id else None

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
