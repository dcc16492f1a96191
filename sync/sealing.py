"""The key that seals first passwords wherever they rest: in a run's blobs, in messages, in sheets.

The app setting ROLLCALL_CREDENTIALS_KEY holds it, best as a Key Vault reference
(https://learn.microsoft.com/azure/app-service/app-service-key-vault-references). Several keys,
separated by commas, are a rotation: the first one seals, each of them opens. Sealed text is Fernet:
AES-128-CBC with an HMAC (https://cryptography.io/en/latest/fernet/).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roster.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.fernet import MultiFernet

SETTING = "ROLLCALL_CREDENTIALS_KEY"


@dataclass(frozen=True)
class Sealing:
    """Seals and opens with the keys of this process; `keys` is None where there are none."""

    keys: MultiFernet | None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Sealing:
        """What the app setting says; raises BadInput if it holds something else than keys."""
        text = env.get(SETTING, "")
        if not text:
            return cls(None)
        from cryptography.fernet import Fernet, MultiFernet

        try:
            return cls(MultiFernet([Fernet(key.strip()) for key in text.split(",")]))
        except ValueError:  # its text may hold a key
            raise BadInput(
                f"{SETTING} holds something else than a key; `rollcall credentials key` prints one"
            ) from None

    @property
    def possible(self) -> bool:
        """Whether there is a key."""
        return self.keys is not None

    def needed(self, what: str) -> MultiFernet:
        """The keys; raises BadInput where there are none and `what` needs them."""
        if self.keys is None:
            raise BadInput(
                f"{what} needs a key, and {SETTING} is not set: `rollcall credentials key` prints "
                "one; set it as an app setting"
            )
        return self.keys

    def seal(self, data: bytes) -> bytes:
        """`data` sealed, as text of ASCII characters."""
        return self.needed("Sealing first passwords").encrypt(data)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed; raises BadInput if another key sealed it, or it was changed."""
        from cryptography.fernet import InvalidToken

        try:
            return self.needed("Opening first passwords").decrypt(sealed)
        except InvalidToken:
            raise BadInput(
                f"The key in {SETTING} is not the one that sealed this, or it was changed since; "
                "use the key that the app had during the run"
            ) from None


def new_key() -> str:
    """A new key."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
