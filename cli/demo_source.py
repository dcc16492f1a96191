"""Where the demo's rosters come from: files, or an emulated system that is asked over its API."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from sync.storage import Storage

ADVANCE_SECONDS = 120.0


class DemoSource(StrEnum):
    """What `rollcall demo --source` takes."""

    csv = "csv"
    oneroster = "oneroster"
    oneroster_11 = "oneroster-1.1"
    powerschool = "powerschool"
    clever = "clever"


@dataclass(frozen=True)
class DemoSystem:
    """An emulated system. `module`, `arguments`: how it is started.

    `settings`: from its address to its source's settings in rollcall.yaml, without the name.
    """

    module: str
    arguments: tuple[str, ...]
    settings: Callable[[str], dict[str, Any]]


def demo_system(source: DemoSource, domain: str, folder: Path) -> DemoSystem:
    """The emulated system of a demo source, with credentials of its own; files go into `folder`."""
    pair = {"client_id": "rollcall", "client_secret": secrets.token_urlsafe(24)}
    shared = ("--domain", domain)
    if source is DemoSource.powerschool:
        return _powerschool(pair, shared, folder)
    if source is DemoSource.clever:
        return _clever(pair, shared)
    return _oneroster("1.1" if source is DemoSource.oneroster_11 else "1.2", pair, shared)


def _oneroster(version: str, pair: dict[str, str], shared: tuple[str, ...]) -> DemoSystem:
    root = {"1.1": "ims/oneroster/v1p1", "1.2": "ims/oneroster/rostering/v1p2"}[version]
    client, secret = pair.values()
    return DemoSystem(
        "local.oneroster",
        ("--version", version, "--client", client, "--secret", secret, *shared),
        lambda address: {
            "kind": "oneroster",
            "address": f"{address}/{root}",
            "token_url": f"{address}/token",
            **pair,
        },
    )


def _powerschool(pair: dict[str, str], shared: tuple[str, ...], folder: Path) -> DemoSystem:
    from connectors.powerschool_plugin import build_plugin

    client, secret = pair.values()
    return DemoSystem(
        "local.powerschool",
        ("--plugin", str(build_plugin(folder)), "--client-id", client, "--client-secret", secret,
         *shared),
        lambda address: {"kind": "powerschool", "address": address, **pair},
    )  # fmt: skip


def _clever(pair: dict[str, str], shared: tuple[str, ...]) -> DemoSystem:
    client, secret = pair.values()
    return DemoSystem(
        "local.clever",
        ("--client-id", client, "--client-secret", secret, *shared),
        lambda address: {"kind": "clever", "address": address, **pair},
    )


@dataclass(frozen=True)
class Occasion:
    """Something that starts a run. `act` does it; the runs that were there before come back."""

    what: str
    act: Callable[[Storage], frozenset[str]]


def drops(rosters: Sequence[Path], source: str) -> list[Occasion]:
    """Each roster dropped as a system would do it, unchecked."""
    from .watching import upload

    def dropping(path: Path) -> Occasion:
        return Occasion(f"Dropping {path}", lambda storage: upload(storage, path, source))

    return [dropping(path) for path in rosters]


def sample_rosters(folder: Path) -> tuple[Path, Path]:
    """Writes two days of the sample district."""
    from local.district import generate, next_day

    first = generate(today=datetime.now(UTC).date())
    first.write(folder / "day1")
    next_day(first, 1).write(folder / "day2")
    return folder / "day1", folder / "day2"


def pulls(kind: DemoSource, address: str, source: str) -> list[Occasion]:
    """A system asked three times: at first, again, and after a day has passed in it."""

    def ask(storage: Storage) -> frozenset[str]:
        from sync.pulls import start_pull
        from sync.record import list_runs

        known = frozenset(run.run for run in list_runs(storage))
        start_pull(storage, source)
        return known

    def ask_next_day(storage: Storage) -> frozenset[str]:
        import httpx

        advance = f"{address}/_emulator/advance"
        httpx.post(advance, json={"seed": 1}, timeout=ADVANCE_SECONDS).raise_for_status()
        return ask(storage)

    return [
        Occasion(f"Asking {kind}", ask),
        Occasion(f"Asking {kind} again", ask),
        Occasion(f"Asking {kind} a day later", ask_next_day),
    ]
