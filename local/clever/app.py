"""The emulated service as an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from local.sis.faults import Faults, Faulty

from .answers import finish, no_such_page
from .catalogue import Catalogue
from .clock import Clock
from .control import control_routes
from .quirks import Quirks
from .service import Service
from .sharing import Sharing
from .tokens import Credentials

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from local.sis.records import Records


def create_app(
    records: Records,
    quirks: Quirks | None = None,
    faults: Faults | None = None,
    *,
    clock: Clock | None = None,
    sharing: Sharing | None = None,
    credentials: Credentials | None = None,
) -> ASGIApp:
    """Clever with one district, whose records may change while it serves.

    Without `quirks` and `sharing` nothing is odd and everything shared; without a `clock` its time
    is the machine's. Paths of the data API begin with /v3.0 or /v3.1, those for tokens with /oauth;
    the emulator's own are described in `control`.
    """
    catalogue = Catalogue(records, clock or Clock(), quirks or Quirks(), sharing or Sharing())
    service = Service(catalogue, credentials or Credentials())
    faults = faults or Faults()

    def other(request: Request) -> Response:
        return finish(no_such_page(request.url.path), {})

    app = Starlette(
        routes=[
            *control_routes(service, faults),
            Route("/oauth/tokens", service.list_tokens),
            Route("/oauth/tokeninfo", service.tell_token),
            Route("/v{version}/{rest:path}", service.read),
            Route("/{rest:path}", other),
        ]
    )
    return Faulty(app, faults)
