"""Nothing that a process of the stack logs names a pupil, not even when names clash.

And what operations depend on is there, in the form that queries take apart.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.district import generate
from local.stack import Stack
from sync.events import EVENTS, PREFIX
from sync.sealing import Sealing
from sync.sheet import Sheet
from sync.storage import CONFIG
from tests.e2e.test_stack import SOURCE, Place

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("stack")
FIELDS = {event.name: event.fields for event in EVENTS}


def test_the_logs_hold_no_names(tmp_path: Path) -> None:
    generate(people=40, seed=9, today=date.today()).write(tmp_path / "drop")  # noqa: DTZ011
    with (tmp_path / "drop" / "users.csv").open(encoding="utf-8", newline="") as file:
        people = [(row["username"], row["familyName"]) for row in csv.DictReader(file)]
    username = people[0][0]
    people_settings = {
        "mode": "create",
        "usernames": {"students": "{given_name:1}.{family_name}"},
        "passwords": {"staff": "file"},
    }
    settings = {"people": people_settings, "sources": [{"name": SOURCE, "settle_seconds": 0}]}
    with Stack(logs=tmp_path / "logs") as stack:
        place = Place(stack)
        place.storage.write(CONFIG, "rollcall.yaml", json.dumps(settings).encode())
        address = stack.graph_url.removesuffix("/v1.0") + "/emulator/faults"
        lost = {"method": "POST", "path": "/education/users", "status": 504, "when": "after"}
        httpx.post(address, json=[lost | {"times": 5}]).raise_for_status()
        run = place.drop(tmp_path / "drop")
        assert run.status == "finished"
        assert len(place.dump()["users"]) == 40
        sealing = Sealing.from_environment(stack.environment)
        passwords = [line.password for line in Sheet(place.storage, run.run, sealing).people()]
        assert len(set(passwords)) == 40
    logs = {log.name: log.read_text(encoding="utf-8") for log in (tmp_path / "logs").glob("*.log")}
    assert len(logs) == 3
    for name, text in logs.items():
        assert username not in text, name
        assert not [person for person, _ in people if person in text], name
        assert not [password for password in passwords if password in text], name
    told = events_in(logs["host.log"])
    assert {event for event, _ in told} >= {"run_started", "step_done", "run_finished"}
    for event, fields in told:
        assert set(fields) == set(FIELDS[event]), event
    [finished] = [fields for event, fields in told if event == "run_finished"]
    assert (finished["run"], finished["source"]) == (run.run, SOURCE)
    assert (finished["writes"], finished["changes"]) == (run.writes, run.changes)


def events_in(log: str) -> list[tuple[str, dict[str, Any]]]:
    """What `parse Message with "Rollcall " Event " " Fields` makes of the host's lines."""
    lines = re.findall(rf"^\S+ \S+ [A-Z]+ [\w.]+: {PREFIX} (\w+) (.*)$", log, re.MULTILINE)
    return [(event, json.loads(fields)) for event, fields in lines]
