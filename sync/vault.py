"""Secrets of a Key Vault, which stand in the configuration as `${KEYVAULT:name}`.

The app setting ROLLCALL_KEYVAULT_URL names the vault. It is read with the identity that the storage
account is read with, which needs the role Key Vault Secrets User
(https://learn.microsoft.com/azure/key-vault/general/rbac-guide), and by the app itself: what an app
setting refers to is not resolved on Flex Consumption while the vault is closed to public networks
(https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations).

Design note. A secret is read when it is used, each time, and kept nowhere: a new version counts at
the next step of a run, and whoever only checks or plans needs no right on the vault. Until then the
configuration holds the reference, with the place where it stands for the messages about it.
"""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from roster.errors import BadInput, RollcallError, Terminal, Transient

from .storage import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.exceptions import HttpResponseError
    from azure.keyvault.secrets import SecretClient

    from connectors.source import SourceSettings

    Settings = TypeVar("Settings", bound=SourceSettings)

VAULT_URL = "ROLLCALL_KEYVAULT_URL"
# The settings that may be a secret of the vault; of a source, and of alerts.
OF_SOURCES = ("client_id", "client_secret", "district_token")
MAY_BE_SECRETS = (*OF_SOURCES, "webhook")
# https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers
NAME = r"[0-9A-Za-z-]{1,127}"
PLACED = rf"\$\{{KEYVAULT:{NAME}@.+\}}"
# The step of a run is tried again anyway: a vault that does not answer is told within seconds.
_PATIENCE: dict[str, Any] = {
    "retry_total": 2, "retry_backoff_factor": 0.5, "retry_backoff_max": 4,
    "connection_timeout": 10, "read_timeout": 20,
}  # fmt: skip
_REFUSED = {
    "SecretDisabled": "the secret is disabled; enable it, or set a new version",
    "ForbiddenByFirewall": "the vault is closed to the network that this comes from; let the "
    "function app reach it over its virtual network, or open the vault's firewall for it",
}
_NO_RIGHT = (
    "the identity may not read secrets; give it the role Key Vault Secrets User on the vault. On "
    "your own machine sign in with `az login` as somebody who has that role, or name a file with "
    "--config that says ${ENV:NAME} there"
)


def placed(name: str, place: str) -> str:
    """The reference to a secret as the configuration holds it; `place`: file and line."""
    return f"${{KEYVAULT:{name}@{place}}}"


def reveal(text: str) -> str:
    """The value of the secret that `text` refers to; `text` itself if it is no reference.

    Raises BadInput for a secret that is not there, Terminal if it may not be read, and Transient if
    the vault does not answer.
    """
    return _read(*_parts(text)) if re.fullmatch(PLACED, text) else text


def with_secrets(source: Settings) -> Settings:
    """The settings of a source with the secrets that they refer to; raises as `reveal` does."""
    found = {name: reveal(text) for name, text in _references(source).items()}
    shown = {name for name in found if isinstance(getattr(source, name), str)}
    return source.model_copy(
        update={name: value if name in shown else SecretStr(value) for name, value in found.items()}
    )


def secret_names(source: SourceSettings) -> list[str]:
    """The names of the secrets that a source's settings refer to."""
    return [_parts(text)[0] for text in _references(source).values()]


def _references(source: SourceSettings) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in OF_SOURCES:
        value: Any = getattr(source, name, "")
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        if re.fullmatch(PLACED, text):
            texts[name] = text
    return texts


def _parts(reference: str) -> tuple[str, str]:
    """Name and place of a reference."""
    name, _, place = reference.removeprefix("${KEYVAULT:").removesuffix("}").partition("@")
    return name, place


def _read(name: str, place: str) -> str:
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
    )

    from graph.signin_errors import explain

    url, where = _vault(place, name), f"{place}: ${{KEYVAULT:{name}}}"
    try:
        value = _client(url, os.environ.get(f"{CONNECTION}__clientId")).get_secret(name).value
    except ResourceNotFoundError as error:
        raise BadInput(
            f"{where}: {url} has no secret of this name; set it with `az keyvault secret set "
            f"--vault-name {_name_of(url)} --name {name}`, or write the right name"
        ) from error
    except ClientAuthenticationError as error:
        raise explain("Key Vault", error) from error
    except HttpResponseError as error:
        raise _explained(where, error) from error
    except AzureError as error:
        raise Transient(f"{where}: {url} does not answer ({type(error).__name__})") from error
    if not value:
        raise BadInput(f"{where}: the secret is empty; set a new version of it")
    return value


def _vault(place: str, name: str, env: Mapping[str, str] = os.environ) -> str:
    url = env.get(VAULT_URL, "").rstrip("/")
    if not url:
        raise BadInput(
            f"{place}: ${{KEYVAULT:{name}}}: no vault is set; set {VAULT_URL} to its address, such "
            "as https://NAME.vault.azure.net"
        )
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise BadInput(
            f"{VAULT_URL}: {url!r} is no address of a vault; write https://NAME.vault.azure.net"
        )
    return url


def _name_of(url: str) -> str:
    """The name of a vault: the first part of its host name."""
    return (urlsplit(url).hostname or "").partition(".")[0]


@functools.cache
def _client(url: str, client_id: str | None) -> SecretClient:
    """The SDK's client, which keeps its connection and token, and no secret."""
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    identity = client_id or os.environ.get("AZURE_CLIENT_ID")
    loopback = urlsplit(url).hostname in ("127.0.0.1", "localhost")
    return SecretClient(
        url,
        DefaultAzureCredential(managed_identity_client_id=identity),
        # The SDK checks that a vault asks for tokens of the domain that it is in.
        verify_challenge_resource=not loopback,
        **_PATIENCE,
    )


def _explained(where: str, error: HttpResponseError) -> RollcallError:
    status = error.status_code or 0
    if status == 403:
        inner: Mapping[str, Any] = (error.error and error.error.innererror) or {}
        code = str(inner.get("code", ""))
        return Terminal(f"{where}: {_REFUSED.get(code, _NO_RIGHT)}", code or "Forbidden")
    if status == 429 or status >= 500:
        return Transient(f"{where}: the vault answered {status}", _retry_after(error))
    return Terminal(f"{where}: the vault answered {status}", str(status))


def _retry_after(error: HttpResponseError) -> float | None:
    response: Any = error.response
    asked = str(response.headers.get("Retry-After", ""))
    return float(asked) if asked.isdigit() else None
