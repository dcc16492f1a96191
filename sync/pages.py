"""The pages of a pull as blobs of the run, `runs/<run>/pages/`, so that any instance goes on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from connectors.pages import FolderPages, Head

from .record import artefact
from .storage import RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .storage import Storage

PAGES = "pages"
THREADS = 16


class BlobPages:
    """Pages in blobs, with a copy in a local folder of those that this step has seen."""

    def __init__(self, storage: Storage, run: str, folder: Path) -> None:
        """`folder`: an empty local one, which the caller removes."""
        self._storage = storage
        self._prefix = artefact(run, PAGES)
        self._folder = folder
        self._local = FolderPages(folder)

    def heads(self) -> list[Head]:
        """The heads of all pages, as the blobs say."""
        names = [
            file.name
            for file in self._storage.list_files(RUNS, self._prefix)
            if file.name.endswith(".head")
        ]
        with ThreadPoolExecutor(THREADS) as threads:
            found = threads.map(self._storage.read, [RUNS] * len(names), names)
            return [Head.from_json(data) for data in found if data is not None]

    def save(self, head: Head, rows: bytes) -> None:
        """Writes the rows, then the head; locally too."""
        self._storage.write(RUNS, f"{self._prefix}/{head.request.name}.json", rows)
        self._storage.write(RUNS, f"{self._prefix}/{head.request.name}.head", head.to_json())
        self._local.save(head, rows)

    def files(self, heads: Sequence[Head]) -> list[Path]:
        """The files of these pages, fetched where another step saved them."""
        paths = self._local.files(heads)
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(self._fetch, [path for path in paths if not path.exists()]))
        return paths

    def _fetch(self, path: Path) -> None:
        name = path.relative_to(self._folder).as_posix()
        self._storage.download(RUNS, f"{self._prefix}/{name}", path)
