"""Who may ask: OAuth 1.0a signatures in 1.1, tokens in both versions."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest
from oauthlib.oauth1 import Client

from local.oneroster.answers import Wrong
from local.oneroster.oauth1 import Signatures
from tests.local.oneroster.conftest import CLIENT, ROOTS, Provider, Version

SCOPE = "https://purl.imsglobal.org/spec/or/v1p{}/scope/"
KEYS = {"client_key": CLIENT[0], "client_secret": CLIENT[1]}


def signed(provider: Provider, version: Version = "1.1", **options: Any) -> httpx.Response:
    """A signed request with parameters that have to be encoded with care."""
    address = httpx.URL(
        str(provider.http.base_url) + ROOTS[version] + "/users",
        params={"limit": "2", "filter": "status='active' AND familyName!='(*)!'"},
    )
    uri, headers, _ = Client(**{**KEYS, **options}).sign(str(address).replace("+", "%20"))
    return provider.http.get(uri, headers=headers)


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_a_signed_request_is_answered(provider: Provider, method: str) -> None:
    answer = signed(provider, signature_method=method)
    assert answer.status_code == 200
    assert len(answer.json()["users"]) == 2


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("HMAC-SHA1", "BA4V4eAMRmQJ%2Bu7EJgu8uMPbPH4%3D"),
        ("HMAC-SHA256", "kmOLovvu9%2F932VsPRREcF4q3GPROs27mJTDQVcnbbKk%3D"),
    ],
)
def test_a_known_signature_is_right_and_its_neighbour_wrong(
    monkeypatch: pytest.MonkeyPatch, method: str, signature: str
) -> None:
    monkeypatch.setattr("local.oneroster.oauth1.time.time", lambda: 1756000000.0)
    url = (
        "https://sis.example.test/ims/oneroster/v1p1/users?limit=2&offset=0&filter="
        "status%3D%27active%27%20AND%20dateLastModified%3E%272025-08-01T00%3A00%3A00.000Z%27"
    )
    header = (
        'OAuth oauth_consumer_key="demo-key", oauth_nonce="n0nce42", oauth_timestamp="1756000000",'
        f' oauth_version="1.0", oauth_signature_method="{method}", oauth_signature="{signature}"'
    )
    signatures = Signatures({"demo-key": "demo-secret!"})
    with pytest.raises(Wrong, match="signature is wrong"):
        signatures.check(url.replace("limit=2", "limit=3"), header, (method,))
    signatures.check(url, header, (method,))
    with pytest.raises(Wrong, match="nonce was used"):
        signatures.check(url, header, (method,))


def test_the_oauth_version_may_be_missing(provider: Provider) -> None:
    class Unversioned(Client):
        def get_oauth_params(self, request: Any) -> Any:
            return [p for p in super().get_oauth_params(request) if p[0] != "oauth_version"]

    address = f"{provider.http.base_url}{ROOTS['1.1']}/orgs"
    uri, headers, _ = Unversioned(**KEYS).sign(address)
    assert "oauth_version" not in headers["Authorization"]
    assert provider.http.get(uri, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_key": "nobody"}, 401),
        ({"timestamp": "soon"}, 400),
        ({"signature_method": "PLAINTEXT"}, 400),
        ({"signature_method": "HMAC-SHA512"}, 400),
    ],
)
def test_a_badly_signed_request_is_refused(
    provider: Provider, options: dict[str, str], status: int
) -> None:
    assert signed(provider, **options).status_code == status


@pytest.mark.parametrize(("minutes", "status"), [(46, 401), (44, 200)])
def test_a_request_is_good_for_three_quarters_of_an_hour(
    provider: Provider, minutes: int, status: int
) -> None:
    timestamp = str(int(time.time()) - minutes * 60)
    assert signed(provider, timestamp=timestamp).status_code == status


def test_a_signature_lacks_a_part(provider: Provider) -> None:
    headers = {"Authorization": 'OAuth oauth_consumer_key="rollcall"'}
    answer = provider.http.get(f"{ROOTS['1.1']}/orgs", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["statusInfoSet"][0]["imsx_codeMinor"] == "invalid data"


def test_a_nonce_is_good_once(provider: Provider) -> None:
    assert signed(provider, nonce="again").status_code == 200
    assert signed(provider, nonce="again").status_code == 401


def test_12_takes_no_signatures(provider: Provider) -> None:
    assert signed(provider, "1.2").status_code == 401


def test_a_provider_may_take_one_scheme_or_method_only(provider: Provider) -> None:
    provider.quirks(schemes=["oauth1"], signatures=["HMAC-SHA256"])
    assert provider.get("1.1", "/orgs").status_code == 401
    assert signed(provider, signature_method="HMAC-SHA1").status_code == 400
    assert signed(provider, signature_method="HMAC-SHA256").status_code == 200
    provider.quirks(schemes=["oauth2"])
    assert signed(provider).status_code == 401
    assert provider.get("1.1", "/orgs").status_code == 200


def test_without_a_good_token_it_is_401(provider: Provider, version: Version) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = provider.http.get(f"{ROOTS[version]}/orgs", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert ("unauthorized" if version == "1.1" else "unauthorisedrequest") in answer.text


@pytest.mark.parametrize("path", ["/token", "/oauth2/token", "/oauth2server/clienttoken"])
def test_the_token_call_by_basic_and_by_body(provider: Provider, path: str) -> None:
    form = {"grant_type": "client_credentials"}
    prefix = "/aeries/ims/oneroster/v1p1"
    by_basic = provider.http.post(prefix + path, data=form, auth=CLIENT)
    by_body = provider.http.post(
        path, data={**form, "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    )
    for answer in (by_basic, by_body):
        reply = answer.json()
        assert (reply["token_type"], reply["expires_in"]) == ("Bearer", 3600)
        assert answer.headers["Cache-Control"] == "no-store"
        provider.token = reply["access_token"]
        assert provider.get("1.2", "/demographics").status_code == 200


def test_basic_credentials_are_form_encoded_first(provider: Provider) -> None:
    value = base64.b64encode(b"rollcall:rollcall-secret%21").decode()
    answer = provider.http.post(
        "/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {value}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "auth", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, None, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, ("rollcall", "wrong"), 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, ("nobody", ""), 401, "invalid_client"),
        ({"grant_type": "password"}, CLIENT, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "all"}, CLIENT, 400, "invalid_scope"),
    ],
)
def test_a_bad_token_call(
    provider: Provider, form: dict[str, str], auth: Any, status: int, error: str
) -> None:
    answer = provider.http.post("/token", data=form, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_the_token_call_is_a_form_that_is_posted(provider: Provider) -> None:
    assert provider.http.get("/token").status_code == 405
    answer = provider.http.post("/token", json={"grant_type": "client_credentials"}, auth=CLIENT)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_provider_takes_credentials_where_it_says(provider: Provider) -> None:
    form = {"grant_type": "client_credentials"}
    given = {"client_id": CLIENT[0], "client_secret": CLIENT[1]}
    provider.quirks(token_credentials=["body"])
    assert provider.http.post("/token", data=form, auth=CLIENT).status_code == 401
    assert provider.http.post("/token", data=form | given).status_code == 200
    provider.quirks(token_credentials=["query"])
    assert provider.http.post("/token", data=form | given).status_code == 401
    assert provider.http.post("/token", data=form, params=given).status_code == 200
    provider.quirks(token_credentials=["basic"])
    assert provider.http.post("/token", data=form | given).status_code == 401


def test_replies_to_the_token_call(provider: Provider) -> None:
    def reply(way: str) -> Any:
        provider.quirks(token_reply=way)
        return provider.sign_in().json()

    assert isinstance(reply("text"), str)
    assert provider.get("1.1", "/orgs").status_code == 200
    assert "expires_in" not in reply("no-expiry")
    assert reply("text-expiry")["expires_in"] == "3600"
    assert reply("lower")["token_type"] == "bearer"
    assert "scope" not in reply("no-scope")
    form = {"grant_type": "client_credentials"}
    assert isinstance(provider.http.post("/login", data=form, auth=CLIENT).json(), str)


def test_a_token_gives_what_its_scopes_say(provider: Provider, version: Version) -> None:
    scope = SCOPE.format(version[-1])
    school = provider.ids(version, "/schools")[0]
    paths = ("/users", "/users/1000000", f"/schools/{school}/classes", "/demographics")
    for wanted, statuses in (
        ("roster-core.readonly", [200, 200, 403, 403]),
        ("roster.readonly", [200, 200, 200, 403]),
        ("roster-demographics.readonly", [403, 403, 403, 200]),
        (f"roster.readonly {scope}roster-demographics.readonly", [200, 200, 200, 200]),
    ):
        answer = provider.sign_in(scope=f"{scope}{wanted} {scope}gradebook.readonly")
        assert answer.json()["scope"] == f"{scope}{wanted}"
        assert [provider.get(version, path).status_code for path in paths] == statuses
    provider.sign_in(scope=f"{scope}roster-core.readonly")
    assert "forbidden" in provider.get(version, "/demographics").text
    other: Version = "1.2" if version == "1.1" else "1.1"
    assert provider.get(other, "/users").status_code == 403


def test_scopes_may_be_required_prefixed_and_withheld(provider: Provider) -> None:
    provider.quirks(scope_required=True, scope_prefix="one-roster-api:", scopes=["roster.readonly"])
    assert provider.sign_in().status_code == 400
    scope = SCOPE.format(2)
    assert provider.sign_in(scope=f"{scope}roster.readonly").status_code == 400
    wanted = f"one-roster-api:{scope}roster.readonly"
    assert provider.sign_in(scope=wanted).json()["scope"] == wanted
    assert provider.get("1.2", "/users").status_code == 200
    demographics = f"one-roster-api:{scope}roster-demographics.readonly"
    assert provider.sign_in(scope=demographics).status_code == 400


def test_a_token_ends_by_time_or_by_force(provider: Provider, version: Version) -> None:
    provider.quirks(token_seconds=0.05)
    provider.sign_in()
    time.sleep(0.06)
    assert provider.get(version, "/orgs").status_code == 401
    provider.quirks(token_seconds=60)
    provider.sign_in()
    assert provider.get(version, "/orgs").status_code == 200
    provider.http.delete("/_emulator/tokens")
    assert provider.get(version, "/orgs").status_code == 401


def test_a_fixed_token_needs_no_call(provider: Provider, version: Version) -> None:
    provider.quirks(fixed_bearer="from-the-proxy")
    provider.token = "from-the-proxy"
    assert provider.get(version, "/demographics").status_code == 200
    provider.token = "from-elsewhere"
    assert provider.get(version, "/demographics").status_code == 401


def test_a_session_cookie_must_come_back(provider: Provider) -> None:
    provider.quirks(session_cookie=True)
    answer = provider.sign_in()
    assert provider.get("1.2", "/orgs").status_code == 200
    provider.http.cookies.clear()
    assert provider.get("1.2", "/orgs").status_code == 401
    assert "oneroster-session" in answer.cookies
