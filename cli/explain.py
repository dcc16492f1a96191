"""`rollcall explain`: what a rule of findings, a setting or an app role means, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from roster.errors import BadInput

from . import glossary
from .screen import Json, print_json, results

if TYPE_CHECKING:
    from collections.abc import Iterable

Entry = dict[str, str]
CLOSE = 5


def explain(
    word: Annotated[
        str,
        typer.Argument(
            metavar="WORD",
            help="Such as users.username.shared, guards.removals, ROLLCALL_CREDENTIALS_KEY or "
            "Team.Create; a beginning, such as person, explains all that begin so.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Explains a rule of findings, a setting, an app setting or an app role.

    The ids of rules stand in findings.csv, in the portal, and in what `rollcall check` says.
    """
    entries = list(_entries())
    found = [entry for entry in entries if entry["word"] == word] or [
        entry for entry in entries if entry["word"].startswith(f"{word.rstrip('.')}.")
    ]
    if not found:
        raise BadInput(f"{word} is no rule, setting or app role; {_close(word, entries)}")
    if as_json:
        print_json(found)
        return
    _print(found)


def _entries() -> Iterable[Entry]:
    for rule in (
        *glossary.roster_rules(), *glossary.directory_rules(), *glossary.strict_rules(),
    ):  # fmt: skip
        yield {"word": rule.id, "is": "rule", **asdict(rule)}
    for setting in glossary.settings():
        yield {"word": setting.path, "is": "setting", **asdict(setting)}
    for name, purpose in glossary.APP_SETTINGS.items():
        yield {"word": name, "is": "app setting", "description": purpose}
    for name, purpose in glossary.app_roles().items():
        yield {"word": name, "is": "app role", "description": purpose}


def _print(found: list[Entry]) -> None:
    from rich.text import Text

    console = results()
    for entry in found:
        console.print(Text(entry["word"], style="bold"))
        for line in _lines(entry):
            console.print(Text(f"  {line}"))


def _lines(entry: Entry) -> list[str]:
    if entry["is"] == "rule":
        effect = f"{entry['severity']}; {entry['effect']}"
        return [effect, entry["message"], f"→ {entry['hint']}"]
    if entry["is"] == "setting":
        default = f"default: {entry['default']}" if entry["default"] else "required"
        allowed = entry["allowed"].replace("`", "")
        return [f"setting; {allowed}; {default}", entry["description"]]
    return [entry["is"], entry["description"]]


def _close(word: str, entries: list[Entry]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, [entry["word"] for entry in entries], CLOSE, 0.6)
    if close:
        return f"did you mean {', '.join(close)}?"
    return "docs/findings.md and docs/settings.md list them all"
