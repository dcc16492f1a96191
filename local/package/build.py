"""Building the package: gather, choose, check, write."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from roster.errors import BadInput

from .archive import Written, compiled, compiled_name, write_zip
from .contents import BESIDE_THE_APP, SITE, chosen
from .pins import CONSTRAINTS, PYTHON, VERSION, install, read_pins, unpinned
from .reach import reached
from .stock import APP, Stock, app_files, read_distributions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .stock import File

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ORIGIN = PurePosixPath("rollcall-package.json")
TAG = f"cpython-{PYTHON[0]}{PYTHON[1]}"


@dataclass(frozen=True, slots=True)
class Part:
    """The app or a distribution in a package; `before`: bytes of it before anything was left out.

    `files`: without compiled forms, whose bytes count in `size` and `zipped`. No files: left out.
    """

    name: str
    version: str
    files: int
    before: int
    size: int
    zipped: int


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was built. `compiled`: whether it holds its modules in compiled form, too."""

    path: Path
    parts: tuple[Part, ...]
    files: tuple[Written, ...]
    checksum: str
    compiled: bool

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)


def build(
    target: Path,
    *,
    checkout: Path = CHECKOUT,
    site: Path | None = None,
    compile_all: bool = sys.version_info[:2] == PYTHON,
    say: Callable[[str], None] = lambda _: None,
) -> Package:
    """Builds the package of a checkout.

    `site`: a site-packages folder for the app's platform; without one pip fills it. `say` is told
    what is being done. Raises BadInput if the checkout is no app, or does not pin what it needs.
    """
    if not (checkout / "function_app.py").is_file() or not (checkout / "host.json").is_file():
        raise BadInput(f"{checkout}: this is no checkout of Rollcall: function_app.py is missing")
    with ExitStack() as ending:
        pins = read_pins(checkout)
        if site is None:
            say(f"Getting the {len(pins)} pinned distributions for Python {VERSION} on Linux")
            folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-package-"))
            site = Path(folder)
            install(pins, site)
        say("Reading what the app imports")
        distributions = read_distributions(site, pins)
        if missing := unpinned(distributions):
            raise BadInput(
                f"{checkout / CONSTRAINTS} lacks {', '.join(missing)}: run `rollcall package --pin`"
            )
        stock = Stock(app_files(checkout), distributions)
        files = chosen(stock, reached(stock))
        say("Compiling and zipping" if compile_all else "Zipping")
        content = _content(files, checkout, compile_all=compile_all)
        content[ORIGIN] = _origin(checkout, content, pins, compile_all=compile_all)
        target.parent.mkdir(parents=True, exist_ok=True)
        written = write_zip(target, content)
        return Package(
            path=target,
            parts=_parts(stock, files, written),
            files=tuple(written),
            checksum=_sha256(target),
            compiled=compile_all,
        )


def _content(
    files: Mapping[PurePosixPath, File], checkout: Path, *, compile_all: bool
) -> dict[PurePosixPath, bytes]:
    content: dict[PurePosixPath, bytes] = {}
    for name in BESIDE_THE_APP:
        if (checkout / name).is_file():
            content[PurePosixPath(name)] = (checkout / name).read_bytes()
    for name, file in files.items():
        content[name] = file.path.read_bytes()
        if compile_all and name.suffix == ".py":
            content[compiled_name(name, TAG)] = compiled(name, content[name])
    return content


def _origin(
    checkout: Path,
    content: Mapping[PurePosixPath, bytes],
    pins: Mapping[str, str],
    *,
    compile_all: bool,
) -> bytes:
    """What the package says of itself: the commit, and whether the files are those of it."""
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(f"{name}\0{len(content[name])}\0".encode() + content[name])
    told: dict[str, Any] = {
        "commit": _git(checkout, "rev-parse", "HEAD") or None,
        "modified": bool(_git(checkout, "status", "--porcelain", "--", *_watched(content))),
        "python": VERSION,
        "compiled": compile_all,
        "distributions": dict(sorted(pins.items())),
        "content_sha256": digest.hexdigest(),
    }
    return (json.dumps(told, indent=2) + "\n").encode()


def _watched(content: Mapping[PurePosixPath, bytes]) -> list[str]:
    """The files and folders of the checkout that the package was made from."""
    tops = {
        name.parts[0] for name in content if name.parts[0] not in (SITE.parts[0], "__pycache__")
    }
    return sorted(tops - {"rollcall.yaml"} | {"requirements.txt", CONSTRAINTS})


def _git(checkout: Path, *arguments: str) -> str:
    """What git says; nothing outside a clone."""
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if not done.returncode else ""


def _parts(
    stock: Stock, files: Mapping[PurePosixPath, File], written: Sequence[Written]
) -> tuple[Part, ...]:
    """The package by distribution, the app first, then the biggest."""
    owners = {name: file.owner for name, file in files.items()}
    owners |= {compiled_name(name, TAG): owner for name, owner in owners.items()}
    sizes: dict[str, int] = defaultdict(int)
    zipped: dict[str, int] = defaultdict(int)
    for file in written:
        owner = owners.get(file.name, APP)
        sizes[owner] += file.size
        zipped[owner] += file.zipped
    counts: dict[str, int] = defaultdict(int)
    for file in files.values():
        counts[file.owner] += 1
    app = Part(APP, "", counts[APP], _size(f for f in files.values() if f.owner == APP),
               sizes[APP], zipped[APP])  # fmt: skip
    others = [
        Part(d.name, d.version, counts[d.name], _size(d.files), sizes[d.name], zipped[d.name])
        for d in stock.distributions
    ]
    return (app, *sorted(others, key=lambda part: (-part.zipped, part.name)))


def _size(files: Any) -> int:
    return sum(file.path.stat().st_size for file in files if file.path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
