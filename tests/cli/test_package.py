from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import run
from local.package import build
from tests.local.package.shop import Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop(tmp_path)
    shop.distribution("paint", {"paint/__init__.py": "", "paint/lazy.py": ""})
    shop.app({"function_app.py": "import paint", "host.json": "{}"})
    shop.pin_all()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "CHECKOUT", shop.checkout)
    monkeypatch.setitem(build.build.__kwdefaults__, "checkout", shop.checkout)
    return shop


def test_it_builds_the_package_and_says_what_is_in_it(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["package", "--site-packages", str(shop.site), "--list"]) == 0
    shown = capsys.readouterr().out
    assert "paint" in shown
    assert ".python_packages/lib/site-packages/paint/lazy.py" in shown
    assert "sha256" in shown
    assert (shop.folder / "rollcall.zip").is_file()


def test_json_tells_the_same(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    target = shop.folder / "new" / "a.zip"
    line = ["package", "--out", str(target), "--site-packages", str(shop.site), "--json"]
    assert run([*line, "--list"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(target)
    assert told["zipped"] == target.stat().st_size
    assert [part["name"] for part in told["parts"]] == ["rollcall", "paint"]
    assert "function_app.py" in told["files"]


def test_a_package_without_compiled_modules_says_what_that_costs(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(build.build.__kwdefaults__, "compile_all", False)
    assert run(["package", "--site-packages", str(shop.site)]) == 0
    assert "every cold start takes seconds longer" in " ".join(capsys.readouterr().out.split())


def test_what_is_not_pinned_is_bad_input(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.app({"requirements.txt": "paint>=1\n"})
    assert run(["package", "--site-packages", str(shop.site)]) == 2
    assert "is no pin" in " ".join(capsys.readouterr().err.split())
