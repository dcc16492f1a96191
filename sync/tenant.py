"""The tenant's directory as a run sees it: the cached copy of it, and its domains.

The mirror is a set of files that belong together, so each refresh is stored under a prefix of its
own, and the blob `mirror.json` names the one that counts: a crash in the middle of an upload leaves
the old one in force. It is a cache; without it, or where another version of Rollcall left it, the
next refresh reads the whole directory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .format import FORMAT
from .inbound import follow_up
from .storage import STATE

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from .config import Config
    from .storage import Storage

POINTER = "mirror.json"


@dataclass(frozen=True)
class Directory:
    """What a refresh told: the verified domains, the default one first, and what it cost."""

    domains: tuple[str, ...]
    requests: int


async def load_mirror(
    storage: Storage, con: DuckDBPyConnection, run: str, folder: Path, config: Config
) -> Directory:
    """Brings the mirror up to date, stores it, and makes the existing_* tables in `con`.

    Enters into the table `uploads` what the provisioning service made of what it was handed.
    """
    from graph.client import connect
    from graph.mirror import refresh

    storage.download_folder(STATE, _stored(storage), folder)
    graph = connect(quota=config.graph.quota())
    try:
        domains = await graph.verified_domains()
        await refresh(graph, con, folder)
        await follow_up(graph, con, config)
    finally:
        await graph.close()
    _store(storage, f"mirror/{run}", folder)
    return Directory(tuple(domains), graph.requests)


def _stored(storage: Storage) -> str:
    pointer = json.loads(storage.read(STATE, POINTER) or "{}")
    return pointer["prefix"] if pointer.get("format") == FORMAT else "mirror/none"


def _store(storage: Storage, prefix: str, folder: Path) -> None:
    storage.upload_folder(STATE, prefix, folder)
    storage.write(STATE, POINTER, json.dumps({"prefix": prefix, "format": FORMAT}).encode())
    for file in storage.list_files(STATE, "mirror"):
        if not file.name.startswith(f"{prefix}/"):
            storage.delete(STATE, file)
