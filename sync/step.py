"""Steps of a run as values: what is asked for, what a step gets, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .storage import RUNS_QUEUE

if TYPE_CHECKING:
    from .record import Run
    from .storage import Storage


@dataclass(frozen=True)
class Step:
    """A step as it stands in positions and messages: `plan`, `wait/2/safe`, `send/3/held/5000`."""

    name: str
    phase: int = 0
    held: bool = False
    offset: int = 0

    def __str__(self) -> str:
        which = "held" if self.held else "safe"
        if self.name == "send":
            return f"send/{self.phase}/{which}/{self.offset}"
        return f"wait/{self.phase}/{which}" if self.name == "wait" else self.name

    @classmethod
    def parse(cls, text: str) -> Step:
        """The step that a position names."""
        name, phase, which, offset = (text + "/0/safe/0").split("/")[:4]
        return cls(name, int(phase), which == "held", int(offset))


@dataclass(frozen=True)
class Work:
    """What a step gets: the record, the step, and what its control message said."""

    storage: Storage
    run: Run
    step: Step
    message: Mapping[str, Any]


@dataclass(frozen=True)
class Next:
    """The step is done: `position` follows (a step, or END); `changes` go into the record."""

    position: Step | str
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Again:
    """The step is not done: ask for it again after `delay` seconds, with `notes` for itself."""

    delay: float
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Stop:
    """The run is given up, `why` says the reason; it is nobody's fault."""

    why: str


APPROVED = Step("send", 1, held=True)


def ask_for(
    storage: Storage, run: str, position: Step | str, delay: float = 0, **more: Any
) -> None:
    """Sends the control message that asks for a step."""
    storage.send(RUNS_QUEUE, {"run": run, "step": str(position), **more}, delay)
