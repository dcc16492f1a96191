"""The pages of docs/ that are made from the code: `make docs` writes them, a test compares them.

findings.md   every rule of findings
settings.md   every setting of rollcall.yaml, every app setting
messages.md   every message
"""

from __future__ import annotations

import sys
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from . import glossary
from .messages import messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .glossary import RuleText

MADE = "<!-- Made from the code by `make docs`; do not change it by hand. -->"

_FINDINGS = f"""{MADE}
# Findings: what each rule means

A finding is something wrong in the data, with its file and line. `rollcall check FOLDER` shows
findings before a run, `rollcall show RUN` and the portal after it; `findings.csv` in the container
`runs`, folder of the run, lists them all. Each names its rule. This page explains every rule; so
does the command:

    rollcall explain users.username.shared
    rollcall explain person

- An **error** costs something: a row is left out, or a person is left alone. Nobody is removed
  from anything because of it.
- A **warning** costs at most one value.
- Begin with the error that has the most findings. What follows from it, such as rules that end in
  `.dropped`, goes away by itself.
- “allowed” lists the words that Rollcall knows. Words of your own are translated under `mappings`
  of the [source](csv-sources.md).

The rules `oneroster.…` of `rollcall check --strict` stand
[with the CSV files](csv-sources.md#to-the-letter).
"""

_SETTINGS = f"""{MADE}
# Settings

Two places hold settings. **rollcall.yaml** says what Rollcall does; upload it as the blob
`rollcall.yaml` of the container `config`. Put only what differs from the default into it: an empty
file is a valid one. **App settings** of the function app say how it is connected, and hold secrets.

    rollcall explain guards
    rollcall schema

The first command explains settings, the second prints their JSON Schema for an editor.
[rollcall.example.yaml](../rollcall.example.yaml) shows every setting with its default, ready to
copy. A mistake in the file is reported with file, line, setting and what is allowed:
`rollcall doctor --config rollcall.yaml` checks a file before you upload it.

A default of `null` means none. A setting without a default has to be there if its section is.
"""

_WHERE = """\
Azure portal: the function app, Settings, Environment variables. Any other name may be set too, for
`${ENV:NAME}` in rollcall.yaml.
"""

_MESSAGES = f"""{MADE}
# Messages

Every message of Rollcall by where it comes from. `…` stands for what your message names: a file, an
id, a number. Most messages say themselves what to do; where there is more to know, see
[troubleshooting](troubleshooting.md).
"""

_GRAPH = """\
Such a message names the request, the status and Graph's code: `POST /groups answered 403
Directory_QuotaExceeded: …`. It stands with the change in `outcomes.csv`. Answers that pass (429,
5xx, objects that are not found yet) are tried again and do not show, unless it goes on for hours.
"""
_SIGN_IN = """\
`Sign-in by … was refused (AADSTS…)`. Other codes: https://login.microsoftonline.com/error.
"""
_CONSEQUENCES = (
    ("Bad input", "a file, a setting or a word of the command is wrong",
     "nothing was applied; exit code 2"),
    ("Refused", "something looks incomplete or is not allowed, and a person has to decide",
     "nothing was applied; exit code 1"),
    ("Failed", "it will not work however often it is tried",
     "the run, or this one change, failed; exit code 3"),
    ("Tried again", "a service did not answer, or not well",
     "the run does so by itself; after 30 tries, some four hours, it fails: “Given up …”"),
)  # fmt: skip
_ROOMS = {
    "cli": "On the command line",
    "connectors": "Reading files and asking systems",
    "roster": "Putting the roster together",
    "directory": "Saying what the directory should hold",
    "graph": "Microsoft Graph and signing in",
    "sync": "Runs, settings and storage",
}
_TITLES = {
    "BadInput": "Bad input",
    "Refused": "Refused",
    "Terminal": "Failed",
    "Transient": "Tried again",
}


def pages() -> dict[str, str]:
    """The made pages by file name."""
    return {
        "findings.md": _findings_page(),
        "settings.md": _settings_page(),
        "messages.md": _messages_page(),
    }


def _findings_page() -> str:
    parts = [_FINDINGS]
    for title, rules in (
        ("In the data of a source", glossary.roster_rules()),
        ("Between the roster and the directory", glossary.directory_rules()),
    ):
        parts.append(f"## {title}\n")
        groups: dict[str, list[RuleText]] = {}
        for rule in rules:
            groups.setdefault(rule.id.partition(".")[0], []).append(rule)
        for name, group in groups.items():
            rows = [
                (f"`{r.id}`", f"{r.severity}: {r.effect}", r.message, r.hint)
                for r in sorted(group, key=lambda rule: rule.id)
            ]
            parts += [f"### {name}\n", _table(("Rule", "Effect", "It means", "Do"), rows)]
    return "\n".join(parts)


def _settings_page() -> str:
    parts = [_SETTINGS, "## rollcall.yaml\n"]
    for section, found in groupby(glossary.settings(), key=attrgetter("section")):
        rows = [
            (f"`{s.path}`", s.allowed, f"`{s.default}`" if s.default else "", s.description)
            for s in found
        ]
        parts += [f"### {section}\n", _table(("Setting", "Allowed", "Default", ""), rows)]
    rows = [(f"`{name}`", purpose) for name, purpose in glossary.APP_SETTINGS.items()]
    parts += [
        "## App settings\n",
        _WHERE,
        _table(("Name", ""), rows),
    ]
    return "\n".join(parts)


def _messages_page() -> str:
    head = ("Title", "It means", "What becomes of the run")
    parts = [_MESSAGES, _table(head, _CONSEQUENCES)]
    found = messages()
    for room, title in _ROOMS.items():
        rows = [(_TITLES[m.consequence], m.text) for m in found if m.room == room]
        parts += [f"## {title}\n", _table(("Title", "Message"), rows)]
    parts += ["## What Microsoft Graph answers\n", _GRAPH, _graph_answers()]
    parts += ["## Why a sign-in was refused\n", _SIGN_IN, _sign_in_codes()]
    return "\n".join(parts)


def _graph_answers() -> str:
    from graph.errors import REACTIONS

    rows = [
        (str(row.status), row.code and f"`{row.code}`", row.fragment, row.hint)
        for row in REACTIONS
        if row.hint
    ]
    return _table(("Status", "Code", "With the words", "It means, or do"), rows)


def _sign_in_codes() -> str:
    from graph.signin_errors import ADVICE

    rows = [(f"AADSTS{code}", advice) for code, advice in ADVICE.items()]
    return _table(("Code", "It means, or do"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    """A text that stays within its cell, and in which no word is taken for HTML."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def write(folder: Path) -> None:
    """Writes the pages into `folder`."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
