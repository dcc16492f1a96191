"""What a request asks for beyond its path: limit, offset, sort, orderBy, filter, fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Code, Wrong
from .fields import LISTS
from .filters import condition, parse

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from .entities import Entity, Version
    from .fields import Field
    from .quirks import Quirks


_MOST = 10**12  # what a database can still count


@dataclass(frozen=True, slots=True)
class Asked:
    """`where`: SQL. `order`: SQL, None for the order of sourcedIds. `fields`: what is said.

    `warnings`: what 1.1 says beside the rows.
    """

    limit: int
    offset: int
    where: str
    order: str | None
    fields: tuple[Field, ...]
    warnings: tuple[tuple[Code, str], ...]


def read(params: QueryParams, entity: Entity, version: Version, quirks: Quirks) -> Asked:
    """What the query says. Raises Wrong for what the version refuses."""
    fields, unknown = _selection(params, entity, version)
    order, unsortable = _order(params, entity, version)
    limit = _number(params, "limit", quirks.default_limit, 1, version, quirks)
    if quirks.max_limit and limit > quirks.max_limit:
        if quirks.over_limit == "refuse":
            raise Wrong(400, "invaliddata", f"limit is at most {quirks.max_limit}")
        limit = quirks.max_limit
    return Asked(
        limit,
        _number(params, "offset", 0, 0, version, quirks),
        _where(params, entity, quirks),
        order,
        fields,
        (*unknown, *unsortable),
    )


def selection(params: QueryParams, entity: Entity, version: Version) -> Asked:
    """What the query of a single object says: only which fields it wants."""
    fields, unknown = _selection(params, entity, version)
    return Asked(1, 0, "true", None, fields, unknown)


def _number(
    params: QueryParams, name: str, default: int, least: int, version: Version, quirks: Quirks
) -> int:
    text = params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and int(text) >= least:
        return min(int(text), _MOST)
    way = quirks.bad_paging
    if way == "version":
        way = "default" if version == "1.1" else "400"
    if way == "default":
        return default
    code: Code = "unknownobject" if way == "404" else "invaliddata"
    raise Wrong(int(way), code, f"{name} is a number from {least} on, not {text}")


def _where(params: QueryParams, entity: Entity, quirks: Quirks) -> str:
    text = params.get("filter")
    if not text or quirks.ignored_filters == "all":
        return "true"
    return condition(parse(text, quirks), entity, quirks)


def _order(
    params: QueryParams, entity: Entity, version: Version
) -> tuple[str | None, tuple[tuple[Code, str], ...]]:
    name, way = params.get("sort"), params.get("orderBy", "asc").lower()
    if way not in ("asc", "desc"):
        if version == "1.2":
            raise Wrong(400, "invaliddata", f"orderBy is asc or desc, not {way}")
        way = "asc"
    if name is None:
        return None, ()
    field = entity.field(name)
    if field is None or field.kind in LISTS:
        message = f"Cannot sort by the field {name}"
        if version == "1.2":
            raise Wrong(400, "invaliddata", message)
        return None, (("invalid_sort_field", message),)
    if name == "sourcedId" and way == "asc":
        return None, ()
    return f"{field.column} {way} NULLS LAST, position", ()


def _selection(
    params: QueryParams, entity: Entity, version: Version
) -> tuple[tuple[Field, ...], tuple[tuple[Code, str], ...]]:
    given = params.getlist("fields")
    if not given:
        return entity.fields, ()
    names = [name.strip() for text in given for name in text.split(",")]
    if not all(names):
        code: Code = (
            "invalid_blank_selection_field" if version == "1.1" else "invalid_selection_field"
        )
        raise Wrong(400, code, "fields names no field")
    unknown = [name for name in names if entity.field(name) is None]
    if not unknown:
        return tuple(field for field in entity.fields if field.name in names), ()
    message = f"There is no field {unknown[0]}"
    if version == "1.2":
        raise Wrong(400, "invalid_selection_field", message)
    return entity.fields, (("invalid_selection_field", message),)
