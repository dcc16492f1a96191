"""The service as its requests see it: who may read, how often, and what answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from . import foreign
from .answers import Problem, finish, no_such_page
from .district import launch
from .identity import other_district
from .limits import Limits
from .lists import Lists
from .tokens import SCOPES, Credentials, Token, Tokens, described

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from .catalogue import Catalogue
    from .quirks import Quirks

VERSIONS = ("3.0", "3.1")


class Service:
    """One emulated Clever."""

    def __init__(self, catalogue: Catalogue, credentials: Credentials) -> None:
        self.catalogue = catalogue
        self.credentials = credentials
        self.tokens = Tokens(catalogue.clock)
        self._limits = Limits()
        self._launch = launch(catalogue.records.district.today)
        self.tokens.connect(self._own)
        self._connect_others(catalogue.quirks)

    @property
    def _own(self) -> str:
        return str(self.catalogue.district("3.0")["id"])

    def set_quirks(self, quirks: Quirks) -> None:
        """Turns switches."""
        before = self.catalogue.quirks.other_districts
        for number in range(quirks.other_districts, before):
            self.tokens.disconnect(other_district(number + 1))
        self.catalogue.set_quirks(quirks)
        self._connect_others(quirks)

    def list_tokens(self, request: Request) -> Response:
        """`GET /oauth/tokens?owner_type=district[&district=…]`."""
        key = self.catalogue.quirks.error_key
        if not self.credentials.match(request.headers.get("authorization", "")):
            return finish(Problem(401, "unauthorized").answer(key), {})
        if request.query_params.get("owner_type") != "district":
            return finish(Problem(400, "owner_type must be district").answer(key), {})
        return finish(JSONResponse(self.token_list(request.query_params)), {})

    def token_list(self, query: QueryParams | None = None) -> dict[str, Any]:
        """The tokens in force, by owner: those that a query asks for, or all."""
        quirks, path = self.catalogue.quirks, "/oauth/tokens?owner_type=district"
        asked = query.get("district") if query is not None else None
        after = query.get("starting_after", "") if query is not None else ""
        districts = sorted(
            [self._own, *(other_district(n + 1) for n in range(quirks.other_districts))]
        )
        tokens = [self.tokens.of(d) for d in districts if asked in (None, d)]
        rows = [described(token) for token in tokens if token is not None]
        places = [place for place, row in enumerate(rows) if row["id"] == after]
        rows = rows[places[0] + 1 :] if places else rows
        found = [{"rel": "self", "uri": path + (f"&district={asked}" if asked else "")}]
        if 0 < quirks.tokens_per_page < len(rows):
            rows = rows[: quirks.tokens_per_page]
            found.append({"rel": "next", "uri": f"{path}&starting_after={rows[-1]['id']}"})
        return {"data": rows, "links": found}

    def tell_token(self, request: Request) -> Response:
        """`GET /oauth/tokeninfo`."""
        if self.tokens.find(request.headers.get("authorization", "")) is None:
            return finish(Problem(401, "unauthorized").answer(self.catalogue.quirks.error_key), {})
        told = {"client_id": self.credentials.client_id, "scopes": list(SCOPES)}
        return finish(JSONResponse(told), {})

    def read(self, request: Request) -> Response:
        """`GET /v3.x/…`."""
        quirks = self.catalogue.quirks
        token = self.tokens.find(request.headers.get("authorization", ""))
        if token is None:
            return finish(Problem(401, "unauthorized").answer(quirks.error_key), {})
        count = self._limits.count(token.text, quirks.rate_limit, self.catalogue.clock.now())
        headers = count.headers()
        if count.exceeded:
            if quirks.retry_after:
                headers["Retry-After"] = str(count.wait)
            return finish(Problem(429, "rate limit exceeded").answer(quirks.error_key), headers)
        try:
            answer = self._data(token, request)
        except Problem as problem:
            answer = problem.answer(quirks.error_key)
        return finish(answer, headers)

    def _data(self, token: Token, request: Request) -> Response:
        self.catalogue.refresh()
        path, query = request.url.path, request.query_params
        version, *segments = path.strip("/").split("/")
        version = version.removeprefix("v")
        segments = [segment.lower() for segment in segments]
        if version not in VERSIONS:
            return no_such_page(path)
        if token.single_sign_on and (len(segments) == 1 or segments[:1] == ["resources"]):
            return no_such_page(path)
        if token.district != self._own:
            answer = foreign.answer(token.district, self._launch, version, segments, query, path)
            return answer or no_such_page(path)
        con = self.catalogue.records.cursor()
        try:
            con.execute("BEGIN")
            answer = Lists(self.catalogue, con, version).answer(segments, query, path)
        finally:
            con.close()
        return answer or no_such_page(path)

    def _connect_others(self, quirks: Quirks) -> None:
        for number in range(quirks.other_districts):
            self.tokens.connect(other_district(number + 1))
