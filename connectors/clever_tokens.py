"""Clever's district tokens: found with the application's id and secret, one for each district.

https://dev.clever.com/docs/onboarding
https://dev.clever.com/docs/build-district-roster-sync-events

Design note. Such a token does not end, but it may be replaced, or vanish when a district
disconnects. So it is looked up before the first request of a session, once more when it is refused,
and never kept. The list stands on another host than the data; the application's secret is sent to
that host only, the token only to the data's.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from connectors.session import checked_address
from roster.errors import Terminal, Transient

WHERE = (
    "the application's credentials stand in the Clever dashboard under Settings, a token at its "
    "district; a token ends when it is replaced or the district leaves"
)
MOST_PAGES = 100


class DistrictToken(httpx.Auth):
    """The token of one district. `district`: its id; "" if only one is connected."""

    def __init__(self, address: str, client_id: str, client_secret: str, district: str) -> None:
        """`address`: the host that lists tokens."""
        self._list = checked_address(address) + "oauth/tokens?owner_type=district"
        if district:
            self._list += f"&district={district}"
        self._pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._district = district
        self._token = ""
        self._looking = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Puts the token on a request; one that is refused is looked up again, once."""
        refused = ""
        for _ in range(2):
            async with self._looking:
                if self._token == refused:
                    rows, address = list[Any](), self._list
                    for _ in range(MOST_PAGES):
                        answer = yield self._ask(address)
                        found, link = _listed(answer, await answer.aread())
                        rows += found
                        if not link:
                            break
                        address = self._followed(link)
                    self._token = _chosen(rows, self._district)
            refused = self._token
            request.headers["Authorization"] = f"Bearer {refused}"
            response = yield request
            if response.status_code != 401:
                return

    def _ask(self, address: str) -> httpx.Request:
        headers = {"Accept": "application/json", "Authorization": f"Basic {self._pair}"}
        return httpx.Request("GET", address, headers=headers)

    def _followed(self, link: str) -> str:
        address = urljoin(self._list, link)
        own, led = urlsplit(self._list), urlsplit(address)
        if (own.scheme, own.netloc) != (led.scheme, led.netloc):
            raise Terminal(
                f"/oauth/tokens: leads to another host ({led.hostname}); it is not followed, "
                "because the credentials would go along"
            )
        return address


def _listed(answer: httpx.Response, content: bytes) -> tuple[list[Any], str]:
    """The tokens of one answer, and the link to more of them, or ""."""
    status = answer.status_code
    if status in (400, 401, 403):
        raise Terminal(
            f"/oauth/tokens: answered {status}, the credentials were refused; {WHERE}",
            str(status),
        )
    if status == 404:
        raise Terminal(
            "/oauth/tokens: answered 404; check the addresses of the source, tokens are listed "
            "at https://clever.com",
            "404",
        )
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    rows: Any = fields_of(body).get("data")
    if status >= 300 or not isinstance(rows, list):
        raise Transient(f"/oauth/tokens: answered {status}, without a list of tokens")
    return cast("list[Any]", rows), next_link(body)


def next_link(body: Any) -> str:
    """Where an answer says that more follows, or ""."""
    links: Any = fields_of(body).get("links")
    for link in cast("list[Any]", links) if isinstance(links, list) else []:
        if fields_of(link).get("rel") == "next" and fields_of(link).get("uri"):
            return str(fields_of(link)["uri"])
    return ""


def fields_of(value: Any) -> dict[str, Any]:
    """A JSON object, an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _chosen(rows: Sequence[Any], district: str) -> str:
    """The token of the district, the newest if there are several."""
    tokens: dict[str, tuple[str, str]] = {}
    for row in rows:
        try:
            owner, token = str(row["owner"]["id"]), str(row["access_token"])
        except (KeyError, TypeError):
            raise Transient("/oauth/tokens: a token without a district") from None
        created = str(row.get("created") or "")
        if token and (owner not in tokens or created >= tokens[owner][0]):
            tokens[owner] = (created, token)
    if district and district in tokens:
        return tokens[district][1]
    if not tokens or district:
        whose = f"the district {district}" if district else "any district"
        raise Terminal(
            f"/oauth/tokens: there is no token for {whose}; the district has to connect the "
            "application in Clever, or `district` of the source is another one's id"
        )
    if len(tokens) > 1:
        raise Terminal(
            f"/oauth/tokens: the application has {len(tokens)} districts; set `district` of the "
            f"source to one of {', '.join(sorted(tokens)[:20])}"
        )
    [(_, token)] = tokens.values()
    return token
