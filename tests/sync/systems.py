"""Emulated systems with an API, by kind: how each is served, configured, and what empty means."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connectors.kinds import KINDS
from local.clever import create_app as clever
from local.district import generate
from local.oneroster import create_app as oneroster
from local.powerschool import create_app as powerschool
from local.powerschool.plugins import CREDENTIALS
from local.sis.faults import Fault, Faults
from local.sis.records import Records
from local.sis.serving import serving
from sync.storage import CONFIG
from tests.connectors.test_powerschool_api import plugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from connectors.source import ApiSource
    from sync.storage import Storage

SOURCE = "sis"
PEOPLE, PAGE = 20, 15


@dataclass(frozen=True)
class Kind:
    """A kind of system. `app`: the emulator; `settings`: from its address to the source's.

    `refused`: settings with which its credentials are refused. `data`: a glob of the paths that
    give data; `empty`: an answer there without rows.
    """

    app: Callable[[Records, Faults], ASGIApp]
    settings: Callable[[str], dict[str, Any]]
    refused: Mapping[str, Any]
    data: str
    empty: str


def _oneroster(root: str, **more: Any) -> Kind:
    return Kind(
        lambda records, faults: oneroster(records, faults=faults),
        lambda address: {
            "kind": "oneroster",
            "address": f"{address}{root}",
            "client_id": "rollcall",
            "client_secret": "rollcall-secret!",
            "page_size": PAGE,
            **({} if "sign_in" in more else {"token_url": f"{address}/token"}),
            **more,
        },
        {"client_secret": "not-the-secret"},
        f"{root}/*",
        '{"users": []}',
    )


def _powerschool(empty: str, plugin: Callable[[], bytes | None]) -> Kind:
    client_id, secret = CREDENTIALS
    return Kind(
        lambda records, faults: powerschool(records, faults=faults, plugin=plugin()),
        lambda address: {
            "kind": "powerschool",
            "address": address,
            "client_id": client_id,
            "client_secret": secret,
        },
        {"client_secret": "not-the-secret"},
        "/ws/*",
        empty,
    )


def _clever() -> Kind:
    return Kind(
        lambda records, faults: clever(records, faults=faults),
        lambda address: {
            "kind": "clever",
            "address": address,
            "client_id": "emulated-client",
            "client_secret": "emulated-secret",
        },
        {"client_secret": "not-the-secret"},
        "/v3.*",
        '{"data": [], "links": []}',
    )


SYSTEMS: Mapping[str, Kind] = {
    "oneroster-1.2": _oneroster("/ims/oneroster/rostering/v1p2"),
    "oneroster-1.1": _oneroster("/ims/oneroster/v1p1", sign_in="oauth1"),
    "powerschool-queries": _powerschool('{"name": "STUDENTS", "@extensions": ""}', plugin),
    "powerschool-lists": _powerschool('{"students": {"@expansions": ""}}', lambda: None),
    "clever": _clever(),
}


@dataclass(frozen=True)
class System:
    """A running system with a district that may change."""

    kind: Kind
    address: str
    records: Records
    faults: Faults

    def settings(self, **more: Any) -> dict[str, Any]:
        """What stands under `sources` for it."""
        return {"name": SOURCE} | self.kind.settings(self.address) | more

    def source(self, **more: Any) -> ApiSource:
        """The same, as the configuration reads it."""
        settings = self.settings(**more)
        source: Any = KINDS[settings["kind"]].model_validate(settings)
        return source

    def suffer(self, fault: Fault) -> None:
        """Lets something be wrong with its data."""
        body = self.kind.empty if fault.kind == "empty" else fault.body
        self.faults.add(Fault(**(vars(fault) | {"path": self.kind.data, "body": body})))

    def met(self, fault: Fault) -> bool:
        """Whether enough was asked of its data for the fault to happen."""
        asked = [path for path in self.faults.seen if fnmatch.fnmatchcase(path, self.kind.data)]
        return len(asked) > fault.after


@contextmanager
def running(kind: str = "oneroster-1.2", people: int = PEOPLE) -> Generator[System]:
    """Serves a small district of today as this kind of system."""
    today = datetime.now(UTC).date()
    records = Records(generate(people, 1, today=today, domain="contoso.edu"))
    faults = Faults()
    with serving(SYSTEMS[kind].app(records, faults)) as address:
        yield System(SYSTEMS[kind], address, records, faults)


def configure(storage: Storage, *sources: Mapping[str, Any], **more: Any) -> None:
    """Writes the configuration: people are created, and disabled at once."""
    settings = {"people": {"mode": "create", "disable_after_days": 0}, "sources": sources} | more
    storage.write(CONFIG, "rollcall.yaml", json.dumps(settings).encode())  # JSON is YAML
