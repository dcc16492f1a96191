"""Where the demo's rosters come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cli.demo_source import DemoSource, demo_system, drops, pulls, sample_rosters
from cli.demo_tenant import demo_settings
from cli.main import run
from sync.config import parse_config
from sync.record import list_runs
from sync.storage import ROSTERS, Storage
from tests.e2e.reading import rows
from tests.sync.systems import running

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "http://127.0.0.1:7071"
SYSTEMS = [source for source in DemoSource if source is not DemoSource.csv]


@pytest.mark.parametrize("source", SYSTEMS)
def test_each_system_has_settings_that_the_configuration_takes(
    source: DemoSource, tmp_path: Path
) -> None:
    system = demo_system(source, "contoso.edu", tmp_path)
    text = demo_settings(None, "local", system.settings(ADDRESS))
    [settings] = parse_config(text, "made").sources
    assert settings.name == "local"
    assert source.startswith(settings.kind_name)
    assert "contoso.edu" in system.arguments


@pytest.mark.parametrize("source", SYSTEMS)
def test_the_secret_is_another_one_each_time_and_the_system_knows_it(
    source: DemoSource, tmp_path: Path
) -> None:
    secrets = set[str]()
    for _ in range(2):
        system = demo_system(source, "contoso.edu", tmp_path)
        secret = json.loads(json.dumps(system.settings(ADDRESS)))["client_secret"]
        assert secret in system.arguments
        secrets.add(secret)
    assert len(secrets) == 2


def test_the_sample_is_two_days_of_one_district(tmp_path: Path) -> None:
    first, second = sample_rosters(tmp_path)
    today, tomorrow = rows(first, "users"), rows(second, "users")
    assert today
    assert today != tomorrow
    same = {row["sourcedId"] for row in today} & {row["sourcedId"] for row in tomorrow}
    assert len(same) > len(today) * 0.8


def test_a_roster_is_dropped_into_the_sources_folder(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("x", encoding="utf-8")
    [occasion] = drops([tmp_path], "local")
    assert occasion.what == f"Dropping {tmp_path}"
    assert occasion.act(storage) == frozenset()
    assert storage.read(ROSTERS, "local/users.csv") == b"x"


def test_a_system_is_asked_three_times_the_last_time_a_day_later(storage: Storage) -> None:
    with running() as system:
        at_first = system.records.revision
        asked = pulls(DemoSource.oneroster, system.address, "local")
        known = [occasion.act(storage) for occasion in asked[:2]]
        assert system.records.revision == at_first
        known.append(asked[2].act(storage))
        assert system.records.revision > at_first
    assert [len(runs) for runs in known] == [0, 1, 2]
    runs = list_runs(storage)
    assert {(run.source, run.trigger) for run in runs} == {("local", "pull")}
    assert all(run.started.date() <= datetime.now(UTC).date() for run in runs)
    assert len(runs) == 3


def test_a_system_and_a_roster_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["demo", "--once", "--source", "oneroster", "--roster", str(tmp_path), "--json"])
    assert code == 2
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "a system has its own roster; give one" in message
