"""One Graph operation and its answer, as values: what goes into a $batch and comes out of it.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiota_abstractions.request_information import RequestInformation

READS = frozenset({"GET", "HEAD"})
# POSTs that only read: https://learn.microsoft.com/graph/throttling-limits
_READING = re.compile(
    r"/(getByIds|getMemberGroups|getMemberObjects|checkMemberGroups|checkMemberObjects|isMemberOf)$"
)
# Without /$ref such an address is the person, and not their place in the group.
_PERSON_IN_CONTAINER = re.compile(
    r"/(groups|administrativeUnits|schools|classes)/[^/]+/(members|owners|users|teachers|classes)/[^/]+$"
)
_BIND = "@odata.bind"


@dataclass(frozen=True)
class GraphRequest:
    """An operation. `url` is relative to the service root and starts with a slash.

    `object`: what it changes; operations on one object never share a batch, and keep their order.
    `object/part` is a part of it, such as one reference: parts may be changed side by side.
    `repeatable`: doing it twice does no harm, so it may be sent again when its answer was lost.
    A DELETE of a person in a container without /$ref would delete the person: ValueError.
    """

    method: str
    url: str
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    object: str = ""
    repeatable: bool = True

    def __post_init__(self) -> None:
        if self.method == "DELETE" and _PERSON_IN_CONTAINER.search(self.url.partition("?")[0]):
            raise ValueError("a DELETE of a reference has to end with /$ref")

    @property
    def is_write(self) -> bool:
        """Whether it counts against the quota of directory writes."""
        reads = self.method == "POST" and _READING.search(self.url.partition("?")[0])
        return self.method not in READS and not reads

    @property
    def references(self) -> int:
        """How many references it binds."""
        bound = [v for k, v in (self.body or {}).items() if k.endswith(_BIND)]
        return sum(len(cast("list[Any]", value)) for value in bound if isinstance(value, list))

    def as_item(self, number: int, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The item of a $batch, with more `headers`; a body asks for its Content-Type."""
        item: dict[str, Any] = {"id": str(number), "method": self.method, "url": self.url}
        headers = {**(headers or {}), **self.headers}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
            item["body"] = self.body
        elif self.method == "POST":
            headers["Content-Type"] = "application/json"
            item["body"] = {}
        return item | ({"headers": headers} if headers else {})


@dataclass(frozen=True)
class GraphResponse:
    """An answer: status, JSON body ({} without one), headers in lower case."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the operation succeeded."""
        return self.status < 300

    @property
    def code(self) -> str:
        """Graph's error code, or ''."""
        return str(self._error.get("code", ""))

    @property
    def message(self) -> str:
        """Graph's error message, or ''. It may hold personal data: never log it."""
        return str(self._error.get("message", ""))

    @property
    def _error(self) -> dict[str, Any]:
        return as_object(self.body.get("error"))

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asks to wait."""
        return _number(self.headers.get("retry-after", ""))

    @property
    def limit_share(self) -> float | None:
        """The share of the limit that is used, 1.0 being all of it; told from 0.8 on."""
        return _number(self.headers.get("x-ms-throttle-limit-percentage", ""))


def _number(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdigit() else None


def as_object(value: object) -> dict[str, Any]:
    """A JSON value if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def from_sdk(
    information: RequestInformation,
    *,
    object: str = "",  # noqa: A002  (the directory object that the operation changes)
    repeatable: bool = True,
    headers: Mapping[str, str] | None = None,
) -> GraphRequest:
    """A request that the SDK's builders made, as an item for a batch."""
    content = information.content
    return GraphRequest(
        method=str(information.http_method.value) if information.http_method else "GET",
        url=information.url,
        body=json.loads(content) if content else None,
        headers=headers or {},
        object=object,
        repeatable=repeatable,
    )
