"""What the pages tell their readers to type: the commands of code blocks and of inline code."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Made from the code: what stands in their tables is named there, not told to be typed.
MADE = ("findings.md", "messages.md", "settings.md")
SHELLS = ("sh", "bash", "console", "shell")
PROGRAMS = (
    "rollcall", "make", "python", "curl", "az", "azd", "func", "git", "gh", "npx", "npm", "bicep",
    "cd", "export", "cp", "mkdir", "unzip", "zip", "pip", "for", "echo", "docker", "pwsh",
)  # fmt: skip
_FENCE = re.compile(r"^```([\w-]*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}|\t)(?! *[-*|│┌└┏┃┡] ).*\n?)+", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
# A word in quotes may go over several lines.
_QUOTED = re.compile(r'(?<![\\\w])"(?:[^"\\`]|\\.)*"')
_INSIDE = re.compile(r"\$\(([^()]*)\)")


@dataclass(frozen=True, order=True)
class Command:
    """A command line as a page has it. `is_typed`: it stands in a block, to be copied as it is."""

    page: str
    text: str
    is_typed: bool

    @property
    def program(self) -> str:
        return self.text.split()[0]

    def parts(self) -> list[list[str]]:
        """The words of each program of the line, those of `$(…)` too; variables stay."""
        found, text = list[list[str]](), self.text
        while inside := _INSIDE.search(text):
            found += Command(self.page, inside[1].strip(), self.is_typed).parts()
            text = text[: inside.start()] + "VALUE" + text[inside.end() :]
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if token and set(token) <= set("|&;"):
                found += [words] if words else []
                words = []
            else:
                words.append(token)
        return [without_assignments(part) for part in found if without_assignments(part)]


def without_assignments(words: list[str]) -> list[str]:
    """A command without `NAME=value` in front, and without the words of a loop around it."""
    while words and (re.match(r"[A-Z_]+=", words[0]) or words[0] in ("do", "done", "then", "fi")):
        words = words[1:]
    return [] if words[:1] == ["for"] else words


def commands() -> list[Command]:
    """Everything that any page tells its reader to type, each once; where it stands first."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for command in of_page(page.name, page.read_text(encoding="utf-8")):
            if command.text not in found or command.is_typed > found[command.text].is_typed:
                found[command.text] = command
    return sorted(found.values())


def of_page(page: str, text: str) -> list[Command]:
    """The commands of one page."""
    found: list[Command] = []
    for language, block in _FENCE.findall(text):
        if language in ("", *SHELLS):
            found += [Command(page, line, True) for line in _lines(block, language in SHELLS)]
    rest = _FENCE.sub("", text)
    for block in _INDENTED.findall(rest):
        found += [Command(page, line, True) for line in _lines(block, False)]
    for code in _INLINE.findall(_INDENTED.sub("", rest)):
        words = code.split()
        if len(words) > 1 and _program(words[0]) and words[0] not in ("for", "export"):
            found.append(Command(page, _clean(" ".join(words)), False))
    return found


def unknown_lines(page: Path) -> list[str]:
    """Lines of blocks marked as shell that begin with a program that the tests do not know."""
    text = page.read_text(encoding="utf-8")
    return [
        line
        for language, block in _FENCE.findall(text)
        if language in SHELLS
        for line in _lines(block, True)
        if not all(_program(part[0]) for part in Command(page.name, line, True).parts())
    ]


def _lines(block: str, is_shell: bool) -> list[str]:
    """The command lines of a block; of one that is not marked as shell those that look like it.

    A script to be saved in a file is none of them: tests/graph/test_principals.py runs it whole.
    """
    if block.startswith("set -euo pipefail\n"):
        return []
    text = re.sub(r"\\\n\s*", " ", block)
    text = _QUOTED.sub(lambda found: " ".join(found[0].split()), text)
    lines = [_clean(line) for line in text.splitlines()]
    return [line for line in lines if line and (is_shell or _program(line.split()[0]))]


def _clean(line: str) -> str:
    """A line without prompt, remark and folder of the virtual environment."""
    line = re.sub(r"(^|\s)#.*$", "", line.strip().removeprefix("$ "))
    return " ".join(line.replace(".venv/bin/", "").split())


def _program(word: str) -> bool:
    return word in PROGRAMS or bool(re.fullmatch(r"[A-Z_]+=\S*", word))
