"""A vault over TLS, and this process as an app whose identity may read it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import uvicorn

from local.entra import Tenant, create_app
from local.entra.authority import Tls
from local.listening import listen
from local.vault import Vault
from local.vault import create_app as create_vault
from sync.vault import VAULT_URL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextmanager
def vault(folder: Path, patch: pytest.MonkeyPatch, tenant: Tenant | None = None) -> Iterator[Vault]:
    """Serves an empty vault that the managed identity of this process may read.

    `tenant`: whose identity this process has already; without it, it gets one of a new tenant.
    """
    tls = Tls.make(folder)
    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    patch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))
    with ExitStack() as stack:
        if tenant is None:
            tenant = Tenant(domains=["contoso.edu"])
            port = stack.enter_context(_serving(create_app(tenant)))
            patch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
            patch.setenv("IDENTITY_HEADER", "secret")
        vault = Vault(tenant.identity.tenant_id, readers={tenant.identity.object_id})
        port = stack.enter_context(_serving(create_vault(vault), **files))
        patch.setenv(VAULT_URL, f"https://127.0.0.1:{port}")
        yield vault


@contextmanager
def _serving(app: Any, **options: Any) -> Iterator[int]:
    with listen() as listener:
        # An idle client would keep a TLS server from ending for half a minute.
        close = [("connection", "close")]
        config = uvicorn.Config(app, log_level="error", lifespan="off", headers=close, **options)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
