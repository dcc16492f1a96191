"""The district's own object: its state, and when its data last came (https://dev.clever.com/docs)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any


def launch(today: date) -> datetime:
    """When the district began to share: at the start of its school year; naive, UTC."""
    return datetime(today.year if today.month >= 8 else today.year - 1, 8, 1, 6)  # noqa: DTZ001


def stamp(moment: datetime) -> str:
    """A moment (UTC) as text."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def describe(id_: str, name: str, state: str, since: datetime, at: datetime | None = None,
             synced: datetime | str | None = None) -> dict[str, Any]:  # fmt: skip
    """The object of v3.0. `since`: the launch; `at`: a pause's start; `synced`: the last sync."""
    contact = {
        "id": id_[:8] + "c0417ac7" + id_[16:],
        "district": id_,
        "name": {"first": "Data", "last": "Office"},
        "email": "data.office@example.org",
        "title": "Data lead",
    }
    last = synced or since
    return {
        "id": id_,
        "name": name,
        "sis_type": "PowerSchool",
        "launch_date": since.date().isoformat(),
        "portal_url": "https://clever.com/in/" + name.split()[0].lower(),
        "login_methods": ["Google"],
        "state": state,
        "error": "The last upload could not be read." if state == "error" else "",
        "last_sync": last if isinstance(last, str) else stamp(last),
        **({"pause_start": (at or since).date().isoformat()} if state == "paused" else {}),
        "district_contact": contact,
    }


def of_version(district: dict[str, Any], version: str) -> dict[str, Any]:
    """The object as v3.0 or v3.1 has it."""
    return district if version == "3.0" else {**district, "lms_type": "", "lms_state": ""}
