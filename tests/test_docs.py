"""What the pages say can be done as they say it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli.main import app
from local.district import generate
from roster.rules import RULES
from tests.worlds import TODAY

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands that need no storage account and no running demo are really run.
OFFLINE = ("check", "plan", "sample", "schema")
ANYWHERE = re.compile(r"(?:^ *|`)(?:\.venv/bin/)?(rollcall (?:[^`#\n\\]|\\\n)*)", re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """(page, command) of everything that a page tells its reader to type."""
    found = [
        (page.name, " ".join(match[1].replace("\\\n", " ").split()))
        for page in PAGES
        for match in ANYWHERE.finditer(page.read_text(encoding="utf-8"))
    ]
    return list(dict.fromkeys(found))


def filled(command: str, folder: Path) -> list[str]:
    """The words of a command, with a real drop in place of the examples' folders."""
    words = shlex.split(command)[1:]
    drop = str(folder / "district" / "day1")
    places = {"FOLDER": drop, "PATH": drop, "export/": drop, "RUN": "20261124T134700Z-3f2a",
              "oneroster/": str(folder / "oneroster"),
              "changes/": str(folder / "changes")}  # fmt: skip
    return [
        places.get(word, drop if word.startswith(("district/", "/tmp/rollcall-demo")) else word)
        for word in words
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    district = generate(people=20, seed=2, today=TODAY)
    district.write(folder / "district" / "day1")
    district.write(folder / "oneroster", "oneroster-1.2")
    users = (folder / "oneroster" / "users.csv").read_text(encoding="utf-8").splitlines()
    changes = {"users.csv": users[:2],
               "manifest.csv": ["propertyName,value", "oneroster.version,1.2",
                                "file.users,delta"]}  # fmt: skip
    (folder / "changes").mkdir()
    for name, lines in changes.items():
        (folder / "changes" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "rollcall.yaml").write_text("people: {mode: create}\n", encoding="utf-8")
    (folder / "overrides.csv").write_text("table,key,column,value\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("page", "command"), commands())
def test_every_command_is_one_that_rollcall_understands(
    page: str, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = filled(command, folder)
    group: Any = typer.main.get_command(app)
    context = group.make_context("rollcall", list(words))
    name, found, rest = group.resolve_command(context, list(words))
    assert found is not None
    found.make_context(name, rest, parent=context)
    if words[0] in OFFLINE and "tenant" not in words and "demo" not in words:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output


def test_the_pages_hold_commands_at_all() -> None:
    assert len(commands()) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_rule_explains_itself() -> None:
    for rule in RULES.values():
        assert rule.message
        assert rule.hint
