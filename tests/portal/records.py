"""Records in memory, and the header that App Service would send."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

FINISHED: dict[str, Any] = {
    "run": "20261124T134700Z-3f2a",
    "source": "local",
    "status": "finished",
    "started": "2026-11-24T13:47:00+00:00",
    "ended": "2026-11-24T13:48:02+00:00",
    "seconds": 62.1,
    "changes": {"person": {"create": 300}, "class_membership": {"add": 1351, "remove": 7}},
    "held": 0,
    "why_held": [],
    "findings": {"error": 1, "warning": 2},
    "writes": 512,
    "expected_writes": 512,
    "requests": 61,
    "failed": 0,
    "pulled": "",
    "error": "",
}
HELD: dict[str, Any] = FINISHED | {
    "run": "20261125T020000Z-91cc",
    "status": "held",
    "ended": None,
    "pulled": "what changed since 2026-11-24T02:00:00Z",
    "changes": {"person": {"disable": 41}},
    "held": 41,
    "why_held": ["person disable: 41 of 300 existing: more than 20 and more than 10 %"],
}
FAILED: dict[str, Any] = FINISHED | {
    "run": "20261126T020000Z-77aa",
    "status": "failed",
    "changes": {},
    "findings": {},
    "error": "users.csv: the file ends inside a quoted value",
}


def change(number: int) -> dict[str, Any]:
    return {
        "kind": "person",
        "key": f"10000{number:02d}",
        "action": "disable",
        "school": "0001",
        "reason": "not in the roster for 14 days",
        "source": None,
        "why_held": HELD["why_held"][0],
    }


def finding(rule: str, severity: str, value: str) -> dict[str, Any]:
    return {
        "rule": rule,
        "severity": severity,
        "file": "users.csv",
        "line": 12,
        "column": "username",
        "value": value,
        "message": "is there twice",
        "hint": "Give each user a username of their own.",
    }


@dataclass(frozen=True)
class Records:
    """A RecordReader over what it is given."""

    all_runs: Sequence[dict[str, Any]] = (FAILED, HELD, FINISHED)
    all_findings: Sequence[dict[str, Any]] = (
        finding("grade-unknown", "warning", "13th"),
        finding("user-repeated", "error", "<script>alert(1)</script>"),
        finding("grade-unknown", "warning", "14th"),
    )

    def runs(self, limit: int) -> Sequence[dict[str, Any]]:
        return self.all_runs[:limit]

    def run(self, run: str) -> dict[str, Any] | None:
        return next((r for r in self.all_runs if r["run"] == run), None)

    def held(self, run: str, limit: int) -> Sequence[dict[str, Any]]:
        return [change(number) for number in range(41)][:limit]

    def findings(self, run: str, limit: int) -> Sequence[dict[str, Any]]:
        return self.all_findings[:limit]


def principal(*roles: str, claim: str = "roles") -> dict[str, str]:
    """The header that App Service sends for someone with these app roles."""
    value = {
        "auth_typ": "aad",
        "name_typ": "name",
        "role_typ": "roles",
        "claims": [{"typ": claim, "val": role} for role in roles],
    }
    return {"x-ms-client-principal": base64.b64encode(json.dumps(value).encode()).decode()}
