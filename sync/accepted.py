"""The last accepted roster: the one whose changes were applied last, its source and tables.

It is the blob `accepted.json` of the container `state`, written by the run that holds the lock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import Refused

from .storage import STATE

if TYPE_CHECKING:
    from .config import Config, Source
    from .storage import Storage

ACCEPTED = "accepted.json"


@dataclass(frozen=True)
class Accepted:
    """The last accepted roster: `run` names its files in the archive, `tables` had rows."""

    source: str
    run: str
    tables: tuple[str, ...]


def read_accepted(storage: Storage) -> Accepted | None:
    """The last accepted roster, or None before the first one."""
    data = storage.read(STATE, ACCEPTED)
    if data is None:
        return None
    values = json.loads(data)
    return Accepted(values["source"], values["run"], tuple(values["tables"]))


def write_accepted(storage: Storage, accepted: Accepted) -> None:
    """Remembers the roster of a run."""
    values = {"source": accepted.source, "run": accepted.run, "tables": accepted.tables}
    storage.write(STATE, ACCEPTED, json.dumps(values).encode())


def check_source(config: Config, last: Accepted | None, source: str) -> Source:
    """The settings of a source. Refused if it is not the tenant's: one source's people would be
    the other one's leavers."""
    settings = config.source(source)
    if settings is None:
        names = ", ".join(s.name for s in config.sources) or "a-z, 0-9 and hyphens"
        raise Refused(
            f"rosters/{source}: not a source of this tenant (allowed: {names}); drop the files "
            "into the source's folder, or name the new source under `sources` in rollcall.yaml"
        )
    if last and last.source != source and not config.sources:
        raise Refused(
            f"rosters/{source}: the last roster came from source {last.source}, and everyone who "
            f"is only there would be removed; drop the files into rosters/{last.source}, or name "
            "the new source under `sources` in rollcall.yaml"
        )
    return settings


def needed_tables(storage: Storage, source: Source) -> frozenset[str] | None:
    """The tables that the next roster of a source must have, because the last one had them."""
    last = read_accepted(storage)
    if last is None or last.source != source.name:
        return None
    return frozenset(last.tables) - frozenset(source.may_be_missing)
