"""Configuration: `rollcall.yaml`, read once, checked whole, never changed afterwards.

A mistake is reported with file, line, setting, value and what is allowed. Secrets never stand in
the file: `${ENV:NAME}` takes the value of an app setting when the file is read, `${KEYVAULT:name}`
that of a secret when it is used (sync/vault.py).

YAML is read by the rules of YAML 1.2: `NO` is Norway and `22:00` a time of day, where YAML 1.1 saw
a boolean and a number in base 60 (https://yaml.org/spec/1.2.2/#103-core-schema).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from connectors.kinds import KINDS, Source
from connectors.source import NAME_PATTERN, CsvSource, SourceSettings
from directory.policy import Policy
from graph.quota import BindCost, Priority, Quota
from roster.errors import BadInput
from roster.section import Section

from .guard import Guards
from .merging import Merge, Selection, combining
from .storage import CONFIG
from .vault import MAY_BE_SECRETS, NAME, PLACED, placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from roster.together import Combining

    from .storage import Storage

FILE_NAME = "rollcall.yaml"
APP_FOLDER = Path(__file__).parent.parent


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("use a name of the IANA time zone database, such as Europe/Berlin or UTC")
    return name


class Alerts(Section):
    """Who is told when a run failed, is held, or did not happen."""

    webhook: Annotated[str, Field(pattern=rf"^(https?://\S+|{PLACED})$")] | None = Field(
        default=None,
        description="Address that gets alerts as JSON by POST; they hold no personal data",
    )
    silence_hours: Annotated[int, Field(ge=1, le=336)] = Field(
        default=26, description="Hours without a drop after which an alert is sent"
    )


class GraphSettings(Section):
    """How fast the directory is written to.

    Microsoft allows an app 3,000 writes in 150 seconds in a tenant
    (https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits).
    """

    writes: Annotated[int, Field(ge=1, le=18_000)] = Field(
        default=3_000,
        description="Writes that Microsoft Graph takes from the app within `seconds`; less leaves "
        "a part of the quota to other uses of the same app",
    )
    seconds: Annotated[int, Field(ge=1, le=3_600)] = Field(
        default=150, description="Seconds in which `writes` are allowed"
    )
    priority: Priority = Field(
        default="low",
        description="Who waits when the tenant is at its limit: low lets others go first",
    )
    bind_cost: BindCost = Field(
        default="thirds",
        description="What a request that adds n people counts as: thirds for n/3 writes, one for "
        "a single write; it decides how fast such requests are sent, not what is sent",
    )

    def quota(self) -> Quota:
        """The settings as the Graph client takes them."""
        return Quota(self.writes, float(self.seconds), self.bind_cost, self.priority)


class Schedule(Section):
    """What happens by the clock, in the configured time zone."""

    nightly: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = Field(
        default="02:00",
        description="Time of the nightly run over the last accepted roster, which brings what "
        "starts or ends today and repairs drift; null for none",
    )


class Retention(Section):
    """How long what is known of past runs is kept, beside their files."""

    outcomes_days: Annotated[int, Field(ge=31, le=3650)] = Field(
        default=90, description="Days for which the outcome of each change message is kept"
    )
    runs_days: Annotated[int, Field(ge=31, le=3650)] = Field(
        default=400, description="Days for which a run's record and approvals are kept"
    )


class Config(Policy):
    """All settings. Every one has a default: an empty file is a valid configuration."""

    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        default="UTC", description="IANA time zone that decides what today is"
    )
    sources: tuple[Source, ...] = Field(
        default=(), description="The sources; without any, one folder under rosters/ is taken"
    )
    merge: Merge = Field(default_factory=Merge, description="How several sources become one roster")
    select: tuple[Selection, ...] = Field(
        default=(), description="Rules that say what of the sources is not taken"
    )
    overrides: Annotated[str, Field(pattern=r"^[\w-][\w. -]*\.csv$")] | None = Field(
        default=None,
        description="File of corrections by hand, beside this one in the container config; null "
        "for none",
    )
    guards: Guards = Field(default_factory=Guards, description="Limits that hold a plan")
    alerts: Alerts = Field(default_factory=Alerts, description="Alerts")
    schedule: Schedule = Field(default_factory=Schedule, description="Schedule")
    retention: Retention = Field(
        default_factory=Retention, description="How long what is known of past runs is kept"
    )
    graph: GraphSettings = Field(
        default_factory=GraphSettings, description="How fast the directory is written to"
    )

    @field_validator("sources")
    @classmethod
    def _one_of_a_name(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = [source.name for source in sources]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two sources are called {twice[0]!r}; give each a name of its own")
        return sources

    @field_validator("merge", "select")
    @classmethod
    def _known_sources(
        cls, value: Merge | tuple[Selection, ...], info: ValidationInfo
    ) -> Merge | tuple[Selection, ...]:
        sources = [source.name for source in info.data.get("sources", ())]
        if isinstance(value, Merge):
            named = [*value.named_sources()]
        else:
            named = [source for rule in value for source in rule.sources]
        unknown = [name for name in named if sources and name not in sources]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no source; use any of {', '.join(sources)}")
        return value

    @field_validator("select")
    @classmethod
    def _own_names(cls, rules: tuple[Selection, ...]) -> tuple[Selection, ...]:
        names = [rule.name for rule in rules]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two rules are called {twice[0]!r}; give each a name of its own")
        return rules

    @property
    def combines(self) -> bool:
        """Whether the roster is made of readings, and not just what one source says."""
        return len(self.sources) > 1 or bool(self.select) or self.overrides is not None

    @property
    def combining(self) -> Combining:
        """How the sources become one roster, as roster.together takes it."""
        return combining([source.name for source in self.sources], self.merge, self.select)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.time_zone)

    def source(self, name: str) -> SourceSettings | None:
        """The settings of a source folder, or None if the configuration does not take it."""
        if not self.sources:
            return CsvSource(name=name) if re.match(NAME_PATTERN, name) else None
        return next((source for source in self.sources if source.name == name), None)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rollcall.yaml, for editors that complete and check as one types."""
    return Config.model_json_schema(by_alias=True) | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FILE_NAME,
    }


def load_config(storage: Storage, app_folder: Path = APP_FOLDER) -> Config:
    """Reads blob `config/rollcall.yaml`, else rollcall.yaml of the app folder, else defaults."""
    data = storage.read(CONFIG, FILE_NAME)
    if data is not None:
        return parse_config(data.decode("utf-8-sig", "replace"), f"{CONFIG}/{FILE_NAME}")
    path = app_folder / FILE_NAME
    return read_config(path) if path.exists() else Config()


def load_for_apply(storage: Storage) -> Config:
    """The configuration; one that broke during a run does not stop its writes."""
    try:
        return load_config(storage)
    except BadInput:
        return Config()


def read_config(path: Path) -> Config:
    """Reads a configuration file; raises BadInput if it cannot be read or is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); give a UTF-8 text file") from error
    return parse_config(text, str(path))


def parse_config(text: str, file: str, env: Mapping[str, str] = os.environ) -> Config:
    """Checks the YAML `text`; `file` names it in errors. Raises BadInput with every mistake."""
    try:
        tree = cast("yaml.Node | None", yaml.compose(text, Loader=_Loader))
        if tree is None:
            return Config()
        written = _Document(file, text, tree)
        mistakes = [*written.repeated_keys(), *written.resolve(env)]
        values = cast("Any", _Loader(text).construct_document(tree))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{file}:{line}: not YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadInput(f"{file}:{line}: not YAML: {error.reason}") from error
    if mistakes:
        raise BadInput("\n".join(mistakes))
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise BadInput("\n".join(written.explain(detail) for detail in found)) from None


class _Loader(yaml.SafeLoader):
    """Reads plain values by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the base class declares it so)


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))

_REFERENCE = re.compile(r"\$\{([^}:]*):?([^}]*)\}")
_SECRET = re.compile(rf"\$\{{KEYVAULT:({NAME})\}}")


@dataclass(frozen=True)
class _Document:
    """The YAML nodes of a file, to find the line and the written value of a setting."""

    file: str
    text: str
    tree: yaml.Node

    def repeated_keys(self) -> list[str]:
        """One message for each setting that stands twice in a section."""
        messages: list[str] = []
        for node in _nodes(self.tree):
            seen: set[str] = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                name = str(key.value)
                if name in seen:
                    messages.append(f"{self._line(key)}: {name} stands twice; keep one")
                seen.add(name)
        return messages

    def resolve(self, env: Mapping[str, str]) -> list[str]:
        """Replaces references in the nodes; one message for each that cannot be replaced."""
        messages: list[str] = []
        settings = self._settings_of_values()
        for node in _nodes(self.tree):
            if not isinstance(node, yaml.ScalarNode) or not _REFERENCE.search(node.value):
                continue
            written = str(node.value)
            if secret := _SECRET.fullmatch(written):
                if settings.get(id(node)) not in MAY_BE_SECRETS:
                    messages.append(
                        f"{self._line(node)}: {written} is not allowed here: a secret of the vault "
                        f"may be the value of {', '.join(MAY_BE_SECRETS)}"
                    )
                node.value = placed(secret[1], self._line(node))
                continue
            for kind, name in _REFERENCE.findall(written):
                if kind != "ENV":
                    messages.append(
                        f"{self._line(node)}: {written} is not allowed: write ${{ENV:NAME}} for an "
                        "app setting, or, as the whole value, ${KEYVAULT:name} for a secret of the "
                        "vault; its name has letters, digits and hyphens"
                    )
                elif name not in env:
                    messages.append(f"{self._line(node)}: {written}: {name} is not set")
            node.value = _REFERENCE.sub(lambda found: env.get(found[2], ""), written)
        return messages

    def _settings_of_values(self) -> dict[int, str]:
        """The name of the setting whose value a node is, by the node's id."""
        return {
            id(value): str(key.value)
            for node in _nodes(self.tree)
            if isinstance(node, yaml.MappingNode)
            for key, value in node.value
        }

    def explain(self, detail: ErrorDetails) -> str:
        """The message of one mistake: file, line, setting, value as written, what is allowed."""
        names = [str(part) for part in detail["loc"]]
        # Of a source, pydantic says which kind it took it for.
        kind = names.pop(2) if names[:1] == ["sources"] and len(names) > 2 else "csv"
        if detail["type"] == "kind":
            names.append("kind")
        node, known = self._find(names)
        value = self.text[node.start_mark.index : node.end_mark.index]
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"is not a setting; allowed: {_settings(known[:-1], kind)}"
        elif detail["type"] == "missing":
            message = "is missing"
        elif detail["type"] == "model_type":
            message = f"{value!r} is not a section; allowed in it: {_settings(known, kind)}"
        elif isinstance(node, yaml.ScalarNode):
            message = f"{value!r} is not allowed: {message[:1].lower()}{message[1:]}"
        return f"{self._line(node)}: {'.'.join(names) or 'the file'}: {message}"

    def _find(self, names: list[str]) -> tuple[yaml.Node, list[str]]:
        """The node nearest to a pydantic location, and the part of the location it has."""
        node, known = self.tree, list[str]()
        for name in names:
            child = _child(node, name)
            if child is None:
                break
            node, known = child, [*known, name]
        return node, known

    def _line(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}"


def _nodes(tree: yaml.Node) -> list[yaml.Node]:
    """All nodes of a tree, each once: an alias leads to a node that was seen before."""
    found: dict[int, yaml.Node] = {}
    todo = [tree]
    while todo:
        node = todo.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        if isinstance(node, yaml.MappingNode):
            todo += [child for pair in node.value for child in pair]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
    return sorted(found.values(), key=lambda node: node.start_mark.index)


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    """What stands below a setting's name, or at a number of a list."""
    pairs = enumerate(node.value) if isinstance(node, yaml.SequenceNode) else ()
    if isinstance(node, yaml.MappingNode):
        pairs = ((key.value, value) for key, value in node.value)
    return next((value for key, value in pairs if str(key) == name), None)


def _settings(section: list[str], kind: str) -> str:
    """What may stand in a section, in words. `kind`: of the source that it is about, if any."""
    model: type[BaseModel] = Config
    for name in section:
        if name.isdigit():
            continue
        fields = (f for key, f in model.model_fields.items() if name in (key, f.alias))
        if field := next(fields, None):  # there is none where the name is the user's own
            model = _model(field.annotation) or model
        if issubclass(model, SourceSettings):
            model = KINDS[kind]
    return ", ".join(field.alias or key for key, field in model.model_fields.items())


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation such as `tuple[Source, ...]`, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)
