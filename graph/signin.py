"""Sign-in: the credential for Microsoft Graph that the environment asks for, and why it failed.

The environment decides, and one way is taken without trying the others: a cold start in Azure does
not look for developer tools, and a wrong secret is told as a wrong secret. The variables are those
of azure-identity (https://learn.microsoft.com/azure/developer/python/sdk/authentication/overview);
AZURE_TOKEN_CREDENTIALS narrows the choice as it does there. Only on a machine that names no
identity are the command-line tools asked, one after the other.

One variable is Rollcall's own: ROLLCALL_FEDERATED_IDENTITY, the client id of a user-assigned
managed identity that is the federated credential of the app registration AZURE_CLIENT_ID
(https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).

A token is kept until five minutes before it ends: the Azure CLI starts a process for each.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roster.errors import RollcallError, Terminal, Transient

from .exchange import as_object
from .signin_errors import explain

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import AccessToken, TokenCredential

SCOPE = "https://graph.microsoft.com/.default"
FEDERATED_IDENTITY = "ROLLCALL_FEDERATED_IDENTITY"
EXCHANGE_SCOPE = "api://AzureADTokenExchange/.default"
RENEW_SECONDS = 300
PUBLIC_AUTHORITIES = (
    "login.microsoftonline.com", "login.microsoftonline.us",
    "login.chinacloudapi.cn", "login.partner.microsoftonline.cn",
)  # fmt: skip
# A sign-in that does not answer is told within seconds; the message is tried again later anyway.
_PATIENCE: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.5, "retry_backoff_max": 4}


@dataclass(frozen=True)
class Way:
    """One way to sign in. `mark`: the variable that asks for it; `needs`: what else has to be set.

    `kind` is the name by which AZURE_TOKEN_CREDENTIALS asks for it.
    """

    name: str
    kind: str
    make: Callable[[], TokenCredential]
    mark: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Whether the environment asks for it."""
        return any(os.environ.get(variable) for variable in self.mark)


@dataclass(frozen=True)
class Access:
    """Who is signed in, from a token's claims. `roles` are app roles; a person has none here.

    `expires` is in seconds since 1970; `way` is the name of the way that was taken.
    """

    way: str
    tenant_id: str
    app_id: str
    object_id: str
    roles: frozenset[str]
    expires: float
    is_person: bool


class SignIn:
    """A credential that is one way, or the first of several that gives a token.

    Raises Transient when sign-in may work later by itself, Terminal when an administrator has to
    mend something. Safe to share between threads.
    """

    def __init__(self, ways: tuple[Way, ...]) -> None:
        self.ways = ways
        self.way = ways[0].name if len(ways) == 1 else ""
        self._credential: TokenCredential | None = None
        self._kept: dict[tuple[str, ...], AccessToken] = {}
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """A token for `scopes`, as azure-core's TokenCredential gives it."""
        with self._lock:
            kept = self._kept.get(scopes)
            if kept is None or claims or kept.expires_on - time.time() < RENEW_SECONDS:
                kept = self._kept[scopes] = self._fetch(scopes, claims=claims, **options)
            return kept

    def access(self) -> Access:
        """Signs in and tells as whom; never the token itself."""
        token = self.get_token(SCOPE)
        claims = claims_of(token.token)
        return Access(
            way=self.way,
            tenant_id=str(claims.get("tid", "")),
            app_id=str(claims.get("appid") or claims.get("azp") or ""),
            object_id=str(claims.get("oid", "")),
            roles=frozenset(claims.get("roles") or ()),
            expires=float(token.expires_on),
            is_person="scp" in claims,
        )

    def forget(self) -> None:
        """Makes the next token a fresh one: the service refused the one that every cache holds."""
        with self._lock:
            self.close()
            self._credential = None
            self._kept.clear()

    def close(self) -> None:
        """Ends the connection to the identity service, if one was opened."""
        close: Callable[[], None] | None = getattr(self._credential, "close", None)
        if close:
            close()

    def _fetch(self, scopes: tuple[str, ...], **options: Any) -> AccessToken:
        if self._credential is not None:
            return _token(self.way, self._credential, scopes, options)
        failures: list[RollcallError] = []
        for way in self.ways:
            try:
                credential = way.make()
                token = _token(way.name, credential, scopes, options)
            except RollcallError as error:
                failures.append(error)
            except (ValueError, OSError, TypeError) as error:
                failures.append(explain(way.name, error))
            else:
                self.way, self._credential = way.name, credential
                return token
        raise _together(failures)


def sign_in() -> SignIn:
    """The credential for Graph that this process's environment asks for; nothing is sent yet.

    Raises Terminal when the environment is incomplete or contradicts itself.
    """
    wanted = os.environ.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    kinds = {way.kind.lower() for way in (*DEPLOYED, *DEVELOPER)}
    if wanted not in {"", "prod", "dev", *kinds}:
        allowed = ", ".join(dict.fromkeys(way.kind for way in (*DEPLOYED, *DEVELOPER)))
        raise Terminal(f"AZURE_TOKEN_CREDENTIALS={wanted} is not known; use prod, dev, {allowed}")
    deployed = [way for way in DEPLOYED if wanted in ("", "prod", way.kind.lower())]
    marked = next((way for way in deployed if way.is_marked), None)
    if marked:
        return SignIn((_complete(marked),))
    if wanted in ("", "dev"):
        _refuse_without_identity()
        return SignIn(DEVELOPER)
    if wanted in ("prod", MANAGED.kind.lower()):
        return SignIn((MANAGED,))  # on a virtual machine nothing in the environment tells of it
    developer = tuple(way for way in DEVELOPER if way.kind.lower() == wanted)
    if developer:
        return SignIn(developer)
    variables = " or ".join(name for way in deployed for name in way.mark)
    raise Terminal(f"AZURE_TOKEN_CREDENTIALS={wanted} needs {variables}, which is not set")


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified: they inform, and decide nothing. {} if it is not one."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return as_object(found)


def _complete(way: Way) -> Way:
    missing = [name for name in way.needs if not os.environ.get(name)]
    if missing:
        mark = next(name for name in way.mark if os.environ.get(name))
        raise Terminal(
            f"Sign-in by {way.name} needs {' and '.join(missing)}: set it beside {mark}, or unset "
            f"{mark} to sign in another way"
        )
    return way


def _refuse_without_identity() -> None:
    """In a Function App without an identity no developer's tool will ever answer."""
    site = os.environ.get("WEBSITE_SITE_NAME")
    if site and os.environ.get("WEBSITE_INSTANCE_ID"):
        raise Terminal(
            f"The Function App {site} has no managed identity: switch it on (Settings > Identity, "
            f"or `az functionapp identity assign --name {site} --resource-group GROUP`), grant it "
            "the app roles that `rollcall doctor` lists, and restart the app"
        )


def _token(
    way: str, credential: TokenCredential, scopes: tuple[str, ...], options: dict[str, Any]
) -> AccessToken:
    from azure.core.exceptions import AzureError

    try:
        return credential.get_token(*scopes, **options)
    except RollcallError:
        raise
    except (AzureError, ValueError, OSError, RuntimeError) as error:
        raise explain(way, error) from error


def _together(failures: list[RollcallError]) -> RollcallError:
    if len(failures) == 1:
        return failures[0]
    tried = "\n".join(f"  {failure}" for failure in failures)
    text = (
        f"Not signed in. Tried in turn:\n{tried}\n"
        "Run `az login`, or set AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, "
        "AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE; on a virtual machine with a "
        "managed identity set AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"
    )
    passing = any(isinstance(failure, Transient) for failure in failures)
    return Transient(text) if passing else Terminal(text)


def _options() -> dict[str, Any]:
    """Instance discovery asks the public cloud, which does not know a private authority."""
    host = os.environ.get("AZURE_AUTHORITY_HOST", PUBLIC_AUTHORITIES[0])
    name = host.removeprefix("https://").partition("/")[0].lower()
    return {**_PATIENCE, "disable_instance_discovery": name not in PUBLIC_AUTHORITIES}


def _app() -> dict[str, str]:
    return {
        "tenant_id": os.environ["AZURE_TENANT_ID"],
        "client_id": os.environ["AZURE_CLIENT_ID"],
    }


def _federated_identity() -> TokenCredential:
    from azure.identity import ClientAssertionCredential, ManagedIdentityCredential

    identity = ManagedIdentityCredential(client_id=os.environ[FEDERATED_IDENTITY], **_PATIENCE)

    def assertion() -> str:
        # Tokens for the exchange are asked for seldom: only when the app's own token ends.
        name = "the managed identity that is the app's federated credential"
        return _token(name, identity, (EXCHANGE_SCOPE,), {}).token

    return ClientAssertionCredential(**_app(), func=assertion, **_options())


def _secret() -> TokenCredential:
    from azure.identity import ClientSecretCredential

    secret = os.environ["AZURE_CLIENT_SECRET"]
    return ClientSecretCredential(**_app(), client_secret=secret, **_options())


def _certificate() -> TokenCredential:
    from azure.identity import CertificateCredential

    chain = os.environ.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "").lower() in ("1", "true")
    return CertificateCredential(
        **_app(),
        certificate_path=os.environ["AZURE_CLIENT_CERTIFICATE_PATH"],
        password=os.environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None,
        send_certificate_chain=chain,
        **_options(),
    )


def _workload() -> TokenCredential:
    from azure.identity import WorkloadIdentityCredential

    path = os.environ["AZURE_FEDERATED_TOKEN_FILE"]
    return WorkloadIdentityCredential(**_app(), token_file_path=path, **_options())


def _managed() -> TokenCredential:
    from azure.identity import ManagedIdentityCredential

    client_id = os.environ.get("AZURE_CLIENT_ID") or None
    return ManagedIdentityCredential(client_id=client_id, **_PATIENCE)


def _azure_cli() -> TokenCredential:
    from azure.identity import AzureCliCredential

    return AzureCliCredential(tenant_id=os.environ.get("AZURE_TENANT_ID", ""), process_timeout=30)


def _developer_cli() -> TokenCredential:
    from azure.identity import AzureDeveloperCliCredential

    tenant = os.environ.get("AZURE_TENANT_ID", "")
    return AzureDeveloperCliCredential(tenant_id=tenant, process_timeout=30)


def _power_shell() -> TokenCredential:
    from azure.identity import AzurePowerShellCredential

    tenant = os.environ.get("AZURE_TENANT_ID", "")
    return AzurePowerShellCredential(tenant_id=tenant, process_timeout=30)


_APP = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
MANAGED = Way(
    "managed identity", "ManagedIdentityCredential", _managed, ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")
)
DEPLOYED = (
    Way(
        "managed identity as federated credential of an app registration",
        "WorkloadIdentityCredential",
        _federated_identity,
        (FEDERATED_IDENTITY,),
        _APP,
    ),
    Way("client secret", "EnvironmentCredential", _secret, ("AZURE_CLIENT_SECRET",), _APP),
    Way(
        "client certificate",
        "EnvironmentCredential",
        _certificate,
        ("AZURE_CLIENT_CERTIFICATE_PATH",),
        _APP,
    ),
    Way(
        "workload identity federation",
        "WorkloadIdentityCredential",
        _workload,
        ("AZURE_FEDERATED_TOKEN_FILE",),
        _APP,
    ),
    MANAGED,
)
DEVELOPER = (
    Way("az login", "AzureCliCredential", _azure_cli),
    Way("azd auth login", "AzureDeveloperCliCredential", _developer_cli),
    Way("Connect-AzAccount", "AzurePowerShellCredential", _power_shell),
)
