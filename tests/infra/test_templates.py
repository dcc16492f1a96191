"""The templates as the compiler sees them: no warning, one format, no surprise in what is made."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from .bicep import (
    AZD,
    GOLDEN,
    INFRA,
    MISSING,
    SNAPSHOTS,
    TEMPLATE,
    bicep,
    compiled,
    find,
    snapshot,
    without_generator,
)

if TYPE_CHECKING:
    from pathlib import Path

STALE = "`python -m tests.infra write` compiles them anew; look at what it changes"


@pytest.fixture(scope="session")
def compiler() -> str:
    found = find()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of infra/ that the compiler may write to."""
    return shutil.copytree(INFRA, tmp_path / "infra")


def test_the_template_compiles_without_a_warning_and_the_committed_one_is_the_same(
    compiler: str,
) -> None:
    committed = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    same = without_generator(compiled(compiler)) == without_generator(committed)
    assert same, f"infra/azuredeploy.json is not what infra/main.bicep says: {STALE}"


def test_the_entry_of_azd_and_its_parameters_compile_without_a_warning(compiler: str) -> None:
    answer = bicep(compiler, "build-params", "azd.bicepparam", "--stdout", env=AZD)
    assert (answer.returncode, answer.stderr) == (0, "")
    made = json.loads(answer.stdout)
    values = json.loads(made["parametersJson"])["parameters"]
    assert values["environmentName"]["value"] == "test"
    assert values["privateNetworking"]["value"] is False
    # A parameter that azd.bicep lacks, or hands on to nobody, is an error of the compiler.
    entry = json.loads(made["templateJson"])
    assert {*values} == {*entry["parameters"]}
    assert {*entry["outputs"]} == {*json.loads(TEMPLATE.read_text(encoding="utf-8"))["outputs"]}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_parameter_file_deploys_what_it_deployed_before(
    name: str, compiler: str, folder: Path
) -> None:
    shutil.copy(GOLDEN / f"{name}.snapshot.json", folder)
    answer = snapshot(compiler, name, "validate", folder)
    assert answer.returncode == 0, f"{answer.stdout}{answer.stderr}\n{STALE}"
    assert not answer.stderr, answer.stderr


def test_every_file_is_formatted(compiler: str, folder: Path) -> None:
    for pattern in ("**/*.bicep", "*.bicepparam"):
        answer = bicep(compiler, "format", "--pattern", f"./{pattern}", folder=folder)
        assert answer.returncode == 0, answer.stderr
    files = [path.relative_to(INFRA) for path in INFRA.rglob("*.bicep*") if path.suffix != ".json"]
    assert len(files) > 10
    changed = [str(f) for f in files if (folder / f).read_bytes() != (INFRA / f).read_bytes()]
    assert changed == [], "`bicep format FILE` formats them"


def test_a_warning_of_the_linter_is_seen(compiler: str, folder: Path) -> None:
    with (folder / "modules" / "identity.bicep").open("a", encoding="utf-8") as file:
        file.write("\nvar nobody = 'needs this'\n")
    answer = bicep(compiler, "build", "azd.bicep", "--stdout", folder=folder)
    assert answer.returncode == 1
    assert "no-unused-vars" in answer.stderr
