"""What the portal reads: a small protocol, so that pages know nothing of storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]


class RecordReader(Protocol):
    """Reads runs. Every method may block; pages call it from a thread."""

    def runs(self, limit: int) -> Sequence[Record]:
        """The newest runs first, each as sync.record.Run.as_dict gives it."""
        ...

    def run(self, run: str) -> Record | None:
        """One run, or None if there is none with that id."""
        ...

    def held(self, run: str, limit: int) -> Sequence[Record]:
        """Held changes, each as sync.change.Change.as_dict gives it."""
        ...

    def findings(self, run: str, limit: int) -> Sequence[Record]:
        """Findings, each as roster.finding.Finding.as_dict gives it."""
        ...
