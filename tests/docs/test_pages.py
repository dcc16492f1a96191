"""The pages name all that there is, lead somewhere, and show settings that are allowed."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from cli import glossary
from cli.manual import pages
from cli.messages import ROOMS, text_of
from connectors.strict_rules import CLAUSES
from graph.roles import APP_ROLES
from portal.access import READERS
from roster.rules import RULES
from sync.config import Config, parse_config
from sync.record import ENDED
from sync.run import LARGEST_TRIES, STATUS
from tests.docs.shell import MADE, PAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TEXT = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
DOCS = "\n".join(TEXT.values())
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Anything(dict[str, str]):
    """An environment in which every app setting is set."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override]
        return "set"


@pytest.mark.parametrize("name", MADE)
def test_made_pages_are_as_the_code_makes_them(name: str) -> None:
    assert TEXT[name] == pages()[name], "run `make docs`"
    assert set(pages()) == set(MADE)


def test_every_rule_is_explained() -> None:
    rules = [*glossary.roster_rules(), *glossary.directory_rules()]
    assert [rule.id for rule in rules if f"| `{rule.id}` |" not in TEXT["findings.md"]] == []
    assert [clause for clause in CLAUSES if f"| `{clause}` |" not in TEXT["csv-sources.md"]] == []
    assert all(rule.message and rule.hint for rule in RULES.values())


def test_every_rule_id_that_a_page_names_exists() -> None:
    known = {rule.id for rule in (*glossary.roster_rules(), *glossary.directory_rules())}
    tables = {rule.partition(".")[0] for rule in known} - {"overrides", "select", "drift"}
    settings = {setting.path for setting in glossary.settings()}
    named = set(re.findall(rf"`((?:{'|'.join(tables)})\.[a-z_]+\.[a-z_]+)`", DOCS))
    assert named - known - settings - {f"{name}.csv" for name in tables} == set()


def test_every_setting_is_explained() -> None:
    paths = [setting.path for setting in glossary.settings()]
    assert [path for path in paths if f"| `{path}` |" not in TEXT["settings.md"]] == []
    sections = {path.partition(".")[0].removesuffix("[]") for path in paths}
    assert sections == set(Config.model_fields)


def test_every_setting_that_a_page_names_exists() -> None:
    paths = {setting.path for setting in glossary.settings()}
    sections = {path[:end] for path in paths for end in [path.rfind(".")] if end > 0}
    roots = "|".join(name for name in Config.model_fields if name not in ("classes", "overrides"))
    named = set(re.findall(rf"`((?:{roots})(?:\[\])?(?:\.[a-z_]+)+)(?:: [^`]*)?`", DOCS))
    known = paths | sections | {path.replace("[]", "") for path in paths | sections}
    files = {name for name in named if name.endswith((".csv", ".json", ".parquet", ".md"))}
    assert {name for name in named - known - files if name not in _not_settings()} == set()


def _not_settings() -> set[str]:
    """Names of rules that look like settings."""
    return {rule.id for rule in (*glossary.roster_rules(), *glossary.directory_rules())}


@pytest.mark.parametrize("role", [*APP_ROLES, *sorted(READERS)])
def test_every_app_role_has_its_place_in_the_security_model(role: str) -> None:
    assert f"| `{role}` |" in TEXT["security.md"]


def test_every_app_role_that_a_page_names_exists() -> None:
    named = set(
        re.findall(r"`((?:[A-Z][A-Za-z]+)(?:-[A-Z][a-z]+)?\.(?:[A-Z]\w+)(?:\.\w+)*)`", DOCS)
    )
    named = {name for name in named if not name.startswith(("Microsoft.", "Education."))}
    assert named - set(APP_ROLES) - READERS == {"AppRoleAssignment.ReadWrite.All"}


def test_every_consequence_of_an_error_is_explained() -> None:
    for title in ("Bad input", "Refused", "Failed", "Tried again"):
        assert f"| {title} |" in TEXT["messages.md"]
        assert title in TEXT["troubleshooting.md"]
    assert f"after {LARGEST_TRIES} tries" in TEXT["messages.md"]


def test_every_status_and_every_alert_is_explained() -> None:
    statuses = {*ENDED, *STATUS.values(), "extracting", "applying", "held"}
    code = (ROOT / "sync" / "alerts.py").read_text(encoding="utf-8")
    alerts = re.findall(r'_send\(storage, "(\w+)"', code)
    assert {"run_failed", "no_run"} <= set(alerts)
    for word in (*statuses, *alerts):
        assert f"`{word}`" in TEXT["troubleshooting.md"], word


def told_by_the_code() -> str:
    """All texts of the code, with a gap for each part that the case fills in."""
    nodes = (
        node
        for room in (*ROOMS, "portal")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr | ast.Constant | ast.BinOp)
    )
    texts = (" ".join(text_of(node).split()) for node in nodes)
    return "\n".join(texts).replace("''", "'")  # as SQL writes it


def test_the_messages_that_troubleshooting_quotes_are_told_by_the_code() -> None:
    told = told_by_the_code()
    quoted = re.findall("“([^”]+)”", TEXT["troubleshooting.md"])
    parts = [part.strip(" .;:") for text in quoted for part in text.split("…")]
    long = [part for part in parts if len(part) > 5 and not part.startswith("rollcall.yaml")]
    assert len(long) > 30
    # Numbers are the code's own: after 30 tries.
    assert [p for p in long if re.sub(r"\d+", "…", p) not in told and p not in told] == []


def links() -> Iterator[tuple[str, str]]:
    for page, text in TEXT.items():
        for target in LINK.findall(re.sub(r"(?<!`)`[^`\n]+`", "", BLOCK.sub("", text))):
            if not re.match(r"[a-z]+:", target):
                yield page, target


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_links_lead_somewhere(page: str, target: str) -> None:
    name, _, heading = target.partition("#")
    folder = ROOT if page == "README.md" else ROOT / "docs"
    path = (folder / name).resolve() if name else (folder / page)
    assert path.exists(), f"{page} links to {target}"
    if heading:
        assert heading in headings(path), f"{page} links to {target}: there is no such heading"


def headings(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    prose = BLOCK.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", [page.name for page in PAGES if page.name != "README.md"])
def test_every_page_is_reached_from_the_front_page(page: str) -> None:
    assert f"(docs/{page}" in TEXT["README.md"]


def settings_shown() -> list[tuple[str, str]]:
    return [
        (page, block)
        for page, text in TEXT.items()
        if page != "local-stack.md"  # settings of the emulators
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "block"), settings_shown())
def test_settings_that_a_page_shows_are_allowed(page: str, block: str) -> None:
    environment: Mapping[str, str] = Anything()
    parse_config(block, page, environment)
