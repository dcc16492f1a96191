"""Tokens: listed for the application, one for each district, rotated, gone, of a person."""

from __future__ import annotations

import httpx
import pytest

from local.clever import Quirks

from .conftest import BASIC, Emulated, Start, link

LIST = "/oauth/tokens?owner_type=district"


def test_the_list_tells_each_districts_token_without_an_envelope(clever: Emulated) -> None:
    answer = clever.http.get(LIST, auth=BASIC)
    [token] = answer.json()["data"]
    assert {*token} == {"id", "created", "owner", "access_token", "scopes"}
    assert token["owner"] == {"type": "district", "id": clever.all("/districts")[0]["id"]}
    assert answer.json()["links"] == [{"rel": "self", "uri": LIST}]
    assert "x-ratelimit-limit" not in answer.headers


@pytest.mark.parametrize("auth", [("emulated-client", "wrong"), ("other", "emulated-secret"), None])
def test_the_list_is_for_who_knows_id_and_secret(
    clever: Emulated, auth: tuple[str, str] | None
) -> None:
    answer = httpx.get(clever.http.base_url.join(LIST), auth=auth)
    assert (answer.status_code, [*answer.json()]) == (401, ["message"])


def test_credentials_that_are_no_base64_are_refused(clever: Emulated) -> None:
    answer = clever.http.get(LIST, headers={"authorization": "Basic ???"})
    assert answer.status_code == 401


def test_an_unknown_district_has_no_token(clever: Emulated) -> None:
    body = clever.http.get(f"{LIST}&district={'0' * 24}", auth=BASIC).json()
    assert body["data"] == []


def test_a_list_needs_the_kind_of_owner(clever: Emulated) -> None:
    assert clever.http.get("/oauth/tokens", auth=BASIC).status_code == 400


def test_a_token_can_be_looked_up(clever: Emulated) -> None:
    told = clever.http.get("/oauth/tokeninfo").json()
    assert told["client_id"] == BASIC[0]
    assert "read:user_id" in told["scopes"]
    other = clever.http.get("/oauth/tokeninfo", headers={"authorization": "Bearer nothing"})
    assert other.status_code == 401


@pytest.mark.parametrize("header", ["Bearer nothing", "Basic abc", ""])
def test_data_needs_a_token(clever: Emulated, header: str) -> None:
    answer = clever.http.get("/v3.1/users", headers={"authorization": header})
    assert (answer.status_code, [*answer.json()]) == (401, ["message"])


def test_a_rotated_token_opens_nothing_and_the_list_has_the_other(start: Start) -> None:
    clever = start()
    district = clever.all("/districts")[0]["id"]
    clever.clock.advance(60)
    clever.switch("tokens", {"do": "rotate"})
    assert clever.answer("/users").status_code == 401
    clever.sign_in()
    assert clever.all("/districts")[0]["id"] == district
    [token] = clever.http.get(LIST, auth=BASIC).json()["data"]
    assert token["created"] == "2026-11-25T06:01:07.000Z"


def test_a_district_that_leaves_has_no_token_until_it_is_back(start: Start) -> None:
    clever = start()
    clever.switch("tokens", {"do": "disconnect"})
    assert clever.answer("/users").status_code == 401
    assert clever.http.get(LIST, auth=BASIC).json()["data"] == []
    clever.switch("tokens", {"do": "connect"})
    clever.sign_in()
    assert clever.answer("/users").status_code == 200


def test_a_token_opens_its_own_district_and_no_other(start: Start) -> None:
    clever = start(quirks=Quirks(other_districts=1))
    user = clever.all("/users?limit=1")[0]["id"]
    district = clever.all("/districts")[0]["id"]
    other = clever.http.get(LIST, auth=BASIC).json()["data"]
    [token] = [row for row in other if row["owner"]["id"] != district]
    clever.sign_in(token["access_token"])
    assert clever.all("/districts")[0]["id"] == token["owner"]["id"]
    assert clever.get(f"/districts/{token['owner']['id']}")["data"]["state"] == "pending"
    assert clever.get("/resources") == {"resources": []}
    for path in ("/users", "/schools", "/events"):
        assert clever.all(path) == []
    for path in (f"/users/{user}", f"/users/{user}/schools", f"/districts/{district}"):
        answer = clever.answer(path)
        assert (answer.status_code, answer.json()) == (404, {"message": "Resource not found"})
    assert clever.answer("/students").headers["content-type"].startswith("text/html")
    clever.switch("quirks", {"other_districts": 0})
    assert clever.answer("/users").status_code == 401


def test_a_long_list_of_tokens_can_have_pages(start: Start) -> None:
    clever = start(quirks=Quirks(other_districts=4, tokens_per_page=2))
    path: str | None = LIST
    owners: list[str] = []
    while path:
        body = clever.http.get(path, auth=BASIC).json()
        owners += [row["owner"]["id"] for row in body["data"]]
        path = link(body, "next")
    assert len(owners) == 5
    assert owners == sorted({*owners})


def test_a_persons_token_cannot_read_lists(start: Start) -> None:
    clever = start()
    user = clever.all("/users?limit=1")[0]["id"]
    clever.sign_in(clever.switch("tokens", {"do": "sign-in"})["access_token"])
    answer = clever.answer("/v3.0/resources")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Cannot GET /v3.0/resources" in answer.text
    assert clever.get(f"/users/{user}")["data"]["id"] == user


def test_what_to_do_with_a_token_must_be_known(start: Start) -> None:
    clever = start()
    answer = clever.http.post("/_emulator/tokens", json={"do": "sell"})
    assert answer.status_code == 400
    assert "rotate, connect, disconnect, sign-in" in answer.json()["message"]
    [token] = clever.http.get("/_emulator/tokens").json()["data"]
    clever.sign_in(token["access_token"])
    assert clever.answer("/users").status_code == 200
