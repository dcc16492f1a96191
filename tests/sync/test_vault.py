"""Secrets of a Key Vault, read by the vendor's SDK over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from connectors.clever_api import CleverSource
from connectors.kinds import KINDS
from roster.errors import BadInput, Terminal, Transient
from sync.alerts import alert_silence
from sync.config import load_config, parse_config
from sync.doctor.examination import check_secrets
from sync.pulls import start_pull
from sync.record import Run, list_runs, now
from sync.storage import ARCHIVE, CONFIG, RUNS, STATE, shared_storage
from sync.vault import OF_SOURCES, VAULT_URL, reveal, secret_names, with_secrets
from tests.sync.entra import entra, use, work_off
from tests.sync.systems import SOURCE, configure, running
from tests.sync.vault import vault as serve_vault
from tests.sync.webhook import webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.vault import Secret, Vault
    from sync.storage import Storage

PLACED = "${KEYVAULT:sis@config/rollcall.yaml:3}"
CONFIGURED = """
sources:
  - name: sis
    kind: clever
    client_id: ${KEYVAULT:clever-id}
    client_secret: ${KEYVAULT:clever-secret}
"""


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    with serve_vault(tmp_path, monkeypatch) as served:
        yield served


def test_a_reference_is_replaced_when_it_is_used_and_by_the_version_of_that_moment(
    vault: Vault,
) -> None:
    vault.set("sis", "first")
    assert reveal(PLACED) == "first"
    vault.set("SIS", "second")
    assert reveal(PLACED) == "second"
    assert reveal("https://chat.example/hook") == "https://chat.example/hook"


def test_the_settings_of_a_source_get_their_secrets_and_keep_the_rest(vault: Vault) -> None:
    vault.set("clever-id", "our-app")
    vault.set("clever-secret", "s3cret")
    [source] = parse_config(CONFIGURED, "f.yaml").sources
    assert vault.reads == 0
    assert secret_names(source) == ["clever-id", "clever-secret"]
    assert with_secrets(source) == CleverSource(
        name="sis", client_id="our-app", client_secret=SecretStr("s3cret")
    )
    plain = CleverSource(name="sis", district_token=SecretStr("t"))
    assert with_secrets(plain) == plain
    assert secret_names(plain) == []


def test_every_setting_that_hides_its_value_may_be_a_secret_of_the_vault() -> None:
    hidden = {
        name
        for kind in KINDS.values()
        for name, field in kind.model_fields.items()
        if field.annotation is SecretStr
    }
    assert hidden <= set(OF_SOURCES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "people: {mode: '${KEYVAULT:mode}'}",
            (
                "f.yaml:1: ${KEYVAULT:mode} is not allowed here: a secret of the vault may be the "
                "value of client_id, client_secret, district_token, webhook"
            ),
        ),
        (
            "alerts:\n  webhook: https://chat.example/${KEYVAULT:hook}",
            (
                "f.yaml:2: https://chat.example/${KEYVAULT:hook} is not allowed: write ${ENV:NAME} "
                "for an app setting, or, as the whole value, ${KEYVAULT:name} for a secret"
            ),
        ),
        (
            "alerts: {webhook: '${KEYVAULT:my_hook}'}",
            "f.yaml:1: ${KEYVAULT:my_hook} is not allowed: write",
        ),
    ],
)
def test_a_reference_where_it_cannot_be_is_told(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_config(text, "f.yaml", {})
    assert str(caught.value).startswith(message)


def test_a_secret_that_is_not_there_is_told_with_its_place_and_the_way_to_set_it(
    vault: Vault,
) -> None:
    with pytest.raises(BadInput, match=r"^config/rollcall.yaml:3: \$\{KEYVAULT:sis\}: https://127"):
        reveal(PLACED)
    vault.set("sis", "")
    with pytest.raises(BadInput, match="the secret is empty"):
        reveal(PLACED)


def test_a_vault_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VAULT_URL, raising=False)
    with pytest.raises(BadInput, match=r"rollcall.yaml:3: .*no vault is set; set ROLLCALL_KEYV"):
        reveal(PLACED)
    monkeypatch.setenv(VAULT_URL, "contoso.vault.azure.net")
    with pytest.raises(BadInput, match="ROLLCALL_KEYVAULT_URL: 'contoso"):
        reveal(PLACED)


def test_what_may_not_be_read_is_told_apart(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.set("sis", "s3cret", enabled=False)
    with pytest.raises(Terminal, match=r"rollcall.yaml:3: .*the secret is disabled"):
        reveal(PLACED)
    vault.set("sis", "s3cret")
    vault.closed = True
    with pytest.raises(Terminal, match="closed to the network"):
        reveal(PLACED)
    vault.closed, vault.readers = False, set()
    with pytest.raises(Terminal, match="the role Key Vault Secrets User") as caught:
        reveal(PLACED)
    assert "s3cret" not in str(caught.value)


def test_a_vault_that_is_busy_or_away_is_tried_again_later(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.set("sis", "s3cret")
    vault.busy = 1
    assert reveal(PLACED) == "s3cret"  # the SDK waits as long as it is told
    vault.busy = 9
    with pytest.raises(Transient, match="answered 429") as caught:
        reveal(PLACED)
    assert caught.value.retry_after == 1
    monkeypatch.setenv(VAULT_URL, "https://127.0.0.1:9")
    with pytest.raises(Transient, match="does not answer"):
        reveal(PLACED)


def test_an_answer_that_is_not_foreseen_ends_the_run(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.vault._parts", lambda _: ("no_name", "f:1"))
    with pytest.raises(Terminal, match="the vault answered 400"):
        reveal(PLACED)


def test_a_machine_without_identity_is_told_how_to_sign_in(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.set("sis", "s3cret")
    monkeypatch.setenv("AzureWebJobsStorage__clientId", "11111111-2222-3333-4444-555555555555")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    with pytest.raises(Terminal, match="Sign-in by Key Vault"):
        reveal(PLACED)


def test_the_doctor_says_which_secrets_can_be_read_here(vault: Vault) -> None:
    vault.set("clever-id", "our-app")
    config = parse_config(CONFIGURED + "  - {name: files}\n", "f.yaml")
    [check] = check_secrets(config)
    assert (check.state, check.name) == ("warning", "secrets of source sis")
    assert "f.yaml:6: ${KEYVAULT:clever-secret}" in check.advice
    vault.set("clever-secret", "s3cret")
    [check] = check_secrets(config)
    assert check.state == "ok"


def test_an_alert_goes_to_an_address_that_is_a_secret(storage: Storage, vault: Vault) -> None:
    with webhook(storage) as received:
        vault.set("hook", str(load_config(storage).alerts.webhook))
        storage.write(CONFIG, "rollcall.yaml", b"alerts: {webhook: '${KEYVAULT:hook}'}")
        alert_silence(storage, Run("r1", "sis", "finished", "end", now()), 26)
        assert [alert["alert"] for alert in received] == ["no_run"]
        vault.secrets.clear()
        alert_silence(storage, Run("r1", "sis", "finished", "end", now()), 26)
        assert len(received) == 1


@pytest.fixture
def system(
    storage: Storage, azurite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Vault, str]]:
    """A system whose secret is in the vault, and that secret."""
    use(storage, azurite, monkeypatch)
    with (
        running() as system,
        entra(monkeypatch) as entra_,
        serve_vault(tmp_path, monkeypatch, entra_.tenant) as vault,
    ):
        settings = system.settings()
        configure(storage, settings | {"client_secret": "${KEYVAULT:sis}"})
        yield vault, settings["client_secret"]
    shared_storage.cache_clear()


def test_a_run_reads_the_vault_and_leaves_its_secrets_nowhere(
    storage: Storage, system: tuple[Vault, str]
) -> None:
    vault, right = system
    vault.set("sis", right)
    start_pull(storage, SOURCE)
    work_off(storage)
    assert list_runs(storage)[0].status == "finished"
    for container in (RUNS, STATE, ARCHIVE):
        for file in storage.list_files(container):
            assert right.encode() not in (storage.read(container, file.name) or b"")
    vault.set("sis", "another")
    start_pull(storage, SOURCE)
    work_off(storage)
    failed = list_runs(storage)[0]
    assert failed.status == "failed"
    assert "refused" in failed.error
    assert "another" not in failed.error


def test_a_secret_that_was_renewed_while_it_was_used_is_read_again(
    storage: Storage, system: tuple[Vault, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, right = system
    vault.set("sis", "old")
    find = vault.find

    def renewed(name: str, version: str = "") -> Secret | None:
        found = find(name, version)
        vault.set("sis", right)
        return found

    monkeypatch.setattr(vault, "find", renewed)
    start_pull(storage, SOURCE)
    work_off(storage)
    assert list_runs(storage)[0].status == "finished"


def test_a_vault_that_is_away_lets_the_run_wait(
    storage: Storage, system: tuple[Vault, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, right = system
    vault.set("sis", right)
    monkeypatch.setattr("sync.run.RETRY_SECONDS", 1)
    vault.busy = 3
    start_pull(storage, SOURCE)
    work_off(storage)
    assert list_runs(storage)[0].status == "finished"
