"""SCIM bulk requests: what an upload may look like, and what its records say of a user.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-post-bulkupload,
https://learn.microsoft.com/entra/identity/app-provisioning/inbound-provisioning-api-concepts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.entra.errors import GraphError

if TYPE_CHECKING:
    from local.entra.messages import Json, Request

MEDIA_TYPE = "application/scim+json"
MOST_OPERATIONS = 50
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
EXTENSION = "urn:ietf:params:scim:schemas:extension:"
# What the attribute mapping that a job begins with takes from the enterprise extension, an address
# and the record itself.
_ENTERPRISE = {"department": "department", "organization": "companyName"}
_ADDRESS = {
    "streetAddress": "streetAddress", "locality": "city", "region": "state",
    "postalCode": "postalCode", "country": "country", "formatted": "officeLocation",
}  # fmt: skip
_PLAIN = {"externalId": "employeeId", "displayName": "displayName", "title": "jobTitle",
          "preferredLanguage": "preferredLanguage", "active": "accountEnabled"}  # fmt: skip


def records(request: Request) -> list[Json]:
    """The records of a bulk request; 400 for a request that breaks the rules of uploads."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise _invalid(f"the Content-Type has to be {MEDIA_TYPE}")
    body = cast("Json", request.body) if isinstance(request.body, dict) else {}
    if body.get("schemas") != [BULK]:
        raise _invalid(f"schemas has to be {BULK}")
    if not isinstance(body.get("failOnErrors"), int | None):
        raise _invalid("failOnErrors has to be a number or null")
    operations = body.get("Operations")
    if not isinstance(operations, list) or not operations:
        raise _invalid("Operations are missing")
    found = cast("list[Any]", operations)
    if len(found) > MOST_OPERATIONS:
        raise _invalid(f"{len(found)} operations; {MOST_OPERATIONS} are the most")
    return [_record(one) for one in found]


def _record(operation: Any) -> Json:
    if not isinstance(operation, dict):
        raise _invalid("an operation has to be an object")
    found = cast("Json", operation)
    if str(found.get("method", "")).upper() != "POST" or found.get("path") != "/Users":
        raise _invalid("only POST on /Users is allowed")
    if not isinstance(found.get("bulkId"), str) or not found["bulkId"]:
        raise _invalid("bulkId is missing")
    data = cast("Json", found.get("data")) if isinstance(found.get("data"), dict) else {}
    schemas = cast("list[str]", data.get("schemas") or [])
    foreign = [one for one in schemas if one != USER and not one.startswith(EXTENSION)]
    if USER not in schemas or foreign:
        raise _invalid(f"the data's schemas have to be {USER} and extensions of it")
    untold = [name for name in data if name.startswith("urn:") and name not in schemas]
    if untold:
        raise _invalid(f"{untold[0]} is not among the data's schemas")
    return data


def user_values(record: Json) -> Json:
    """What a record says of a user, by the attribute mapping that a job begins with."""
    found: Json = {mine: record[name] for name, mine in _PLAIN.items() if name in record}
    name = cast("Json", record.get("name") or {})
    for part, mine in (("givenName", "givenName"), ("familyName", "surname")):
        if part in name:
            found[mine] = name[part]
    enterprise = cast("Json", record.get(ENTERPRISE) or {})
    found |= {mine: enterprise[one] for one, mine in _ENTERPRISE.items() if one in enterprise}
    address = _typed(record, "addresses", "work")
    found |= {mine: address[one] for one, mine in _ADDRESS.items() if one in address}
    mobile = _typed(record, "phoneNumbers", "mobile").get("value")
    work = _typed(record, "phoneNumbers", "work").get("value")
    found |= {"mobilePhone": mobile} if mobile else {}
    found |= {"businessPhones": [work]} if work else {}
    if not found.get("displayName"):
        parts = (found.get("givenName"), found.get("surname"))
        found["displayName"] = " ".join(part for part in parts if part) or record.get("userName")
    return found


def mail(record: Json) -> str | None:
    """The work address of a record."""
    return _typed(record, "emails", "work").get("value")


def _typed(record: Json, name: str, kind: str) -> Json:
    """The value of this type in a list of several."""
    values = cast("list[Json]", record.get(name) or [])
    return next((one for one in values if one.get("type") == kind), cast("Json", {}))


def _invalid(why: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Invalid Data Format: {why}.")
