from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from portal.answers import SECURITY_HEADERS
from portal.app import create_app
from tests.portal.records import FAILED, FINISHED, HELD, Records, principal

READER = principal("Rollcall.Reader")


@pytest.fixture
def app() -> Starlette:
    return create_app(Records(), sign_in=True)


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return TestClient(app, headers=READER)


def paths(app: Starlette) -> list[str]:
    found = [route.path for route in app.routes if isinstance(route, Route)]
    return [path.replace("{run}", HELD["run"]) for path in found]


def test_every_route_is_closed_without_sign_in(app: Starlette) -> None:
    client = TestClient(app, follow_redirects=False)
    found = {client.get(path).status_code for path in [*paths(app), "/", "/portal/no-such-page"]}
    assert found == {401}


def test_every_route_is_closed_without_a_role(app: Starlette) -> None:
    client = TestClient(app, headers=principal("Guest"), follow_redirects=False)
    assert {client.get(path).status_code for path in [*paths(app), "/portal/nothing"]} == {403}


def test_a_header_from_outside_is_not_believed_where_sign_in_is_off() -> None:
    answer = TestClient(create_app(Records(), sign_in=False), headers=READER).get("/portal/")
    assert answer.status_code == 401
    assert "Switch on App Service Authentication" in answer.text


def test_azure_decides_whether_headers_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, status in (("True", 200), ("False", 401)):
        monkeypatch.setenv("WEBSITE_AUTH_ENABLED", value)
        assert TestClient(create_app(Records()), headers=READER).get("/portal/").status_code == (
            status
        )


def test_every_answer_has_the_security_headers(app: Starlette, client: TestClient) -> None:
    answers = [client.get(path) for path in [*paths(app), "/portal/nothing"]]
    answers += [client.post("/portal/"), TestClient(app).get("/portal/")]
    for answer in answers:
        assert (
            SECURITY_HEADERS.items()
            <= {name: answer.headers.get(name) for name in SECURITY_HEADERS}.items()
        )


def test_nothing_can_be_changed(client: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, "/portal/").status_code == 405


def test_the_list_shows_a_status_word_and_counts_for_each_run(client: TestClient) -> None:
    text = client.get("/portal/").text
    for run in (FINISHED, HELD, FAILED):
        assert f">{run['status']}</span>" in text
        assert f'href="/portal/runs/{run["run"]}"' in text
    assert "1,658" in text


def test_the_short_address_leads_to_the_list(client: TestClient) -> None:
    assert client.get("/portal").url.path == "/portal/"


def test_without_runs_the_list_says_how_to_start(app: Starlette) -> None:
    client = TestClient(create_app(Records(all_runs=()), sign_in=True), headers=READER)
    assert "rollcall drop PATH" in client.get("/portal/").text


def test_a_run_says_what_was_asked_of_an_api(client: TestClient) -> None:
    page = client.get(f"/portal/runs/{HELD['run']}").text
    assert f"<dd>{HELD['pulled']}</dd>" in page
    other = client.get(f"/portal/runs/{FINISHED['run']}").text
    assert "Asked for" not in other


def test_a_held_run_shows_rows_reasons_and_the_command(client: TestClient) -> None:
    text = client.get(f"/portal/runs/{HELD['run']}").text
    assert "41 of 300 existing" in text
    assert "1000040" in text
    assert f"rollcall approve {HELD['run']} --why" in text


def test_a_failed_run_says_why(client: TestClient) -> None:
    text = client.get(f"/portal/runs/{FAILED['run']}").text
    assert FAILED["error"] in text
    assert "Nothing to change" in text


def test_findings_stand_under_their_rule_errors_first_and_are_escaped(client: TestClient) -> None:
    text = client.get(f"/portal/runs/{FINISHED['run']}").text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert text.index("user-repeated") < text.index("grade-unknown")
    assert text.count("<h3>") == 2


@pytest.mark.parametrize("path", ["/portal/runs/unknown", "/portal/nothing", "/elsewhere"])
def test_an_unknown_page_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


def test_a_broken_storage_account_becomes_a_page_and_not_a_traceback() -> None:
    class Broken(Records):
        def runs(self, limit: int) -> list[dict[str, Any]]:
            raise OSError("secret detail")

    answer = TestClient(create_app(Broken(), sign_in=True), headers=READER).get("/portal/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Content-Security-Policy" in answer.headers


def test_the_style_sheet_is_served(client: TestClient) -> None:
    answer = client.get("/portal/style.css")
    assert answer.headers["content-type"].startswith("text/css")
