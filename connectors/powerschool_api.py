"""PowerSchool SIS over its API: the settings of such a source.

https://ps.powerschool-docs.com/pssis-admin/latest/view-oauth-client-credentials
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr

from connectors.source import Address, ApiSource

if TYPE_CHECKING:
    from connectors.powerschool_connector import PowerSchool

Road = Literal["auto", "queries", "walk"]


class PowerSchoolSource(ApiSource):
    """PowerSchool SIS, asked over its API."""

    kind: Literal["powerschool"] = Field(
        default="powerschool", description="powerschool: PowerSchool SIS over its API"
    )
    address: Address = Field(
        description="Address of the server, as administrators open it: https://district.powerschool.com"
    )
    client_id: Annotated[str, Field(min_length=1)] = Field(
        description="Client id of the plugin, from its page Data Provider Configuration"
    )
    client_secret: SecretStr = Field(
        min_length=1, description="Client secret from the same page, as ${ENV:NAME}"
    )
    road: Road = Field(
        default="auto",
        description="queries: by the queries of the plugin; walk: by the lists of /ws/v1, without"
        " co-teachers, contacts and changes; auto: by the queries if the server has them",
    )
    people_ids: Literal["dcid", "number"] = Field(
        default="dcid",
        description="What the id of a person is. dcid: S or T with the DCID, which never changes;"
        " number: student number and teacher number as they stand, which may be corrected by hand",
    )
    username: Literal["login", "email"] = Field(
        default="login",
        description="What the username of a person is; where it is missing the other one is taken",
    )
    schools: tuple[Annotated[str, Field(pattern=r"^\d{1,10}$")], ...] = Field(
        default=(),
        description="School numbers of the schools that count, 0 for the district office; all of"
        " them if none is named",
    )
    contacts: bool = Field(
        default=True, description="Whether parents and other contacts are read; only by queries"
    )
    data_version: Annotated[str, Field(max_length=100)] = Field(
        default="",
        description="Name of the application for which the server keeps data versions, if there is"
        " one: changes are then asked for by version too. Only by queries",
    )
    district: Annotated[str, Field(min_length=1)] = Field(
        default="District office", description="Name of the district as an organisation"
    )

    def connector(self) -> PowerSchool:
        """The way into the server."""
        from connectors.powerschool_connector import PowerSchool

        return PowerSchool(self)
