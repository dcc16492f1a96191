"""The distributions of a package: each pinned, and taken for the platform that the app runs on.

requirements.txt names what the app imports, constraints.txt everything below that. Both together
are all that is installed, so that the same commit makes the same package.
https://learn.microsoft.com/azure/azure-functions/python-build-options
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from roster.errors import BadInput, Transient

from .stock import normalised, read_distribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .stock import Distribution

PYTHON = (3, 13)
VERSION = ".".join(map(str, PYTHON))
REQUIREMENTS, CONSTRAINTS = "requirements.txt", "constraints.txt"
PIP_SECONDS = 900
_OLDEST_GLIBC, _NEWEST_GLIBC = 5, 28  # 2.x; that of Azure's image is newer
_TARGET = {
    "python_version": VERSION,
    "python_full_version": f"{VERSION}.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
}
_HEAD = """\
# What lies below requirements.txt in the package that is deployed, each in the version that was
# tested. Made by `rollcall package --pin`; make it again after a change of requirements.txt.
"""


def read_pins(checkout: Path) -> dict[str, str]:
    """The version of every distribution of a package, by normalised name.

    Raises BadInput for a line that is no pin (`name==version`).
    """
    pins: dict[str, str] = {}
    for file in (REQUIREMENTS, CONSTRAINTS):
        path = checkout / file
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
        for number, line in enumerate(lines, 1):
            if text := line.partition("#")[0].strip():
                pins |= _pin(text, f"{path}:{number}")
    return pins


def _pin(text: str, where: str) -> dict[str, str]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise BadInput(f"{where}: {text!r} is no requirement ({error})") from error
    if not _applies(requirement):
        return {}
    versions = [each.version for each in requirement.specifier if each.operator == "=="]
    if len(versions) != 1 or len(requirement.specifier) != 1 or "*" in versions[0]:
        raise BadInput(f"{where}: {text!r} is no pin; write {requirement.name}==VERSION")
    return {normalised(requirement.name): versions[0]}


def needed(distributions: Iterable[Distribution]) -> dict[str, str]:
    """What the distributions need, by normalised name, each with one that needs it."""
    there = {distribution.name: distribution for distribution in distributions}
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    to_do = [(name, "") for name in there]
    while to_do:
        name, extra = to_do.pop()
        if name not in there or (name, extra) in seen:
            continue
        seen.add((name, extra))
        for line in there[name].requires:
            requirement = Requirement(line)
            if _applies(requirement, extra):
                below = normalised(requirement.name)
                found.setdefault(below, name)
                to_do += [(below, each) for each in requirement.extras]
    return found


def unpinned(distributions: Sequence[Distribution]) -> list[str]:
    """What the distributions need and is not among them, as `name (for whom)`."""
    there = {distribution.name for distribution in distributions}
    return sorted(f"{name} (for {by})" for name, by in needed(distributions).items()
                  if name not in there)  # fmt: skip


def _applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether it is one on the app's platform, for those who ask for the extra."""
    marker = requirement.marker
    return marker is None or marker.evaluate(_TARGET | {"extra": extra})


def install(pins: dict[str, str], site: Path) -> None:
    """Lets pip put the pinned distributions into the folder `site`, for the app's platform.

    Raises Transient, with pip's words, if it cannot.
    """
    _pip([f"{name}=={version}" for name, version in sorted(pins.items())], site, "--no-deps")


def pin(checkout: Path) -> dict[str, str]:
    """Writes constraints.txt anew from what requirements.txt needs today; returns what it says.

    Raises BadInput on another Python than the app's: pip would take conditions for its own.
    """
    if sys.version_info[:2] != PYTHON:
        raise BadInput(f"Only Python {VERSION}, which the app runs on, can pin its distributions")
    required = checkout / REQUIREMENTS
    named = {normalised(Requirement(text).name) for line in required.read_text("utf-8").splitlines()
             if (text := line.partition("#")[0].strip())}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rollcall-pin-") as folder:
        site = Path(folder)
        _pip(["--requirement", str(required)], site)
        found = [read_distribution(info) for info in site.glob("*.dist-info")]
    below = {d.name: d.version for d in sorted(found, key=lambda d: d.name) if d.name not in named}
    lines = "".join(f"{name}=={version}\n" for name, version in below.items())
    (checkout / CONSTRAINTS).write_text(_HEAD + lines, encoding="utf-8")
    return below


def _pip(wanted: Sequence[str], site: Path, *options: str) -> None:
    glibcs = range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in glibcs]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-input", "--only-binary=:all:", "--no-compile", "--target", str(site),
        "--implementation=cp", f"--python-version={VERSION}", *platforms,
        "--platform=manylinux2014_x86_64", *options, *wanted,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Transient(f"pip did not end within {PIP_SECONDS} seconds") from error
    if done.returncode:
        raise Transient(
            "pip could not get the distributions; it needs the package index, or a mirror "
            f"(`pip config set global.index-url URL`). It said:\n{done.stderr.strip()[-1500:]}"
        )
