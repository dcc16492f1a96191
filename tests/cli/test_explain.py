"""`rollcall explain`, and what it is made of."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli import glossary
from cli.main import run
from cli.messages import messages
from sync.config import Config
from sync.deployment import DEPRECATED_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROOMS = ("cli", "connectors", "directory", "graph", "portal", "roster", "sync")
APP_SETTING = re.compile(
    r"(?:ROLLCALL|AZURE|WEBSITE|IDENTITY|MSI|APPLICATIONINSIGHTS|OTEL)_[A-Z_]*[A-Z]"
)


def told(capsys: pytest.CaptureFixture[str], word: str) -> list[dict[str, str]]:
    assert run(["explain", word, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "users.username.shared"]) == 0
    assert capsys.readouterr().out == (
        "users.username.shared\n"
        "  error; the row is left out\n"
        "  several people have this username, so none of them can be matched safely\n"
        "  → give each person a username of their own\n"
    )


def test_a_setting_is_explained_with_what_is_allowed_and_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["explain", "guards.school_removals.percent"]) == 0
    assert "  setting; 0 to 100; default: 50\n" in capsys.readouterr().out
    assert run(["explain", "inbound.job"]) == 0
    assert "; required\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Team.Create", "app role"),
        ("ROLLCALL_CREDENTIALS_KEY", "app setting"),
        ("oneroster.guid.length", "rule"),
        ("person.match.none", "rule"),
        ("sources[].settle_seconds", "setting"),
    ],
)
def test_every_kind_of_word_is_known(
    word: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [entry] = told(capsys, word)
    assert (entry["word"], entry["is"]) == (word, kind)
    assert run(["explain", word]) == 0
    assert word in capsys.readouterr().out


def test_a_beginning_explains_all_that_begin_so(capsys: pytest.CaptureFixture[str]) -> None:
    words = [entry["word"] for entry in told(capsys, "person.match")]
    assert words == ["person.match.none", "person.match.ambiguous", "person.match.near"]


def test_a_word_that_is_mistyped_is_answered_with_what_is_near(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["explain", "users.username.shard", "--json"]) == 2
    assert "did you mean users.username.shared" in json.loads(capsys.readouterr().out)["error"][
        "message"
    ]  # fmt: skip
    assert run(["explain", "zzz"]) == 2
    assert "docs/findings.md" in capsys.readouterr().err


def test_settings_are_those_of_the_model_with_their_defaults() -> None:
    written: dict[str, Any] = {}
    for setting in glossary.settings():
        if not re.search(r"\[|NAME|^inbound\.", setting.path) and setting.default:
            *sections, name = setting.path.split(".")
            place = written
            for section in sections:
                place = place.setdefault(section, {})
            place[name] = yaml.safe_load(setting.default)
    assert Config.model_validate(written) == Config()
    assert {"matching", "people", "sources", "guards", "graph"} <= set(written)


def env_names() -> Iterator[str]:
    """Words in the code that have the form of an app setting."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.name == "glossary.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from (w for w in [node.value] if APP_SETTING.fullmatch(w))


def test_every_app_setting_that_the_code_reads_is_explained() -> None:
    read = set(env_names()) - DEPRECATED_SETTINGS
    assert {"ROLLCALL_CREDENTIALS_KEY", "AZURE_CLIENT_ID"} <= read
    assert read <= set(glossary.APP_SETTINGS)
    assert {name for name in glossary.APP_SETTINGS if APP_SETTING.fullmatch(name)} <= read


def test_messages_are_read_off_the_code() -> None:
    found = {(m.room, m.consequence, m.text) for m in messages()}
    assert (
        "sync",
        "Refused",
        "Run … is …; only a held run can be approved or rejected",
    ) in found
    assert ("graph", "Transient", "Graph wants a pause") in found  # of a class below Transient
    assert not [text for _, _, text in found if not text.strip("… :/")]
