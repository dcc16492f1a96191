"""What the tenant remembers between runs: the last accepted roster, and who is missing since when.

Both are blobs of the container `state`, written only by the run that holds the lock:

    accepted.json      the last roster whose changes were applied: source, run, tables
    leavers.parquet    people of ours who are not in the roster: external_id, since, disabled
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import Refused

from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .config import Config, Source
    from .storage import Storage

ACCEPTED = "accepted.json"
LEAVERS = "leavers.parquet"


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


def load_leavers(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Makes the table `leavers` (external_id, since DATE, disabled BOOLEAN) for planning."""
    start_leavers(con)
    if (data := storage.read(STATE, LEAVERS)) is not None:
        path = folder / LEAVERS
        path.write_bytes(data)
        con.execute("INSERT INTO leavers BY NAME FROM read_parquet(?)", [str(path)])


def start_leavers(con: DuckDBPyConnection) -> None:
    """Makes the empty table `leavers`."""
    con.execute(
        "CREATE OR REPLACE TABLE leavers (external_id VARCHAR, since DATE, disabled BOOLEAN)"
    )


def save_leavers(con: DuckDBPyConnection, folder: Path) -> None:
    """Writes leavers.parquet as a plan sees it: who is missing, and who came back disabled.

    Who came back stays in it until the account is enabled again, and so does whose rows in the
    roster are too broken to tell.
    """
    path = (folder / LEAVERS).as_posix()
    con.execute(
        f"""COPY (
            SELECT external_id, since, disabled FROM absent_people
            UNION ALL
            SELECT external_id, since, disabled FROM leavers
            ANTI JOIN absent_people USING (external_id)
            WHERE external_id IN (
                SELECT k.external_id FROM known_people k
                JOIN existing_people a ON a.id = k.object_id
                WHERE NOT a.account_enabled
                   OR k.external_id NOT IN (SELECT sourced_id FROM users WHERE active))
        ) TO '{path}' (FORMAT parquet)"""
    )


def settle_leavers(storage: Storage, con: DuckDBPyConnection, folder: Path) -> None:
    """Writes the leavers of a plan back, as its outcomes (`change_outcomes`) left them."""
    planned, settled = (folder / LEAVERS).as_posix(), (folder / f"settled-{LEAVERS}").as_posix()
    con.execute(
        f"""COPY (
            WITH done AS (
                SELECT key, action FROM change_outcomes WHERE kind = 'person' AND status = 'done'
            )
            SELECT external_id, since, disabled OR external_id IN (
                SELECT key FROM done WHERE action = 'disable') AS disabled
            FROM read_parquet('{planned}')
            WHERE external_id NOT IN (SELECT key FROM done WHERE action = 'enable')
        ) TO '{settled}' (FORMAT parquet)"""
    )
    storage.write(STATE, LEAVERS, (folder / f"settled-{LEAVERS}").read_bytes())
