"""Where the commands of the pages are run: a folder, a storage account, a tenant, a system.

Everything is what the pages speak of under the names that they use: `export/`, `RUN`, `NAME`.
"""

from __future__ import annotations

import json
import os
import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cli.account import Demo
from connectors.powerschool_plugin import build_plugin
from local.azure import create_app
from local.district import generate
from local.entra.identity import UserAssigned, claims_of
from sync.drop import drop
from sync.record import END, Run, add_run, list_runs
from sync.sealing import SETTING, Sealing, new_key
from sync.sheet import Line, Sheet
from sync.storage import CONFIG
from tests.az import sign_in_person
from tests.deployed import APP, CLIENT, GROUP, OBJECT, deploy
from tests.sync.entra import entra, use, work_off
from tests.sync.systems import running
from tests.sync.test_doctor import serving

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import pytest

    from local.district.district import District
    from local.entra import Tenant
    from sync.storage import Storage
    from tests.docs.shell import Command

PEOPLE = 20
CREATE = {"people": {"mode": "create"}}
GRAPH = ("ROLLCALL_GRAPH_URL", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")
SEED = {"users": [{"userPrincipalName": "ada@contoso.edu", "displayName": "Ada"}]}


@dataclass
class Place:
    """A place to run commands in.

    `decided`: how many runs were approved or rejected. `ran`: the words of each command that was
    run; pages tell the same one with different names.
    """

    folder: Path
    connection: str
    storage: Storage
    address: str
    run: str
    school: str
    decided: int = 0
    ran: list[list[str]] = field(default_factory=list)

    def words(self, command: Command, patch: pytest.MonkeyPatch) -> list[str]:
        """The words after `rollcall`, with what is there in place of the pages' names.

        For commands about a deployed app an administrator has run `az login`.
        """
        drop = str(self.folder / "district" / "day1")
        names = {
            "FOLDER": drop, "PATH": drop, "export/": drop, "WORD": "guards",
            "BEFORE": str(self.folder / "oneroster"),
            "oneroster/": str(self.folder / "oneroster"), "changes/": str(self.folder / "changes"),
            "DIR": str(self.folder / "report"), "NAME": "sis", "…": "sis", "RUN": self.run,
            "S1": self.school, "https://NAME.blob.core.windows.net": self.connection,
            "$ROLLCALL_ACCOUNT": self.connection, "OBJECT_ID": OBJECT, "GROUP": GROUP,
        }  # fmt: skip
        words = shlex.split(command.text.partition(" > ")[0])[1:]
        if words[:1] in (["grant"], ["portal"]) or "--app" in words:
            names |= {"NAME": APP, "$ROLLCALL_APP_NAME": APP}
            patch.setenv("ROLLCALL_APP_NAME", APP)
            sign_in_person(self.folder, self.address, patch, ("Global Administrator",))
            patch.setattr("pathlib.Path.home", lambda: self.folder)
            for name in [n for n in os.environ if n.startswith("AzureWebJobsStorage")]:
                patch.delenv(name)
        if words[:1] in (["approve"], ["reject"]):
            names["RUN"] = self._held()
        if words[:2] == ["credentials", "delete"]:
            names["RUN"] = self._sealed()
        if words[:1] == ["sample"]:
            names["FOLDER"] = str(self.folder / "made")
        if "changes/" in words or "BEFORE" in words:
            names["PATH"] = str(self.folder / "changes")
        shown = ("district/", "/tmp/rollcall-demo")
        return [names.get(w, drop if w.startswith(shown) else w) for w in words]

    def _sealed(self) -> str:
        """A run with a sheet of its own, which may go."""
        run = "20261124T134600Z-00bb"
        line = Line("U1", "u1@contoso.edu", "U One", self.school, "Lincoln", "03", "secret", 0)
        Sheet(self.storage, run, Sealing.from_environment()).append(line)
        return run

    def _held(self) -> str:
        """A run that holds something, for somebody to decide."""
        self.decided += 1
        started = datetime.now(UTC) - timedelta(minutes=5)
        run = f"20261124T1347{self.decided:02}Z-00aa"
        held = Run(
            run, f"source-{self.decided}", "held", END, started,
            ended=started + timedelta(minutes=1), checksum="c" * 64,
            held={"person": {"disable": 41}}, changes={"person": {"disable": 41}},
        )  # fmt: skip
        add_run(self.storage, held)
        return run


@contextmanager
def place(
    folder: Path, storage: Storage, connection: str, patch: pytest.MonkeyPatch
) -> Generator[Place]:
    """A place after a first run that made accounts; its process is also that of the demo."""
    district = generate(PEOPLE, 2, today=datetime.now(UTC).date())
    _write_files(folder, district)
    use(storage, connection, patch)
    patch.setenv(SETTING, new_key())
    patch.setenv("HOME", str(folder))
    patch.chdir(folder)
    storage.write(CONFIG, "rollcall.yaml", json.dumps(CREATE).encode())
    with entra(patch) as tenant, running() as system:
        drop(storage, folder / "district" / "day1", "local")
        work_off(storage)
        [first] = list_runs(storage)
        assert first.status == "finished", first.error
        people = Sheet(storage, first.run, Sealing.from_environment()).people()
        apis = [system.settings(name=name) for name in ("sis", "clever")]
        settings = json.dumps(CREATE | {"sources": [{"name": "local"}, *apis]})
        storage.write(CONFIG, "rollcall.yaml", settings.encode())
        (folder / "rollcall.yaml").write_text(settings, encoding="utf-8")
        environment = {name: os.environ[name] for name in (*GRAPH, SETTING)}
        Demo(os.getpid(), "", connection, environment).announce()
        school = str(next(line.school for line in people if line.school))
        with deployed(tenant.tenant, patch):
            yield Place(folder, connection, storage, tenant.address, first.run, school)


@contextmanager
def deployed(tenant: Tenant, patch: pytest.MonkeyPatch) -> Generator[None]:
    """An app in a subscription of that tenant, with an identity that has no app role."""
    identity = UserAssigned(CLIENT, OBJECT, "/x/id-rollcall", frozenset())
    tenant.identity.user_assigned.append(identity)
    tenant.directory.add("user", {"userPrincipalName": "ann@contoso.edu", "displayName": "Ann"})
    tenant.directory.add("group", {"displayName": "School heads"})
    made = deploy(tenant.identity.tenant_id, CLIENT, OBJECT)
    graph = {name: os.environ[name] for name in GRAPH}
    with serving(create_app(made.cloud, claims_of), patch) as azure:
        for name, value in (graph | {"ROLLCALL_ARM_URL": azure}).items():
            patch.setenv(name, value)
        yield


def _write_files(folder: Path, district: District) -> None:
    district.write(folder / "district" / "day1")
    district.write(folder / "oneroster", "oneroster-1.2")
    users = (folder / "oneroster" / "users.csv").read_text(encoding="utf-8").splitlines()
    manifest = ["propertyName,value", "oneroster.version,1.2", "file.users,delta"]
    for name, lines in {"users.csv": users[:2], "manifest.csv": manifest}.items():
        (folder / "changes").mkdir(exist_ok=True)
        (folder / "changes" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "overrides.csv").write_text("table,key,column,value\n", encoding="utf-8")
    (folder / "scenario.yaml").write_text("seed: 1\n", encoding="utf-8")
    (folder / "seed.json").write_text(json.dumps(SEED), encoding="utf-8")
    build_plugin(folder / "plugin.zip")
