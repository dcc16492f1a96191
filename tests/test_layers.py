"""The house plan: which room may import which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTSIDE = {"azure", "httpx", "msgraph", "msgraph_core", "kiota_abstractions", "requests"}
MAY_IMPORT = {
    "roster": set[str](),
    "connectors": {"roster"},
    "directory": {"roster"},
    "graph": {"roster"},
    "sync": {"roster", "connectors", "directory", "graph"},
    "portal": {"roster", "sync"},
    "function_app": {"roster", "sync", "portal"},
    "cli": {"roster", "connectors", "directory", "graph", "sync", "portal", "local"},
    "local": {"roster"},
}


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, anywhere in it, type-only imports too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[room] - {room} | {"tests", "bench"}
    wrong = {str(p): sorted(imported(p) & forbidden) for p in modules(room)}
    assert {path: names for path, names in wrong.items() if names} == {}


@pytest.mark.parametrize("room", ["roster", "directory"])
def test_the_domain_knows_no_cloud_and_no_http(room: str) -> None:
    wrong = {str(p): sorted(imported(p) & OUTSIDE) for p in modules(room)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_only_the_folders_of_the_house_plan_stand_at_the_top() -> None:
    rooms = {*MAY_IMPORT, "infra", "tests", "bench", "docs"} - {"function_app"}
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    assert {f for f in folders - rooms if not f.endswith(".egg-info") and f != "build"} == set()


def test_only_the_demo_command_imports_the_local_stack_and_only_when_called() -> None:
    for path in modules("cli"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        names = {getattr(n, "module", None) or n.names[0].name for n in top}
        assert not {n for n in names if n.split(".")[0] == "local"}, path
