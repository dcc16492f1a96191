"""An emulated Azure Key Vault, as far as its secrets are read."""

from local.vault.app import create_app
from local.vault.vault import Secret, Vault

__all__ = ["Secret", "Vault", "create_app"]
