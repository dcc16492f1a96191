"""The package runs by itself: a whole run in the Functions host, and every function in the library
of Azure's worker, each in a process that can import nothing but the package and its runner."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from typing import TYPE_CHECKING

import httpx
import pytest

from cli.watching import upload, wait_for_run
from local.district import generate
from local.stack import Stack
from sync.storage import CONFIG, Storage
from tests.e2e.reading import differences, read
from tests.packages import SITE, Unpacked, on_its_platform, tools, unpacked
from tests.test_function_app_runtime import Worker, answers_of_every_function, needs_runtime

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [on_its_platform, pytest.mark.xdist_group("package")]

SOURCE = "sis"
SETTINGS = "people: {mode: create}\nsources: [{name: sis, settle_seconds: 0}]\n"
# What the host of the local stack imports and the app does not.
HOST = ("uvicorn", "click", "croniter", "dateutil")
LIBRARY = ("azure_functions_runtime", "azurefunctions")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    return unpacked(tmp_path_factory.mktemp("package"), compile_all=True)


def test_a_whole_run_from_the_package_alone(package: Unpacked, tmp_path: Path) -> None:
    host = package.command("local.processes", tools(tmp_path / "tools", HOST, ["local"]))
    today = date.today()  # noqa: DTZ011
    generate(people=60, seed=3, today=today).write(tmp_path / "day1")
    with Stack(app=package.app, host=[*host, "local.host"], logs=tmp_path / "logs") as stack:
        storage = Storage.from_connection_string(stack.connection_string)
        storage.create_missing()
        storage.write(CONFIG, "rollcall.yaml", SETTINGS.encode())
        health = httpx.get(f"{stack.http_url}/api/health", timeout=30)
        assert health.status_code == 200, health.text
        run = wait_for_run(storage, SOURCE, upload(storage, tmp_path / "day1", SOURCE), str)
        assert (run.status, run.error, run.failed) == ("finished", "", 0)
        dump = httpx.get(stack.graph_url.removesuffix("/v1.0") + "/emulator/dump").json()
        assert differences(read(tmp_path / "day1", "contoso.edu", today), dump) == []
        page = httpx.get(f"{stack.http_url}/portal/", timeout=30)
        assert page.status_code == 200
        assert run.run in page.text


@needs_runtime
def test_the_library_of_the_worker_indexes_and_runs_every_function_of_the_package(
    package: Unpacked, tmp_path: Path, azurite: str, storage: Storage
) -> None:
    library = tools(tmp_path / "tools", LIBRARY, ["tests/runtime_library.py"])
    worker = Worker(azurite, package.command("runtime_library", library), package.app)
    try:
        answers = answers_of_every_function(worker)
    finally:
        worker.close()
    assert {name: a["trace"] for name, a in answers.items() if not a["ok"]} == {}


def test_the_package_holds_what_runs_and_nothing_else(package: Unpacked) -> None:
    with zipfile.ZipFile(package.package.path) as archive:
        names = archive.namelist()
        origin = json.loads(archive.read("rollcall-package.json"))
    tops = {name.partition("/")[0] for name in names}
    assert tops <= {
        ".python_packages", "LICENSE", "__pycache__", "connectors", "directory", "function_app.py",
        "graph", "host.json", "portal", "rollcall-package.json", "roster", "sync",
    }  # fmt: skip
    folders = {part for name in names for part in name.split("/")[:-1]}
    assert not folders & {"tests", "test"}
    assert not [n for n in names if n.endswith((".pyi", ".pyx", ".c", "RECORD", "INSTALLER"))]
    sources = {name for name in names if name.endswith(".py")}
    compiled = {n.replace("__pycache__/", "").replace(".cpython-313.pyc", ".py")
                for n in names if n.endswith(".pyc")}  # fmt: skip
    assert compiled == sources
    assert origin["python"] == "3.13"
    assert origin["distributions"]["msgraph-sdk"]


def test_what_the_app_never_imports_is_left_out_and_licences_stay(package: Unpacked) -> None:
    parts = {part.name: part for part in package.package.parts}
    assert parts["pycparser"].files == 0
    sdk = parts["msgraph-sdk"]
    generated = package.app / ".python_packages/lib/site-packages/msgraph/generated"
    assert sdk.files < 3000
    assert (generated / "models" / "education_user.py").is_file()
    assert not (generated / "device_management").exists()
    licences = package.app.glob(".python_packages/lib/site-packages/*.dist-info/**/*")
    licensed = {p.relative_to(package.app).parts[3] for p in licences if "licen" in p.name.lower()}
    kept = [part for part in package.package.parts if part.files and part.name != "rollcall"]
    with_one_at_home = {
        info.name for info in SITE.glob("*.dist-info")
        if [p for p in info.rglob("*") if p.is_file() and "licen" in p.name.lower()]
    }  # fmt: skip
    names = {f"{p.name.replace('-', '_')}-{p.version}.dist-info" for p in kept}
    assert names & with_one_at_home <= licensed
