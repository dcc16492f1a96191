"""The pages in a real browser, with JavaScript switched off."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest
import uvicorn

from portal.app import create_app
from tests.portal.records import HELD, Records, principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = create_app(Records(), sign_in=True)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            extra_http_headers=principal("Rollcall.Reader"), java_script_enabled=False
        )
        yield context.new_page()
        browser.close()


def test_from_the_list_to_a_held_run_by_keyboard_and_without_scripts(
    page: Page, address: str
) -> None:
    blocked: list[str] = []
    page.on("console", lambda m: blocked.append(m.text) if "Content Security" in m.text else None)
    page.goto(f"{address}/portal/")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("main, header, footer, nav").count() == 4
    page.keyboard.press("Tab")
    assert page.locator(".skip:focus").count() == 1
    assert page.locator("thead th[scope=col]").count() == 10
    page.get_by_role("link", name=HELD["run"]).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/portal/runs/{HELD['run']}")
    assert page.get_by_role("heading", name="Held: 41 changes").is_visible()
    assert page.locator(".status").first.evaluate("e => getComputedStyle(e).fontWeight") == "600"
    assert blocked == []
