"""Why a sign-in failed, and what to do about it: what Entra's codes mean to an administrator.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. The service's own
text is not repeated: it names accounts, and assertions stand in it.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from roster.errors import RollcallError, Terminal, Transient

# Entra itself is in trouble, or asks for a pause.
_PASSING = frozenset({"90033", "90024", "90025", "90090", "50196", "70011429"})
ADVICE: MappingProxyType[str, str] = MappingProxyType(
    {
        "7000215": "the client secret is wrong: AZURE_CLIENT_SECRET takes the secret's value, not "
        "its id; make another one under Certificates & secrets of the app registration",
        "7000222": "the client secret has expired: make another one under Certificates & secrets "
        "of the app registration and set AZURE_CLIENT_SECRET",
        "7000216": "the app registration needs a secret, a certificate or a federated credential",
        "7000218": "the app registration needs a secret, a certificate or a federated credential",
        "700016": "the tenant knows no app with the id in AZURE_CLIENT_ID: check it and "
        "AZURE_TENANT_ID; an app of another tenant needs an administrator's consent first",
        "7000229": "the app has no service principal in this tenant: an administrator has to "
        "consent to it first",
        "7000112": "the app is disabled in this tenant: switch it on under Enterprise applications",
        "700027": "the certificate is not one of the app's: upload its public part under "
        "Certificates & secrets of the app registration",
        "700023": "the assertion's audience is wrong: it is meant for another authority",
        "700024": "the assertion is outside its time: check this machine's clock, and the lifetime "
        "of the token in AZURE_FEDERATED_TOKEN_FILE",
        "70021": "no federated credential of the app fits the token: issuer, subject and audience "
        "have to be equal, letter by letter",
        "700211": "no federated credential of the app has the token's issuer",
        "700212": "no federated credential of the app has the token's audience; it is usually "
        "api://AzureADTokenExchange",
        "700213": "no federated credential of the app has the token's subject: compare it, letter "
        "by letter, under Certificates & secrets > Federated credentials",
        "90002": "there is no tenant with the id in AZURE_TENANT_ID",
        "900021": "AZURE_TENANT_ID is not a tenant's id or domain",
        "900023": "AZURE_TENANT_ID is not a tenant's id or domain",
        "500011": "the tenant has no service principal for Microsoft Graph",
        "65001": "an administrator has to consent to the app",
        "53003": "Conditional Access blocks this sign-in: see the sign-in logs in Entra",
        "50076": "the tenant asks for multi-factor authentication: sign in again",
        "50079": "the tenant asks for multi-factor authentication: sign in again",
        "50173": "the session has ended: sign in again",
        "70043": "the session has ended: sign in again",
        "700082": "the session has ended: sign in again",
        "50057": "the account is disabled",
    }
)
_BY_WAY = MappingProxyType(
    {
        "az login": "run `az login --tenant TENANT` (and install the Azure CLI, if it is missing)",
        "azd auth login": "run `azd auth login` (and install it, if it is missing)",
        "Connect-AzAccount": "run Connect-AzAccount in PowerShell (module Az.Accounts)",
        "client certificate": "AZURE_CLIENT_CERTIFICATE_PATH has to be a PEM or PKCS12 file with "
        "certificate and private key; AZURE_CLIENT_CERTIFICATE_PASSWORD opens it",
        "workload identity federation": "AZURE_FEDERATED_TOKEN_FILE has to be a readable file "
        "with a token",
        "managed identity": "assign the identity to this app (Settings > Identity), and for a "
        "user-assigned one set AZURE_CLIENT_ID to its client id; without AZURE_CLIENT_ID the "
        "system-assigned one is taken",
    }
)
_CODE = re.compile(r"AADSTS(\d+)")
_NETWORK = (
    "ServiceRequestError", "ServiceResponseError", "ConnectionError", "ConnectTimeout",
    "ReadTimeout", "TimeoutError", "SSLError", "HttpResponseError",
)  # fmt: skip
_UNREACHABLE = re.compile(r"Connection refused|timed out|Name or service|resolve|unreachable|reset")
_BUSY = re.compile(r"temporarily_unavailable|\b(?:429|50[0234])\b")


def explain(way: str, error: BaseException) -> RollcallError:
    """The error to raise for a sign-in that failed: which way, what it means, what to do."""
    links = _chain(error)
    known = next((link for link in links if isinstance(link, RollcallError)), None)
    if known:  # the managed identity behind a federated credential failed, and said why
        return known
    texts = [str(link) for link in links]
    found = _CODE.search("\n".join(texts))
    code = found[1] if found else ""
    if code in _PASSING:
        return Transient(f"Sign-in by {way}: Entra is busy (AADSTS{code}); it is tried again")
    if found:
        advice = ADVICE.get(code, f"see https://login.microsoftonline.com/error?code={code}")
        return Terminal(f"Sign-in by {way} was refused (AADSTS{code}): {advice}", f"AADSTS{code}")
    if _is_passing(links, texts):
        return Transient(
            f"Sign-in by {way}: the identity service did not answer; it is tried again. If it "
            "stays so, check the network, a proxy's certificate and AZURE_AUTHORITY_HOST"
        )
    hint = _BY_WAY.get(way, "check the identity's settings")
    return Terminal(f"Sign-in by {way} is not possible: {hint}", type(error).__name__)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _is_passing(links: list[BaseException], texts: list[str]) -> bool:
    names = {type(link).__name__ for link in links}
    return bool(
        names & set(_NETWORK)
        or any(_UNREACHABLE.search(text) or _BUSY.search(text) for text in texts)
    )
