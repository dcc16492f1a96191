"""Members and owners: single references, and binds of up to twenty, all or nothing.

https://learn.microsoft.com/graph/api/group-post-members,
https://learn.microsoft.com/graph/api/group-delete-owners,
https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from local.entra import errors
from local.entra.dynamic import is_dynamic
from local.entra.errors import GraphError
from local.entra.objects import DirectoryObject, Relation

if TYPE_CHECKING:
    from local.entra.directory import Directory

MOST_BOUND = 20
MOST_OWNERS = 100
RELATIONS: tuple[Relation, Relation] = ("members", "owners")


def referenced_id(reference: Any) -> str:
    """The object id at the end of an address such as …/directoryObjects/{id}."""
    if not isinstance(reference, str) or "/" not in reference:
        raise errors.bad_request("Invalid URL in a reference: an @odata.id is needed.")
    last = reference.rstrip("/").rpartition("/")[2]
    return last.rpartition("(")[2].rstrip(")").strip("'") if last.endswith(")") else last


def bound(body: dict[str, Any]) -> list[tuple[Relation, str]]:
    """What a body binds, as (relation, object id)."""
    found: list[tuple[Relation, str]] = []
    for relation in RELATIONS:
        references = cast("list[Any]", body.get(f"{relation}@odata.bind") or [])
        found.extend((relation, referenced_id(reference)) for reference in references)
    if len(found) > MOST_BOUND:
        raise errors.bad_request(
            f"The request exceeds the maximum of {MOST_BOUND} references in one request."
        )
    return found


def check_bind(
    directory: Directory, group: DirectoryObject | None, wanted: list[tuple[Relation, str]]
) -> None:
    """Refuses the whole bind if any reference of it cannot be added."""
    for relation in RELATIONS:
        if group is not None and any(relation == other for other, _ in wanted):
            check_manual(group, relation)
    for _, target in wanted:
        if target.lower() not in directory.live:
            raise errors.not_found(target)
    owners = [target for relation, target in wanted if relation == "owners"]
    # The service counts before it drops duplicates.
    if len(owners) + (len(group.owners) if group else 0) > MOST_OWNERS and owners:
        raise GraphError(
            403,
            "Directory_QuotaExceeded",
            "The directory object has reached its quota: the request would exceed the maximum "
            f"quota count '{MOST_OWNERS}' for forward-link 'owners'.",
        )
    for relation in RELATIONS:
        targets = [target.lower() for other, target in wanted if other == relation]
        there = group.links(relation) if group else {}
        if len(set(targets)) < len(targets) or any(target in there for target in targets):
            raise errors.already_linked(relation)


def bind(directory: Directory, group: DirectoryObject, wanted: list[tuple[Relation, str]]) -> None:
    """Adds what `check_bind` let through."""
    for relation, target in wanted:
        directory.link(group, relation, target.lower())


def add(directory: Directory, container: DirectoryObject, relation: Relation, body: Any) -> None:
    """Adds one reference."""
    reference = cast("dict[str, Any]", body).get("@odata.id") if isinstance(body, dict) else None
    check_bind(directory, container, [(relation, referenced_id(reference))])
    bind(directory, container, [(relation, referenced_id(reference))])


def remove(
    directory: Directory, container: DirectoryObject, relation: Relation, target: str
) -> None:
    """Removes one reference; a group keeps its last owner."""
    check_manual(container, relation)
    if target.lower() not in container.links(relation):
        raise errors.not_found(container.id)
    if relation == "owners" and len(container.owners) == 1 and container.unified:
        raise errors.bad_request(
            "The group must have at least one owner, hence this owner cannot be removed."
        )
    directory.unlink(container, relation, target.lower())


def check_manual(container: DirectoryObject, relation: Relation) -> None:
    """Refuses what a rule or an on-premises directory decides; a rule decides no owners."""
    if container.synced:
        raise errors.synced()
    if relation == "members" and is_dynamic(container.values):
        raise decided_by_rule()


def decided_by_rule() -> GraphError:
    """400 for members of a dynamic group or unit."""
    return errors.bad_request(
        "Insufficient privileges to complete the operation: members of a dynamic group "
        "cannot be changed by hand."
    )
