"""A source as the configuration names it: what every kind has, and what an API has on top.

Each kind is a model of its own in its connector's module; connectors.kinds lists them.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from roster.errors import BadInput
from roster.schema import TABLES
from roster.section import Section
from roster.values import check_vocabulary

if TYPE_CHECKING:
    from connectors.connector import Connector

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


def _mappings(words: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    try:
        check_vocabulary(words)
    except BadInput as error:
        raise ValueError(str(error)) from error
    return words


def _table(name: str) -> str:
    if name not in TABLES:
        raise ValueError(f"use any of {', '.join(TABLES)}")
    return name


def _address(address: str) -> str:
    from connectors.session import checked_address

    try:
        return checked_address(address)
    except BadInput as error:
        raise ValueError(str(error)) from error


Address = Annotated[str, AfterValidator(_address)]


class SourceSettings(Section):
    """What the settings of every source have."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)] = Field(
        description="Name of the source: small letters, digits and hyphens"
    )
    mappings: Annotated[dict[str, dict[str, str]], AfterValidator(_mappings)] = Field(
        default={}, description="Words of the system by list: {grades: {Kinder: KG}}"
    )
    may_be_missing: tuple[Annotated[str, AfterValidator(_table)], ...] = Field(
        default=(), description="Tables that may be missing although the last roster had them"
    )

    @property
    def kind_name(self) -> str:
        """What the setting `kind` says, which each kind declares for itself."""
        return str(self.model_dump(include={"kind"})["kind"])


class CsvSource(SourceSettings):
    """A folder of CSV files, `rosters/<name>/`, that a student information system fills."""

    kind: Literal["csv"] = Field(
        default="csv",
        description="csv: CSV files of School Data Sync, OneRoster or Clever, or one zip",
    )
    settle_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=60,
        description="Seconds without a new file after which loose files count as complete",
    )


class ApiSource(SourceSettings):
    """A system that is asked over its API, every night and whenever somebody wants."""

    full_days: Annotated[int, Field(ge=0, le=29)] = Field(
        default=7,
        description="Days for which a pull may ask for changes only; after that everything is "
        "pulled, which finds what a system does not report as deleted. 0: always everything",
    )

    @abstractmethod
    def connector(self) -> Connector:
        """The way into the system."""
