"""The portal: server-rendered pages about runs, for people who are signed in and have a role.

    /portal/             the last runs
    /portal/runs/{run}   one run: counts, what is held and why, findings
    /portal/style.css    the one style sheet

Nothing here changes anything, so there is nothing a forged request could do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import FileResponse, RedirectResponse
from starlette.routing import Route

from .access import Gate, sign_in_is_on
from .answers import SafeAnswers
from .pages import Pages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .records import RecordReader

STYLE = Path(__file__).parent / "static" / "style.css"


def create_app(records: RecordReader, *, sign_in: bool | None = None) -> Starlette:
    """The ASGI app over `records`.

    `sign_in`: whether App Service Authentication stands before the app; only then are its headers
    believed. By default the app setting that Azure itself makes decides.
    """
    pages = Pages(records)
    return Starlette(
        routes=[
            Route("/portal", _home),
            Route("/portal/", pages.runs),
            Route("/portal/runs/{run}", pages.run),
            Route("/portal/style.css", _style),
        ],
        middleware=[
            Middleware(SafeAnswers),
            Middleware(Gate, sign_in=sign_in_is_on() if sign_in is None else sign_in),
        ],
        exception_handlers={HTTPException: pages.http_error},
    )


def _home(request: Request) -> Response:  # noqa: ARG001
    return RedirectResponse("/portal/")


def _style(request: Request) -> Response:  # noqa: ARG001
    return FileResponse(STYLE, media_type="text/css")
