"""The data paths: lists, single objects and what they lead to, written from the catalogue's texts.

Paths and parameters: https://github.com/Clever/swagger-api; envelopes as the service sends them: an
item of a list is `{"data": …, "uri": …}`, a single object `{"data": …, "links": […]}`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from .answers import Problem, json_text, not_found
from .events import DAYS
from .paging import Page, links
from .relations import COLLECTIONS, RELATIONS, RESOURCES, ROLES, linked
from .users import ROLE_BITS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from starlette.datastructures import QueryParams
    from starlette.responses import Response

    from .catalogue import Catalogue

_EVENT_KINDS = ("courses", "districts", "resources", "schools", "sections", "terms", "users")


@dataclass(frozen=True)
class Selection:
    """Rows of a table. `row`: SQL of one's JSON text; `where`: SQL with `values`."""

    table: str
    row: str
    where: str
    kind: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


class Lists:
    """What one request reads, with a cursor of its own. `version`: 3.0 or 3.1."""

    def __init__(self, catalogue: Catalogue, con: DuckDBPyConnection, version: str) -> None:
        self._catalogue = catalogue
        self._con = con
        self._version = version
        self._s = catalogue.schema
        self._specified = catalogue.quirks.as_specified

    def answer(self, segments: list[str], query: QueryParams, path: str) -> Response | None:
        """The answer to a path below the version; None if there is no such path."""
        match segments:
            case ["events"]:
                return self._page(self._events(query), query, path, events=True)
            case ["events", id_]:
                return self._single_event(id_)
            case [collection] if collection in COLLECTIONS:
                return self._collection(collection, query, path)
            case [collection, id_] if collection in COLLECTIONS:
                return self._single(collection, id_)
            case [collection, id_, sub] if collection in COLLECTIONS:
                return self._related(collection, id_, sub, query, path)
            case _:
                return None

    def _collection(self, collection: str, query: QueryParams, path: str) -> Response:
        if collection == "resources":
            return self._resources(path)
        if collection == "districts":
            return self._districts(query, path)
        where, values = "true", dict[str, Any]()
        if collection == "users":
            role = _role(query, ROLES)
            if role:
                where, values = "roles & $bit <> 0", {"bit": ROLE_BITS[role]}
        return self._page(self._objects(collection, where, values), query, path)

    def _single(self, collection: str, id_: str) -> Response:
        if collection == "districts":
            return self._district(id_)
        found = self._con.execute(
            f"""SELECT {self._text()}, roles FROM {self._s}.objects
            WHERE kind = $kind AND id = $id""",
            {"kind": collection, "id": id_.lower()},
        ).fetchone()
        if found is None:
            raise not_found()
        return self._envelope(found[0], collection, id_.lower(), linked(collection, found[1]))

    def _related(
        self, collection: str, id_: str, sub: str, query: QueryParams, path: str
    ) -> Response | None:
        relation = RELATIONS.get((collection, sub))
        if relation is None and (collection, sub) not in RESOURCES:
            if collection == "resources" and sub in ("courses", "sections", "users"):
                raise not_found()
            return None
        self._single(collection, id_)
        if relation is None:
            return self._resources(path)
        if relation.target == "districts":
            return self._district(self._catalogue.district("3.0")["id"])
        values: dict[str, Any] = {"of": id_.lower()}
        condition = ""
        role = _role(query, relation.roles) if relation.roles else None
        if role:
            condition, values["role"] = " AND role = $role", role
        if relation.primary and query.get("primary") == "true":
            condition += " AND main"
        ids = relation.of.format(s=self._s, condition=condition)
        selection = self._objects(relation.target, f"id IN ({ids})", values)
        if not relation.one:
            return self._page(selection, query, path)
        found = self._con.execute(
            f"SELECT id FROM {selection.table} WHERE {selection.where}", selection.values
        ).fetchone()
        if found is None:
            raise not_found()
        return self._single(relation.target, found[0])

    def _objects(self, kind: str, where: str, values: dict[str, Any]) -> Selection:
        return Selection(
            f"{self._s}.objects",
            self._text(),
            f"kind = $kind AND {where}",
            kind,
            {"kind": kind, **values},
        )

    def _events(self, query: QueryParams) -> Selection:
        """The events of the last days, of those kinds and that school if the query names them."""
        now = self._catalogue.clock.now().astimezone(UTC).replace(tzinfo=None)
        where = f"created > $since AND {self._told()}"
        values: dict[str, Any] = {"since": now - timedelta(days=DAYS)}
        kinds = query.getlist("record_type")
        if not {*kinds} <= {*_EVENT_KINDS}:
            raise Problem(400, f"record_type must be one of {', '.join(_EVENT_KINDS)}")
        if kinds:
            where, values["kinds"] = f"{where} AND list_contains($kinds, kind)", kinds
        school = query.get("school")
        if school:
            where, values["school"] = f"{where} AND list_contains(schools, $school)", school
        return Selection(f"{self._s}.events", self._event_text(), where, "events", values)

    def _told(self) -> str:
        """SQL that holds for the events that this version and this application get to see."""
        if not self._catalogue.quirks.events:
            return "false"
        return "in30" if self._version == "3.0" else "true"

    def _single_event(self, id_: str) -> Response:
        now = self._catalogue.clock.now().astimezone(UTC).replace(tzinfo=None)
        found = self._con.execute(
            f"""SELECT {self._event_text()} FROM {self._s}.events
            WHERE id = $id AND created > $since AND {self._told()}""",
            {"id": id_.lower(), "since": now - timedelta(days=DAYS)},
        ).fetchone()
        if found is None:
            raise not_found()
        return self._envelope(found[0], "events", id_.lower(), [])

    def _text(self) -> str:
        """SQL of an object's JSON text."""
        tail = "tail30" if self._version == "3.0" else "tail31"
        return f"""'{{"id":"' || id || '",' || stamps || head || seen || {tail}"""

    def _event_text(self) -> str:
        """SQL of an event's JSON text."""
        old = self._version == "3.0"
        whole = "coalesce(object30, object31)" if old else "object31"
        before = "coalesce(previous30, previous31)" if old else "previous31"
        previous = f"""coalesce(',"previous_attributes":' || {before}, '')"""
        created = "strftime(created, '%Y-%m-%dT%H:%M:%S.000Z')"
        beside = "previous_attributes" in self._specified
        inside, outside = ("''", previous) if beside else (previous, "''")
        return f"""'{{"created":"' || {created} || '","data":{{"object":' || {whole} || {inside}
            || '}}' || {outside} || ',"id":"' || id || '","type":"' || type || '"}}'"""

    def _page(
        self, selection: Selection, query: QueryParams, path: str, *, events: bool = False
    ) -> Response:
        """One page: which rows, then their texts, then whether there are more."""
        quirks = self._catalogue.quirks
        page = Page.of(query, quirks.events_limit) if events else Page.of(query)
        bounds, bound_values = page.condition()
        table, where, values = selection.table, selection.where, selection.values
        order = "DESC" if page.backwards else "ASC"
        [(low, high, first, last)] = self._con.execute(
            f"""SELECT min(pos), max(pos), min(id), max(id)
            FROM (SELECT pos, id FROM {table} WHERE {where} AND {bounds}
                  ORDER BY pos {order} LIMIT {page.limit})""",
            {**values, **bound_values},
        ).fetchall()
        texts, more = list[tuple[str]](), False
        if low is not None:
            uri = "'}'"
            if "uri" not in self._specified:
                uri = f"""',"uri":"/v{self._version}/{selection.kind}/' || id || '"}}'"""
            texts = self._con.execute(
                f"""SELECT '{{"data":' || {selection.row} || {uri} FROM {table}
                WHERE pos BETWEEN $low AND $high AND {where} ORDER BY pos""",
                {**values, "low": low, "high": high},
            ).fetchall()
            beyond = "pos < $edge" if page.backwards else "pos > $edge"
            [(more,)] = self._con.execute(
                f"SELECT EXISTS (FROM {table} WHERE {beyond} AND {where})",
                {**values, "edge": low if page.backwards else high},
            ).fetchall()
        count = ""
        if quirks.count and query.get("count") == "true":
            [(rows,)] = self._con.execute(
                f"SELECT count(*) FROM {table} WHERE {where}", values
            ).fetchall()
            count = f',"count":{rows}'
        ends = None if low is None else (first, last)
        found = links(path, query, page, ends, more=more, keep_filters=quirks.keep_filters)
        if events and not str(query):
            found[0]["uri"] += "?"
        return json_text(
            '{"data":[', ",".join(text for (text,) in texts), '],"links":', json.dumps(found),
            count, "}",
        )  # fmt: skip

    def _envelope(self, text: str, kind: str, id_: str, relations: list[str]) -> Response:
        if "links" in self._specified:
            return json_text('{"data":', text, "}")
        own = f"/v{self._version}/{kind}/{id_}"
        found = [{"rel": "self", "uri": own}]
        found += [{"rel": rel, "uri": f"{own}/{rel}"} for rel in relations]
        return json_text('{"data":', text, ',"links":', json.dumps(found), "}")

    def _districts(self, query: QueryParams, path: str) -> Response:
        district = self._catalogue.district(self._version)
        item: dict[str, Any] = {"data": district}
        if "uri" not in self._specified:
            item["uri"] = f"/v{self._version}/districts/{district['id']}"
        count = (
            {"count": 1} if self._catalogue.quirks.count and query.get("count") == "true" else {}
        )
        own = [{"rel": "self", "uri": path + (f"?{query}" if str(query) else "")}]
        return json_text(json.dumps({"data": [item], "links": own, **count}))

    def _district(self, id_: str) -> Response:
        district = self._catalogue.district(self._version)
        if id_ != district["id"]:
            raise not_found()
        return self._envelope(json.dumps(district), "districts", id_, [])

    def _resources(self, path: str) -> Response:
        if "resources" in self._specified:
            return json_text(json.dumps({"data": [], "links": [{"rel": "self", "uri": path}]}))
        return json_text('{"resources":[]}')


def _role(query: QueryParams, allowed: tuple[str, ...]) -> str | None:
    role = query.get("role")
    if role and role not in allowed:
        raise Problem(400, f"role must be one of {', '.join(allowed)}")
    return role or None
