"""Delta queries: reading what changed in a collection, page by page, onto disk.

Facts that shape this (https://learn.microsoft.com/graph/delta-query-overview): a page may be empty
and still be followed by others; an object may come several times, with only what changed of it;
`@removed` marks what is gone; a big group's members come in slices; a delta link lives seven days.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from roster.errors import Terminal

from .errors import DeltaExpired

if TYPE_CHECKING:
    from pathlib import Path

    from .client import Graph

# School Data Sync keeps what it knows of an object in extension attributes of a Microsoft app.
# https://learn.microsoft.com/schooldatasync/how-to-deploy-sds-using-csv-files
SDS = "extension_fe2174665583431c953114ff7268b7b3_Education_"


def _sds(*names: str) -> str:
    return "".join(f",{SDS}{name}" for name in names)


COLLECTIONS: MappingProxyType[str, str] = MappingProxyType(
    {
        "users": "/users/delta?$select=id,userPrincipalName,mail,mailNickname,displayName,"
        "givenName,surname,accountEnabled,onPremisesSyncEnabled,usageLocation,department,"
        "officeLocation,employeeId,onPremisesSamAccountName,onPremisesImmutableId,"
        "onPremisesExtensionAttributes,proxyAddresses,userType"
        + _sds("AnchorId", "SyncSource_StudentId", "SyncSource_TeacherId"),
        "education_users": "/education/users/delta?$select=id,externalSource,externalSourceDetail,"
        "primaryRole,student,teacher,relatedContacts",
        "groups": "/groups/delta?$select=id,displayName,mail,mailNickname,uniqueName,description,"
        "groupTypes,membershipRule,resourceProvisioningOptions,onPremisesSyncEnabled,members,owners"
        + _sds("AnchorId", "ObjectType", "SyncSource_SectionId", "Status"),
        "classes": "/education/classes/delta?$select=id,externalId,externalSource,"
        "externalSourceDetail,externalName,displayName,classCode",
        "schools": "/education/schools/delta?$select=id,externalId,externalSource,"
        "externalSourceDetail,displayName",
        "units": "/directory/administrativeUnits/delta?$select=id,displayName,membershipRule,"
        "membershipType,members" + _sds("AnchorId", "ObjectType", "SyncSource_SchoolId"),
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
    """Reads a collection's changes since `link` (None, or expired: the collection) into `file`.

    The service may want a fresh start in the midst of a reading as well; it gets two. A link of
    another service is worth nothing here.
    """
    for start in (link, None) if link and link.startswith(graph.root) else (None,):
        with suppress(DeltaExpired):
            return await _read(graph, name, start or COLLECTIONS[name], file, full=start is None)
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
