"""Objects as the rows of CSV files, to be compared with the files of the same version."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tests.local.oneroster.conftest import Provider, Version

REFERENCES = {
    "parentSourcedId": ("parent", "sourcedId"),
    "schoolYearSourcedId": ("schoolYear", "sourcedId"),
    "orgSourcedId": ("org", "sourcedId"),
    "courseSourcedId": ("course", "sourcedId"),
    "schoolSourcedId": ("school", "sourcedId"),
    "classSourcedId": ("class", "sourcedId"),
    "userSourcedId": ("user", "sourcedId"),
    "primaryOrgSourcedId": ("primaryOrg", "sourcedId"),
    "preferredGivenName": ("preferredFirstName", None),
    "preferredFamilyName": ("preferredLastName", None),
    "termSourcedIds": ("terms", "sourcedId"),
    "orgSourcedIds": ("orgs", "sourcedId"),
    "agentSourcedIds": ("agents", "sourcedId"),
}


def files(provider: Provider, version: Version, folder: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the CSV files of the provider's district."""
    form = "oneroster-1.1" if version == "1.1" else "oneroster-1.2"
    read: dict[str, list[dict[str, str]]] = {}
    for path in provider.records.district.write(folder, form):
        with path.open(encoding="utf-8", newline="") as file:
            read[path.stem] = list(csv.DictReader(file))
    return read


def as_cells(row: dict[str, Any], header: list[str]) -> dict[str, str]:
    """An object as the row of a CSV file."""
    cells: dict[str, str] = {}
    for column in header:
        name, inner = REFERENCES.get(column, (column, None))
        value = row.get(name, "")
        items = value if isinstance(value, list) else [value]
        said = [i[inner] if inner and isinstance(i, dict) else i for i in items]
        cells[column] = ",".join(said)
    return cells
