"""An app with a function of each kind; what runs leaves a line in the file that NOTES names."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"


def note(text: str) -> None:
    with Path(os.environ["NOTES"]).open("a", encoding="utf-8") as file:
        file.write(text + "\n")


@app.queue_trigger(arg_name="msg", queue_name="plain", connection=STORAGE)
def plain(msg: func.QueueMessage) -> None:
    note(f"plain {msg.get_body().decode()} {msg.dequeue_count}")
    if b"fail" in msg.get_body():
        raise RuntimeError("as asked")


@app.queue_trigger(arg_name="msg", queue_name="slow", connection=STORAGE)
async def slow(msg: func.QueueMessage) -> None:
    note(f"begin {time.time()}")
    await asyncio.sleep(float(msg.get_body()))
    note(f"end {time.time()}")


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    note(f"nightly past_due={timer.past_due}")


@app.route(route="things/{*path}", methods=["GET", "POST"])
def things(req: func.HttpRequest) -> func.HttpResponse:
    who = req.headers.get("x-ms-client-principal-name", "nobody")
    told = f"{req.method} {req.route_params.get('path')} {req.params.get('q')} {who}"
    return func.HttpResponse(told, headers={"X-Own": "1"})


@app.route(route="locked", auth_level=func.AuthLevel.FUNCTION)
async def locked(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(context.function_name, status_code=202)


@app.route(route="broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("as asked")
