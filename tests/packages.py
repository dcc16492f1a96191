"""A built package, unpacked, and commands that run it with nothing else to import."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.package.build import CHECKOUT, Package, build
from local.package.pins import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable

TESTS = Path(__file__).parent
SITE = Path(pytest.__file__).parent.parent  # the distributions of this very environment
# On the app's platform they are those that pip would get for a package.
on_its_platform = pytest.mark.skipif(
    sys.version_info[:2] != PYTHON or sys.platform != "linux",
    reason=f"this is not Python {'.'.join(map(str, PYTHON))} on Linux, for which a package is",
)


@dataclass(frozen=True)
class Unpacked:
    """`app`: the folder of function_app.py."""

    package: Package
    app: Path

    def command(self, module: str, tools: Path) -> list[str]:
        """What runs a module that is in the package or in `tools`."""
        return [
            sys.executable,
            "-I",
            "-S",
            str(TESTS / "alone.py"),
            str(self.app),
            str(tools),
            module,
        ]


def unpacked(folder: Path, *, compile_all: bool) -> Unpacked:
    """The package of this checkout, with the distributions of this environment."""
    package = build(folder / "rollcall.zip", site=SITE, compile_all=compile_all)
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder / "app")
    return Unpacked(package, folder / "app")


def tools(folder: Path, installed: Iterable[str], own: Iterable[str]) -> Path:
    """A folder with what runs a package but is not in it: links to installed and own modules."""
    folder.mkdir()
    for path in (*(SITE / name for name in installed), *(CHECKOUT / name for name in own)):
        assert path.exists(), path
        (folder / path.name).symlink_to(path)
    return folder
