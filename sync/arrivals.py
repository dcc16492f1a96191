"""Arrivals: from an event about one blob to a run over a complete set of files.

Event Grid puts a message on the queue `arrivals` for each blob that is written, in its own schema
or as a CloudEvent (https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage). The
name of the blob only says which folder to look at; whether its set is complete is read from the
folder, so that lost, late and repeated events do no harm:

    one zip                                 complete as soon as it is there
    loose files, all that the format needs  complete when nothing new came for the settle time
    announced by `rollcall drop`            complete
    loose files, some missing               complete, and refused by name, an hour later
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from connectors.source import CsvSource
from roster.errors import BadInput

from .config import load_config
from .drop import Drop, dropped_files, start_run
from .record import now
from .storage import ARRIVALS_QUEUE, ROSTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .storage import Storage

logger = logging.getLogger(__name__)

SUBJECT = f"/blobServices/default/containers/{ROSTERS}/blobs/"
PATIENCE = timedelta(hours=1)


def on_arrival(storage: Storage, message: Mapping[str, Any] | list[Mapping[str, Any]]) -> None:
    """Looks at the folders that a message of the queue `arrivals` is about."""
    for event in message if isinstance(message, list) else [message]:
        source = source_of(event)
        if source:
            look(storage, source, complete=event.get("complete") is True)


def sweep(storage: Storage) -> None:
    """Looks at every folder, for sets whose event was lost or that never became complete."""
    names = {file.name for file in storage.list_files(ROSTERS)}
    for source in sorted({name.split("/", 1)[0] for name in names if "/" in name}):
        look(storage, source)


def look(storage: Storage, source: str, *, complete: bool = False) -> str | None:
    """Starts a run if the folder of `source` holds a complete set that was not taken before.

    When it is too early to say, a message asks again later. Returns the new run's id, if any.
    """
    drop = Drop(ROSTERS, tuple(dropped_files(storage, source)))
    if not drop.files:
        return None
    if not complete and not _is_one_zip(drop):
        quiet = now() - max(file.modified for file in drop.files)
        settle = timedelta(seconds=_settle_seconds(storage, source))
        if quiet < settle:
            delay = (settle - quiet).total_seconds()
            storage.send(ARRIVALS_QUEUE, {"source": source}, delay)
            return None
        if not _has_needed_files(drop) and quiet < PATIENCE:
            return None
    return start_run(storage, source, drop)


def source_of(event: Mapping[str, Any]) -> str:
    """The folder that an event or a message of our own is about; '' if it is about nothing here."""
    if "source" in event and "subject" not in event:
        return str(event["source"])
    subject = unquote(str(event.get("subject", "")))
    kind = event.get("eventType") or event.get("type")
    if kind != "Microsoft.Storage.BlobCreated" or not subject.startswith(SUBJECT):
        logger.warning("A message on the queue arrivals is about no roster: %s", kind)
        return ""
    folder, slash, _ = subject.removeprefix(SUBJECT).partition("/")
    return folder if slash else ""


def _is_one_zip(drop: Drop) -> bool:
    return len(drop.files) == 1 and drop.files[0].name.lower().endswith(".zip")


def _settle_seconds(storage: Storage, source: str) -> int:
    """The settle time; a wrong configuration is reported by the run, not by each event."""
    try:
        settings = load_config(storage).source(source)
    except BadInput:
        settings = None
    return (settings if isinstance(settings, CsvSource) else CsvSource(name="any")).settle_seconds


def _has_needed_files(drop: Drop) -> bool:
    """Whether the names of the files make a format; what is in them, the run will see."""
    from connectors.detect import by_names
    from connectors.drop import DropFile

    try:
        by_names([DropFile(file.file_name, Path(file.file_name)) for file in drop.files])
    except BadInput:
        return False
    return True
