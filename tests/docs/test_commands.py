"""Every command of the pages works: rollcall's are run, others are held to what they take.

What is not run to its end: `rollcall demo`, `rollcall package` and `make`, which tests/e2e and CI
run; the doctor's probe, which asks before it writes; benchmarks, which take long; and the tools of
Azure and GitHub, of which the names and options are checked (azure_commands.py).
"""

from __future__ import annotations

import io
import itertools
import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import typer

from cli.main import app, run
from tests.conftest import emptied
from tests.docs.azure_commands import COMMANDS, faults
from tests.docs.place import place
from tests.docs.shell import MADE, PAGES, ROOT, Command, commands, of_page, unknown_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sync.storage import Storage
    from tests.docs.place import Place

pytestmark = pytest.mark.xdist_group("docs")
COMMAND = commands()
NOT_RUN = ("demo", "package")
PORT_SECONDS = 30


def of(*programs: str) -> list[Command]:
    return [command for command in COMMAND if command.program in programs]


def named(command: Command) -> str:
    return f"{command.page}: {command.text}"


@pytest.fixture(scope="module")
def here(
    tmp_path_factory: pytest.TempPathFactory, account: Storage, azurite: str
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("docs")
    with (
        pytest.MonkeyPatch.context() as patch,
        place(folder, emptied(account), azurite, patch) as found,
    ):
        yield found
    emptied(account)


@pytest.mark.parametrize("command", of("rollcall"), ids=named)
def test_rollcalls_commands_are_run(
    command: Command, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = here.words(command, monkeypatch)
    if command.page in MADE and not command.is_typed:
        resolve(words)  # a message names the command, with or without what else it takes
        return
    name, found, rest, context = resolve(words)
    if not rest and not command.is_typed and any(p.required for p in found.params):
        return  # no more than the command's name
    found.make_context(name, rest, parent=context)
    if words[0] in NOT_RUN or "--probe" in words or words in here.ran:
        return
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    # The storage account of the emulated subscription does not answer, and the doctor says so.
    assert run(words) in ((0, 1, 3) if words[0] == "doctor" and "--app" in words else (0, 1))
    here.ran.append(words)


def resolve(words: list[str]) -> tuple[str, Any, list[str], Any]:
    """The command that words name, through the groups; pytest fails if there is none."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("rollcall", list(words))
    name, found, rest = group.resolve_command(context, list(words))
    assert found is not None
    return name, found, rest, context


@pytest.mark.parametrize("command", of("make"), ids=named)
def test_make_knows_its_targets(command: Command) -> None:
    targets = re.findall(
        r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for [_, *words] in command.parts():
        assert {word for word in words if "=" not in word} <= set(targets)


@pytest.mark.parametrize("command", of("python"), ids=named)
def test_modules_are_started_with_the_options_that_stand_there(
    command: Command, here: Place
) -> None:
    words = re.sub(r"--port \d+", "--port 0", command.text).split()[1:]
    words = [str(here.folder / "written") if word == "FOLDER" else word for word in words]
    if any(word.startswith("bench.") for word in words):
        words.append("--help")
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=here.folder, env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(here.folder)},
    )  # fmt: skip
    try:
        if "--port" in words:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["port"] > 0
        else:
            assert process.wait(PORT_SECONDS) == 0
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("command", of("curl"), ids=named)
def test_what_curl_asks_is_there(command: Command, here: Place) -> None:
    """The emulator's own paths, on the port that a page starts it on; or what the outputs name."""
    words = shlex.split(command.text)[1:]
    if words[-1].startswith("$"):
        assert f"output {words[-1][1:]} " in (ROOT / "infra" / "main.bicep").read_text("utf-8")
        return
    options = dict(itertools.pairwise(words))
    [address] = [word for word in words if re.match(r"(https?://)?localhost:8\d\d\d/", word)]
    body = options.get("-d", "")
    if body.startswith("@"):
        body = (here.folder / body[1:]).read_text(encoding="utf-8")
    header = dict([options["-H"].split(":", 1)]) if "-H" in options else {}
    path = re.sub(r"^(https?://)?[^/]+", "", address)
    answer = httpx.request(
        options.get("-X", "GET"), here.address + path, content=body or None, headers=header
    )
    assert answer.status_code < 300, answer.text


@pytest.mark.parametrize(
    "command", of("az", "azd", "func", "git", "gh", "bicep", "for", "echo"), ids=named
)
def test_other_tools_take_what_stands_there(command: Command) -> None:
    checked = [part for part in command.parts() if part[0] in ("az", "azd", "func", "git", "gh")]
    assert [fault for part in checked for fault in faults(part)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_marked_as_shell_hold_nothing_that_is_not_checked(page: Path) -> None:
    assert unknown_lines(page) == []


def test_the_pages_hold_commands_at_all() -> None:
    assert len(of("rollcall")) > 40
    assert {"make", "python", "curl", "az"} <= {command.program for command in COMMAND}


def test_commands_are_found_where_readers_see_them() -> None:
    page = (
        "Type `rollcall runs`, or\n`rollcall show\nRUN`; see `rollcall`.\n\n"
        "```sh\n$ az group create -n g \\\n    -l westeurope  # a remark\nls\n```\n\n"
        "    .venv/bin/rollcall drop day2\n    some output\n\n"
        "```yaml\nrollcall: no\n```\n"
    )
    found = {(c.text, c.is_typed) for c in of_page("p.md", page)}
    assert found == {
        ("rollcall runs", False), ("rollcall show RUN", False),
        ("az group create -n g -l westeurope", True), ("ls", True), ("rollcall drop day2", True),
    }  # fmt: skip
    [inner, outer] = Command("p", 'ID=$(az ad sp show --id "a b" --query id) azd up', True).parts()
    assert (inner[:4], outer) == (["az", "ad", "sp", "show"], ["azd", "up"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("az group create -n g", "az group create needs --location"),
        ("az group create -n g -l x --colour red", "az group create has no option --colour"),
        ("az group make -n g", "not known"),
        ("azd env set A B C", "azd env set takes 2 words, not A B C"),
        ("az account show x", "az account show takes 0 words"),
    ],
)
def test_a_command_that_does_not_exist_so_is_found(text: str, fault: str) -> None:
    [found] = faults(text.split())
    assert fault in found


def test_every_known_command_names_its_program() -> None:
    assert {name.split()[0] for name in COMMANDS} <= {"az", "azd", "func", "gh", "git", "bicep"}
