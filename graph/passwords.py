"""First passwords: random, strong, known to nobody.

A password exists only in the request that creates the account; it is not returned, stored or
logged. The person gets theirs by a reset, which the forced change at first sign-in allows for.
Entra asks for 8 to 256 characters of at least three classes
(https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy).
"""

from __future__ import annotations

import secrets
import string

LENGTH = 20
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#$%&*+-=?@_")


def first_password() -> str:
    """A new password of 20 characters, with at least one of each class."""
    letters = [secrets.choice(one) for one in _CLASSES]
    letters += [secrets.choice("".join(_CLASSES)) for _ in range(LENGTH - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
