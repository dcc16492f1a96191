"""Code and infrastructure agree; and when one name is changed on one side, that is seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
import yaml

from sync.deployment import RIGHTS

from .agreement import EVERYTHING, ROLES, disagreements, rights, settings
from .arm import deploy
from .bicep import GOLDEN, ROOT, SNAPSHOTS, TEMPLATE
from .code import Code, of_the_code

CODE = of_the_code()
TEXT = TEMPLATE.read_text(encoding="utf-8")
COMPILED: dict[str, Any] = json.loads(TEXT)


def nested(module: str, template: dict[str, Any] = COMPILED) -> dict[str, Any]:
    """The template of a module."""
    return template["resources"][module]["properties"]["template"]


def test_code_and_template_agree() -> None:
    assert disagreements(COMPILED, CODE) == []


# The template is changed ------------------------------------------------------------------------


def changes_of_variables() -> list[tuple[str, str, str, str]]:
    """(module, variable, key, value) of every name that a module takes from names.bicep."""
    found: list[tuple[str, str, str, str]] = []
    for module in ("storage", "roles", "arrivals"):
        for variable, value in nested(module)["variables"].items():
            if isinstance(value, list):
                found += [(module, variable, str(i), name) for i, name in enumerate(value)]
            elif isinstance(value, dict):
                found += [(module, variable, key, name) for key, name in value.items()]
            elif not value.startswith("["):
                found.append((module, variable, "", value))
    return found


@pytest.mark.parametrize(("module", "variable", "key", "value"), changes_of_variables())
def test_another_name_of_a_queue_table_container_or_role_is_seen(
    module: str, variable: str, key: str, value: str
) -> None:
    template = json.loads(TEXT)
    variables = nested(module, template)["variables"]
    if not key:
        variables[variable] = f"{value}x"
    elif isinstance(variables[variable], list):
        variables[variable][int(key)] = f"{value}x"
    else:
        variables[variable][key] = next(guid for guid in ROLES.values() if guid != value)
    assert disagreements(template, CODE) != []


@pytest.mark.parametrize(("module", "variable", "key", "value"), changes_of_variables())
def test_a_queue_table_or_container_less_is_seen(
    module: str, variable: str, key: str, value: str
) -> None:
    template = json.loads(TEXT)
    variables = nested(module, template)["variables"]
    if isinstance(variables[variable], list):
        variables[variable].remove(value)
        assert disagreements(template, CODE) != []


@pytest.mark.parametrize("name", sorted(settings(deploy(COMPILED, EVERYTHING))))
def test_another_name_of_a_setting_is_seen(name: str) -> None:
    assert f"'{name}'" in TEXT
    found = disagreements(json.loads(TEXT.replace(f"'{name}'", f"'{name}_'")), CODE)
    assert f"settings: the template lacks {name}" in found
    assert f"settings: the code knows no {name}_" in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'AZURE_TOKEN_CREDENTIALS', 'prod'", "'FUNCTIONS_WORKER_RUNTIME', 'python'"),
        ('"scmMinTlsVersion": "1.2"', '"alwaysOn": true'),
        ("parameters('identityClientId')), 'APPLICATION", "'another'), 'APPLICATION"),
        ("'AZURE_CLIENT_ID', parameters('identityClientId')", "'AZURE_CLIENT_ID', 'another'"),
        ("containers/rosters/", "containers/roster/"),
        ("Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"),
        ('"EventGridSchema"', '"CloudEventSchemaV1_0"'),
        ('"archive/"', '"archives/"'),
        ('"runs/"', '"state/"'),
        ('"credentials/"', '"credential/"'),
        ('"/api/health"', '"/health"'),
        ('"requireAuthentication": true', '"requireAuthentication": false'),
        ("'clientSecretSettingName', 'OVERRIDE", "'clientSecretSettingName', 'OTHER"),
        ('"function:changes"', '"function:change"'),
        ('"principalType": "ServicePrincipal"', '"principalType": "User"'),
        ("'Microsoft.Authorization/roleDefinitions', variables('roles').keyVaultSecretsUser",
         "'Microsoft.Authorization/roleDefinitions', variables('roles').blobDataOwner"),
    ],
)  # fmt: skip
def test_other_changes_of_the_template_are_seen(old: str, new: str) -> None:
    changed = json.dumps(json.loads(TEXT), indent=2).replace(old, new)
    assert changed != json.dumps(json.loads(TEXT), indent=2), f"the template does not hold {old}"
    assert disagreements(json.loads(changed), CODE) != []


# The code is changed ----------------------------------------------------------------------------


def changes_of_the_code() -> list[tuple[str, str]]:
    """(field, name) of every name that the code uses."""
    return [
        (field.name, name)
        for field in fields(Code)
        for value in [getattr(CODE, field.name)]
        for name in ([value] if isinstance(value, str) else sorted(value))
    ]


@pytest.mark.parametrize(("field", "name"), changes_of_the_code())
def test_another_name_in_the_code_is_seen(field: str, name: str) -> None:
    value = getattr(CODE, field)
    other = f"{name[:1]}x{name[1:]}"
    changed = other if isinstance(value, str) else (value - {name}) | {other}
    assert disagreements(COMPILED, replace(CODE, **{field: changed})) != []


@pytest.mark.parametrize("field", ["containers", "queues", "tables", "triggers", "settings"])
def test_a_name_more_in_the_code_is_seen(field: str) -> None:
    more = replace(CODE, **{field: getattr(CODE, field) | {"another"}})
    assert [c for c in disagreements(COMPILED, more) if c.endswith("lacks another")] != []


# What else has to fit ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_reader_of_templates_sees_what_the_compiler_predicts(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.snapshot.json").read_text(encoding="utf-8"))
    given = EVERYTHING if name == "private" else EVERYTHING | {"privateNetworking": False}
    if not SNAPSHOTS[name]:
        given |= {"operatorId": "", "portalClientId": ""}
    read = [(r.type, r.name) for r in deploy(COMPILED, given)]
    predicted = [(r["type"], r["name"]) for r in golden["predictedResources"]]
    assert Counter(kind for kind, _ in read) == Counter(kind for kind, _ in predicted)
    # What the parts of the account are called; other names hold a hash that only Azure makes.
    assert parts(read) == parts(predicted)


def parts(resources: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {
        (kind, name.rpartition("/")[2])
        for kind, name in resources
        if kind.startswith("Microsoft.Storage/storageAccounts/")
    }


def test_host_and_template_agree_on_how_messages_are_written() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    # Event Grid writes base64 to a storage queue, and so does sync/storage.py.
    assert host["extensions"]["queues"]["messageEncoding"] == "base64"
    # Paths that need no sign-in are written as the code's routes are: without a prefix.
    assert host["extensions"]["http"]["routePrefix"] == ""


def test_azd_finds_the_app_by_its_tag() -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    [site] = [r for r in deploy(COMPILED, EVERYTHING) if r.type == "Microsoft.Web/sites"]
    assert [*project["services"]] == [site.body["tags"]["azd-service-name"]]
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").exists()


def test_every_parameter_and_output_is_explained_and_outputs_are_variables_of_azd() -> None:
    for kind in ("parameters", "outputs"):
        for name, declared in COMPILED[kind].items():
            assert declared["metadata"]["description"], name
    assert [name for name in COMPILED["outputs"] if not re.fullmatch("[A-Z_]+", name)] == []


def test_with_private_networking_nothing_is_reached_from_outside_but_the_app() -> None:
    deployed = deploy(COMPILED, EVERYTHING)
    for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"):
        [resource] = [r for r in deployed if r.type == kind]
        assert resource.properties["publicNetworkAccess"].lower() == "disabled"
        assert resource.properties["networkAcls"]["defaultAction"] == "Deny"
        assert resource.properties["networkAcls"]["bypass"] == "AzureServices"
    [site] = [r for r in deployed if r.type == "Microsoft.Web/sites"]
    assert site.properties["virtualNetworkSubnetId"] is not None


def test_the_doctor_asks_for_the_rights_that_are_given() -> None:
    given = {(r.role, scope) for r in rights(CODE) if r.who == "app" for scope in r.scopes}
    short = {"queueServices/default/queues/": "queues/", "tableServices/default/tables/": "tables/"}
    asked = {(r.role.name, part) for r in RIGHTS for part in r.parts or (r.target,)}
    for long, name in short.items():
        asked = {(role, part.replace(long, name)) for role, part in asked}
    assert asked == given


def test_keys_and_passwords_open_nothing() -> None:
    deployed = deploy(COMPILED, EVERYTHING)
    [account] = [r for r in deployed if r.type == "Microsoft.Storage/storageAccounts"]
    assert account.properties["allowSharedKeyAccess"] is False
    assert account.properties["allowBlobPublicAccess"] is False
    assert account.properties["isLocalUserEnabled"] is False
    [insights] = [r for r in deployed if r.type == "Microsoft.Insights/components"]
    assert insights.properties["DisableLocalAuth"] is True
    policies = [r for r in deployed if r.type.endswith("/basicPublishingCredentialsPolicies")]
    assert {r.name.rpartition("/")[2] for r in policies} == {"ftp", "scm"}
    assert not any(r.properties["allow"] for r in policies)
