"""Tokens: client credentials, the same token until it ends, and what an expired one answers."""

from __future__ import annotations

import pytest

from tests.local.powerschool.plugin_zip import Caller

EXPIRED = (
    'Bearer error="invalid_token",realm="PowerSchool",'
    'error_description="The access token has expired"'
)


def test_a_token_is_the_same_until_it_ends_and_tells_its_time_as_text(caller: Caller) -> None:
    first, second = caller.ask_token().json(), caller.ask_token().json()
    assert first["access_token"] == second["access_token"]
    assert first["token_type"] == "Bearer"
    assert isinstance(first["expires_in"], str)
    assert 0 < int(second["expires_in"]) <= int(first["expires_in"]) <= 2_592_000


def test_the_token_path_may_end_in_a_slash(caller: Caller) -> None:
    answer = caller.http.post(
        "/oauth/access_token/", auth=caller.credentials, data={"grant_type": "client_credentials"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "credentials", [("tester", "wrong"), ("nobody", "tester-secret"), ("", "")]
)
def test_wrong_credentials_are_an_invalid_client(
    caller: Caller, credentials: tuple[str, str]
) -> None:
    answer = caller.http.post(
        "/oauth/access_token", auth=credentials, data={"grant_type": "client_credentials"}
    )
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_client"}


@pytest.mark.parametrize("header", ["Basic ???", "Basic /w==", "Digest x", ""])
def test_a_header_that_is_none_is_an_invalid_client(caller: Caller, header: str) -> None:
    answer = caller.http.post(
        "/oauth/access_token",
        headers={"Authorization": header},
        data={"grant_type": "client_credentials"},
    )
    assert answer.status_code == 401


def test_another_grant_is_refused(caller: Caller) -> None:
    assert caller.ask_token(grant_type="password").json() == {"error": "unsupported_grant_type"}


def test_data_needs_a_token(caller: Caller) -> None:
    del caller.http.headers["Authorization"]
    answer = caller.get("/ws/v1/district")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="PowerSchool"'
    assert caller.get("/ws/v1/time").status_code == 200


def test_a_token_that_ended_says_so_and_another_can_be_had(caller: Caller) -> None:
    old = caller.ask_token().json()["access_token"]
    caller.http.delete("/_emulator/tokens")
    answer = caller.get("/ws/v1/district")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, EXPIRED)
    caller.sign_in()
    assert caller.ask_token().json()["access_token"] != old
    assert caller.get("/ws/v1/district").status_code == 200


def test_a_made_up_token_is_invalid(caller: Caller) -> None:
    caller.http.headers["Authorization"] = "Bearer 7c1f2d0e"
    answer = caller.get("/ws/v1/district")
    assert answer.status_code == 401
    assert "invalid" in answer.headers["WWW-Authenticate"]


def test_a_token_can_end_in_the_middle_of_a_pull(caller: Caller) -> None:
    caller.http.delete("/_emulator/tokens")
    caller.sign_in()
    caller.quirks(token_calls=2)
    path = "/ws/v1/district/school"
    assert [caller.get(path).status_code for _ in range(3)] == [200, 200, 401]
    caller.sign_in()
    assert caller.get(path).status_code == 200


def test_switches_of_tokens(caller: Caller) -> None:
    caller.quirks(same_token=False, expires_in_as_text=False, token_seconds=60)
    first, second = caller.ask_token().json(), caller.ask_token().json()
    assert first["access_token"] != second["access_token"]
    assert isinstance(first["expires_in"], int)
    assert first["expires_in"] <= 60
    caller.quirks(token_requests_a_minute=0, retry_after=7)
    answer = caller.ask_token()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    caller.quirks(oauth=False)
    assert caller.ask_token().status_code == 404


def test_a_disabled_plugin_gets_no_token_and_its_tokens_do_not_hold(caller: Caller) -> None:
    def switch(enabled: bool) -> None:
        caller.http.patch("/_emulator/plugins/Test Reader", json={"enabled": enabled})

    switch(False)
    try:
        assert caller.ask_token().json() == {"error": "invalid_client"}
        assert caller.get("/ws/v1/metadata").status_code == 401
    finally:
        switch(True)
    assert caller.get("/ws/v1/metadata").status_code == 200


def test_another_secret_makes_the_old_one_worthless(caller: Caller) -> None:
    told = caller.http.post("/_emulator/plugins/Test Reader/secret").json()
    try:
        assert caller.ask_token().status_code == 401
        caller.credentials = (told["client_id"], told["client_secret"])
        caller.sign_in()
        assert caller.get("/ws/v1/district").status_code == 200
    finally:
        caller.credentials = (told["client_id"], told["client_secret"])
