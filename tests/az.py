"""A stand-in for the Azure CLI: a person is signed in, and `az rest` asks the emulated tenant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

ADMINISTRATOR = "Privileged Role Administrator"
_TOOL = '''
import json, re, sys, urllib.error, urllib.request
ADDRESS, ROLES = {address!r}, {roles!r}
PUBLIC = "https://graph.microsoft.com/v1.0"
words = sys.argv[1:]


def option(*names, default=""):
    found = [words[words.index(name) + 1] for name in names if name in words]
    return found[0] if found else default


def ask(method, url, body=None, token=""):
    data = body.encode() if body else None
    headers = {{"Content-Type": "application/json", "Authorization": "Bearer " + token}}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        sys.exit("ERROR: " + error.read().decode())


def person(resource="https://graph.microsoft.com"):
    asked = json.dumps({{"directoryRoles": ROLES, "resource": resource}})
    return ask("POST", ADDRESS + "/emulator/person", asked)



def holds(row, condition):
    equal = re.fullmatch(r"(\\w+)=='(.*)'", condition)
    has = re.fullmatch(r"contains\\((\\w+), '(.*)'\\)", condition)
    if equal:
        return row[equal[1]] == equal[2]
    return has[2] in row[has[1]] if has else bool(row[condition])


def query(value, text):
    """The part of JMESPath that the scripts use."""
    text, _, first = text.partition(" | ")
    found = re.fullmatch(r"(\\w+)\\[\\?(.*)\\]\\.(\\w+)", text)
    if not found:
        return [value[text]]
    conditions = found[2].split(" && ")
    rows = [row[found[3]] for row in value[found[1]]
            if all(holds(row, one) for one in conditions)]
    return rows[:1] if first else rows


def show(value):
    if option("-o", "--output") == "tsv":
        print("\\n".join(query(value, option("--query"))))
    elif option("-o", "--output", default="json") != "none":
        print(json.dumps(value))


if words[:2] == ["account", "get-access-token"]:
    print(json.dumps(person(option("--resource"))))
elif words[:3] == ["ad", "sp", "show"]:
    url = ADDRESS + "/v1.0/servicePrincipals(appId='" + option("--id") + "')"
    show(ask("GET", url, token=person()["accessToken"]))
elif words[0] == "rest":
    url = option("--url").replace(PUBLIC, ADDRESS + "/v1.0")
    show(ask(option("--method"), url, option("--body"), person()["accessToken"]))
else:
    sys.exit("az: not imitated: " + " ".join(words))
'''


def sign_in_person(
    folder: Path, address: str, patch: pytest.MonkeyPatch, roles: Sequence[str] = (ADMINISTRATOR,)
) -> None:
    """Makes this process one in which a person has run `az login`. `address`: the tenant's."""
    tool = folder / "az"
    tool.write_text(f"#!{sys.executable}\n{_TOOL.format(address=address, roles=list(roles))}")
    tool.chmod(0o755)
    patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID"):
        patch.delenv(name, raising=False)
