from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cli.account import DEMO_FILE, Demo, find_demo, open_storage, running_demo
from roster.errors import BadInput

KEY = "bm90IGEga2V5"
CONNECTION = (
    f"DefaultEndpointsProtocol=http;AccountName=demo;AccountKey={KEY};"
    "BlobEndpoint=http://127.0.0.1:1/demo;QueueEndpoint=http://127.0.0.1:2/demo;"
    "TableEndpoint=http://127.0.0.1:3/demo"
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in [n for n in os.environ if n.startswith("AzureWebJobsStorage")]:
        monkeypatch.delenv(name)
    return tmp_path


def demo(pid: int | None = None, url: str = "http://127.0.0.1:4/portal/") -> Demo:
    return Demo(os.getpid() if pid is None else pid, url, CONNECTION, {"ROLLCALL_TEST": "1"})


def test_an_announced_demo_is_found_until_it_withdraws(home: Path) -> None:
    demo().announce()
    assert find_demo() == running_demo() == demo()
    assert stat.S_IMODE((home / DEMO_FILE).stat().st_mode) == 0o600
    demo().withdraw()
    assert find_demo() is None
    with pytest.raises(BadInput, match="rollcall demo"):
        running_demo()


def test_a_demo_that_died_is_not_found() -> None:
    demo(pid=2**22 + 1).announce()
    assert find_demo() is None


def test_a_demo_does_not_withdraw_another_one() -> None:
    demo(url="http://127.0.0.1:5/portal/").announce()
    demo().withdraw()
    assert find_demo() == demo(url="http://127.0.0.1:5/portal/")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x"}', "\x00"])
def test_a_broken_announcement_is_no_demo(home: Path, text: str) -> None:
    (home / DEMO_FILE).parent.mkdir()
    (home / DEMO_FILE).write_text(text)
    assert find_demo() is None


def test_entering_a_demo_takes_on_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_TEST", "0")
    demo().enter()
    assert os.environ["ROLLCALL_TEST"] == "1"


def test_the_option_comes_before_the_setting_and_the_setting_before_the_demo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demo().announce()
    assert open_storage(None).blobs.url == "http://127.0.0.1:1/demo/"
    monkeypatch.setenv("AzureWebJobsStorage", CONNECTION.replace(":1/", ":11/"))
    assert open_storage(None).blobs.url == "http://127.0.0.1:11/demo/"
    assert open_storage(CONNECTION.replace(":1/", ":21/")).blobs.url == "http://127.0.0.1:21/demo/"


def test_an_address_stands_for_the_three_services() -> None:
    storage = open_storage("https://school1.blob.core.windows.net/")
    assert storage.blobs.url == "https://school1.blob.core.windows.net/"
    assert storage.queues.url == "https://school1.queue.core.windows.net/"
    assert storage.tables.url == "https://school1.table.core.windows.net"


@pytest.mark.parametrize(
    "account",
    ["school1", "http://school1.blob.core.windows.net", "https://school1.queue.core.windows.net"],
)
def test_another_address_is_refused(account: str) -> None:
    with pytest.raises(BadInput, match=r"https://NAME\.blob"):
        open_storage(account)


def test_a_broken_connection_string_is_refused_without_showing_it() -> None:
    with pytest.raises(BadInput) as refused:
        open_storage(f"AccountKey={KEY}")
    assert KEY not in str(refused.value)


def test_without_any_account_the_message_says_what_to_give() -> None:
    with pytest.raises(BadInput, match="--account"):
        open_storage(None)
