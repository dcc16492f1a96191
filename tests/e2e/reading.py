"""An independent reading of SDS v2.1 CSVs: plain Python, nothing of Rollcall's own.

Says what the directory should hold today, for comparison with a dump of it. Only for faultless
rosters: it checks nothing.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

OWNERS = {"teacher"}


@dataclass(frozen=True)
class Wanted:
    """People by id with their user principal names; members by container and relation."""

    people: dict[str, str]
    schools: dict[str, tuple[str, set[str]]]
    classes: dict[str, tuple[str, set[str], set[str]]]
    groups: dict[str, set[str]]


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def covers(today: date, start: str | None, end: str | None) -> bool:
    return (not start or date.fromisoformat(start) <= today) and (
        not end or date.fromisoformat(end) >= today
    )


def read(folder: Path, domain: str, today: date) -> Wanted:
    current = {
        row["sourcedId"]
        for row in rows(folder, "academicSessions")
        if covers(today, row["startDate"], row["endDate"])
    }
    roles = [
        row
        for row in rows(folder, "roles")
        if (not row.get("sessionSourcedId") or row["sessionSourcedId"] in current)
        and covers(today, row.get("roleStartDate"), row.get("roleEndDate"))
        and row["role"].lower() != "other"
    ]
    usernames = {row["sourcedId"]: row["username"] for row in rows(folder, "users")}
    people = {row["userSourcedId"]: usernames[row["userSourcedId"]] for row in roles}
    names = {
        row["sourcedId"]: row["name"]
        for row in rows(folder, "orgs")
        if row["type"].lower() == "school"
    }
    return Wanted(
        people={k: u if "@" in u else f"{u}@{domain}" for k, u in people.items()},
        schools={
            key: (name, {r["userSourcedId"] for r in roles if r["orgSourcedId"] == key})
            for key, name in names.items()
        },
        classes=_classes(folder, current, set(people)),
        groups=_groups(roles, names),
    )


def _classes(
    folder: Path, current: set[str], people: set[str]
) -> dict[str, tuple[str, set[str], set[str]]]:
    enrolled: dict[str, dict[bool, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows(folder, "enrollments"):
        if row["userSourcedId"] in people:
            owner = row["role"].lower() in OWNERS
            enrolled[row["classSourcedId"]][owner].add(row["userSourcedId"])
    found = {}
    for row in rows(folder, "classes"):
        sessions = {s.strip() for s in (row.get("sessionSourcedIds") or "").split(",") if s.strip()}
        if sessions and not sessions & current:
            continue
        owners, members = (enrolled[row["sourcedId"]][is_owner] for is_owner in (True, False))
        found[row["sourcedId"]] = (row["title"], owners, members - owners)
    return found


def _groups(roles: list[dict[str, str]], schools: dict[str, str]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for row in roles:
        person, school = row["userSourcedId"], schools.get(row["orgSourcedId"])
        kind = "Students" if row["role"].lower() == "student" else "Staff"
        names = [f"All {kind}"] + ([f"{kind} - {school}"] if school else [])
        if kind == "Students" and row.get("grade"):
            grade = row["grade"].zfill(2)
            names += [f"Grade {grade}"] + ([f"Grade {grade} - {school}"] if school else [])
        for name in names:
            groups[name].add(person)
    return groups


def differences(wanted: Wanted, dump: dict[str, Any]) -> list[str]:
    """Every difference between what was read and a dump of the directory, in words."""
    people = {u["id"]: u["externalId"] for u in dump["users"]}
    found: list[str] = []

    def compare(what: str, want: object, have: object) -> None:
        if want != have:
            found.append(f"{what}: wanted {want!r}, found {have!r}")

    def ids(objects: list[str]) -> set[str]:
        return {people.get(o) or o for o in objects}

    enabled = {u["externalId"]: u for u in dump["users"] if u["externalId"] in wanted.people}
    external = [u["externalId"] for u in dump["users"] if u["externalId"]]
    compare("people twice", len(set(external)), len(external))
    for key, upn in wanted.people.items():
        user = enabled.get(key, {"userPrincipalName": "", "accountEnabled": False})
        compare(f"person {key}", (upn.lower(), True),
                (user["userPrincipalName"].lower(), user["accountEnabled"]))  # fmt: skip
    units = {u["externalId"]: u for u in dump["administrativeUnits"]}
    compare("schools", set(wanted.schools), set(units))
    for key, (name, members) in wanted.schools.items():
        compare(f"school {key}", (name, members),
                (units[key]["displayName"], ids(units[key]["members"])))  # fmt: skip
    classes = {g["externalId"]: g for g in dump["groups"] if g["externalId"]}
    compare("classes missing", set(), set(wanted.classes) - set(classes))
    for key, group in classes.items():
        title, owners, members = wanted.classes.get(key, (group["displayName"], None, set()))
        compare(f"class {key} name", title, group["displayName"])
        compare(f"class {key} members", members, ids(group["members"]))
        if owners:
            compare(f"class {key} owners", owners, ids(group["owners"]))
    groups: dict[str, set[str]] = defaultdict(set)
    for group in dump["groups"]:
        if not group["externalId"]:
            groups[group["displayName"]] |= ids(group["members"])
    compare("groups missing", set(), set(wanted.groups) - set(groups))
    for name, members in groups.items():
        compare(f"group {name}", wanted.groups.get(name, set()), members)
    return found
