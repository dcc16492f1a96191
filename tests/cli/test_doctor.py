from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from cli.account import Demo
from cli.main import run
from local.entra import Tenant, create_app
from sync.storage import CONTAINERS
from tests.sync.test_doctor import LEAST, fault, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sync.storage import Storage


@pytest.fixture
def tenant(account: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    """An emulated tenant, and a storage account with all that Rollcall needs."""
    tenant = Tenant(domains=["contoso.edu"], roles=LEAST)
    tenant.directory.add("user", {"accountEnabled": True}, object_id=tenant.identity.object_id)
    monkeypatch.setenv("AzureWebJobsStorage", azurite)
    with serving(create_app(tenant), monkeypatch):
        yield tenant


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "rollcall.yaml"
    text = "schools: {enabled: false}\nclasses: {enabled: false}\n"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_people_read_marks_advice_and_the_command(
    tenant: Tenant, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.identity.roles = LEAST - {"Group.ReadWrite.All"} | {"Group.Read.All"}
    assert run(["doctor", "--config", config]) == 3
    shown = capsys.readouterr().out
    assert "✗  Group.ReadWrite.All" in shown
    assert "→ needed for: security groups" in shown
    assert "\nID=" in shown
    line = next(line for line in shown.splitlines() if line.startswith("ID="))
    assert line.endswith("done")
    assert shown.splitlines()[-1].endswith("1 problem")


def test_programs_read_each_check(
    tenant: Tenant, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["doctor", "--config", config, "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == {"ok": 0, "warning": 1, "problem": 3}[told["state"]]
    blobs = next(check for check in told["checks"] if check["name"] == "blobs")
    assert blobs == {
        "area": "Storage", "name": "blobs", "state": "ok",
        "found": f"all {len(CONTAINERS)} are there",
    }  # fmt: skip
    assert "probe" not in told
    assert tenant.counters["writes"] == 0


def test_the_demo_is_looked_at_when_it_is_meant(
    tenant: Tenant, azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert run(["doctor", "--against", "demo"]) == 2
    names = ("ROLLCALL_GRAPH_URL", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")
    Demo(os.getpid(), "", azurite, {name: os.environ[name] for name in names}).announce()
    for name in names:
        monkeypatch.delenv(name)
    assert run(["doctor", "--against", "demo", "--json"]) in (0, 1)


def test_the_tenants_doctor_never_takes_the_demos_account(
    tenant: Tenant,
    azurite: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    monkeypatch.delenv("AzureWebJobsStorage")
    Demo(os.getpid(), "", azurite, {}).announce()
    assert run(["doctor"]) == 1
    assert "no account is named" in capsys.readouterr().out
    assert run(["doctor", "--account", azurite, "--json"]) in (0, 1)
    assert '"name": "blobs"' in capsys.readouterr().out


def test_the_probe_tells_first_what_it_will_do_and_writes_nothing_without_a_yes(
    tenant: Tenant,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(["doctor", "--config", config, "--probe"]) == 130
    assert "makes 40 empty security groups" in capsys.readouterr().err
    assert tenant.counters["writes"] == 0


def test_the_probe_prints_each_answer_beside_its_setting(
    tenant: Tenant,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sync.doctor.probe.MOST_WRITES", 80)
    assert run(["doctor", "--config", config, "--probe", "--yes"]) in (0, 1)
    shown = capsys.readouterr().out
    assert "graph.bind_cost: thirds" in shown
    assert len(tenant.directory.live) == 1


def test_a_probe_that_fails_is_a_failure(
    tenant: Tenant, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.faults.coming.append(fault("PATCH", "/groups", 500))
    assert run(["doctor", "--config", config, "--probe", "--yes"]) == 3
    assert "The probe failed: the probe could not make its group" in capsys.readouterr().out
    tenant.faults.coming.append(fault("PATCH", "/groups", 500, when="after"))
    tenant.faults.coming.append(fault("GET", r"/groups\(", 503, times=9))
    assert run(["doctor", "--config", config, "--probe", "--yes"]) == 3
    assert "delete them by hand: rollcall-probe-" in capsys.readouterr().out


def test_a_tenant_with_problems_is_not_probed(
    tenant: Tenant, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.identity.roles = LEAST - {"Domain.Read.All"}
    assert run(["doctor", "--config", config, "--probe", "--yes", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["probe"]["failed"].startswith("not begun: first mend Domain.Read.All")
    assert tenant.counters["writes"] == 0


@pytest.mark.parametrize("options", [["--yes"], ["--probe", "--json"]])
def test_options_that_do_not_go_together_are_refused(options: list[str]) -> None:
    assert run(["doctor", *options]) == 2
