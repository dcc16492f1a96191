"""A drop: the CSV files that an administrator delivered, as a folder or as one zip.

A zip comes from outside and may be hostile or damaged, so it is unpacked entry by entry into a
temporary folder, each name and size is checked before and while its bytes are written, and the
check sums are verified (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO

from roster.errors import BadInput

# A million students make 0.3 GB; real exports shrink 5 to 40 times, deflate can reach 1,000.
MOST_BYTES = 8 * 1024**3
MOST_ENTRIES = 1000
HIGHEST_RATIO = 200
_RATIO_COUNTS_FROM = 10 * 1024**2
_CHUNK = 1024**2
_ENCRYPTED = 0x1
_SYMLINK = 0o120000


@dataclass(frozen=True)
class DropFile:
    """A CSV file of a drop. `name`: as delivered, without folders."""

    name: str
    path: Path

    @property
    def stem(self) -> str:
        """The name without ending, lower-case: what formats are recognised by."""
        return self.name.lower().removesuffix(".csv")


class Drop:
    """The files of a drop, in a `with` block; `scratch` is a folder that goes when it ends."""

    def __init__(self, path: Path) -> None:
        """`path`: a folder of CSV files, a zip, or a folder that holds one zip."""
        self._path = path
        self.scratch = Path()
        self.files: tuple[DropFile, ...] = ()

    def __enter__(self) -> Drop:
        self.scratch = Path(tempfile.mkdtemp(prefix="rollcall-drop-"))
        try:
            self.files = self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _open(self) -> tuple[DropFile, ...]:
        path = self._path
        if path.is_dir():
            visible = sorted(
                child for child in path.iterdir() if child.is_file() and not _hidden(child.name)
            )
            zips = [child for child in visible if child.suffix.lower() == ".zip"]
            if not zips:
                return _distinct(path.name, [DropFile(child.name, child) for child in visible])
            if len(visible) > 1:
                raise BadInput(
                    f"{path.name}: a zip beside other files ({_names(visible)});"
                    " expected either CSV files or one zip, so remove what is too much"
                )
            path = zips[0]
        if not path.is_file():
            raise BadInput(f"{path}: no such folder or zip")
        if path.suffix.lower() != ".zip":
            raise BadInput(f"{path.name}: expected a folder of CSV files, or one zip of them")
        return _distinct(path.name, _unpack(path, self.scratch))


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX", "~$")) or name.lower() in {"thumbs.db", "desktop.ini"}


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)


def _distinct(where: str, files: list[DropFile]) -> tuple[DropFile, ...]:
    tables = [file for file in files if file.name.lower().endswith(".csv")]
    if not tables:
        found = ", ".join(file.name for file in files) or "nothing"
        raise BadInput(f"{where}: no CSV file found (found: {found})")
    seen: dict[str, str] = {}
    for file in tables:
        if file.stem in seen:
            raise BadInput(
                f"{where}: {seen[file.stem]} and {file.name} are the same table; remove one"
            )
        seen[file.stem] = file.name
    return tuple(tables)


def _unpack(path: Path, folder: Path) -> list[DropFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(path.name, archive)
            return [_extract(path.name, archive, entry, folder) for entry in entries]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise BadInput(
            f"{path.name}: the zip is damaged or incomplete ({error}); make and upload it again"
        ) from error


def _checked(name: str, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries to unpack, after everything that can be known before unpacking was checked."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise BadInput(f"{name}: {len(entries)} entries; allowed: {MOST_ENTRIES}")
    wanted: list[zipfile.ZipInfo] = []
    for entry in entries:
        _refuse_dangerous(name, entry)
        parts = PurePosixPath(entry.filename).parts
        if not entry.is_dir() and not any(_hidden(part) for part in parts):
            wanted.append(entry)
    folders = {PurePosixPath(entry.filename).parent for entry in wanted}
    if len(folders) > 1 or any(len(folder.parts) > 1 for folder in folders):
        raise BadInput(
            f"{name}: files in several folders ({', '.join(sorted(map(str, folders)))});"
            " expected all files at the top, or in one folder"
        )
    if sum(entry.file_size for entry in wanted) > MOST_BYTES:
        raise BadInput(f"{name}: unpacks to more than {MOST_BYTES:,} bytes; refused as a zip bomb")
    return wanted


def _refuse_dangerous(name: str, entry: zipfile.ZipInfo) -> None:
    # orig_filename: zipfile itself already turns some dangerous names into harmless ones.
    parts = entry.orig_filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in parts[0] or "\0" in entry.orig_filename:
        raise BadInput(f"{name}: the entry “{entry.orig_filename}” points outside the zip; refused")
    if (entry.external_attr >> 16) & 0o170000 == _SYMLINK:
        raise BadInput(f"{name}: the entry “{entry.filename}” is a link; put the file itself in")
    if entry.flag_bits & _ENCRYPTED:
        raise BadInput(f"{name}: “{entry.filename}” is encrypted; make the zip without a password")
    if entry.filename.lower().endswith(".zip"):
        raise BadInput(f"{name}: “{entry.filename}” is a zip inside the zip; put the files in")
    if entry.file_size > _RATIO_COUNTS_FROM and entry.file_size > HIGHEST_RATIO * max(
        entry.compress_size, 1
    ):
        raise BadInput(
            f"{name}: “{entry.filename}” unpacks to more than {HIGHEST_RATIO} times its size;"
            " refused as a zip bomb"
        )


def _extract(name: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> DropFile:
    plain = PurePosixPath(entry.filename).name
    target = folder / f"{len(list(folder.iterdir()))}.csv"
    with archive.open(entry) as packed, target.open("wb") as unpacked:
        written = _copy(packed, unpacked, entry.file_size)
    if written != entry.file_size:
        raise BadInput(
            f"{name}: “{plain}” unpacks to another size than the zip says;"
            " refused as damaged or as a zip bomb"
        )
    return DropFile(plain, target)


def _copy(packed: IO[bytes], unpacked: IO[bytes], expected: int) -> int:
    """Copy, but never more than one chunk beyond what was promised; the bytes written."""
    written = 0
    while written <= expected and (chunk := packed.read(_CHUNK)):
        unpacked.write(chunk)
        written += len(chunk)
    return written
