"""The configuration: what it takes, what it says about mistakes, and the example that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from connectors.kinds import KINDS
from directory.policy import Inbound
from graph.quota import Quota
from roster.errors import BadInput
from sync.config import (
    Config,
    json_schema,
    load_config,
    load_for_apply,
    parse_config,
    read_config,
)
from sync.storage import CONFIG

if TYPE_CHECKING:
    from sync.storage import Storage

EXAMPLE = Path(__file__).parents[2] / "rollcall.example.yaml"


def mistakes(text: str, **env: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        parse_config(text, "f.yaml", env)
    return str(caught.value).splitlines()


def test_an_empty_file_means_the_defaults() -> None:
    assert parse_config("# nothing\n", "f.yaml") == Config()


def test_the_example_shows_every_setting_with_its_default() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert parse_config(text, "example") == Config()
    shown = yaml.safe_load(text)
    expected = Config().model_dump(mode="json", by_alias=True)

    def keys(value: object, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return set()
        below = [keys(child, f"{path}/{name}") for name, child in value.items()]
        return {f"{path}/{name}" for name in value}.union(*below)

    assert keys(shown) == keys(expected)


def _shown_sources() -> Config:
    """The example with the sources that it shows as comments."""
    text = EXAMPLE.read_text(encoding="utf-8")
    before, after = text.split("sources: []\n", 1)
    shown, rest = after.split("\n\n", 1)
    sources = "".join(f"{line.removeprefix('#')}\n" for line in shown.splitlines())
    return parse_config(f"{before}sources:\n{sources}\n{rest}", "example", {"SIS_SECRET": "x"})


def test_the_example_shows_every_kind_of_source_with_every_setting() -> None:
    config = _shown_sources()
    assert [source.kind_name for source in config.sources] == [*KINDS]
    for source in config.sources:
        given = {"name", "kind", "address", "client_id", "client_secret", "token_url"}
        fields = type(source).model_fields
        assert source.model_fields_set == fields.keys()
        for name, field in fields.items():
            assert name in given or getattr(source, name) == field.default, name


def test_the_lists_that_are_empty_by_default_are_shown_in_the_example_as_comments() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    filled = text.replace("exceptions: []\n  # ", "exceptions:\n   ").replace(
        "\n  #    ", "\n      "
    )
    config = parse_config(filled, "example")
    assert config.guards.exceptions[0].limit.count == 200


def test_the_provisioning_job_is_shown_in_the_example_as_a_comment() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    before, after = text.split("inbound: null\n")
    shown, rest = after.split("\n\n", 1)
    inbound = f"inbound:\n{shown.replace('#  ', '  ', 3)}\n\n"
    config = parse_config(before + inbound + rest, "example")
    assert config.inbound
    assert config.inbound.model_fields_set == set(Inbound.model_fields)
    assert config.inbound.daily_calls == Inbound.model_fields["daily_calls"].default


def test_the_json_schema_accepts_the_example_and_refuses_an_unknown_setting() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"peeple": {}}, schema)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "people:\n  mode: crate\n",
            (
                "f.yaml:2: people.mode: 'crate' is not allowed: input should be 'match', "
                "'create' or 'inbound'"
            ),
        ),
        (
            "alerts:\n  webhok: x\n",
            "f.yaml:2: alerts.webhok: is not a setting; allowed: webhook, silence_hours",
        ),
        (
            "\nguards:\n  removals: {percent: 300}\n",
            (
                "f.yaml:3: guards.removals.percent: '300' is not allowed: input should be less "
                "than or equal to 100"
            ),
        ),
        ("sources:\n  - kind: csv\n", "f.yaml:2: sources.0.name: is missing"),
        (
            "sources:\n  - {name: a}\n  - {name: a}\n",
            "f.yaml:2: sources: two sources are called 'a'; give each a name of its own",
        ),
        (
            "sources:\n  - name: a\n    kind: sis\n",
            (
                "f.yaml:3: sources.0.kind: 'sis' is not allowed: use any of csv, oneroster, "
                "powerschool, clever"
            ),
        ),
        (
            (
                "sources:\n  - name: a\n    kind: oneroster\n    address: http://sis.example\n"
                "    sign_in: bearer\n    client_secret: x\n"
            ),
            (
                "f.yaml:4: sources.0.address: 'http://sis.example' is not allowed: "
                "http://sis.example: not an address of the form https://host/path"
            ),
        ),
        (
            "sources:\n  - {name: a, kid: csv}\n",
            (
                "f.yaml:2: sources.0.kid: is not a setting; allowed: name, mappings, "
                "may_be_missing, kind, settle_seconds"
            ),
        ),
        (
            "alerts: soon\n",
            "f.yaml:1: alerts: 'soon' is not a section; allowed in it: webhook, silence_hours",
        ),
        (
            "time_zone: Mars\n",
            (
                "f.yaml:1: time_zone: 'Mars' is not allowed: use a name of the IANA time zone "
                "database, such as Europe/Berlin or UTC"
            ),
        ),
        ("people: [1\n", "f.yaml:2: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\na: 2\n", "f.yaml:2: a stands twice; keep one"),
        (
            "guards:\n  exceptions:\n  - {from: 2027-01-02, to: 2027-01-01, why: new, limit: {}}\n",
            "f.yaml:3: guards.exceptions.0: `to` lies before `from`",
        ),
    ],
)
def test_a_mistake_names_file_line_setting_value_and_what_is_allowed(
    text: str, message: str
) -> None:
    assert mistakes(text) == [message]


def test_a_word_that_cannot_mean_what_is_said_is_refused() -> None:
    [message] = mistakes("sources: [{name: a, mappings: {grades: {Kinder: XX}}}]\n")
    assert message.startswith("f.yaml:1: sources.0.mappings: mappings.grades: “Kinder” cannot mean")
    config = parse_config("sources: [{name: a, mappings: {grades: {Kinder: KG}}}]\n", "f")
    assert config.sources[0].mappings == {"grades": {"Kinder": "KG"}}


def test_only_tables_that_there_are_may_be_missing() -> None:
    [message] = mistakes("sources: [{name: a, may_be_missing: [guardians]}]\n")
    assert message.startswith("f.yaml:1: sources.0.may_be_missing.0: 'guardians' is not allowed: ")
    config = parse_config("sources: [{name: a, may_be_missing: [relationships]}]\n", "f")
    assert config.sources[0].may_be_missing == ("relationships",)


def test_a_file_that_is_no_mapping_is_told_what_may_stand_in_it() -> None:
    [message] = mistakes("- a\n")
    assert message.startswith("f.yaml:1: the file: '- a\\n' is not a section; allowed in it: ")


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes("people:\n  mode: x\n  disable_after_days: -1\n")
    assert [line.split(" ")[0] for line in found] == ["f.yaml:2:", "f.yaml:3:"]


def test_python_objects_are_not_made_from_yaml() -> None:
    [message] = mistakes("x: !!python/object/apply:os.system [ls]\n")
    assert message.startswith("f.yaml:1: not YAML: could not determine a constructor")


def test_characters_that_yaml_does_not_know_are_reported() -> None:
    [message] = mistakes("a: 1\nb: \x07\n")
    assert message == "f.yaml:2: not YAML: special characters are not allowed"


def test_a_setting_whose_name_is_a_list_is_reported() -> None:
    [message] = mistakes("[a]: 1\n")
    assert message.startswith("f.yaml:1: not YAML: ")


def test_an_alias_may_be_used_but_not_within_itself() -> None:
    text = "guards:\n  removals: &limit {percent: 5}\n  school_removals: *limit\n"
    assert parse_config(text, "f").guards.school_removals.percent == 5
    assert mistakes("people: &a\n  domains: *a\n") != []


def test_a_secret_comes_from_an_app_setting() -> None:
    text = "alerts: {webhook: 'https://chat.example/${ENV:HOOK}'}"
    config = parse_config(text, "f.yaml", {"HOOK": "s3cret"})
    assert config.alerts.webhook == "https://chat.example/s3cret"


def test_a_setting_that_is_not_set_is_named() -> None:
    assert mistakes("alerts: {webhook: '${ENV:HOOK}'}") == [
        "f.yaml:1: ${ENV:HOOK}: HOOK is not set"
    ]


def test_a_secret_of_the_vault_stays_a_reference_that_knows_its_place() -> None:
    config = parse_config("alerts:\n  webhook: ${KEYVAULT:hook}\n", "f.yaml", {})
    assert config.alerts.webhook == "${KEYVAULT:hook@f.yaml:2}"


def test_a_secret_that_is_wrong_is_not_printed() -> None:
    [message] = mistakes("alerts: {webhook: '${ENV:HOOK}'}", HOOK="s3cret")
    assert "s3cret" not in message
    assert "${ENV:HOOK}" in message


def test_norway_is_a_country_and_an_unquoted_time_is_a_time() -> None:
    config = parse_config("people: {usage_location: NO}\nschedule: {nightly: 22:00}\n", "f")
    assert config.people.usage_location == "NO"
    assert config.schedule.nightly == "22:00"


def test_the_configuration_comes_from_the_blob_then_the_app_folder_then_the_defaults(
    storage: Storage, tmp_path: Path
) -> None:
    assert load_config(storage, tmp_path) == Config()
    (tmp_path / "rollcall.yaml").write_text("time_zone: Europe/Oslo\n")
    assert load_config(storage, tmp_path).zone.key == "Europe/Oslo"
    storage.write(CONFIG, "rollcall.yaml", b"\xef\xbb\xbftime_zone: Europe/Paris\n")
    assert load_config(storage, tmp_path).time_zone == "Europe/Paris"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.yaml: cannot be read"):
        read_config(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"people: \xff\n")
    with pytest.raises(BadInput, match=r"latin\.yaml: cannot be read"):
        read_config(tmp_path / "latin.yaml")


def test_a_source_is_any_legal_folder_unless_the_configuration_names_one() -> None:
    assert Config().source("district") is not None
    assert Config().source("No Such/Name") is None
    named = parse_config("sources: [{name: a, settle_seconds: 5}]", "f")
    found = named.source("a")
    assert found is not None
    assert found.settle_seconds == 5
    assert named.source("b") is None


def test_the_quota_of_the_directory_is_a_setting() -> None:
    assert Config().graph.quota() == Quota(3_000, 150.0, "thirds", "low")
    half = parse_config("graph: {writes: 1500, bind_cost: one, priority: normal}", "f")
    assert half.graph.quota() == Quota(1_500, 150.0, "one", "normal")
    with pytest.raises(BadInput, match=r"f:1: graph\.bind_cost: 'two' is not allowed"):
        parse_config("graph: {bind_cost: two}", "f")


def test_a_configuration_that_broke_during_a_run_does_not_stop_its_writes(storage: Storage) -> None:
    storage.write(CONFIG, "rollcall.yaml", b"graph: {writes: 100}")
    assert load_for_apply(storage).graph.writes == 100
    storage.write(CONFIG, "rollcall.yaml", b"graph: {writes: none}")
    assert load_for_apply(storage).graph.quota() == Quota()
