"""A Key Vault: secrets with their versions, who may read them, and whether it is open at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4


@dataclass(frozen=True)
class Secret:
    """One version of a secret; times in seconds since 1970, as the service tells them."""

    value: str
    enabled: bool = True
    version: str = field(default_factory=lambda: uuid4().hex)
    created: int = field(default_factory=lambda: int(datetime.now(UTC).timestamp()))


@dataclass
class Vault:
    """A vault of the tenant `tenant_id`.

    `readers`: object ids of identities with the role Key Vault Secrets User; None means everyone.
    `busy`: how many of the next requests are answered 429. `closed`: to the caller's network.
    """

    tenant_id: str
    readers: set[str] | None = None
    closed: bool = False
    busy: int = 0
    reads: int = 0
    secrets: dict[str, list[Secret]] = field(default_factory=dict[str, list[Secret]])

    def set(self, name: str, value: str, *, enabled: bool = True) -> Secret:
        """Adds a version, which is the current one from then on."""
        secret = Secret(value, enabled)
        self.secrets.setdefault(name.lower(), []).append(secret)
        return secret

    def find(self, name: str, version: str = "") -> Secret | None:
        """The current version of a secret, or the one that is named. Names ignore case."""
        versions = self.secrets.get(name.lower(), [])
        fitting = [one for one in versions if version in ("", one.version)]
        return fitting[-1] if fitting else None
