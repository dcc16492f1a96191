"""Plugins for the tests, and a client of the emulated server."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

import httpx

CREDENTIALS = ("tester", "tester-secret")
ROOT = '<plugin xmlns="http://plugin.powerschool.pearson.com"'
PUBLISHER = '<publisher name="Example Org"><contact email="dev@example.org"/></publisher>'


@dataclass(frozen=True)
class Query:
    """A PowerQuery: columns as {alias: "TABLE.FIELD"}."""

    name: str
    columns: dict[str, str]
    sql: str
    core: str = "STUDENTS"
    flattened: bool = True
    args: str = ""

    def xml(self) -> str:
        columns = "".join(f'<column column="{c}">{a}</column>' for a, c in self.columns.items())
        return (
            f'<query name="{self.name}" coreTable="{self.core}" '
            f'flattened="{str(self.flattened).lower()}"><args>{self.args}</args>'
            f"<columns>{columns}</columns><sql><![CDATA[{self.sql}]]></sql></query>"
        )


def manifest(
    grants: list[str], *, level: str = "READ", name: str = "Test Reader", version: str = "1.0"
) -> str:
    fields = "".join(
        f"<field table={quoteattr(grant.split('.')[0])} field={quoteattr(grant.split('.')[1])} "
        'access="ViewOnly"/>'
        for grant in sorted(grants)
    )
    return (
        f'{ROOT} name="{name}" version="{version}" description="Reads rosters">'
        f'<oauth accessLevelV1Api="{level}"/><access_request>{fields}</access_request>'
        f"{PUBLISHER}</plugin>"
    )


def zipped(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return content.getvalue()


def plugin(*queries: Query, grants: tuple[str, ...] = (), level: str = "READ") -> bytes:
    """A plugin ZIP that is granted the columns of its queries, and `grants`."""
    needed = {column for query in queries for column in query.columns.values()} | set(grants)
    texts = "".join(query.xml() for query in queries)
    return zipped(
        {
            "plugin.xml": manifest(sorted(needed), level=level),
            "queries_root/tests.named_queries.xml": f"<queries>{texts}</queries>",
            "permissions_root/tests.permission_mappings.xml": "<permission_mappings/>",
        }
    )


@dataclass
class Caller:
    """A client with a token."""

    url: str
    credentials: tuple[str, str] = CREDENTIALS
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, headers={"Accept": "application/json"})
        self.sign_in()

    def ask_token(self, **form: str) -> httpx.Response:
        return self.http.post(
            "/oauth/access_token",
            auth=self.credentials,
            data={"grant_type": "client_credentials"} | form,
        )

    def sign_in(self) -> None:
        token = self.ask_token().json().get("access_token", "")
        self.http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, name: str, body: dict[str, Any] | None = None, **params: Any) -> httpx.Response:
        return self.http.post(f"/ws/schema/query/{name}", json=body or {}, params=params)

    def records(self, name: str, body: dict[str, Any] | None = None, **params: Any) -> list[Any]:
        answer = self.run(name, body, **{"pagesize": 0} | params)
        assert answer.status_code == 200, (answer.text, answer.headers)
        return answer.json().get("record", [])

    def quirks(self, **values: Any) -> None:
        assert self.http.post("/_emulator/quirks", json=values).status_code == 200


def as_list(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]
