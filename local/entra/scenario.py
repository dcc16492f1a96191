"""A scenario: how the emulated tenant behaves, as one file says it. Absent settings keep defaults.

Sections: clock, latency, quotas, lag, faults, batch, delta, features. Checked whole before any of
it is used; a mistake is told with its file, line and setting, and with what is allowed there.
"""

from __future__ import annotations

import types
import typing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from local.entra.faults import FaultSettings
from roster.errors import BadInput

Seconds = Annotated[float, Field(ge=0, le=31_536_000, description="seconds")]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )


class ClockSettings(_Section):
    """The tenant's time. Set at the start; a virtual clock is moved by POST /emulator/clock."""

    kind: Literal["system", "virtual"] = "system"
    start: datetime | None = None


class Latency(_Section):
    """How long an answer takes, in seconds of the tenant's clock."""

    request: Seconds = 0
    batch: Seconds = 0


class Quotas(_Section):
    """Limits: https://learn.microsoft.com/graph/throttling-limits."""

    tenant_size: Literal["S", "M", "L"] = "L"
    units: Count | None = Field(default=None, description="resource units per 10 s; None: by size")
    writes: Count = Field(default=3_000, description="directory writes per 150 s of one app")
    tenant_writes: Count = Field(
        default=18_000, description="directory writes per 300 s of all apps"
    )
    bind_cost: Literal["one", "thirds"] = Field(
        default="one", description="write units of a bind of n references: 1, or n/3 rounded up"
    )
    education: Count = Field(default=35_000, description="education requests per 10 s of one app")
    education_writes_count: bool = Field(
        default=True, description="education writes are directory writes as well"
    )
    extensions: Count = Field(
        default=455, description="open and schema extensions, requests per 10 s"
    )
    reports: Count = Field(default=5, description="auditLogs, requests per 10 s")
    teams: bool = Field(default=True, description="whether the limits of Teams hold")
    bulk_uploads: Count = Field(default=40, description="bulkUpload calls per 5 s")
    bulk_uploads_daily: Count = Field(default=2_000, description="bulkUpload calls in 24 h")
    retry_after: bool = Field(default=True, description="whether a 429 tells Retry-After")
    throttled_accrue: bool = Field(
        default=True, description="requests while throttled count as well"
    )
    noise: Annotated[float, Field(ge=0)] = Field(
        default=0, description="writes per second of other apps"
    )


class Lag(_Section):
    """The longest delays of replication, in seconds; each object's are drawn up to them."""

    reads: Seconds = Field(default=0, description="an object that is new answers 404")
    references: Seconds = Field(
        default=0, description="an object that is new cannot be bound or changed"
    )
    teams: Seconds = Field(default=0, description="a group that is new cannot become a team")
    index: Seconds = Field(default=0, description="lists, filters and delta queries show the past")


class Batch(_Section):
    """How $batch answers: https://learn.microsoft.com/graph/json-batching."""

    failed_dependency: bool = Field(
        default=False, description="the envelope answers 424 when an item of it was throttled"
    )
    order: Literal["shuffled", "given", "reversed"] = "shuffled"
    concurrency: bool = Field(
        default=True,
        description="items that write one user or group at the same time: 409 but for one",
    )


class DeltaSettings(_Section):
    """Quirks of delta queries: https://learn.microsoft.com/graph/delta-query-overview."""

    empty_pages: Share = Field(
        default=0.1, description="chance of an empty page that others follow"
    )
    replays: Share = Field(default=0.05, description="chance that a page tells an object twice")


class Scenario(_Section):
    """Everything that a scenario file may say."""

    seed: int = 1
    clock: ClockSettings = ClockSettings()
    latency: Latency = Latency()
    quotas: Quotas = Quotas()
    lag: Lag = Lag()
    faults: tuple[FaultSettings, ...] = ()
    batch: Batch = Batch()
    delta: DeltaSettings = DeltaSettings()
    features: dict[str, Any] = Field(default_factory=dict[str, Any])


# What is fixed once the tenant lives.
AT_START = ("seed", "clock")


def load(path: Path) -> Scenario:
    """The scenario of a YAML (or JSON) file; BadInput says what is wrong with it, and where."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: the scenario cannot be read ({error.strerror})") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> Scenario:
    """The scenario in a text. `source` is named in errors."""
    values, tree = _tree(text, source)
    return _checked(values, tree, source)


def changed(scenario: Scenario, text: str, source: str) -> tuple[Scenario, frozenset[str]]:
    """`scenario` with the settings of a text in place of its own, one by one within a section.

    With it, the names of the sections that the text holds.
    """
    values, tree = _tree(text, source)
    _checked(values, tree, source)
    for name in AT_START:
        if name in values:
            raise BadInput(f"{source}:{_line(tree, (name,))}: {name}: it is set at the start only")
    merged = scenario.model_dump(by_alias=True)
    for name, value in values.items():
        merged[name] = merged[name] | value if isinstance(value, dict) else value
    return Scenario.model_validate(merged), frozenset(values)


def _tree(text: str, source: str) -> tuple[dict[str, Any], yaml.Node | None]:
    try:
        tree = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{source}:{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise BadInput(f"{source}: this is not YAML: {error}") from error
    if values is None:
        return {}, tree
    if not isinstance(values, dict):
        raise BadInput(
            f"{source}:1: a scenario is a mapping of settings; allowed: {_names(Scenario)}"
        )
    return cast("dict[str, Any]", values), tree


def _checked(values: dict[str, Any], tree: yaml.Node | None, source: str) -> Scenario:
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        lines = [_told(found, tree, source) for found in error.errors(include_url=False)]
        raise BadInput("\n".join(lines)) from error


def _told(found: Any, tree: yaml.Node | None, source: str) -> str:
    """One mistake as a line: where, which setting, what is allowed."""
    place = tuple(found["loc"])
    setting = ".".join(str(part) for part in place)
    where = f"{source}:{_line(tree, place)}: {setting}"
    if found["type"] == "extra_forbidden":
        return f"{where}: there is no such setting; allowed here: {_names(_model(place[:-1]))}"
    if found["type"] == "literal_error":
        return f"{where}: {found['input']!r} is not allowed; allowed: {found['ctx']['expected']}"
    message = str(found["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}, not {found['input']!r}"


def _line(tree: yaml.Node | None, place: tuple[Any, ...]) -> int:
    """The line (from 1) of the deepest part of a setting's path that the file holds."""
    line, node = 1, tree
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _model(place: tuple[Any, ...]) -> type[BaseModel]:
    """The section that a setting's path leads to."""
    model: type[BaseModel] = Scenario
    for part in place:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in fields:
            model = next(_sections(fields[part].annotation), model)
    return model


def _sections(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (tuple, Union, types.UnionType):
        for inner in typing.get_args(annotation):
            yield from _sections(inner)


def _names(model: type[BaseModel]) -> str:
    return ", ".join(field.alias or name for name, field in model.model_fields.items())
