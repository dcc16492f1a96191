"""The sign-in service over TLS: tokens for app registrations by secret, certificate or federation.

It answers under /{tenant}: the OpenID configuration and /oauth2/v2.0/token with the grant
client_credentials, as https://login.microsoftonline.com does
(https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow), with its
errors (https://learn.microsoft.com/entra/identity-platform/reference-error-codes). Assertions are
verified: a certificate's by its registered public key, a federated one by its issuer's. Clients
trust the authority through the certificate that `Tls` makes, which lives as long as its folder.
"""

from __future__ import annotations

import base64
import ipaddress
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.entra.identity import EXCHANGE, RESOURCE, claims_of

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from starlette.requests import Request

    from local.entra.identity import Identity

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Federated:
    """A federated credential: whose tokens the app may hand in. `key` None: this tenant's own."""

    issuer: str
    subject: str
    key: RSAPublicKey | None
    audience: str = EXCHANGE


@dataclass
class AppRegistration:
    """An app registration with its service principal. `secrets`: by value, when each expires."""

    roles: frozenset[str]
    app_id: str = field(default_factory=lambda: str(uuid4()))
    object_id: str = field(default_factory=lambda: str(uuid4()))
    secrets: dict[str, datetime] = field(default_factory=dict[str, datetime])
    certificates: list[x509.Certificate] = field(default_factory=list[x509.Certificate])
    federated: list[Federated] = field(default_factory=list[Federated])
    disabled: bool = False


class Refusal(Exception):
    """A sign-in that is refused; `number` is that of the AADSTS code."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.number = number


class Authority:
    """The sign-in service of one tenant. `busy`: how many of the next answers are failures."""

    def __init__(self, identity: Identity) -> None:
        self.apps: dict[str, AppRegistration] = {}
        self.issued = 0
        self.busy = 0
        self._identity = identity

    def register(self, app: AppRegistration) -> AppRegistration:
        """Adds an app registration."""
        self.apps[app.app_id] = app
        return app

    def token(self, tenant: str, form: dict[str, str], endpoint: str) -> dict[str, Any]:
        """The answer to a token request that was sent to `endpoint`; raises Refusal."""
        self.check_tenant(tenant)
        if self.busy:
            self.busy -= 1
            raise Refusal(503, "temporarily_unavailable", 90033, "A transient error has occurred.")
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        app = self._app(form.get("client_id", ""))
        self._authenticate(app, form, endpoint)
        scope = form.get("scope", "").split()
        if f"{RESOURCE}/.default" not in scope:
            raise Refusal(400, "invalid_scope", 1002012, "The scope is not valid.")
        self.issued += 1
        text, expires = self._identity.issue(RESOURCE, app.app_id, app.object_id, app.roles)
        left = max(0, expires - int(time.time()))
        return {
            "token_type": "Bearer", "expires_in": left, "ext_expires_in": left,
            "access_token": text,
        }  # fmt: skip

    def check_tenant(self, tenant: str) -> None:
        """Raises Refusal for a tenant that does not exist."""
        if tenant != self._identity.tenant_id:
            raise Refusal(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")

    def _app(self, app_id: str) -> AppRegistration:
        app = self.apps.get(app_id)
        if app is None:
            raise Refusal(
                400, "unauthorized_client", 700016,
                f"Application with identifier '{app_id}' was not found in the directory.",
            )  # fmt: skip
        if app.disabled:
            raise Refusal(401, "unauthorized_client", 7000112, "Application is disabled.")
        return app

    def _authenticate(self, app: AppRegistration, form: dict[str, str], endpoint: str) -> None:
        if assertion := form.get("client_assertion"):
            if form.get("client_assertion_type") != ASSERTION:
                raise Refusal(401, "invalid_client", 7000218, "The assertion type is missing.")
            header = _header(assertion)
            thumbprint = (header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
            if thumbprint:
                _check_certificate(app, assertion, thumbprint, endpoint)
            else:
                self._check_federated(app, assertion)
            return
        secret = form.get("client_secret")
        if not secret:
            raise Refusal(
                401, "invalid_client", 7000218,
                "The request body must contain client_assertion or client_secret.",
            )  # fmt: skip
        if secret not in app.secrets:
            raise Refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if app.secrets[secret] <= datetime.now(UTC):
            raise Refusal(401, "invalid_client", 7000222, "The client secret keys are expired.")

    def _check_federated(self, app: AppRegistration, assertion: str) -> None:
        """Issuer, subject, audience and signature have to be those of a federated credential."""
        claims = claims_of(assertion)
        found = [one for one in app.federated if one.issuer == claims.get("iss")]
        if not found:
            raise Refusal(401, "invalid_client", 700211, "No matching federated identity record "
                          "found for presented assertion issuer.")  # fmt: skip
        found = [one for one in found if one.subject == claims.get("sub")]
        if not found:
            raise Refusal(401, "invalid_client", 700213, "No matching federated identity record "
                          "found for presented assertion subject.")  # fmt: skip
        fitting = next((one for one in found if one.audience == claims.get("aud")), None)
        if fitting is None:
            raise Refusal(401, "invalid_client", 700212, "No matching federated identity record "
                          "found for presented assertion audience.")  # fmt: skip
        if fitting.key is None:  # the emulated tenant does not sign its own tokens
            if claims.get("exp", 0) <= time.time():
                raise _out_of_time()
            return
        _verified(assertion, fitting.key, fitting.audience)


def create_authority(authority: Authority) -> Starlette:
    """The sign-in service as an ASGI app."""

    async def configuration(http: Request) -> Response:
        tenant = http.path_params["tenant"]
        base = f"https://{http.headers['host']}/{tenant}"
        try:
            authority.check_tenant(tenant)
        except Refusal as refusal:
            return _refused(refusal)
        return JSONResponse(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post", "private_key_jwt", "client_secret_basic",
                ],
            }
        )  # fmt: skip

    async def token(http: Request) -> Response:
        tenant = http.path_params["tenant"]
        form = dict(parse_qsl((await http.body()).decode()))
        endpoint = f"https://{http.headers['host']}/{tenant}/oauth2/v2.0/token"
        try:
            return JSONResponse(authority.token(tenant, form, endpoint))
        except Refusal as refusal:
            return _refused(refusal)

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", configuration),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        ]
    )


@dataclass(frozen=True)
class Tls:
    """Files for a TLS server on this machine: `certificate` is also what its clients trust."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Tls:
        """Makes a self-signed certificate for this machine, good for a day."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        made = self_signed(key, "rollcall emulated authority")
        tls = cls(folder / "authority.pem", folder / "authority.key")
        tls.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        tls.key.write_bytes(private_pem(key))
        tls.key.chmod(0o600)
        return tls


def self_signed(key: RSAPrivateKey, name: str) -> x509.Certificate:
    """A certificate for `key` and this machine's loopback addresses, good for a day."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    hosts = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )


def private_pem(key: RSAPrivateKey) -> bytes:
    """A private key as unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _check_certificate(
    app: AppRegistration, assertion: str, thumbprint: str, endpoint: str
) -> None:
    for certificate in app.certificates:
        if thumbprint in _thumbprints(certificate):
            claims = _verified(assertion, certificate.public_key(), endpoint)
            if app.app_id in (claims.get("iss"), claims.get("sub")):
                return
    raise Refusal(
        401, "invalid_client", 700027,
        "The certificate with identifier used to sign the client assertion is not registered on "
        "application.",
    )  # fmt: skip


def _thumbprints(certificate: x509.Certificate) -> set[str]:
    # SHA-1 is what the header x5t holds: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.7
    found = (certificate.fingerprint(kind) for kind in (hashes.SHA256(), hashes.SHA1()))
    return {base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in found}


def _verified(assertion: str, key: Any, audience: str) -> dict[str, Any]:
    required = ["exp", "iss", "sub", "aud"]
    try:
        return jwt.decode(
            assertion, key, ["RS256", "PS256"], {"require": required}, audience=audience
        )
    except jwt.ExpiredSignatureError as error:
        raise _out_of_time() from error
    except jwt.InvalidAudienceError as error:
        raise Refusal(401, "invalid_client", 700023, "Client assertion audience claim does not "
                      "match Realm issuer.") from error  # fmt: skip
    except jwt.InvalidTokenError as error:
        raise Refusal(
            401, "invalid_client", 700027, "Client assertion failed signature validation."
        ) from error


def _out_of_time() -> Refusal:
    return Refusal(
        401, "invalid_client", 700024, "Client assertion is not within its valid time range."
    )


def _header(assertion: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(assertion)
    except jwt.InvalidTokenError as error:
        raise Refusal(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from error


def _refused(refusal: Refusal) -> Response:
    trace, correlation, now = str(uuid4()), str(uuid4()), datetime.now(UTC)
    stamp = f"{now:%Y-%m-%d %H:%M:%S}Z"
    return JSONResponse(
        {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.number}: {refusal} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}",
            "error_codes": [refusal.number],
            "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
        },
        refusal.status,
    )  # fmt: skip
