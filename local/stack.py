"""The local stack: Azurite, the Entra emulator and the Functions host as children of this process.

They listen on free ports of loopback, know each other through environment variables as the app
would in Azure, and end with the `with` block, or with this process, however it ends.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .azurite import Azurite
from .processes import CHECKOUT, Child, python_command

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the portal's visitor is on this machine, where App Service Authentication would say it.
SIGN_IN = "Local administrator:Rollcall.Approver"


class Stack:
    """A running local stack. `http_url`: the Functions host; `graph_url`: Graph, with /v1.0.

    `domains`: the tenant's verified domains, the default one first. `record`: a file that gets
    every Graph exchange. `location`: where Azurite keeps its data (None: in memory). `app`: the
    folder of function_app.py. `host`: the command that runs the host, without its options (None:
    this interpreter runs it). `logs`: the folder of the children's logs (None: a temporary one).
    """

    def __init__(
        self,
        *,
        domains: Sequence[str] = ("contoso.edu",),
        record: Path | None = None,
        location: Path | None = None,
        app: Path = CHECKOUT,
        host: Sequence[str] | None = None,
        logs: Path | None = None,
        lease_seconds: int = 10,
    ) -> None:
        self._domains = tuple(domains)
        self._record = record
        self._location = location
        self._app = app
        self._host_command = host or python_command("local.host")
        self._logs = logs
        self._lease_seconds = lease_seconds
        self._ending = ExitStack()
        self._host: Child | None = None
        self.environment: dict[str, str] = {}
        self.connection_string = ""
        self.graph_url = ""
        self.http_url = ""
        self.master_key = ""

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._start(starting)
            self._ending = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_host()
        self._ending.close()

    def start_host(self) -> None:
        """Starts the Functions host; it must not be running."""
        arguments = [
            "--app", str(self._app), "--sign-in", SIGN_IN,
            "--lease-seconds", str(self._lease_seconds),
        ]  # fmt: skip
        self._host, ready = self._child("host", [*self._host_command, *arguments])
        self.http_url, self.master_key = ready["http"], ready["master_key"]

    def stop_host(self) -> None:
        """Lets the Functions host end what it is at, and ends it."""
        if self._host:
            self._host.stop()
            self._host = None

    def kill_host(self) -> None:
        """Ends the Functions host as a crash would."""
        if self._host:
            self._host.kill()
            self._host = None

    def restart_host(self) -> None:
        """A fresh Functions host on a fresh port."""
        self.stop_host()
        self.start_host()

    def start_system(self, module: str, *arguments: str) -> str:
        """Starts an emulated student information system; its address, without a slash."""
        name = module.rpartition(".")[2]
        child, ready = self._child(name, python_command(module, *arguments))
        self._ending.callback(child.stop)
        return f"http://127.0.0.1:{ready['port']}"

    def _start(self, starting: ExitStack) -> None:
        if self._logs is None:
            folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-logs-"))
            self._logs = Path(folder)
        self._logs.mkdir(parents=True, exist_ok=True)
        azurite = Azurite(location=self._location, log=self._logs / "azurite.log")
        self.connection_string = starting.enter_context(azurite).connection_string
        address = f"http://127.0.0.1:{self._start_emulator(starting)}"
        self.graph_url = f"{address}/v1.0"
        self.environment = {
            "AzureWebJobsStorage": self.connection_string,
            "ROLLCALL_GRAPH_URL": self.graph_url,
            "IDENTITY_ENDPOINT": f"{address}/msi/token",
            "IDENTITY_HEADER": secrets.token_hex(16),
            "ROLLCALL_CREDENTIALS_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            # Whatever this machine signs in with elsewhere, no real token comes here.
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            "AZURE_CLIENT_ID": "",
        }
        starting.callback(self.stop_host)
        self.start_host()

    def _start_emulator(self, starting: ExitStack) -> int:
        arguments = [part for domain in self._domains for part in ("--domain", domain)]
        if self._record:
            arguments += ["--record", str(self._record)]
        child, ready = self._child("entra", python_command("local.entra", *arguments))
        starting.callback(child.stop)
        return int(ready["port"])

    def _child(self, name: str, command: Sequence[str]) -> tuple[Child, dict[str, Any]]:
        """A child that says as JSON in a file when it is ready."""
        assert self._logs is not None
        ready = self._logs / f"{name}.json"
        ready.unlink(missing_ok=True)
        child = Child(
            name,
            [*command, "--ready-file", str(ready)],
            self._logs / f"{name}.log",
            environment=self.environment,
            folder=CHECKOUT,
        )

        def look() -> dict[str, Any] | None:
            text = ready.read_text(encoding="utf-8") if ready.exists() else ""
            return json.loads(text) if text.endswith("}") else None

        return child, child.wait_for(look)
