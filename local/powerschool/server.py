"""One emulated server: its tables, plugins, tokens and switches, and who may call what."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

from .answers import MISSING_LEVEL, Refusal, message, v1_error
from .store import Store
from .tokens import Tokens

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    from starlette.requests import Request

    from local.sis.records import Records

    from .plugins import Plugin, Plugins
    from .quirks import Quirks


class Server:
    """What all parts of the application share."""

    def __init__(self, records: Records, quirks: Quirks, plugins: Plugins) -> None:
        self.records = records
        self.quirks = quirks
        self.plugins = plugins
        self.store = Store(records)
        self.tokens = Tokens(plugins)
        self.subscriptions: dict[str, frozenset[str]] = {}

    def timeless(self) -> duckdb.DuckDBPyConnection:
        """A cursor over the current tables, for queries that do not ask what time it is."""
        return self.store.cursor(self.quirks)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor over the current tables, with the server's clock set."""
        cursor = self.timeless()
        cursor.execute("SET VARIABLE oracle_now = ?::TIMESTAMP", [self.now().replace(tzinfo=None)])
        return cursor

    def now(self) -> datetime:
        """The server's own time."""
        return self.store.now().astimezone(timezone(timedelta(hours=self.quirks.hours)))

    def caller(self, request: Request) -> Plugin:
        """The plugin that calls. Raises Refusal without a good token."""
        return self.tokens.holder(request, self.quirks)

    def v1_caller(self, request: Request, *, writes: bool = False) -> Plugin:
        """The plugin that calls /ws/v1. Raises Refusal if its level does not allow that."""
        plugin = self.caller(request)
        if plugin.level == "NONE":
            raise Refusal(v1_error(401, MISSING_LEVEL))
        if writes and plugin.level != "FULL":
            raise Refusal(v1_error(403, "Plugin is missing accessLevelV1Api FULL permission"))
        return plugin

    def subscribed(self, application: str) -> frozenset[str] | None:
        """The tables whose data versions an application follows; None: all.

        As long as nothing is registered (over the emulator's own path), every application is there
        and follows all tables. Raises Refusal (400) for one that is not there.
        """
        if not self.quirks.data_version or (
            self.subscriptions and application not in self.subscriptions
        ):
            raise Refusal(message(400, f"No data version subscription for {application}"))
        return self.subscriptions.get(application)

    def columns(self) -> dict[str, dict[str, str]]:
        """The columns of each table, with DuckDB's types."""
        rows = self.cursor().execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'ps' ORDER BY table_name, ordinal_position"
        )
        tables: dict[str, dict[str, str]] = {}
        for table, column, kind in rows.fetchall():
            tables.setdefault(str(table), {})[str(column)] = str(kind)
        return tables
