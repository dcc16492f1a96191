"""Every word that a person may look up: rules of findings, settings, app settings, app roles.

Nothing is told here that the code does not know: rules come from the tables that findings are made
of, settings from the JSON Schema of rollcall.yaml, app roles from what the doctor asks for. Only
what an app setting is for is written down here, since the code takes it as it comes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
LONGEST_CHOICE = 12

APP_SETTINGS = {
    "AzureWebJobsStorage": "the storage account, as a connection string; only on your own machine, "
    "in Azure the three addresses below take its place",
    "AzureWebJobsStorage__blobServiceUri": "address of its blobs",
    "AzureWebJobsStorage__queueServiceUri": "address of its queues",
    "AzureWebJobsStorage__tableServiceUri": "address of its tables",
    "AzureWebJobsStorage__clientId": "client id of the user-assigned identity that opens it; "
    "without it AZURE_CLIENT_ID counts",
    "ROLLCALL_KEYVAULT_URL": "address of the Key Vault that `${KEYVAULT:name}` in rollcall.yaml "
    "means; without it such a reference is an error",
    "ROLLCALL_CREDENTIALS_KEY": "the key that seals first passwords; `rollcall credentials key` "
    "prints one, best kept in a Key Vault",
    "ROLLCALL_FEDERATED_IDENTITY": "client id of the managed identity that signs in as an app "
    "registration, also of another tenant",
    "ROLLCALL_APP_NAME": "for the command line: the Function App, as with --app",
    "ROLLCALL_IDENTITY_OBJECT_ID": "for the command line: the app's identity, as with --identity",
    "ROLLCALL_ARM_URL": "another address of Azure Resource Manager, for tests on your own machine",
    "ROLLCALL_GRAPH_URL": "another address of Microsoft Graph, for tests on your own machine",
    "AZURE_CLIENT_ID": "client id of the user-assigned identity, or of the app registration",
    "AZURE_RESOURCE_GROUP": "for the command line: the app's resource group, as with "
    "--resource-group",
    "AZURE_SUBSCRIPTION_ID": "for the command line: the app's subscription, as with --subscription",
    "AZURE_TENANT_ID": "the tenant to sign in to",
    "AZURE_CLIENT_SECRET": "secret of the app registration, where no identity can be used",
    "AZURE_CLIENT_CERTIFICATE_PATH": "its certificate instead of a secret: PEM or PKCS12",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD": "password of that file, if it has one",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN": "true sends the chain along, for trust by subject name",
    "AZURE_FEDERATED_TOKEN_FILE": "file of the token that workload identity federation signs in by",
    "AZURE_AUTHORITY_HOST": "where to sign in, in a cloud other than the public one",
    "AZURE_TOKEN_CREDENTIALS": "narrows the ways to sign in: prod, dev, or one by its name",
    "IDENTITY_ENDPOINT": "made by Azure: where the managed identity's tokens come from",
    "MSI_ENDPOINT": "made by Azure in older hosts, in its place",
    "WEBSITE_AUTH_ENABLED": "made by Azure: whether App Service Authentication stands before the "
    "portal",
    "WEBSITE_AUTH_AAD_ALLOWED_TENANTS": "the tenants whose people the portal lets in; the "
    "deployment sets it to yours",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "where logs, traces and metrics go; without it none "
    "are sent",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the identity that sends them",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true where nobody set it: the exporter tells "
    "Microsoft nothing about itself",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true where nobody set it: nor into your account",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true where nobody set it: its settings are not "
    "changed from afar",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true where nobody set it: no "
    "metric about the process itself",
    "OTEL_SDK_DISABLED": "true switches traces and metrics off",
    "WEBSITE_SITE_NAME": "made by Azure: the name of the function app",
    "WEBSITE_INSTANCE_ID": "made by Azure: the instance of the function app",
}


@dataclass(frozen=True)
class RuleText:
    """A rule of findings. `effect`: what it does to the row, person or class."""

    id: str
    severity: str
    effect: str
    message: str
    hint: str


@dataclass(frozen=True)
class Setting:
    """A setting of rollcall.yaml. `path`: with dots, `[]` for each of a list, NAME for any name.

    `section`: the part of the file it belongs to. `allowed` and `default` are as they are written
    in YAML; a default of "" means that there is none, and the setting is required.
    """

    section: str
    path: str
    allowed: str
    default: str
    description: str


def roster_rules() -> list[RuleText]:
    """What may be wrong in the data of a source, in the order of the tables."""
    from roster.rules import RULES, Effect

    effects = {
        Effect.DROP: "the row is left out",
        Effect.BLANK: "the value is left empty",
        Effect.KEEP: "nothing is left out",
    }
    return [
        RuleText(rule.id, rule.severity, effects[rule.effect], rule.message, rule.hint)
        for rule in RULES.values()
    ]


def directory_rules() -> list[RuleText]:
    """What the roster wants and the directory cannot give."""
    from directory.findings import RULES

    effects = {"error": "left alone", "warning": "the rest is done"}
    return [
        RuleText(rule.id, rule.severity, effects[rule.severity], rule.message, rule.hint)
        for rule in RULES.values()
    ]


def strict_rules() -> list[RuleText]:
    """Where a OneRoster package departs from the letter of the standard."""
    from connectors.strict_rules import CLAUSES

    return [
        RuleText(clause.id, clause.severity, "no effect on a run", clause.message, clause.hint)
        for clause in CLAUSES.values()
    ]


def settings() -> list[Setting]:
    """Every setting of rollcall.yaml, in the order of its sections."""
    from sync.config import Config, json_schema

    schema = json_schema()
    return list(
        _Settings(schema["$defs"], Config().model_dump(mode="json", by_alias=True)).of(schema)
    )


def app_roles() -> dict[str, str]:
    """The app roles of Microsoft Graph, and what each is for."""
    from graph.roles import APP_ROLES

    return dict(APP_ROLES)


@dataclass(frozen=True)
class _Settings:
    """Reads settings off a JSON Schema. `defaults`: what an empty file means."""

    definitions: Schema
    defaults: Schema

    def of(self, model: Schema, path: str = "", section: str = "") -> Iterator[Setting]:
        """The settings of a section, and of all below it."""
        required = model.get("required", [])
        for name, field in cast("dict[str, Schema]", model.get("properties", {})).items():
            here = f"{path}.{name}" if path else name
            part = section or name
            below = list(self._sections(here, part, field))
            # A section that is always there is told by its settings; one that may be left out is
            # told itself too.
            if "$ref" not in field:
                default = "" if name in required else self._default(here, field)
                yield Setting(part, here, _allowed(field), default, field["description"])
            for where, part_below, model_below in below:
                yield from self.of(model_below, where, part_below)

    def _sections(
        self, path: str, section: str, field: Schema
    ) -> Iterator[tuple[str, str, Schema]]:
        """The sections that a field may hold: path, part of the file, model."""
        if "$ref" in field:
            yield path, section, self.definitions[field["$ref"].rsplit("/", 1)[-1]]
        for choice in field.get("anyOf", []):
            yield from self._sections(path, section, choice)
        if field.get("type") == "array":
            kinds = field["items"].get("oneOf")
            for item in kinds or [field["items"]]:
                for where, part, model in self._sections(f"{path}[]", section, item):
                    yield where, f"{part}: {_kind(model)}" if kinds else part, model
        more = field.get("additionalProperties")
        if isinstance(more, dict):
            yield from self._sections(f"{path}.NAME", section, cast("Schema", more))

    def _default(self, path: str, field: Schema) -> str:
        """The default as it stands in YAML."""
        value: Any = self.defaults
        for name in path.split("."):
            if not isinstance(value, dict) or name not in value:
                value = field.get("default")
                break
            value = cast("Schema", value)[name]
        if isinstance(value, list):  # rules are shown as they are written, without what is null
            value = [_without_null(item) for item in cast("list[Any]", value)]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return json.dumps(value, ensure_ascii=False)


def _without_null(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in cast("Schema", item).items() if value is not None}


def _kind(model: Schema) -> str:
    return model["properties"]["kind"]["const"]


def _allowed(field: Schema) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        shown = [f"`{value}`" for value in field["enum"][:LONGEST_CHOICE]]
        return ", ".join([*shown, *(["…"] if len(field["enum"]) > LONGEST_CHOICE else [])])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_allowed(choice) for choice in field["anyOf"]))
    if "$ref" in field or "oneOf" in field:
        return "a section"
    kind, form = str(field.get("type")), field.get("format")
    if kind == "array":
        return f"list of {_allowed(field['items']).removeprefix('a ')}s"
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None:
        return f"{low} or more" if high is None else f"{low} to {high}"
    if form in _FORMS:
        return _FORMS[form]
    return {
        "boolean": "`true`, `false`", "string": "text", "null": "`null`",
        "object": "names with a value each",
    }[kind]  # fmt: skip


_FORMS = {
    "date": "date, as `2027-07-20`",
    "password": "secret, by a reference such as `${ENV:NAME}`",
}
