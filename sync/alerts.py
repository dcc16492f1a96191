"""Alerts: who is told, and what. An alert holds no personal data: numbers, names of runs, reasons.

Sent as JSON by POST to the webhook of the configuration:

    {"alert": "run_failed" | "run_held" | "changes_failed" | "no_run",
     "text": "...", "run": "..." | null, "source": "..." | null}

`text` is what chat services show (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using).
An alert that cannot be sent is told in the log and never harms a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roster.errors import RollcallError

from .config import load_config
from .events import ALERT_NOT_SENT, ALERT_SENT, NO_RUN, tell
from .vault import reveal

if TYPE_CHECKING:
    from .record import Run
    from .storage import Storage

SEND_SECONDS = 10.0


def alert_run(storage: Storage, run: Run) -> None:
    """Tells of a run that failed, is held, or had changes that failed; else does nothing."""
    name = run.source
    if run.status == "failed":
        text = f"Rollcall run {run.run} of {name} failed: {run.error}"
        _send(storage, "run_failed", text, run)
    elif run.status == "held":
        reasons = "; ".join(run.why_held)
        text = (
            f"Rollcall run {run.run} of {name} holds {run.held_count} changes until somebody "
            f"approves or rejects them. {reasons}"
        )
        _send(storage, "run_held", text, run)
    elif run.failed:
        text = f"Rollcall run {run.run} of {name} finished, but {run.failed} changes failed"
        _send(storage, "changes_failed", text, run)


def alert_silence(storage: Storage, last: Run, hours: int) -> None:
    """Tells that no run happened for `hours`."""
    tell(NO_RUN, run=last.run, source=last.source, hours=hours)
    text = f"Rollcall has seen no roster for {hours} hours; the last run was {last.run}"
    _send(storage, "no_run", text, last)


def _send(storage: Storage, alert: str, text: str, run: Run) -> None:
    import httpx

    try:
        webhook = load_config(storage).alerts.webhook
        if webhook is None:
            return
        body: dict[str, Any] = {"alert": alert, "text": text, "run": run.run, "source": run.source}
        httpx.post(reveal(webhook), json=body, timeout=SEND_SECONDS).raise_for_status()
        tell(ALERT_SENT, alert=alert, run=run.run)
    except (RollcallError, httpx.HTTPError, httpx.InvalidURL) as error:
        tell(ALERT_NOT_SENT, alert=alert, run=run.run, error=type(error).__name__)
