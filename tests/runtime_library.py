"""Drives azure-functions-runtime, the library that the Python 3.13 worker of Azure calls.

The one place that knows its inner seams. The library speaks protobuf to the host; it is handed
plain stand-ins for the few message types that it fills in. Its state is global, so one process
indexes one app: `python -m tests.runtime_library APP` reads lines of JSON (function, kind, value)
and answers each with a line of JSON; the first line it writes is the app's metadata.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any


class _Record(SimpleNamespace):
    """A message type whose fields are whatever it is made with."""


class _Status(_Record):
    Success = "success"
    Failure = "failure"


class _Binding(_Record):
    out = 1
    inout = 2
    undefined = 0


setattr(_Binding, "in", 0)
_TYPES = (
    "WorkerInitResponse", "WorkerMetadata", "FunctionMetadataResponse", "RpcFunctionMetadata",
    "RpcException", "ParameterBinding", "RpcRetryOptions",
)  # fmt: skip
PROTOS = SimpleNamespace(
    StatusResult=_Status, BindingInfo=_Binding, **dict.fromkeys(_TYPES, _Record)
)


async def index(app: str) -> list[dict[str, Any]]:
    """Indexes the app as the worker does; raises if the worker would refuse it."""
    from azure_functions_runtime import functions_metadata_request, worker_init_request

    wanted = SimpleNamespace(capabilities={}, function_app_directory=app)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=wanted),
        properties={"host": "127.0.0.1", "protos": PROTOS},
    )
    started = await worker_init_request(request)
    if started.result.status != _Status.Success:
        raise RuntimeError(started.result.exception.message)
    found = await functions_metadata_request(request)
    return [
        {"name": one.name, "id": one.function_id, "bindings": list(one.raw_bindings)}
        for one in found.function_metadata_results
    ]


async def invoke(function_id: str, name: str, kind: str, value: Any) -> dict[str, Any]:
    """Invokes a function with what triggered it; {ok, error, status and body of an HTTP answer}."""
    from azure_functions_runtime.bindings.datumdef import Datum
    from azure_functions_runtime.native_invocation import invocation_request_native

    if kind == "http":
        maps = {part: {k: Datum(v, "string") for k, v in value[part].items()}
                for part in ("headers", "query", "params")}  # fmt: skip
        plain = {part: Datum(value[part], "string") for part in ("method", "url")}
        value = plain | maps | {"body": Datum("", "string")}
    ok, answer, _, error, trace = await invocation_request_native(
        "1", function_id, [(name, Datum(value, kind))], {}
    )
    told = {"ok": ok, "error": error, "trace": trace}
    if not (ok and kind == "http"):
        return told
    body = answer.value["body"].value
    text = body.decode() if isinstance(body, bytes) else str(body)
    return told | {"status": answer.value["status_code"].value, "body": text}


async def serve(app: str) -> None:
    """The conversation of the module's docstring."""
    from azure_functions_runtime import start_threadpool_executor

    start_threadpool_executor()
    print(json.dumps(await index(app)), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(await invoke(**asked)), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    asyncio.run(serve(sys.argv[1]))
