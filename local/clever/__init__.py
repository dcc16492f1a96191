"""An emulated Clever (Data API v3.0 and v3.1, https://dev.clever.com/docs) serving a district.

Clever holds objects with ids of its own, made from a district's rows at each sync: users who have
one or several roles, sections with the ids of who is in them, courses and terms derived from the
sections. Bodies follow what the service answers rather than what its specification draws.
"""

from .app import Credentials, create_app
from .clock import Clock
from .quirks import Quirks
from .sharing import Sharing

__all__ = ["Clock", "Credentials", "Quirks", "Sharing", "create_app"]
