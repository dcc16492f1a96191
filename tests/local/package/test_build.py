from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from local.package import archive
from local.package.archive import write_zip
from local.package.build import Package, build
from local.package.pins import PYTHON
from roster.errors import BadInput

if TYPE_CHECKING:
    from tests.local.package.shop import Shop

as_the_app = pytest.mark.skipif(
    sys.version_info[:2] != PYTHON, reason="compiles for another Python"
)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.distribution("paint", {"paint/__init__.py": "COLOUR = 'red'\n", "paint/a.pyi": "x" * 99})
    shop.app({"function_app.py": "import paint\nprint(paint.COLOUR, paint.__file__)\n"})
    shop.app({"LICENSE": "MIT", "rollcall.yaml": "schedule: {}\n", "README.md": "no"})
    shop.pin_all()
    return shop


def built(shop: Shop, name: str = "out/rollcall.zip", *, compile_all: bool = False) -> Package:
    return build(shop.folder / name, checkout=shop.checkout, site=shop.site,
                 compile_all=compile_all)  # fmt: skip


def origin(package: Package) -> dict[str, object]:
    with zipfile.ZipFile(package.path) as zipped:
        return json.loads(zipped.read("rollcall-package.json"))


def test_a_package_holds_the_app_its_settings_and_its_distributions(stocked: Shop) -> None:
    package = built(stocked)
    names = [str(file.name) for file in package.files]
    site = ".python_packages/lib/site-packages"
    assert names == [
        f"{site}/paint/__init__.py", f"{site}/paint-1.0.dist-info/METADATA", "LICENSE",
        "function_app.py", "host.json", "rollcall-package.json", "rollcall.yaml",
    ]  # fmt: skip
    assert package.size == sum(file.size for file in package.files)
    app, paint = package.parts
    assert (app.name, app.files, paint.name, paint.version, paint.files) == (
        "rollcall", 1, "paint", "1.0", 2
    )  # fmt: skip
    assert paint.before > 99 > 0 < paint.size
    assert not package.path.with_name("rollcall.zip.part").exists()


def test_the_same_checkout_makes_the_same_bytes(stocked: Shop) -> None:
    first, second = built(stocked, "a.zip"), built(stocked, "b.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.checksum == second.checksum
    stocked.app({"host.json": '{"version": "2.0"}'})
    third = built(stocked, "c.zip")
    assert third.checksum != first.checksum
    assert origin(third)["content_sha256"] != origin(first)["content_sha256"]


@as_the_app
def test_compiled_modules_are_used_without_a_look_at_their_source(stocked: Shop) -> None:
    package = built(stocked, compile_all=True)
    app = stocked.folder / "app"
    with zipfile.ZipFile(package.path) as zipped:
        zipped.extractall(app)
    site = app / ".python_packages/lib/site-packages"
    source = site / "paint/__init__.py"
    source.write_text("COLOUR = 'blue'\n", encoding="utf-8")
    code = f"import sys; sys.path[:0] = [{str(app)!r}, {str(site)!r}]; import function_app"
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True,
                          check=True).stdout  # fmt: skip
    assert said.split() == ["red", str(source)]
    assert origin(package)["compiled"] is True


@as_the_app
def test_compiled_bytes_depend_on_nothing_but_the_source() -> None:
    path = Path(archive.__file__)
    here = archive.compiled(PurePosixPath("archive.py"), path.read_bytes())
    code = (
        "import sys, duckdb, pydantic\n"
        "from pathlib import Path, PurePosixPath\n"
        "from local.package.archive import compiled\n"
        f"source = Path({str(path)!r}).read_bytes()\n"
        "print(compiled(PurePosixPath('archive.py'), source).hex())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert bytes.fromhex(there.stdout) == here


def test_a_package_says_which_commit_it_is_and_whether_that_was_changed(stocked: Shop) -> None:
    assert (origin(built(stocked))["commit"], origin(built(stocked))["modified"]) == (None, False)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=A", "-c", "user.email=a@contoso.edu")
        command = ["git", "-C", str(stocked.checkout), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "All")
    (stocked.checkout / "README.md").write_text("not in the package", encoding="utf-8")
    assert origin(built(stocked))["commit"] == git("rev-parse", "HEAD")
    assert origin(built(stocked))["modified"] is False
    (stocked.checkout / "host.json").write_text("{ }", encoding="utf-8")
    assert origin(built(stocked))["modified"] is True


def test_without_git_the_commit_is_not_known(
    stocked: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert origin(built(stocked))["commit"] is None


def test_without_a_folder_of_distributions_pip_gets_them(shop: Shop) -> None:
    version = importlib.metadata.version("markupsafe")
    shop.app({"function_app.py": "import markupsafe", "constraints.txt": "",
              "requirements.txt": f"markupsafe=={version}"})  # fmt: skip
    said: list[str] = []
    package = build(shop.folder / "a.zip", checkout=shop.checkout, say=said.append)
    assert said[0] == "Getting the 1 pinned distributions for Python 3.13 on Linux"
    assert [str(file.name) for file in package.files if file.name.suffix == ".so"] == [
        ".python_packages/lib/site-packages/markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so"
    ]


def test_what_a_distribution_needs_must_be_pinned(stocked: Shop) -> None:
    stocked.distribution("paint", {"paint/__init__.py": ""}, metadata="Requires-Dist: brush\n")
    with pytest.raises(BadInput, match=r"lacks brush \(for paint\): run `rollcall package --pin`"):
        built(stocked)
    assert not (stocked.folder / "out").exists()


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no checkout of Rollcall"):
        build(tmp_path / "a.zip", checkout=tmp_path)


def test_a_zip_that_breaks_off_leaves_the_last_one(tmp_path: Path) -> None:
    target = tmp_path / "a.zip"
    write_zip(target, {PurePosixPath("a"): b"1"})
    before = target.read_bytes()
    broken: dict[PurePosixPath, bytes] = {PurePosixPath("b"): None}  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        write_zip(target, broken)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
