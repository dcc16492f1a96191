"""Every error that the emulated Graph gives, in Graph's own shape and words.

Shape: https://learn.microsoft.com/graph/errors. Directory errors nearly all share the code
`Request_BadRequest`, so their messages are part of what clients have to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Detail = dict[str, str]
CONCURRENCY = (
    "Unable to complete the request due to concurrent requests being made to the tenant. Please "
    "wait briefly and retry."
)


class GraphError(Exception):
    """A refusal, raised wherever it is found and turned into an answer in one place."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Detail] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = headers or {}

    def body(self, date: str, request_id: str, client_request_id: str) -> dict[str, Any]:
        """The JSON that goes out."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        error["innerError"] = {
            "date": date,
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def bad_request(message: str, *, code: str = "Request_BadRequest") -> GraphError:
    """400 without details."""
    return GraphError(400, code, message)


def invalid_value(name: str, label: str, message: str = "") -> GraphError:
    """400 that names the property whose value cannot be taken."""
    text = message or f"Invalid value specified for property '{name}' of resource '{label}'."
    detail = {"code": "InvalidValue", "message": text, "target": name}
    return GraphError(400, "Request_BadRequest", text, details=[detail])


def missing_value(name: str, label: str) -> GraphError:
    """400 for a property that has to be there on creation."""
    text = f"A value is required for property '{name}' of resource '{label}'."
    detail = {"code": "InvalidValue", "message": text, "target": name}
    return GraphError(400, "Request_BadRequest", text, details=[detail])


def unknown_property(name: str) -> GraphError:
    """400 for a property that the type does not have."""
    return bad_request(f"Invalid property '{name}'.")


def read_only(name: str) -> GraphError:
    """400 for a property that only the service sets."""
    return bad_request(f"Property '{name}' is read-only and cannot be set.")


def conflict(name: str) -> GraphError:
    """400 ObjectConflict: another object holds a value that has to be unique."""
    text = f"Another object with the same value for property {name} already exists."
    detail = {"code": "ObjectConflict", "message": text, "target": name}
    return GraphError(400, "Request_BadRequest", text, details=[detail])


def not_found(key: str) -> GraphError:
    """404 for an object, or for something that it refers to."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects "
        "are not present.",
    )


def unknown_reference() -> GraphError:
    """400 for a reference from or to something that has not arrived yet."""
    return bad_request(
        "The source resource object or one of the objects being referenced do not exist."
    )


def already_linked(relation: str) -> GraphError:
    """400 for adding what is there: nothing of the request was applied."""
    return bad_request(
        "One or more added object references already exist for the following modified "
        f"properties: '{relation}'."
    )


def synced() -> GraphError:
    """400 for writing what an on-premises directory masters."""
    return bad_request(
        "Unable to update the specified properties for on-premises mastered Directory Sync "
        "objects or objects currently undergoing migration."
    )


def unsupported(message: str) -> GraphError:
    """400 for a query that the directory does not serve."""
    return bad_request(message, code="Request_UnsupportedQuery")


def concurrency() -> GraphError:
    """409 for a write to an object that another write is changing."""
    return GraphError(409, "Directory_ConcurrencyViolation", CONCURRENCY)
