"""The zip: the same files make the same bytes.

Modules are compiled for the app's Python, because Functions runs a package from a file system that
it cannot write to: without that, every cold start would compile everything that it imports. The
compiled files say that nobody needs to compare them with their source (PEP 552, unchecked), so that
no time of a file counts; another Python overlooks them and reads the source.
"""

from __future__ import annotations

import importlib.util
import marshal
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMPILED = ".pyc"
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
_MODE = 0o100644 << 16
_UNCHECKED = (0b01).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Written:
    """A file in the zip, its bytes unzipped and zipped."""

    name: PurePosixPath
    size: int
    zipped: int


def write_zip(target: Path, files: Mapping[PurePosixPath, bytes]) -> list[Written]:
    """Writes the zip, whole or not at all."""
    part = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(str(name), _TIME)
                entry.external_attr = _MODE
                entry.create_system = 3  # the rights above are those of Unix, wherever it is built
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[name])
            infos = archive.infolist()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return [Written(PurePosixPath(i.filename), i.file_size, i.compress_size) for i in infos]


def compiled_name(name: PurePosixPath, tag: str) -> PurePosixPath:
    """Where Python looks for the compiled form of a module; `tag`: cpython-313."""
    return name.parent / "__pycache__" / f"{name.stem}.{tag}{COMPILED}"


def compiled(name: PurePosixPath, source: bytes) -> bytes:
    """A module compiled by this Python."""
    code = compile(source, str(name), "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source)
    return head + marshal.dumps(code)
