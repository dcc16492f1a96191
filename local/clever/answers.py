"""Answers that are no data: problems, and pages where JSON was expected.

https://dev.clever.com/docs/error-messages: `{"message": …}`, `{"error": …}` in older versions.
"""

from __future__ import annotations

import uuid

from starlette.responses import HTMLResponse, JSONResponse, Response

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Error</title></head>
<body><pre>Cannot GET {path}</pre></body>
</html>
"""


class Problem(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self, key: str) -> Response:
        """The answer. `key`: what the text is under."""
        return JSONResponse({key: self.message}, status_code=self.status)


def not_found() -> Problem:
    """What is not there, not shared, or gone."""
    return Problem(404, "Resource not found")


def no_such_page(path: str) -> Response:
    """The page (404, HTML) for a path, or a kind of token, that the data API does not know."""
    return HTMLResponse(_PAGE.format(path=path), status_code=404)


def json_text(*parts: str) -> Response:
    """An answer whose JSON text is there already."""
    return Response("".join(parts).encode(), media_type="application/json; charset=utf-8")


def finish(response: Response, headers: dict[str, str]) -> Response:
    """The headers of every answer, and these."""
    for name, value in {
        "cache-control": "no-store", "x-request-id": uuid.uuid4().hex, **headers
    }.items():  # fmt: skip
        response.headers[name] = value
    return response
