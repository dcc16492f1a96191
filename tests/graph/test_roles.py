"""Which app roles are asked for, and the command that grants them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from graph.errors import error_for
from graph.exchange import GraphRequest, GraphResponse
from graph.roles import APP_ROLES, GRAPH_APP, grant_command, missing, needed, role_for, unneeded

if TYPE_CHECKING:
    from pathlib import Path

ALL = ("matching", "accounts", "schools", "classes", "groups", "teams", "provisioning", "rules")


def roles(*features: str) -> set[str]:
    return {need.role for need in needed(features)}


def test_who_only_matches_is_asked_for_no_right_to_write_accounts() -> None:
    found = roles("matching", "schools", "classes", "groups")
    assert "User.Read.All" in found
    assert "User.ReadWrite.All" not in found


def test_a_role_that_another_includes_is_not_asked_for() -> None:
    found = roles("matching", "accounts", "groups", "schools")
    assert "User.ReadWrite.All" in found
    assert not found & {"User.Read.All", "Group.Read.All", "AdministrativeUnit.Read.All"}


@pytest.mark.parametrize(
    ("feature", "role"),
    [
        ("teams", "Team.Create"),
        ("provisioning", "SynchronizationData-User.Upload"),
        ("provisioning", "ProvisioningLog.Read.All"),
        ("classes", "Member.Read.Hidden"),
        ("schools", "AdministrativeUnit.ReadWrite.All"),
        ("groups", "Group.ReadWrite.All"),
        ("rules", "User.ReadWrite.All"),
    ],
)
def test_a_feature_that_is_off_asks_for_nothing(feature: str, role: str) -> None:
    assert role in roles("matching", feature)
    assert role not in roles("matching")


def test_every_role_has_a_feature_that_needs_it() -> None:
    on = {feature: roles("matching", feature) for feature in ALL}
    assert set().union(*on.values()) | roles("matching") == set(APP_ROLES)


def test_a_wider_role_meets_a_need_and_is_told_to_be_more_than_needed() -> None:
    held = {"Directory.ReadWrite.All", "EduRoster.ReadWrite.All", "Mail.Read"}
    assert missing(["matching"], held) == []
    assert unneeded(["matching"], held) == ["Directory.ReadWrite.All"]


def test_what_is_needed_is_not_unneeded() -> None:
    assert unneeded(ALL, APP_ROLES) == []
    assert missing(ALL, APP_ROLES) == []
    assert "User.ReadWrite.All" in unneeded(["matching"], APP_ROLES)
    assert "User.Read.All" not in unneeded([], APP_ROLES)


@pytest.mark.parametrize(
    ("method", "url", "role"),
    [
        ("GET", "/users/delta?$select=id", "User.Read.All"),
        ("PATCH", "https://graph.microsoft.com/v1.0/users/1", "User.ReadWrite.All"),
        ("POST", "/directoryObjects/getByIds", "User.Read.All"),
        ("GET", "/groups?$filter=x", "Group.Read.All"),
        ("PATCH", "/groups/1", "Group.ReadWrite.All"),
        ("GET", "/groups/1/members", "Member.Read.Hidden"),
        ("DELETE", "/groups/1/members/2/$ref", "GroupMember.ReadWrite.All"),
        ("DELETE", "/groups/1/owners/2/$ref", "Group.ReadWrite.All"),
        ("POST", "/education/classes", "EduRoster.ReadWrite.All"),
        ("POST", "/education/classes/1/members/$ref", "EduRoster.ReadWrite.All"),
        ("GET", "/education/classes/1/members", "Member.Read.Hidden"),
        ("GET", "/directory/administrativeUnits/delta", "AdministrativeUnit.Read.All"),
        ("POST", "/directory/administrativeUnits/1/members/$ref",
         "AdministrativeUnit.ReadWrite.All"),
        ("POST", "/teams", "Team.Create"),
        ("POST", "/teams/1/archive", "TeamSettings.ReadWrite.All"),
        ("POST", "/teams/1/members/add", "TeamMember.ReadWrite.All"),
        ("POST", "/servicePrincipals/1/synchronization/jobs/2/bulkUpload",
         "SynchronizationData-User.Upload"),
        ("GET", "/auditLogs/provisioning?$filter=jobid eq '1'", "ProvisioningLog.Read.All"),
        ("GET", "/domains", "Domain.Read.All"),
        ("GET", "/organization", "Organization.Read.All"),
        ("GET", "/subscribedSkus", "Organization.Read.All"),
    ],
)  # fmt: skip
def test_a_refused_request_names_the_role_that_it_lacks(method: str, url: str, role: str) -> None:
    denied = GraphResponse(403, {"error": {"code": "Authorization_RequestDenied"}}, {})
    assert role_for(url, method) == role
    assert f"for ROLE in {role};" in str(error_for(GraphRequest(method, url), denied))


def test_a_token_that_is_not_accepted_is_no_missing_role() -> None:
    refused = GraphResponse(401, {"error": {"code": "Authorization_IdentityNotFound"}}, {})
    text = str(error_for(GraphRequest("GET", "/users"), refused))
    assert "rollcall doctor" in text
    assert "lacks the role" not in text


AZ = """
import json, re, sys
words = sys.argv[1:]
if words[:3] == ["ad", "sp", "show"]:
    query = words[words.index("--query") + 1]
    role = re.fullmatch(r"appRoles\\[\\?value=='(.+)'\\]\\.id \\| \\[0\\]", query)
    print("id-of-" + role[1] if role else {"id": "graph-object"}[query])
else:
    open(FILE, "a").write(json.dumps(words) + "\\n")
"""


def test_the_command_grants_each_role_by_its_looked_up_id(tmp_path: Path) -> None:
    log = tmp_path / "log"
    tool = tmp_path / "az"
    tool.write_text(f"#!{sys.executable}\n" + AZ.replace("FILE", repr(str(log))))
    tool.chmod(0o755)
    command = grant_command(["User.Read.All", "Domain.Read.All"], "my-identity")
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", "-euc", command], check=True, env={"PATH": path})
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    address = "https://graph.microsoft.com/v1.0/servicePrincipals/my-identity/appRoleAssignments"
    assert [call[:5] for call in calls] == [["rest", "--method", "POST", "--url", address]] * 2
    assert [json.loads(call[6]) for call in calls] == [
        {"principalId": "my-identity", "resourceId": "graph-object", "appRoleId": f"id-of-{role}"}
        for role in ("User.Read.All", "Domain.Read.All")
    ]


def test_no_id_of_a_role_stands_in_the_command() -> None:
    command = grant_command(["User.Read.All"])
    assert "ID=OBJECT_ID;" in command
    assert command.replace(GRAPH_APP, "").count("-0000-") == 0
    assert "\n" not in command
