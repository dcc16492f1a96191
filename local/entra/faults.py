"""Faults that a test asks for: answers that fail before or after the deed, come late, or never.

method      GET, POST, … or * (the default)
path        a regular expression that is looked for in the path, /users/… ; default: every path
at          item (the default): one operation, in a batch or alone; envelope: the whole $batch
            that holds such an operation
when        before the deed (the default): nothing was done; after: it was done all the same
status      the answer's status, `lost` (0): the answer never comes, `reset`: the connection
            breaks off; without it the answer is as it would be, only `slow`
code, message, retryAfter   of the answer; without retryAfter it tells no Retry-After
slow        seconds by which the answer comes late
times       how often it strikes (1; null: for ever), on each `every`-th operation that it fits
            (1), by `probability` (1)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from local.entra.errors import CONCURRENCY, GraphError
from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from local.entra.messages import Request

LOST = 0
_CODES = {
    409: ("Directory_ConcurrencyViolation", CONCURRENCY),
    429: ("TooManyRequests", "Too many requests."),
    500: ("InternalServerError", "Internal server error."),
    502: ("BadGateway", "Bad gateway."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The gateway timed out."),
}

_Method = Literal["*", "GET", "POST", "PATCH", "PUT", "DELETE"]


class FaultSettings(BaseModel):
    """A fault as it is asked for."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    method: _Method = "*"
    path: str = ""
    at: Literal["item", "envelope"] = "item"
    when: Literal["before", "after"] = "before"
    status: int | str | None = None
    code: str | None = None
    message: str | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None
    slow: Annotated[float, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1)] | None = 1
    every: Annotated[int, Field(ge=1)] = 1
    probability: Annotated[float, Field(gt=0, le=1)] = 1

    @field_validator("path")
    @classmethod
    def _is_expression(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"a regular expression is needed ({error})") from error
        return path

    @field_validator("status")
    @classmethod
    def _is_status(cls, status: int | str | None) -> int | str | None:
        known = status in (None, LOST, "lost", "reset")
        if not known and not (isinstance(status, int) and 400 <= status <= 599):
            raise ValueError("a status is 400-599, lost or reset")
        return status

    @model_validator(mode="after")
    def _does_something(self) -> FaultSettings:
        if self.status is None and not self.slow:
            raise ValueError("a fault needs a status (400-599, lost or reset) or slow")
        return self


class Reset(Exception):
    """The connection breaks off here."""


class Fault:
    """A fault that is still to come, and how often it has been met."""

    def __init__(self, settings: FaultSettings) -> None:
        self.settings = settings
        self.left = settings.times
        self._expression = re.compile(settings.path)
        self._fitted = 0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        """A fault as it is asked for over HTTP; BadInput says what is wrong with it."""
        try:
            return cls(FaultSettings.model_validate(values))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            setting = ".".join(str(part) for part in first["loc"]) or "fault"
            allowed = ", ".join(f.alias or n for n, f in FaultSettings.model_fields.items())
            raise BadInput(f"{setting}: {first['msg']}; settings of a fault: {allowed}") from error

    def fits(self, method: str, path: str) -> bool:
        """Whether it is about such an operation."""
        wanted = self.settings.method
        return wanted in ("*", method) and self._expression.search(path) is not None

    def strikes(self, chance: Random) -> bool:
        """Whether it strikes an operation that it fits; that uses it up."""
        if self.left == 0:
            return False
        self._fitted += 1
        if self._fitted % self.settings.every:
            return False
        if self.settings.probability < 1 and chance.random() >= self.settings.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    @property
    def before(self) -> bool:
        """Whether the deed is not done."""
        return self.settings.status is not None and self.settings.when == "before"

    def error(self) -> GraphError | None:
        """The answer in place of the real one; None where it is lost. Raises Reset."""
        status = self.settings.status
        if status == "reset":
            raise Reset
        if status in (LOST, "lost") or not isinstance(status, int):
            return None
        code, message = _CODES.get(status, ("UnknownError", "A fault that was asked for."))
        after = self.settings.retry_after
        return GraphError(
            status,
            self.settings.code or code,
            self.settings.message or message,
            headers={} if after is None else {"Retry-After": str(after)},
        )


class Faults:
    """The faults that are still to come."""

    def __init__(self, chance: Random, settings: Iterable[FaultSettings] = ()) -> None:
        self.coming = [Fault(one) for one in settings]
        self._chance = chance

    def next(self, request: Request) -> Fault | None:
        """The fault that strikes this operation, if any; it is used up."""
        if not self.coming:
            return None
        return self._first("item", [(request.method, "/" + "/".join(request.path))])

    def next_of_envelope(self, operations: list[tuple[str, str]]) -> Fault | None:
        """The fault that strikes a batch of these operations (method, path) as a whole."""
        return self._first("envelope", operations)

    def _first(self, at: str, operations: list[tuple[str, str]]) -> Fault | None:
        for fault in self.coming:
            about = fault.settings.at == at and any(fault.fits(*one) for one in operations)
            if about and fault.strikes(self._chance):
                return fault
        return None
