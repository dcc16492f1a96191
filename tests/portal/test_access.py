from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access import Principal, read_principal, sign_in_is_on
from tests.portal.records import principal

HEADER = "x-ms-client-principal"


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("role", ["Rollcall.Reader", "Rollcall.Approver"])
@pytest.mark.parametrize(
    "claim", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"]
)
def test_either_role_may_read_under_either_claim_name(role: str, claim: str) -> None:
    found = read_principal(principal(role, claim=claim)[HEADER])
    assert found is not None
    assert found.may_read


@pytest.mark.parametrize("role", ["", "rollcall.reader", "Rollcall.Reader2", "Admin"])
def test_another_role_may_not_read(role: str) -> None:
    assert read_principal(principal(role)[HEADER]) == Principal(frozenset({role}))
    assert not Principal(frozenset({role})).may_read


def test_a_role_name_in_another_claim_is_no_role() -> None:
    found = read_principal(principal("Rollcall.Reader", claim="name")[HEADER])
    assert found == Principal(frozenset())


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "not base64!",
        base64.b64encode(b"\xff").decode(),
        encoded([]),
        encoded({}),
        encoded({"claims": "roles"}),
        encoded({"claims": []}) + "A" * 70_000,
    ],
)
def test_a_header_that_makes_no_sense_is_nobody(header: str | None) -> None:
    assert read_principal(header) is None


def test_claims_that_are_no_objects_are_passed_over() -> None:
    found = read_principal(encoded({"claims": [1, None, "roles", {"typ": "roles", "val": "x"}]}))
    assert found == Principal(frozenset({"x"}))


@given(st.text(max_size=200))
def test_no_header_breaks_the_reader(header: str) -> None:
    found = read_principal(header)
    assert found is None or not found.may_read


@pytest.mark.parametrize(("value", "on"), [("True", True), ("true", True), ("False", False)])
def test_the_app_setting_says_whether_sign_in_is_on(
    monkeypatch: pytest.MonkeyPatch, value: str, on: bool
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", value)
    assert sign_in_is_on() is on


def test_without_the_app_setting_sign_in_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED", raising=False)
    assert not sign_in_is_on()
