"""The sheet of a run: who was given which first password. Sealed, line by line, as it is written.

    credentials/<run>/0001.sheet, 0002.sheet, …   append blobs, a sealed line for each password
    credentials/<run>/seed                        the sealed secret that its passwords come from

Design note. A line is written before its account is, so that no crash leaves an account whose
password nobody knows. Messages come twice, so lines do too: the passwords of a run come from its
seed, hence every try of one person writes the same one. Where the directory refuses a password and
the next one is tried, the line with the highest number counts. Deleting a sheet deletes its seed,
and with it the last way to its passwords.

An append blob takes 50,000 blocks
(https://learn.microsoft.com/rest/api/storageservices/append-block); a part is full long before, by
its size, as no line is shorter than 200 bytes.
"""

from __future__ import annotations

import json
import secrets
from bisect import bisect_left
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from roster.errors import BadInput

from .storage import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.storage.blob import BlobClient

    from .sealing import Sealing
    from .storage import Storage

PART_BYTES = 8 * 1024**2
SEED_BYTES = 32


@dataclass(frozen=True)
class Line:
    """One password of one person. `number` counts those that were tried, from 0.

    `doubt`: the account was there already, so that the sheet of this earlier run may hold the right
    password; '' = no doubt.
    """

    external_id: str
    username: str
    display_name: str
    school: str | None
    school_name: str | None
    grade: str | None
    password: str
    number: int
    doubt: str = ""


@dataclass
class Sheet:
    """The sheet of one run."""

    storage: Storage
    run: str
    sealing: Sealing
    _part: int = 1
    _seed: bytes | None = field(default=None, repr=False)
    _earlier: dict[str, str] | None = field(default=None, repr=False)

    def seed(self) -> bytes:
        """The secret of the run: made by whoever asks first, the same for all."""
        from azure.core.exceptions import ResourceExistsError

        if self._seed is None:
            name, fresh = f"{self.run}/seed", secrets.token_bytes(SEED_BYTES)
            try:
                self.storage.blob(CREDENTIALS, name).upload_blob(self.sealing.seal(fresh))
            except ResourceExistsError:
                fresh = self.sealing.open(self.storage.read(CREDENTIALS, name) or b"")
            self._seed = fresh
        return self._seed

    def append(self, line: Line) -> None:
        """Adds a line; when this returns it is stored."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        data = self.sealing.seal(json.dumps(asdict(line)).encode()) + b"\n"
        while True:
            part = self._blob(self._part)
            try:
                part.append_block(data, maxsize_condition=PART_BYTES)
            except ResourceNotFoundError:
                _create(part)
            except HttpResponseError as error:
                if error.status_code != 412:
                    raise
                self._part += 1
            else:
                return

    def lines(self) -> Iterator[Line]:
        """All lines, in the order in which they were written."""
        for file in self.storage.list_files(CREDENTIALS, self.run):
            if file.name.endswith(".sheet"):
                data = self.storage.read(CREDENTIALS, file.name) or b""
                for sealed in data.splitlines():
                    yield Line(**json.loads(self.sealing.open(sealed)))

    def people(self) -> list[Line]:
        """The line that counts of each person, by school, grade and name."""
        last: dict[str, Line] = {}
        for line in self.lines():
            known = last.get(line.external_id)
            if known is None or line.number >= known.number:
                last[line.external_id] = line
        return sorted(last.values(), key=_order)

    def earlier(self) -> dict[str, str]:
        """Who stands in the sheets of earlier runs, and the last such run: read once."""
        if self._earlier is None:
            files = self.storage.list_files(CREDENTIALS)
            runs = sorted({file.name.split("/")[0] for file in files})
            self._earlier = {}
            for run in runs[: bisect_left(runs, self.run)]:
                with suppress(BadInput):  # another key sealed it
                    for line in Sheet(self.storage, run, self.sealing).lines():
                        self._earlier[line.external_id] = run
        return self._earlier

    def delete(self) -> int:
        """Deletes the sheet and its seed; the number of blobs that were there."""
        files = self.storage.list_files(CREDENTIALS, self.run)
        return sum(self.storage.delete(CREDENTIALS, file) for file in files)

    def _blob(self, part: int) -> BlobClient:
        return self.storage.blob(CREDENTIALS, f"{self.run}/{part:04}.sheet")


def _create(part: BlobClient) -> None:
    """Makes an append blob, unless another process was quicker."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        part.create_append_blob(match_condition=MatchConditions.IfMissing)


def _order(line: Line) -> tuple[Any, ...]:
    return (line.school or "", line.grade or "", line.display_name, line.external_id)
