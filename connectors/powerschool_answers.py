"""What PowerSchool's answers look like: lists translated from XML, and errors."""

from __future__ import annotations

from typing import Any, cast

from roster.errors import Transient


def as_list(value: Any, where: str) -> list[dict[str, Any]]:
    """A list of PowerSchool: absent or "" if it is empty, the member itself if there is one."""
    if not value:
        return []
    members: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(member, dict) for member in members):
        raise Transient(f"{where}: answered with a list that holds something else than objects")
    return cast("list[dict[str, Any]]", members)


def told(body: Any) -> str:
    """What an error answer says, and about which columns."""
    if not isinstance(body, dict):
        return ""
    answer = cast("dict[str, Any]", body)
    inner = answer.get("errorMessage")
    text: Any = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else None
    text = text or answer.get("message")
    errors: Any = answer.get("errors")
    columns = ", ".join(
        f"{error.get('resource', '')}.{error.get('field', '')}"
        for error in cast("list[Any]", errors if isinstance(errors, list) else [errors])
        if isinstance(error, dict) and error.get("field")
    )
    said = text[:200] if isinstance(text, str) else ""
    return (f": {said}" if said else "") + (f" ({columns[:300]})" if columns else "")
