"""The kinds of sources: the words that the setting `kind` takes, and what goes with each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from connectors.oneroster_api import OneRosterSource
from connectors.powerschool_api import PowerSchoolSource
from connectors.source import CsvSource, SourceSettings

KINDS: dict[str, type[SourceSettings]] = {
    "csv": CsvSource,
    "oneroster": OneRosterSource,
    "powerschool": PowerSchoolSource,
}


def _kind(value: Any) -> str | None:
    """The kind of a source, as written or as read; csv where nothing is said."""
    if isinstance(value, SourceSettings):
        return value.kind_name
    kind: Any = value.get("kind", "csv") if isinstance(value, dict) else "csv"  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return kind if isinstance(kind, str) else None


Source = Annotated[
    Annotated[CsvSource, Tag("csv")]
    | Annotated[OneRosterSource, Tag("oneroster")]
    | Annotated[PowerSchoolSource, Tag("powerschool")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f"use any of {', '.join(KINDS)}",
    ),
]
