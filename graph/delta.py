"""Delta queries: reading what changed in a collection, page by page, onto disk.

Facts that shape this (https://learn.microsoft.com/graph/delta-query-overview): a page may be empty
and still be followed by others; an object may come several times, with only what changed of it;
`@removed` marks what is gone; a big group's members come in slices; a delta link lives seven days.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from roster.errors import Terminal

from .errors import DeltaExpired

if TYPE_CHECKING:
    from pathlib import Path

    from .client import Graph

COLLECTIONS: MappingProxyType[str, str] = MappingProxyType(
    {
        "users": "/users/delta?$select=id,userPrincipalName,mail,mailNickname,displayName,"
        "givenName,surname,accountEnabled,onPremisesSyncEnabled,usageLocation,department,"
        "officeLocation,employeeId,onPremisesSamAccountName,onPremisesImmutableId,"
        "onPremisesExtensionAttributes,proxyAddresses",
        "education_users": "/education/users/delta?$select=id,externalSource,primaryRole,student,"
        "teacher,relatedContacts",
        "groups": "/groups/delta?$select=id,displayName,mailNickname,uniqueName,description,"
        "groupTypes,membershipRule,resourceProvisioningOptions,members,owners",
        "classes": "/education/classes/delta?$select=id,externalId,externalSource,externalName,"
        "displayName,classCode",
        "schools": "/education/schools/delta?$select=id,externalId,externalSource,displayName",
        "units": "/directory/administrativeUnits/delta?$select=id,displayName,membershipRule,"
        "membershipType,members",
    }
)


@dataclass(frozen=True)
class Delta:
    """What was read of a collection: a file of JSON lines, and the link that goes on from there.

    `full`: the file holds the whole collection, so that what is not in it is gone.
    """

    name: str
    file: Path
    full: bool
    link: str
    pages: int
    objects: int


async def read_delta(graph: Graph, name: str, link: str | None, file: Path) -> Delta:
    """Reads a collection's changes since `link` (None, or expired: the collection) into `file`."""
    if link is not None:
        try:
            return await _read(graph, name, link, file, full=False)
        except DeltaExpired:
            pass
    return await _read(graph, name, COLLECTIONS[name], file, full=True)


async def _read(graph: Graph, name: str, url: str, file: Path, *, full: bool) -> Delta:
    pages = objects = 0
    link = ""
    with file.open("w", encoding="utf-8") as out:
        async for page in graph.pages(url):
            pages += 1
            objects += len(page["value"])
            out.writelines(json.dumps(found) + "\n" for found in page["value"])
            link = page.get("@odata.deltaLink", "")
    if not link:
        raise Terminal(f"the delta query of {name} ended without a delta link")
    return Delta(name, file, full, link, pages, objects)
