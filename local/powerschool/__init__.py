"""An emulated PowerSchool SIS: OAuth, /ws/v1, /ws/schema tables and PowerQueries, data versions."""

from .app import create_app
from .quirks import Quirks

__all__ = ["Quirks", "create_app"]
