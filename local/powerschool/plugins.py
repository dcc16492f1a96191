"""Plugins: a ZIP with plugin.xml and queries, and what an administrator does with it.

Installed and enabled are two states; only a plugin that is both gets tokens. Updating one (a ZIP of
the same name) keeps its client id and secret, deleting loses them.
"""

from __future__ import annotations

import fnmatch
import io
import threading
import uuid
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from roster.errors import BadInput

from .queries import NamedQuery, read_queries

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["NONE", "READ", "FULL"]
NAMESPACE = "http://plugin.powerschool.pearson.com"
_LEVELS = ("NONE", "READ", "FULL")
_ACCESS = ("viewonly", "fullaccess")


@dataclass(frozen=True)
class Plugin:
    """An installed plugin. `grants`: (table, field) it may read, in lower case."""

    name: str
    version: str
    client_id: str
    client_secret: str
    enabled: bool
    level: Level
    grants: frozenset[tuple[str, str]] = frozenset()
    queries: Mapping[str, NamedQuery] = field(default_factory=dict[str, NamedQuery])
    events: Mapping[str, Any] | None = None

    def missing(self, columns: set[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the columns that are not granted."""
        return sorted(columns - self.grants)

    @property
    def has_credentials(self) -> bool:
        return bool(self.client_id)


CREDENTIALS = ("roster-reader", "roster-reader-secret")


def roster_reader(credentials: tuple[str, str]) -> Plugin:
    """A plugin that may read /ws/v1, and has no query."""
    return Plugin("Roster Reader", "1.0", *credentials, enabled=True, level="READ")


class Plugins:
    """The plugins of a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plugins: dict[str, Plugin] = {}

    def add(self, plugin: Plugin) -> None:
        """Has a plugin that needs no ZIP."""
        with self._lock:
            self._plugins[plugin.name] = plugin

    def all(self) -> list[Plugin]:
        return list(self._plugins.values())

    def by_client(self, client_id: str, secret: str | None = None) -> Plugin | None:
        """The plugin with these credentials."""
        for plugin in self.all():
            if (
                client_id
                and plugin.client_id == client_id
                and secret in (None, plugin.client_secret)
            ):
                return plugin
        return None

    def query(self, name: str) -> NamedQuery | None:
        """A query of any enabled plugin: a server has one list of them."""
        for plugin in self.all():
            if plugin.enabled and name in plugin.queries:
                return plugin.queries[name]
        return None

    def install(
        self, content: bytes, columns: Mapping[str, Mapping[str, str]], *, enabled: bool = True,
        credentials: tuple[str, str] | None = None,
    ) -> Plugin:  # fmt: skip
        """Installs or updates a plugin from its ZIP; `columns`: those of the server's tables.

        Raises BadInput where a server would refuse the upload; an installed plugin of that name is
        then disabled, as servers do.
        """
        name = ""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                root = _manifest(archive)
                name = root.get("name", "")
                plugin = _plugin(root, archive, columns)
        except zipfile.BadZipFile:
            raise BadInput("The upload is no ZIP file.") from None
        except BadInput:
            if name in self._plugins:
                self.change(name, enabled=False)
            raise
        with self._lock:
            known = self._plugins.get(plugin.name)
            client = (
                (known.client_id, known.client_secret)
                if known and known.has_credentials and not credentials
                else credentials or _credentials()
            )
            if _child(root, "oauth") is None:
                client = ("", "")
            plugin = replace(plugin, client_id=client[0], client_secret=client[1], enabled=enabled)
            self._plugins[plugin.name] = plugin
        return plugin

    def change(self, name: str, **values: Any) -> Plugin:
        """Changes what an administrator can: enabled, level; keeps events."""
        with self._lock:
            if name not in self._plugins:
                raise BadInput(f"{name!r} is not installed; there are {sorted(self._plugins)}.")
            self._plugins[name] = replace(self._plugins[name], **values)
            return self._plugins[name]

    def regenerate(self, name: str) -> Plugin:
        """Another client id and another secret."""
        client_id, secret = _credentials()
        return self.change(name, client_id=client_id, client_secret=secret)

    def delete(self, name: str) -> None:
        """Deletes a plugin; its credentials are lost."""
        with self._lock:
            self._plugins.pop(name, None)


def _credentials() -> tuple[str, str]:
    return str(uuid.uuid4()), str(uuid.uuid4())


def _child(root: ET.Element, name: str) -> ET.Element | None:
    return root.find(f"{{{NAMESPACE}}}{name}")


def _manifest(archive: zipfile.ZipFile) -> ET.Element:
    if "plugin.xml" not in archive.namelist():
        raise BadInput("The ZIP has no plugin.xml at its root.")
    try:
        root = ET.fromstring(archive.read("plugin.xml"))
    except ET.ParseError as error:
        raise BadInput(f"plugin.xml: not well-formed XML: {error}") from None
    if root.tag != f"{{{NAMESPACE}}}plugin":
        raise BadInput(f"plugin.xml: the root element is not <plugin> of {NAMESPACE}.")
    for name, longest in (("name", 40), ("version", 20)):
        value = root.get(name, "")
        if not 0 < len(value) <= longest:
            raise BadInput(f"plugin.xml: {name} {value!r} must have 1 to {longest} characters.")
    if len(root.get("description", "")) > 256:
        raise BadInput("plugin.xml: the description has more than 256 characters.")
    publisher = _child(root, "publisher")
    contact = None if publisher is None else _child(publisher, "contact")
    if publisher is None or not publisher.get("name") or contact is None:
        raise BadInput("plugin.xml: <publisher name=…> with <contact email=…> is mandatory.")
    if not 0 < len(contact.get("email", "")) <= 40:
        raise BadInput("plugin.xml: the publisher's email must have 1 to 40 characters.")
    return root


def _plugin(
    root: ET.Element, archive: zipfile.ZipFile, columns: Mapping[str, Mapping[str, str]]
) -> Plugin:
    oauth = _child(root, "oauth")
    level = "NONE" if oauth is None else oauth.get("accessLevelV1Api", "NONE")
    if level not in _LEVELS:
        raise BadInput(f"plugin.xml: accessLevelV1Api {level!r} is none of {', '.join(_LEVELS)}.")
    queries: dict[str, NamedQuery] = {}
    for file in archive.namelist():
        if _directly_in(file, "queries_root", "*.named_queries.xml"):
            for query in read_queries(archive.read(file), file):
                if query.name in queries:
                    raise BadInput(f"{file}: there are two queries {query.name}.")
                _check_columns(query, columns, file)
                queries[query.name] = query
        elif _directly_in(file, "permissions_root", "*.permission_mappings.xml"):
            _check_mapping(archive.read(file), file)
    return Plugin(
        root.get("name", ""), root.get("version", ""), "", "", False, level,
        _grants(root, columns), queries,
    )  # fmt: skip


def _directly_in(path: str, folder: str, pattern: str) -> bool:
    parent, _, name = path.rpartition("/")
    return parent == folder and fnmatch.fnmatch(name, pattern)


def _grants(
    root: ET.Element, columns: Mapping[str, Mapping[str, str]]
) -> frozenset[tuple[str, str]]:
    request = _child(root, "access_request")
    grants: set[tuple[str, str]] = set()
    for element in () if request is None else request:
        table, name = element.get("table", "").lower(), element.get("field", "").lower()
        if element.get("access", "").lower() not in _ACCESS:
            raise BadInput(
                f"plugin.xml: access {element.get('access')!r} of {table}.{name} is neither "
                "ViewOnly nor FullAccess."
            )
        _check_column(table, name, columns, "plugin.xml")
        grants.add((table, name))
    return frozenset(grants)


def _check_columns(query: NamedQuery, columns: Mapping[str, Mapping[str, str]], file: str) -> None:
    for column in query.columns:
        _check_column(column.table, column.field, columns, f"{file}: query {query.name}")


def _check_column(
    table: str, name: str, columns: Mapping[str, Mapping[str, str]], where: str
) -> None:
    if table not in columns:
        raise BadInput(f"{where}: {table.upper()} is no table of this server.")
    if name not in columns[table]:
        raise BadInput(
            f"{where}: {name.upper()} is not valid column for table: {table.upper()}; it has "
            f"{', '.join(sorted(columns[table])).upper()}."
        )


def _check_mapping(content: bytes, file: str) -> None:
    try:
        root = ET.fromstring(content)
    except ET.ParseError as error:
        raise BadInput(f"{file}: not well-formed XML: {error}") from None
    if root.tag.rpartition("}")[2] != "permission_mappings":
        raise BadInput(f"{file}: the root element is <{root.tag}>, not <permission_mappings>.")
