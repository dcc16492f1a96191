"""Microsoft Teams: teams of groups, made, archived and unarchived in the background.

A team has its group's id, members and owners. Making one takes `teamDelay` seconds, in which its
operation goes from notStarted over inProgress to succeeded; only then does the team answer and does
its group say "Team" in resourceProvisioningOptions. Teams sees new groups late: a group is not
found before it is `teamGroupAge` seconds old and has been replicated. A class team starts with its
students waiting: isMembershipLimitedToOwners is true until it is activated.
https://learn.microsoft.com/graph/api/team-post,
https://learn.microsoft.com/graph/api/resources/teamsasyncoperation,
https://learn.microsoft.com/graph/api/conversationmembers-add
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import uuid4

from local.entra import errors, links
from local.entra.clock import stamp
from local.entra.errors import GraphError
from local.entra.messages import Answer, Json, Request
from local.entra.team import CLASS, SETTINGS, TEMPLATES, Operation, Team, merge, settings_of

if TYPE_CHECKING:
    from local.entra.objects import DirectoryObject
    from local.entra.tenant import Tenant

MOST_ADDED = 200
MOST_REMOVED = 20
# What a team takes from its group, and so may not be told again.
_OF_GROUP = ("displayName", "description", "visibility", "specialization", "members")
_MEMBER = "#microsoft.graph.aadUserConversationMember"


class Teams:
    """The teams of a tenant, by the ids of their groups."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._directory = tenant.directory
        self._teams: dict[str, Team] = {}

    def answer(self, request: Request, rest: tuple[str, ...]) -> Answer:
        """The answer to a request below /teams."""
        match (request.method, *rest):
            case ("POST",):
                return self._create(request)
            case ("GET", key):
                return self._told(request, self._ready(key))
            case ("PATCH", key):
                return self._update(request, self._ready(key))
            case ("POST", key, ("archive" | "unarchive") as action):
                return self._archive(self._ready(key), archived=action == "archive")
            case ("GET", key, "operations", operation):
                return self._operation(request, key, operation)
            case ("GET", key, "members"):
                return self._members(request, self._ready(key))
            case ("POST", key, "members"):
                return self._add_one(request, self._ready(key))
            case ("POST", key, "members", "add"):
                return self._add(request, self._ready(key))
            case ("POST", key, "members", "remove"):
                return self._remove(request, self._ready(key))
            case ("DELETE", key, "members", member):
                return self._remove_one(self._ready(key), member)
            case _:
                raise _failed(405, "MethodNotAllowed", "The method or address is not served.")

    def of_group(self, request: Request, key: str) -> Answer:
        """GET and PUT /groups/{id}/team; a PUT makes a standard team at once."""
        if request.method == "GET":
            return self._told(request, self._ready(key))
        if request.method != "PUT":
            raise _failed(405, "MethodNotAllowed", "The method or address is not served.")
        team = self._begin(self._group(key), "standard", _object(request))
        self._finish(team)
        return Answer(201, self._told(request, team).body)

    # Making and archiving

    def _create(self, request: Request) -> Answer:
        body = _object(request)
        template = re.search(r"teamsTemplates\('(\w+)'\)", str(body.get("template@odata.bind", "")))
        if template is None or template[1] not in TEMPLATES:
            raise _failed(400, "BadRequest", "A valid template must be bound: template@odata.bind.")
        if "group@odata.bind" in body:
            told = [name for name in _OF_GROUP if name in body]
            if told:
                raise _failed(
                    400, "BadRequest", f"{told[0]} cannot be set on a team that is made of a group."
                )
            group = self._group(links.referenced_id(body["group@odata.bind"]))
        else:
            group = self._new_group(body, template[1])
        team = self._begin(group, template[1], body)
        operation = self._work(team, "createTeam")
        address = f"/teams('{group.id}')"
        location = f"{address}/operations('{operation.id}')"
        return Answer(202, None, {"Location": location, "Content-Location": address})

    def _group(self, key: str) -> DirectoryObject:
        group = self._directory.get("group", key)
        if group is None or not self._tenant.lag.team_ready(group.id) or self._is_young(group):
            raise _failed(404, "NotFound", f"No group was found with the id '{key}'.")
        return group

    def _is_young(self, group: DirectoryObject) -> bool:
        """Whether a group is not old enough for a team; one without a date always is."""
        made = group.values.get("createdDateTime")
        least = timedelta(seconds=self._tenant.features.team_group_age)
        return bool(made) and self._tenant.now() - datetime.fromisoformat(made) < least

    def _begin(self, group: DirectoryObject, template: str, body: Json) -> Team:
        if self._found(group.id) is not None:
            raise _failed(409, "Conflict", "The group is already provisioned as a team.")
        if not group.unified:
            raise _failed(400, "BadRequest", "Only a Microsoft 365 group can become a team.")
        if not group.owners:
            raise _failed(
                400, "BadRequest",
                "The group must have one or more owners in order to create a Team.",
            )  # fmt: skip
        team = Team(group, template, self._tenant.stamp(), settings_of(template))
        merge(team, {name: body[name] for name in SETTINGS if name in body})
        self._teams[group.id] = team
        return team

    def _new_group(self, body: Json, template: str) -> DirectoryObject:
        members = cast("list[Json]", body.get("members") or [])
        if not body.get("displayName"):
            raise _failed(400, "BadRequest", "A display name must be provided.")
        if len(members) != 1 or "owner" not in members[0].get("roles", ()):
            raise _failed(400, "BadRequest", "A team needs exactly one owner when it is made.")
        self._tenant.capacity.check()
        owner = self._user(members[0])
        plain = re.sub(r"[^A-Za-z0-9]", "", body["displayName"])[:40]
        nickname = f"{plain}{uuid4().hex[:8]}"
        mail = f"{nickname}@{self._tenant.domains[0]}"
        visibility = "HiddenMembership" if template == CLASS else body.get("visibility", "Private")
        group = self._directory.add("group", {
            "displayName": body["displayName"], "description": body.get("description"),
            "mailNickname": nickname, "mail": mail, "proxyAddresses": [f"SMTP:{mail}"],
            "groupTypes": ["Unified"], "mailEnabled": True, "securityEnabled": False,
            "visibility": visibility.title() if visibility.islower() else visibility,
            "createdDateTime": self._tenant.stamp(),
        })  # fmt: skip
        self._link(group, owner, owns=True)
        return group

    def _work(
        self, team: Team, kind: Literal["createTeam", "archiveTeam", "unarchiveTeam"]
    ) -> Operation:
        now, delay = self._tenant.now(), self._tenant.features.team_delay
        operation = Operation(str(uuid4()), kind, now, delay)
        team.operations[operation.id] = operation

        def end(due: datetime) -> None:
            operation.last = due
            there = team.group.id in self._directory.live
            operation.ended = "succeeded" if there else "failed"
            if not there:
                self._teams.pop(team.group.id, None)
            elif kind == "createTeam":
                self._finish(team)
            else:
                self._directory.update(team.group, {"isArchived": kind == "archiveTeam"})

        self._tenant.agenda.put(now, delay, end)
        return operation

    def _finish(self, team: Team) -> None:
        options = cast("list[str]", team.group.values.get("resourceProvisioningOptions") or [])
        team.ready = True
        self._directory.update(team.group, {"resourceProvisioningOptions": [*options, "Team"]})

    def _archive(self, team: Team, *, archived: bool) -> Answer:
        operation = self._work(team, "archiveTeam" if archived else "unarchiveTeam")
        location = f"/teams('{team.group.id}')/operations('{operation.id}')"
        return Answer(202, None, {"Location": location})

    def _operation(self, request: Request, key: str, operation_id: str) -> Answer:
        team = self._teams.get(key.lower())
        operation = team.operations.get(operation_id) if team else None
        if team is None or operation is None:
            raise _failed(404, "NotFound", f"No operation was found with the id '{operation_id}'.")
        status = operation.status(self._tenant.now())
        return Answer(200, {
            "@odata.context": f"{request.base}/$metadata#teams('{key}')/operations/$entity",
            "id": operation.id, "operationType": operation.kind,
            "createdDateTime": stamp(operation.began), "status": status,
            "lastActionDateTime": stamp(operation.last or self._tenant.now()),
            "attemptsCount": 0 if status == "notStarted" else 1,
            "targetResourceId": team.group.id,
            "targetResourceLocation": f"/teams('{team.group.id}')", "error": None,
        })  # fmt: skip

    # One team

    def _found(self, key: str) -> Team | None:
        """The team of a group that is there, ready or not; seeded ones stand in their groups."""
        group = self._directory.get("group", key)
        if group is None:
            return None
        team = self._teams.get(group.id)
        if team is None and "Team" in (group.values.get("resourceProvisioningOptions") or ()):
            template = CLASS if group.education else "standard"
            created = group.values.get("createdDateTime") or self._tenant.stamp()
            team = Team(group, template, created, settings_of(template), ready=True)
            self._teams[group.id] = team
        return team

    def _ready(self, key: str) -> Team:
        team = self._found(key)
        if team is None or not team.ready:
            raise _failed(404, "NotFound", f"No team was found with the group id '{key}'.")
        return team

    def _told(self, request: Request, team: Team) -> Answer:
        group = team.group.values
        visibility = str(group.get("visibility") or "Private")
        return Answer(200, {
            "@odata.context": f"{request.base}/$metadata#teams/$entity",
            "id": team.group.id, "createdDateTime": team.created,
            "displayName": group.get("displayName"), "description": group.get("description"),
            "internalId": f"19:{team.group.id.replace('-', '')}@thread.tacv2",
            "classification": group.get("classification"),
            "specialization": team.template if team.template != "standard" else "none",
            "visibility": visibility[:1].lower() + visibility[1:],
            "webUrl": f"https://teams.microsoft.com/l/team/{team.group.id}",
            "isArchived": bool(group.get("isArchived")), "summary": None,
            "tenantId": self._tenant.identity.tenant_id, **team.values,
        })  # fmt: skip

    def _update(self, request: Request, team: Team) -> Answer:
        body = _object(request)
        own = {name: body[name] for name in ("displayName", "description") if name in body}
        settings = {name: value for name, value in body.items() if name not in own}
        for name in settings:
            if name not in (*SETTINGS, "isMembershipLimitedToOwners") and "@" not in name:
                raise _failed(400, "BadRequest", f"The property '{name}' cannot be changed.")
        if "isMembershipLimitedToOwners" in settings and team.template != CLASS:
            raise _failed(400, "BadRequest", "Only class teams have isMembershipLimitedToOwners.")
        merge(team, {name: value for name, value in settings.items() if "@" not in name})
        self._directory.update(team.group, own)
        return Answer(204)

    # Members

    def _members(self, request: Request, team: Team) -> Answer:
        people = dict.fromkeys([*team.group.owners, *team.group.members])
        value = [self._member(team, key) for key in people]
        context = f"{request.base}/$metadata#teams('{team.group.id}')/members"
        return Answer(200, {"@odata.context": context, "@odata.count": len(value), "value": value})

    def _member(self, team: Team, key: str) -> Json:
        user = self._directory.live[key]
        return {
            "@odata.type": _MEMBER, "id": _member_id(team, key),
            "roles": ["owner"] if key in team.group.owners else [],
            "displayName": user.values.get("displayName"), "userId": key,
            "email": user.values.get("mail") or user.values.get("userPrincipalName"),
            "tenantId": self._tenant.identity.tenant_id,
            "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
        }  # fmt: skip

    def _add_one(self, request: Request, team: Team) -> Answer:
        body = _object(request)
        user = self._user(body)
        self._link(team.group, user, owns="owner" in body.get("roles", ()))
        context = f"{request.base}/$metadata#teams('{team.group.id}')/members/$entity"
        return Answer(201, {"@odata.context": context} | self._member(team, user.id))

    def _remove_one(self, team: Team, member_id: str) -> Answer:
        people = [*team.group.owners, *team.group.members]
        user = next((key for key in people if _member_id(team, key) == member_id), None)
        if user is None:
            raise _failed(404, "NotFound", "No member was found with this membership id.")
        self._unlink(team.group, user)
        return Answer(204)

    def _add(self, request: Request, team: Team) -> Answer:
        """Up to 200 at once; who is there already is no error."""

        def add(wanted: Json) -> None:
            self._link(team.group, self._user(wanted), owns="owner" in wanted.get("roles", ()))

        results = [_tried(add, wanted) for wanted in _values(request, MOST_ADDED)]
        return self._results(request, results, 200)

    def _remove(self, request: Request, team: Team) -> Answer:
        """Up to 20 at once."""

        def remove(wanted: Json) -> None:
            self._unlink(team.group, self._user(wanted).id)

        results = [_tried(remove, wanted) for wanted in _values(request, MOST_REMOVED)]
        if all(result["error"] is None for result in results):
            return Answer(204)
        return self._results(request, results, 200)

    def _results(self, request: Request, results: list[Json], success: int) -> Answer:
        context = (
            f"{request.base}/$metadata#Collection(microsoft.graph.aadUserConversationMemberResult)"
        )
        failed = any(result["error"] is not None for result in results)
        return Answer(207 if failed else success, {"@odata.context": context, "value": results})

    def _user(self, member: Json) -> DirectoryObject:
        key = links.referenced_id(member.get("user@odata.bind"))
        user = self._directory.get("user", key)
        if user is None and "@" in key:
            user = next(iter(self._directory.find("user", "userPrincipalName", key)), None)
        if user is None:
            raise _failed(404, "NotFound", f"The user '{key}' was not found.")
        return user

    def _link(self, group: DirectoryObject, user: DirectoryObject, *, owns: bool) -> None:
        links.check_manual(group, "members")
        if owns and user.id not in group.owners:
            links.check_bind(self._directory, group, [("owners", user.id)])
            self._directory.link(group, "owners", user.id)
        if user.id not in group.members:
            self._directory.link(group, "members", user.id)

    def _unlink(self, group: DirectoryObject, user: str) -> None:
        links.check_manual(group, "members")
        if user not in group.members and user not in group.owners:
            raise _failed(404, "NotFound", f"The user '{user}' is no member of the team.")
        if user in group.owners:
            links.remove(self._directory, group, "owners", user)
        if user in group.members:
            self._directory.unlink(group, "members", user)


def _values(request: Request, most: int) -> list[Json]:
    values = cast("list[Json]", _object(request).get("values") or [])
    if not 1 <= len(values) <= most:
        raise _failed(400, "BadRequest", f"Between 1 and {most} members are taken at once.")
    return values


def _tried(work: Any, wanted: Json) -> Json:
    """What became of one member of many."""
    error: Json | None = None
    try:
        work(wanted)
    except GraphError as refused:
        error = {"code": refused.code, "message": refused.message}
    key = str(wanted.get("user@odata.bind", "")).rstrip("')").rpartition("/")[2]
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMemberResult",
        "userId": key.rpartition("'")[2],
        "error": error,
    }


def _member_id(team: Team, user: str) -> str:
    return base64.urlsafe_b64encode(f"{team.group.id}##{user}".encode()).decode()


def _object(request: Request) -> Json:
    if not isinstance(request.body, dict):
        raise errors.bad_request("Unable to read JSON request payload.", code="BadRequest")
    return cast("Json", request.body)


def _failed(status: int, code: str, message: str) -> GraphError:
    return GraphError(status, code, message)
