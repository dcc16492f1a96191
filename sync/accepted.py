"""The last accepted roster of each source: the one whose changes were applied last.

It is the blob `accepted/<source>.json` of the container `state`, written by the run that holds the
lock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import Refused

from .storage import STATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.source import SourceSettings

    from .config import Config
    from .storage import Storage

FOLDER = "accepted"


@dataclass(frozen=True)
class Accepted:
    """The last accepted roster of a source: `run` names its archive, `tables` had rows."""

    source: str
    run: str
    tables: tuple[str, ...]


def read_accepted(storage: Storage, source: str) -> Accepted | None:
    """The last accepted roster of a source, or None before the first one."""
    data = storage.read(STATE, f"{FOLDER}/{source}.json")
    return None if data is None else _parse(data)


def list_accepted(storage: Storage) -> list[Accepted]:
    """The last accepted rosters of all sources, by name."""
    found = (storage.read(STATE, file.name) for file in storage.list_files(STATE, FOLDER))
    return [_parse(data) for data in found if data is not None]


def write_accepted(storage: Storage, accepted: Accepted) -> None:
    """Remembers the roster of a run."""
    values = {"source": accepted.source, "run": accepted.run, "tables": accepted.tables}
    storage.write(STATE, f"{FOLDER}/{accepted.source}.json", json.dumps(values).encode())


def check_source(config: Config, last: Sequence[Accepted], source: str) -> SourceSettings:
    """The settings of a source. Refused if it is not the tenant's: one source's people would be
    the other one's leavers."""
    settings = config.source(source)
    if settings is None:
        names = ", ".join(s.name for s in config.sources) or "a-z, 0-9 and hyphens"
        raise Refused(
            f"rosters/{source}: not a source of this tenant (allowed: {names}); drop the files "
            "into the source's folder, or name the new source under `sources` in rollcall.yaml"
        )
    others = [accepted.source for accepted in last if accepted.source != source]
    if others and not config.sources:
        raise Refused(
            f"rosters/{source}: the last roster came from source {others[0]}, and everyone who "
            f"is only there would be removed; drop the files into rosters/{others[0]}, or name "
            "the new source under `sources` in rollcall.yaml"
        )
    return settings


def _parse(data: bytes) -> Accepted:
    values = json.loads(data)
    return Accepted(values["source"], values["run"], tuple(values["tables"]))


def needed_tables(storage: Storage, source: SourceSettings) -> frozenset[str] | None:
    """The tables that the next roster of a source must have, because the last one had them."""
    last = read_accepted(storage, source.name)
    return None if last is None else frozenset(last.tables) - frozenset(source.may_be_missing)
