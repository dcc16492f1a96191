"""The routes of an emulated PowerSchool SIS."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.routing import Route

from local.sis.faults import Faults, Faulty
from local.sis.serving import admin_routes

from . import resources
from .admin import Administration
from .answers import Refusal
from .plugins import CREDENTIALS, Plugins, roster_reader
from .powerqueries import PowerQueries
from .quirks import Quirks
from .schema_tables import SchemaTables
from .server import Server
from .v1 import V1

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from local.sis.records import Records


def create_app(
    records: Records,
    quirks: Quirks = Quirks(),  # noqa: B008  (immutable)
    faults: Faults | None = None,
    *,
    plugin: bytes | None = None,
    credentials: tuple[str, str] = CREDENTIALS,
) -> ASGIApp:
    """A PowerSchool server of these records, with one plugin that has these credentials.

    `plugin`: its ZIP. Without one it may read /ws/v1 and has no query. Raises BadInput for a ZIP
    that a server would refuse.
    """
    server = Server(records, quirks, Plugins())
    if plugin is None:
        server.plugins.add(roster_reader(credentials))
    else:
        server.plugins.install(plugin, server.columns(), credentials=credentials)
    wrong = faults or Faults()
    app = Starlette(
        routes=[
            *admin_routes(records, wrong),
            *Administration(server).routes(),
            *_oauth_routes(server),
            *_v1_routes(V1(server)),
            *_schema_routes(PowerQueries(server), SchemaTables(server)),
        ],
        exception_handlers={Refusal: _refused},
    )
    return Faulty(app, wrong)


def _refused(_: Request, error: Exception) -> Response:
    return cast("Refusal", error).response


def _oauth_routes(server: Server) -> list[Route]:
    async def token(request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        return server.tokens.answer(request.headers.get("authorization", ""), body, server.quirks)

    return [
        Route("/oauth/access_token", token, methods=["POST"]),
        Route("/oauth/access_token/", token, methods=["POST"]),
    ]


def _v1_routes(v1: V1) -> list[Route]:
    lists = {
        "/ws/v1/district/school": v1.schools,
        "/ws/v1/district/student": v1.district_students,
        "/ws/v1/school/{id}/term": v1.terms,
        "/ws/v1/school/{id}/course": v1.courses,
        "/ws/v1/school/{id}/section": v1.sections,
        "/ws/v1/school/{id}/staff": v1.staff,
        "/ws/v1/school/{id}/student": v1.school_students,
        "/ws/v1/section/{id}/section_enrollment": v1.section_enrollments,
    }
    routes = [Route("/ws/v1/metadata", v1.metadata), Route("/ws/v1/time", v1.time)]
    routes += [Route("/ws/v1/district", v1.district)]
    routes += [Route(f"{path}/count", handler) for path, handler in lists.items()]
    routes += [Route(path, handler) for path, handler in lists.items()]
    routes += [
        Route(f"/ws/v1/{resource.name}/{{id}}", v1.single(resource))
        for resource in (
            resources.SCHOOL,
            resources.TERM,
            resources.COURSE,
            resources.SECTION,
            resources.SECTION_ENROLLMENT,
            resources.STAFF,
            resources.STUDENT,
        )
    ]
    return [
        *routes,
        Route("/ws/v1/event_subscription", v1.events, methods=["GET", "PUT", "DELETE"]),
    ]


def _schema_routes(queries: PowerQueries, tables: SchemaTables) -> list[Route]:
    return [
        Route("/ws/schema/query/api", queries.listed),
        Route("/ws/schema/query/{name}", queries.run, methods=["POST"]),
        Route("/ws/schema/query/{name}/count", queries.count, methods=["POST"]),
        Route("/ws/powerqueryaccesslist/{name}", queries.rights),
        Route("/ws/dataversion/{application}/{version}", queries.changes),
        Route("/ws/schema/table", tables.listed),
        Route("/ws/schema/table/{table}", tables.rows),
        Route("/ws/schema/table/{table}/count", tables.count),
        Route("/ws/schema/table/{table}/metadata", tables.described),
        Route("/ws/schema/table/{table}/{id}", tables.row),
    ]
