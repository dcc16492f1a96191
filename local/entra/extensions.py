"""Directory extensions: properties `extension_{app id without hyphens}_{name}` that an app defines.

They hold 256 characters at most, stay writable on synced accounts, and come only when selected
(administrative units tell them by default). The education ones belong to a Microsoft app; only the
education API writes them.
https://learn.microsoft.com/graph/extensibility-overview#directory-microsoft-entra-id-extensions,
https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from local.entra import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.entra.messages import Json
    from local.entra.tenant import Tenant

NAME = re.compile(r"extension_[0-9a-f]{32}_\w+")
LONGEST = 256
EDUCATION = "extension_fe2174665583431c953114ff7268b7b3_Education_"
OBJECT_TYPE = f"{EDUCATION}ObjectType"
TARGETS = {"user": "User", "group": "Group", "administrativeUnit": "AdministrativeUnit"}


def undeclared(name: str) -> errors.GraphError:
    """400 for an extension that no app has defined."""
    return errors.bad_request(
        f"Property '{name}' does not exist as a declared property or extension property."
    )


class Extensions:
    """The extensions defined in a tenant, by name."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._defined: dict[str, Json] = {}

    def define(
        self, name: str, data_type: str = "String", targets: Iterable[str] = ("User", "Group")
    ) -> Json:
        """Defines an extension by its full name; a second time is no error."""
        if not NAME.fullmatch(name):
            raise errors.bad_request(f"'{name}' is not the name of a directory extension.")
        return self._defined.setdefault(
            name,
            {"id": str(uuid4()), "name": name, "dataType": data_type, "targetObjects": [*targets],
             "appDisplayName": "", "isSyncedFromOnPremises": False, "isMultiValued": False},
        )  # fmt: skip

    def check_query(self, text: str) -> None:
        """Refuses a filter on an extension that is not there."""
        for name in NAME.findall(text):
            self.find(name)

    def check_value(self, kind: str, name: str, value: Any) -> None:
        """Refuses a value that the extension cannot hold on this kind of object."""
        found = self.find(name)
        if name.startswith(EDUCATION):
            raise errors.read_only(name)
        if TARGETS[kind] not in cast("list[str]", found["targetObjects"]):
            raise errors.unknown_property(name)
        expected = {"Boolean": bool, "Integer": int}.get(found["dataType"], str)
        too_long = isinstance(value, str) and len(value) > LONGEST
        if value is not None and (type(value) is not expected or too_long):
            raise errors.invalid_value(name, kind)

    def of_app(self, app: str) -> list[Json]:
        """The extensions of an app, by its application id."""
        prefix = f"extension_{app.replace('-', '').lower()}_"
        return [found for name, found in self._defined.items() if name.startswith(prefix)]

    def find(self, name: str) -> Json:
        """The definition of an extension; 400 where there is none."""
        if name.startswith(EDUCATION) and self._tenant.features.education:
            return {}
        if name not in self._defined:
            raise undeclared(name)
        return self._defined[name]
