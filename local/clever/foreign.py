"""What the token of another district opens: that district, which shares nothing yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import district as own
from .answers import json_text, not_found
from .paging import Page, links
from .relations import COLLECTIONS

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.datastructures import QueryParams
    from starlette.responses import Response


def answer(
    district: str,
    launch: datetime,
    version: str,
    segments: list[str],
    query: QueryParams,
    path: str,
) -> Response | None:
    """The answer to a path below the version; None if there is no such path."""
    found = own.of_version(
        own.describe(district, "Another District", "pending", launch), version
    )  # fmt: skip
    uri = f"/v{version}/districts/{district}"
    match segments:
        case ["districts"]:
            self = [{"rel": "self", "uri": path + (f"?{query}" if str(query) else "")}]
            return json_text(json.dumps({"data": [{"data": found, "uri": uri}], "links": self}))
        case ["districts", id_] if id_ == district:
            return json_text(json.dumps({"data": found, "links": [{"rel": "self", "uri": uri}]}))
        case ["resources"]:
            return json_text('{"resources":[]}')
        case [collection] if collection in (*COLLECTIONS, "events"):
            page = Page.of(query)
            self = links(path, query, page, None, more=False, keep_filters=True)
            return json_text(json.dumps({"data": [], "links": self}))
        case [collection, *_] if collection in (*COLLECTIONS, "events"):
            raise not_found()
        case _:
            return None
