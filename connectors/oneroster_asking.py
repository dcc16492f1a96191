"""Asking a OneRoster provider: addresses, queries, and what its refusals mean.

https://purl.imsglobal.org/spec/or/v1p2/schema/openapi/onerosterv1p2rostersservice_openapi3_v1p0.json
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urljoin, urlsplit

from connectors.oneroster_reply import ALLOWED, Reply, read
from roster.errors import Terminal, Transient

if TYPE_CHECKING:
    from connectors.session import Session

ROOTS = {"1.1": "ims/oneroster/v1p1/", "1.2": "ims/oneroster/rostering/v1p2/"}
SORT = {"sort": "sourcedId", "orderBy": "asc"}
# What rows come wrapped in: the collection's word, or that of the path.
_WORDS = {
    "schools": "orgs", "terms": "academicSessions", "gradingPeriods": "academicSessions",
    "students": "users", "teachers": "users",
}  # fmt: skip

# How to go without a collection that not every provider has.
_WITHOUT = {
    "demographics": ", or set demographics: false",
    "classGroups": ", or set class_groups: false",
}


@dataclass(frozen=True)
class Manner:
    """How a provider is asked. `root`: from the address to the collections, with a slash at its
    end, or "". `slash`: what paths end with. `limit`: rows a page. `sorts`: rows come in order.
    `numbered`: offsets that are no multiple of the limit are not understood."""

    root: str = ""
    slash: str = ""
    limit: int = 100
    sorts: bool = True
    numbered: bool = False


async def ask(
    session: Session, address: str, manner: Manner, path: str, params: Mapping[str, str]
) -> tuple[Reply, Manner]:
    """One answer about a collection; the manner too, because paths may want a slash at their end.

    Raises Transient and Terminal as the session and `read` do.
    """
    sought = {**params, **(SORT if manner.sorts else {})}
    reply = await get(session, f"{manner.root}{path}{manner.slash}?{query(sought)}", path)
    if reply.kind != "moved":
        return reply, manner
    if manner.slash or not urlsplit(urljoin(address, reply.next)).path.endswith(f"{path}/"):
        raise Transient(
            f"/{path}: the provider leads elsewhere; it is under maintenance, or the address in the"
            " configuration is not that of its OneRoster service"
        )
    return await ask(session, address, replace(manner, slash="/"), path, params)


async def get(session: Session, address: str, path: str) -> Reply:
    """What is at an address. `path`: the collection's, by which rows are unwrapped."""
    answer = await session.get(address, allow=ALLOWED)
    return read(answer, (_WORDS.get(path, path), path))


def query(params: Mapping[str, str]) -> str:
    """A query as OAuth 1 wants it: everything is encoded once, blanks are %20."""
    return urlencode(params, quote_via=quote, safe="")


def refusal(path: str, reply: Reply) -> Terminal:
    """The error for an answer that is no rows and that no repetition mends."""
    told = f": {reply.text}" if reply.text else ""
    without = _WITHOUT.get(path, "")
    if reply.kind == "forbidden":
        right = "roster-demographics.readonly" if path == "demographics" else "roster-core.readonly"
        return Terminal(
            f"/{path}: the provider forbids it{told}; give the client the scope {right} in the"
            f" administration of the student information system{without}",
            "403",
        )
    if reply.kind == "missing":
        return Terminal(
            f"/{path}: the provider has no such collection{told}; check the address of the source,"
            f" and ask the vendor whether it is switched on{without}",
            "404",
        )
    return Terminal(
        f"/{path}: the provider refuses the request{told}; check filters and page_size of the"
        " source, and show this message to the vendor",
        "400",
    )


def roots(address: str, version: str) -> tuple[str, ...]:
    """Where the service may be, from the address on, the likeliest first.

    An address that names a version is the root itself; behind any other one the standard's path
    is tried, and the address as it is.
    """
    if re.search(r"/v\d[^/]*/$", address, re.IGNORECASE):
        return ("",)
    if version == "auto":
        return (ROOTS["1.2"], ROOTS["1.1"], "")
    return (ROOTS[version], "")


def named_version(address: str) -> str:
    """The version that an address names, "" if none."""
    found = re.search(r"/v1p([12])(/|$)", address, re.IGNORECASE)
    return f"1.{found[1]}" if found else ""


def own_address(address: str, path: str, link: str) -> str:
    """Where a link leads that an answer to `path` bears, on the address that is asked.

    Behind a proxy providers write http or a port of their own into links: of the same host, only
    path and query count. Other hosts are left as they are, and the session refuses them.
    """
    there = urlsplit(urljoin(urljoin(address, path), link))
    own = urlsplit(address)
    if there.hostname == own.hostname:
        there = there._replace(scheme=own.scheme, netloc=own.netloc)
    return there.geturl()
