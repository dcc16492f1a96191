"""The triggers of Rollcall: each body is one call into the rooms below.

Nothing heavy is imported here at the top, because this module is loaded at every cold start.
https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

from __future__ import annotations

import functools
import json
import logging

import azure.functions as func

STORAGE = "AzureWebJobsStorage"

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
# These write a line for each request, with addresses that hold file names and usernames.
for noisy in ("azure", "httpx"):
    logging.getLogger(noisy).setLevel(logging.WARNING)


@app.timer_trigger(schedule="0 0 * * * *", arg_name="timer")
def hourly(timer: func.TimerRequest) -> None:  # noqa: ARG001
    """Does what is due by the clock."""
    from sync.schedule import tick
    from sync.storage import shared_storage

    tick(shared_storage())


@app.queue_trigger(arg_name="message", queue_name="arrivals", connection=STORAGE)
def arrivals(message: func.QueueMessage) -> None:
    """Starts a run when a source folder holds a complete set of files."""
    from sync.arrivals import on_arrival
    from sync.storage import shared_storage

    on_arrival(shared_storage(), message.get_json())


@app.queue_trigger(arg_name="message", queue_name="runs", connection=STORAGE)
def runs(message: func.QueueMessage) -> None:
    """Does one step of a run."""
    from sync.run import on_control
    from sync.storage import shared_storage

    on_control(shared_storage(), message.get_json(), message.dequeue_count or 1)


@app.queue_trigger(arg_name="message", queue_name="changes", connection=STORAGE)
async def changes(message: func.QueueMessage) -> None:
    """Applies the changes of one entity to the directory."""
    from sync.apply import apply_change

    await apply_change(message.get_json(), message.id or "")


@app.queue_trigger(arg_name="message", queue_name="arrivals-poison", connection=STORAGE)
def arrivals_poison(message: func.QueueMessage) -> None:
    """Makes an arrival that failed at every try visible."""
    from sync.poison import on_poison_arrival
    from sync.storage import shared_storage

    on_poison_arrival(shared_storage(), message.get_body())


@app.queue_trigger(arg_name="message", queue_name="runs-poison", connection=STORAGE)
def runs_poison(message: func.QueueMessage) -> None:
    """Ends a run whose step failed at every try."""
    from sync.poison import on_poison_run
    from sync.storage import shared_storage

    on_poison_run(shared_storage(), message.get_body())


@app.queue_trigger(arg_name="message", queue_name="changes-poison", connection=STORAGE)
def changes_poison(message: func.QueueMessage) -> None:
    """Writes the failed outcome of a change that failed at every try."""
    from sync.poison import on_poison_change
    from sync.storage import shared_storage

    on_poison_change(shared_storage(), message.get_body())


@app.route(route="api/health", methods=[func.HttpMethod.GET])
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """Says whether the app can work: 200 or 503."""
    from sync.health import health_of
    from sync.storage import shared_storage

    status, body = health_of(shared_storage).check()
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")


@app.route(route="portal/{*path}", methods=[func.HttpMethod.GET])
async def portal(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Shows the portal's pages."""
    return await _portal().handle_async(req, context)


@functools.cache
def _portal() -> func.AsgiMiddleware:
    from portal.app import create_app
    from sync.reader import Records

    return func.AsgiMiddleware(create_app(Records()))
