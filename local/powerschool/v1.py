"""The handlers of /ws/v1."""

from __future__ import annotations

import json
import uuid
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import JSONResponse, Response

from . import resources
from .answers import Refusal, message, v1_error
from .filters import BadFilter, Condition, parse
from .paging import Page, asked_page
from .schools import GRADUATED
from .shapes import Shape

if TYPE_CHECKING:
    from starlette.requests import Request

    from .resources import Resource
    from .server import Server

_VERSION = "25.2.0.0"


class V1:
    """Answers of /ws/v1 over a server's tables."""

    def __init__(self, server: Server) -> None:
        self._server = server

    # What every server tells

    def time(self, request: Request) -> Response:
        """The server's clock; without sign-in."""
        return self._answer(
            request, {"time": {"value": self._server.now().isoformat(timespec="seconds")}}
        )

    def metadata(self, request: Request) -> Response:
        """Maximum page sizes and what server this is; at any access level."""
        plugin = self._server.caller(request)
        quirks = self._server.quirks
        sizes = {
            f"{name}_max_page_size": getattr(quirks, f"{name}_max_page_size")
            for name in (
                "course", "school", "section", "section_enrollment", "staff", "student", "term",
                "schema_table_query",
            )
        }  # fmt: skip
        values: dict[str, Any] = {
            **sizes,
            "plugin_id": 1 + [p.name for p in self._server.plugins.all()].index(plugin.name),
            "powerschool_version": _VERSION,
            "state": "OR",
            "state_reporting_version": "25.2.0.0",
            "district_timezone": f"GMT{quirks.hours:+03d}:00",
            "district_uuid": self._district_uuid(),
            "sso_enabled_admin": "false",
            "sso_enabled_guardian": "false",
            "sso_enabled_student": "false",
            "sso_enabled_teacher": "false",
        }
        return self._answer(request, {"metadata": values})

    def district(self, request: Request) -> Response:
        """The district's name and number."""
        self._server.v1_caller(request)
        rows = self._server.timeless().execute("SELECT name, value FROM prefs").fetchall()
        prefs = {str(name): str(value) for name, value in rows}
        return self._answer(
            request,
            {
                "district": {
                    "@expansions": "district_race_codes, district_boundary",
                    "uuid": self._district_uuid(),
                    "name": prefs.get("districtname", ""),
                    "district_number": prefs.get("districtnumber", ""),
                    "addresses": "",
                    "phones": "",
                }
            },
        )

    # Lists and their counts

    def schools(self, request: Request) -> Response:
        """All schools; their count leaves out the graduated."""
        quirks = self._server.quirks
        hidden = _counts(request) or not quirks.graduated_school_listed
        condition = Condition().also("s.school_number <> ?", GRADUATED) if hidden else Condition()
        return self._listing(request, resources.SCHOOL, condition)

    def terms(self, request: Request) -> Response:
        """The terms of a school."""
        condition = self._asked(request, resources.TERM)
        return self._of_school(request, resources.TERM, condition, "s.schoolid = ?")

    def courses(self, request: Request) -> Response:
        """The courses that a school offers in the current year."""
        return self._of_school(
            request, resources.COURSE, Condition(),
            """s.course_number IN (SELECT course_number FROM sections k
            WHERE k.schoolid = ? AND k.termid // 100 + 1990 =
                (SELECT first_year FROM psdata.this_year))""",
        )  # fmt: skip

    def sections(self, request: Request) -> Response:
        """The sections of a school: of the current year unless q says another."""
        condition = self._asked(request, resources.SECTION)
        if "term.start_year" not in condition.fields:
            condition = condition.also("s.start_year = (SELECT first_year FROM psdata.this_year)")
        return self._of_school(request, resources.SECTION, condition, "s.schoolid = ?")

    def section_enrollments(self, request: Request) -> Response:
        """Who is and was in a section."""
        self._server.v1_caller(request)
        section = self._one(request, "SELECT dcid FROM sections WHERE dcid = ?")
        condition = Condition().also("s.section_dcid = ?", section)
        if not self._server.quirks.dropped_listed:
            condition = condition.also("NOT s.dropped")
        return self._listing(request, resources.SECTION_ENROLLMENT, condition)

    def staff(self, request: Request) -> Response:
        """The active staff of a school."""
        condition = Condition().also("s.status = 1")
        return self._of_school(request, resources.STAFF, condition, "s.schoolid = ?")

    def school_students(self, request: Request) -> Response:
        """The students of a school: active ones unless q asks otherwise."""
        condition = self._asked(request, resources.STUDENT)
        asks_status = any("enroll_status" in name for name in condition.fields)
        if self._server.quirks.school_students_active_only and not asks_status:
            condition = condition.also("s.enroll_status = 0")
        return self._of_school(request, resources.STUDENT, condition, "s.schoolid = ?")

    def district_students(self, request: Request) -> Response:
        """Every student there ever was, unless q asks for some."""
        return self._listing(request, resources.STUDENT, self._asked(request, resources.STUDENT))

    # One of each

    def single(self, resource: Resource) -> Any:
        """The handler of /ws/v1/<resource>/{id}."""

        def handler(request: Request) -> Response:
            self._server.v1_caller(request)
            condition = Condition().also("s.dcid = ?", _id(request))
            found = self._rows(request, resource, condition, Page(1, 0))
            if not found:
                return _not_found()
            inner = found[0][1:]
            text = f'{{"{resource.name}":{{{_marks(resource)},{inner}}}'
            return self._text(request, text)

        return handler

    # Event subscriptions: kept and told, never called back

    async def events(self, request: Request) -> Response:
        """GET, PUT and DELETE of the plugin's event subscription."""
        writes = request.method != "GET"
        plugin = self._server.v1_caller(request, writes=writes)
        if request.method == "PUT":
            if "json" not in request.headers.get("content-type", ""):
                return v1_error(415, "Unsupported media type")
            body = await _json_object(request)
            self._server.plugins.change(plugin.name, events=body)
            return Response(status_code=204) if plugin.events else JSONResponse(body, 201)
        if not plugin.events:
            return _not_found()
        if request.method == "DELETE":
            self._server.plugins.change(plugin.name, events=None)
            return Response(status_code=204)
        return JSONResponse(dict(plugin.events))

    # How an answer is made

    def _of_school(
        self, request: Request, resource: Resource, condition: Condition, belongs: str
    ) -> Response:
        self._server.v1_caller(request)
        number = self._one(request, "SELECT school_number FROM schools WHERE dcid = ?")
        return self._listing(request, resource, condition.also(belongs, number))

    def _listing(self, request: Request, resource: Resource, condition: Condition) -> Response:
        self._server.v1_caller(request)
        if _counts(request):
            [(count,)] = self._query(
                f"SELECT count(*) FROM {resource.table} s WHERE {condition.sql}", condition.values
            )
            return self._answer(request, {"resource": {"count": count}})
        quirks = self._server.quirks
        unpaged = resource is resources.SECTION_ENROLLMENT and not quirks.enrollments_paged
        largest = getattr(quirks, f"{resource.name}_max_page_size")
        page = Page(None, 0) if unpaged else asked_page(request, largest, quirks)
        rows = self._rows(request, resource, condition, page)
        listed = Shape(quirks).listed(resource.name, rows)
        body = f"{_marks(resource)}{',' if listed else ''}{listed}"
        return self._text(request, f'{{"{resource.name}s":{{{body}}}}}')

    def _rows(
        self, request: Request, resource: Resource, condition: Condition, page: Page
    ) -> list[str]:
        """The JSON of a page's rows."""
        order = ", ".join(f"s.{column.strip()}" for column in resource.order.split(","))
        shape = resource.json(
            Shape(self._server.quirks), _names(request, "expansions"), _names(request, "extensions")
        )
        rows = self._query(
            f"""SELECT {shape} FROM (
                SELECT * FROM {resource.table} s WHERE {condition.sql} ORDER BY {order} {page.sql}
            ) s ORDER BY {order}""",
            condition.values,
        )
        return [row[0] for row in rows]

    def _asked(self, request: Request, resource: Resource) -> Condition:
        try:
            return parse(request.query_params.get("q"), resource.asks)
        except BadFilter as error:
            raise Refusal(message(400, str(error))) from None

    def _one(self, request: Request, query: str) -> int:
        """A number of what the path names. Raises Refusal (404) if there is no such thing."""
        found = self._query(query, (_id(request),))
        if not found:
            raise Refusal(_not_found())
        return int(found[0][0])

    def _query(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return self._server.timeless().execute(query, list(values)).fetchall()

    def _district_uuid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, self._server.records.district.domain or "sis"))

    def _answer(self, request: Request, value: dict[str, Any]) -> Response:
        return self._text(request, json.dumps(value, ensure_ascii=False))

    def _text(self, request: Request, text: str) -> Response:
        """A body as JSON if that is accepted by name, else as XML or not at all."""
        if "json" in request.headers.get("accept", ""):
            return Response(text, media_type="application/json")
        if not self._server.quirks.xml_by_default:
            return Response(status_code=406)
        return Response(_xml(json.loads(text)), media_type="application/xml")


def _counts(request: Request) -> bool:
    return request.url.path.endswith("/count")


def _names(request: Request, parameter: str) -> set[str]:
    asked = request.query_params.get(parameter, "")
    return {name.strip().lower() for name in asked.split(",")}


def _marks(resource: Resource) -> str:
    """What every answer says that one could have asked for."""
    expansions = f'"@expansions":"{", ".join(resource.expansions)}",' if resource.expansions else ""
    return f'{expansions}"@extensions":"{",".join(resource.extensions)}"'


def _id(request: Request) -> int:
    try:
        return int(request.path_params["id"])
    except ValueError:
        raise Refusal(_not_found()) from None


def _not_found() -> Response:
    return v1_error(404, "Resource not found")


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body: object = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(v1_error(400, "The body is no JSON object"))
    return cast("dict[str, Any]", body)


def _xml(value: dict[str, Any]) -> bytes:
    """The XML of which the JSON is a translation."""
    [(name, content)] = value.items()
    root = ET.Element(name)
    _fill(root, content)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _fill(element: ET.Element, content: Any) -> None:
    if not isinstance(content, dict):
        element.text = str(content).lower() if isinstance(content, bool) else str(content)
        return
    for name, value in cast("dict[str, Any]", content).items():
        if name.startswith("@"):
            element.set(name[1:], str(value))
            continue
        items = cast("list[Any]", value if isinstance(value, list) else [value])
        for item in items:
            _fill(ET.SubElement(element, name), item)
