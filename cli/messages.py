"""Every message that the code raises on purpose, read off the code itself.

A message stands where it is raised, with what it says of the case filled in. Here such a part is
`…`, so that somebody who has a message can find it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from graph import errors as graph_errors
from roster import errors
from roster.errors import BadInput, Refused, RollcallError, Terminal, Transient

ROOT = Path(__file__).parent.parent
GAP = "…"
CONSEQUENCES = (BadInput, Refused, Terminal, Transient)
_CLASSES = {
    name: consequence.__name__
    for module in (errors, graph_errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, RollcallError)
    for consequence in CONSEQUENCES
    if issubclass(kind, consequence)
}
ROOMS = ("cli", "connectors", "roster", "directory", "graph", "sync")


@dataclass(frozen=True, order=True)
class Message:
    """A message: the room that raises it, what follows from it, and its text."""

    room: str
    consequence: str
    text: str


def messages() -> list[Message]:
    """All messages, by room and consequence, each once."""
    found = {
        Message(room, consequence, text)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for consequence, text in _raised(ast.parse(path.read_text(encoding="utf-8")))
    }
    return sorted(found)


def _raised(tree: ast.Module) -> list[tuple[str, str]]:
    """Consequence and text of what a module raises, its own error classes included."""
    classes = dict(_CLASSES)
    for defined in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for base in defined.bases:
            if isinstance(base, ast.Name) and base.id in _CLASSES:
                classes[defined.name] = _CLASSES[base.id]
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        text = " ".join(text_of(node.args[0]).split())
        if node.func.id in classes and any(letter.isalpha() for letter in text):
            found.append((classes[node.func.id], text))
    return found


def text_of(node: ast.AST) -> str:
    """The text of an expression, with a gap for each part that the case fills in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return GAP
