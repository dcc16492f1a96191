"""What docs/deploy.md says of the templates is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from .agreement import rights
from .bicep import INFRA, ROOT, TEMPLATE
from .code import of_the_code

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
COMPILED = json.loads(TEMPLATE.read_text(encoding="utf-8"))
OUTPUTS = sorted(COMPILED["outputs"])


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_page_lists_every_role_that_is_given_and_no_other() -> None:
    row = re.compile(r"^\| ?([\w ]*) \| ([\w ]+) \| .+ \|$", re.MULTILINE)
    given, who = set[tuple[str, str]](), ""
    for named, role in row.findall(section("Who may do what"))[1:]:
        who = {"the app": "app", "Event Grid": "events", "the operator": "operator"}.get(named, who)
        given.add((who, role))
    assert given == {(right.who, right.role) for right in rights(of_the_code())}


def test_the_containers_of_an_operator_are_those_of_the_page() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| the operator |")]
    [right] = [r for r in rights(of_the_code()) if r.role == "Storage Blob Data Contributor"]
    assert {f"containers/{name}" for name in re.findall(r"`(\w+)`", row)} == {
        *right.scopes,
        "containers/credentials",  # it says that this one is not among them
    }


@pytest.mark.parametrize(
    ("parameter", "said"),
    [("archiveDays", "400 days"), ("runDays", "90 days"), ("credentialDays", "30 days"),
     ("recoveryDays", "14 days"), ("logDays", "90 days")],
)  # fmt: skip
def test_the_page_says_how_long_things_are_kept(parameter: str, said: str) -> None:
    assert f"{COMPILED['parameters'][parameter]['defaultValue']} days" == said
    assert said in section("What is kept")


def test_parameters_that_the_page_names_are_parameters_and_none_is_left_out() -> None:
    chosen = section("2. Choose")
    named = set(re.findall(r"`([a-z]+[A-Z]\w+|settings|location|tags|name)`", chosen))
    unnamed = {"tags", "name", "pythonVersion"}
    assert {*COMPILED["parameters"]} - unnamed <= named <= {*COMPILED["parameters"]}


def test_variables_of_the_page_are_outputs_or_read_by_a_parameter_file() -> None:
    files = "".join(path.read_text(encoding="utf-8") for path in INFRA.glob("*.bicepparam"))
    read = set(re.findall(r"readEnvironmentVariable\(\s*'(\w+)'", files))
    assert set(re.findall(r"\bROLLCALL_\w+", PAGE)) <= {*OUTPUTS, *read}


def test_the_outputs_come_into_the_shell_as_the_page_says(tmp_path: Path) -> None:
    lines = PAGE.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith('eval "$(python'))
    block = dedent("\n".join(lines[first : first + 3]))
    # Azure Resource Manager changes capitals at the beginning of an output's name.
    answer = {f"{name[:5].lower()}{name[5:]}": {"type": "String", "value": f"{name} $x 'y'"}
              for name in OUTPUTS}  # fmt: skip
    (tmp_path / "outputs.json").write_text(json.dumps(answer), encoding="utf-8")
    shown = "; ".join(f'printf "%s\\n" "${name}"' for name in OUTPUTS)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -eu\n{block}\n{shown}"], cwd=tmp_path, env={"PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"{name} $x 'y'" for name in OUTPUTS]


def test_resource_providers_that_are_registered_are_those_of_the_template() -> None:
    named = re.search(r"for provider in (.+); do", PAGE)
    used = set(re.findall(r'"type": "[Mm]icrosoft\.(\w+)/', TEMPLATE.read_text(encoding="utf-8")))
    # Microsoft.App is the network's: subnets of Flex Consumption are delegated to it.
    assert named
    registered = {name.lower() for name in named[1].split()}
    always = {"authorization", "resources"}
    assert {name.lower() for name in used} - always | {"app"} == registered
