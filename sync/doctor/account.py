"""The storage account: does it answer, and are all containers, queues and tables there?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..storage import CONTAINERS, QUEUES, TABLES
from .check import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..storage import Storage

AREA = "Storage"
# Somebody waits for the answer: one try, because the SDKs' second comes after a quarter minute.
_PATIENCE: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 20}
_RIGHTS = {
    "blobs": "Storage Blob Data Contributor",
    "queues": "Storage Queue Data Contributor",
    "tables": "Storage Table Data Contributor",
}


def check_storage(storage: Storage | None) -> list[Check]:
    """One check a service of the account; a warning when no account is named."""
    if storage is None:
        advice = "name the account with --account https://NAME.blob.core.windows.net"
        return [Check(AREA, "account", "warning", "not checked: no account is named", advice)]
    return [
        _service("blobs", CONTAINERS, lambda: _names(storage.blobs.list_containers(**_PATIENCE))),
        _service("queues", QUEUES, lambda: _names(storage.queues.list_queues(**_PATIENCE))),
        _service("tables", TABLES, lambda: _names(storage.tables.list_tables(**_PATIENCE))),
    ]


def _names(listed: Iterable[Any]) -> set[str]:
    return {str(one.name) for one in listed}


def _service(name: str, wanted: tuple[str, ...], read: Callable[[], set[str]]) -> Check:
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        missing = sorted(set(wanted) - read())
    except ClientAuthenticationError:
        return Check(AREA, name, "problem", "sign-in refused", _sign_in_advice(name))
    except HttpResponseError as error:
        if error.status_code in (401, 403):
            return Check(AREA, name, "problem", "access refused", _sign_in_advice(name))
        return Check(AREA, name, "problem", f"answered {error.status_code}", "try again later")
    except AzureError as error:
        return Check(
            AREA, name, "problem", f"does not answer ({type(error).__name__})",
            "check the account's name, its firewall and this machine's network",
        )  # fmt: skip
    if missing:
        return Check(
            AREA, name, "warning", f"missing: {', '.join(missing)}",
            "the Function App makes them when it starts: deploy it, or look why it does not start",
        )  # fmt: skip
    return Check(AREA, name, "ok", f"all {len(wanted)} are there")


def _sign_in_advice(name: str) -> str:
    return f"give the identity the role {_RIGHTS[name]} on the account, or mend the account key"
