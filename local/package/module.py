"""What a Python module may import, read from its text without running it.

A module imports some things when it is imported itself, others when one of its functions is called.
What stands under `if TYPE_CHECKING` it never imports.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roster.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

# Calls whose constant arguments name modules or attributes.
_IMPORTING = frozenset({"import_module", "__import__"})
_NAMING = frozenset({"getattr", "hasattr", "setattr", "attrgetter", "methodcaller"})


@dataclass(frozen=True, slots=True)
class Import:
    """`level`: the number of dots; `name`: what is taken from the module, which may be a module."""

    level: int
    module: str
    name: str = ""


@dataclass(slots=True)
class Body:
    """A stretch of code: what it imports and every name that stands in it."""

    imports: list[Import] = field(default_factory=list[Import])
    names: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Module:
    """`top`: what runs at import; `functions`: by name, methods too; `strings`: its constants."""

    top: Body = field(default_factory=Body)
    functions: dict[str, Body] = field(default_factory=dict[str, Body])
    strings: set[str] = field(default_factory=set[str])

    @property
    def bodies(self) -> list[Body]:
        """All its code."""
        return [self.top, *self.functions.values()]


def read_module(path: Path) -> Module:
    """Reads a module; raises BadInput if this Python does not understand it."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise BadInput(
            f"{path}:{error.lineno}: Python {version} does not understand this module "
            f"({error.msg}). Build the package with the Python that the app runs on."
        ) from error
    reader = _Reader()
    reader.visit(tree)
    return reader.module


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.module = Module()
        self._body = self.module.top

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        named = test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")
        if named == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
            return
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function within a function belongs to the outer one; annotations import nothing."""
        for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outside is not None:
                self.visit(outside)
        around = self._body
        if around is self.module.top:
            self._body = self.module.functions.setdefault(node.name, Body())
        for statement in node.body:
            self.visit(statement)
        self._body = around

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Import(self, node: ast.Import) -> None:
        self._body.imports += [Import(0, alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._body.imports.append(Import(node.level, node.module or "", alias.name))
            self._body.names.add(alias.name)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        given = [a.value for a in node.args if isinstance(a, ast.Constant)]
        texts = [value for value in given if isinstance(value, str)]
        if called in _IMPORTING and texts:
            name = texts[0].lstrip(".")
            self._body.imports.append(Import(len(texts[0]) - len(name), name))
        if called in _NAMING:
            self._body.names.update(part for text in texts for part in text.split("."))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._body.names.add(node.attr)
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        self._body.names.add(node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.module.strings.add(node.value)
