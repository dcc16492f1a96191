"""The doctor looks at an app in an emulated subscription: whole first, then spoilt part by part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.direct import Direct
from graph.patience import Patience
from graph.roles import needed
from graph.signin import sign_in
from local.azure import create_app as create_azure
from local.entra import Tenant, create_app
from local.entra.identity import UserAssigned, claims_of
from roster.errors import BadInput, Terminal
from sync.accepted import Accepted, write_accepted
from sync.config import Config
from sync.deployment import (
    BLOB_OWNER,
    CLIENT_ID,
    CREDENTIALS_KEY,
    FEDERATION,
    FUNCTIONS,
    METRICS_PUBLISHER,
    QUEUE_CONTRIBUTOR,
    QUEUE_SENDER,
    SECRETS_USER,
    SETTINGS,
    STORAGE_SETTINGS,
    TELEMETRY,
)
from sync.doctor.check import Check
from sync.doctor.deployed import read_app
from sync.doctor.rounds import Named, check_infrastructure, examine_app, identity_of
from sync.doctor.schedule import check_schedule
from sync.record import END, Run, add_run, now
from sync.resources import AZURE, App
from sync.storage import CONFIG, Storage
from tests.az import sign_in_person
from tests.deployed import ACCOUNT, APP, CLIENT, GROUP, OBJECT, Deployment, deploy
from tests.indexed import functions
from tests.sync.test_doctor import serving

UNSEEN = "not found among what you may see"
ON = ["matching", "schools", "classes", "groups"]


@dataclass
class World:
    """A tenant, and the subscription with the app. `address`: of the tenant."""

    tenant: Tenant
    made: Deployment
    address: str
    identity: UserAssigned


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The app's identity, which is signed in, may read all of Azure too."""
    tenant = Tenant(domains=["contoso.edu"])
    roles = frozenset(need.role for need in needed(ON))
    identity = UserAssigned(CLIENT, OBJECT, "/x/id-rollcall", roles)
    tenant.identity.user_assigned.append(identity)
    made = deploy(tenant.identity.tenant_id, CLIENT, OBJECT)
    with (
        serving(create_azure(made.cloud, claims_of), monkeypatch) as azure,
        serving(create_app(tenant), monkeypatch) as address,
    ):
        monkeypatch.setenv("ROLLCALL_ARM_URL", azure)
        yield World(tenant, made, address, identity)


@pytest.fixture
def running(world: World, storage: Storage) -> Storage:
    """The app's storage, with a configuration and a run of this morning."""
    storage.write(CONFIG, "rollcall.yaml", b"people: {mode: match}")
    at = now() - timedelta(hours=3)
    add_run(storage, Run("r1", "district", "finished", END, at, ended=at))
    return storage


def examine(storage: Storage | None, named: Named | None = None, **more: Any) -> dict[str, Check]:
    """The checks by area and name."""
    said: list[str] = []
    looked_for = named or Named(APP, GROUP)
    checks = asyncio.run(examine_app(looked_for, more.get("file"), storage, sign_in, said.append))
    assert said
    found = {f"{check.area}: {check.name}": check for check in checks}
    assert len(found) == len(checks)
    return found


def infrastructure(world: World) -> dict[str, Check]:
    """The checks of what Azure Resource Manager tells, and of nothing else."""

    async def run() -> list[Check]:
        signed_in = sign_in()
        line = Direct(signed_in, AZURE)
        try:
            app = App(world.made.app, world.made.app.rpartition("/")[2])
            return check_infrastructure(await read_app(Patience(line), app, lambda _: None))
        finally:
            await line.close()
            signed_in.close()

    return {f"{check.area}: {check.name}": check for check in asyncio.run(run())}


def wrong(checks: dict[str, Check]) -> dict[str, str]:
    """What is not fine, but for what an emulated tenant always lacks."""
    return {name: check.found for name, check in checks.items() if check.state != "ok"}


# The whole -----------------------------------------------------------------------------------


def test_an_app_that_is_whole_has_nothing_wrong(running: Storage) -> None:
    checks = examine(running)
    assert wrong(checks) == {}
    assert checks["Function App: functions"].found == "all 9 are there"
    assert checks["Events: subscription"].found.endswith("queue arrivals")
    assert checks["Identity: user-assigned"].found == f"id-rollcall, object id {OBJECT}"
    assert checks["Rights in Azure: queues"].found == "Storage Queue Data Contributor"
    assert checks["App roles: Group.ReadWrite.All"].state == "ok"
    assert checks["Schedule: last run"].found == "r1 of district, 3 h ago: finished"
    assert checks["Directory: verified domains"].found == "contoso.edu"


def test_nothing_is_written_and_no_value_of_a_setting_is_told(
    world: World, running: Storage
) -> None:
    world.made.settings["OWN_SECRET"] = "s3cret-value"
    checks = examine(running)
    assert world.tenant.counters["writes"] == 0
    told = "".join(f"{c.found}{c.advice}{c.command}" for c in checks.values())
    assert "s3cret-value" not in told
    assert "InstrumentationKey" not in told


def test_the_list_of_functions_is_that_of_the_code() -> None:
    assert {one.get_function_name() for one in functions()} == {*FUNCTIONS}


def test_the_only_app_of_the_group_needs_no_name(running: Storage) -> None:
    assert wrong(examine(running, Named("", GROUP))) == {}


def test_long_lists_are_read_to_their_end(world: World) -> None:
    world.made.cloud.page = 2
    assert wrong(infrastructure(world)) == {}


# Each part, spoilt ---------------------------------------------------------------------------

Spoil = Callable[[Deployment], object]


def config_of(made: Deployment) -> Any:
    return made.site["functionAppConfig"]


def entra_of(made: Deployment) -> Any:
    sign_in_settings = made.part(f"{made.app}/config/authsettingsV2")
    return sign_in_settings["identityProviders"]["azureActiveDirectory"]


def destination(made: Deployment) -> Any:
    return made.part(made.subscription)["deliveryWithResourceIdentity"]["destination"]


def second_identity(made: Deployment) -> None:
    site = made.cloud.resources[made.app.lower()]
    more = {made.identity + "2": {"principalId": "p2", "clientId": "c2"}}
    site["identity"]["userAssignedIdentities"] |= more
    made.settings[CLIENT_ID] = "neither"


def drop(made: Deployment, path: str) -> None:
    made.cloud.remove(f"{made.account}/{path}")


SPOILT: list[tuple[str, Spoil, str, str]] = [
    ("stopped", lambda m: m.site.update(state="Stopped"), "Function App: state", "Stopped"),
    ("http", lambda m: m.site.update(httpsOnly=False), "Function App: HTTPS only", "off"),
    ("python", lambda m: config_of(m)["runtime"].update(version="3.9"),
     "Function App: runtime", "python 3.9"),
    ("language", lambda m: config_of(m).pop("runtime"), "Function App: runtime", "unknown"),
    ("memory", lambda m: config_of(m)["scaleAndConcurrency"].update(instanceMemoryMB=512),
     "Function App: instances", "512 MB each, at most 40 of a function"),
    ("plan", lambda m: m.cloud.resources[m.plan.lower()].update(
        sku={"name": "Y1", "tier": "Dynamic"}), "Function App: plan", "Dynamic Y1"),
    ("no plan", lambda m: m.site.pop("serverFarmId"), "Function App: plan",
     "cannot be read: not looked for"),
    ("no code", lambda m: [m.cloud.remove(f"{m.app}/functions/{name}") for name in FUNCTIONS],
     "Function App: functions", "none"),
    ("old code", lambda m: m.cloud.remove(f"{m.app}/functions/hourly"),
     "Function App: functions", "missing: hourly"),
    ("setting", lambda m: m.settings.pop("AzureWebJobsStorage__credential"),
     "App settings: AzureWebJobsStorage__credential", "missing"),
    ("value", lambda m: m.settings.update(AZURE_TOKEN_CREDENTIALS="dev"),
     "App settings: AZURE_TOKEN_CREDENTIALS", "another value"),
    ("key", lambda m: m.settings.update(AzureWebJobsStorage="AccountKey=x"),
     "App settings: AzureWebJobsStorage", "set"),
    ("useless", lambda m: m.settings.update(TZ="UTC", WEBSITE_TIME_ZONE="UTC"),
     "App settings: not for this plan", "TZ, WEBSITE_TIME_ZONE"),
    ("reference", lambda m: m.part(f"{m.app}/config/configreferences/appsettings/"
                                   f"{CREDENTIALS_KEY}").update(status="AccessToKeyVaultDenied"),
     "App settings: Key Vault references", f"{CREDENTIALS_KEY} (AccessToKeyVaultDenied)"),
    ("identity", lambda m: m.cloud.resources[m.app.lower()].pop("identity"),
     "Identity: user-assigned", "none"),
    ("identities", second_identity, "Identity: user-assigned",
     "several: id-rollcall, id-rollcall2"),
    ("other client", lambda m: m.settings.update(AzureWebJobsStorage__clientId="x"),
     "Identity: AzureWebJobsStorage__clientId", "names another identity"),
    ("reference identity", lambda m: m.site.update(keyVaultReferenceIdentity="SystemAssigned"),
     "Identity: keyVaultReferenceIdentity", "another"),
    ("keys", lambda m: m.part(m.account).update(allowSharedKeyAccess=True),
     "Storage account: keys", "may be used"),
    ("container", lambda m: drop(m, "blobServices/default/containers/archive"),
     "Storage account: containers", "missing: archive"),
    ("package", lambda m: drop(m, "blobServices/default/containers/package"),
     "Storage account: containers", "missing: package"),
    ("policies", lambda m: m.part(m.vault).update(enableRbacAuthorization=False),
     "Rights in Azure: vault", "kv-rollcall: by access policies"),
    ("queue", lambda m: drop(m, "queueServices/default/queues/runs-poison"),
     "Storage account: queues", "missing: runs-poison"),
    ("table", lambda m: drop(m, "tableServices/default/tables/outcomes"),
     "Storage account: tables", "missing: outcomes"),
    ("no account", lambda m: m.settings.update(
        {STORAGE_SETTINGS[0]: "https://another.blob.core.windows.net"}),
     "Storage account: account", UNSEEN),
    ("blob role", lambda m: m.revoke(BLOB_OWNER.id), "Rights in Azure: blobs",
     f"missing on {ACCOUNT}"),
    ("queue role", lambda m: m.revoke(QUEUE_CONTRIBUTOR.id), "Rights in Azure: queues",
     "missing on arrivals, arrivals-poison, runs, runs-poison, changes, changes-poison"),
    ("vault role", lambda m: m.revoke(SECRETS_USER.id), "Rights in Azure: secrets",
     "missing on kv-rollcall"),
    ("metrics role", lambda m: m.revoke(METRICS_PUBLISHER.id), "Rights in Azure: telemetry",
     "missing on appi-rollcall"),
    ("topic", lambda m: m.cloud.remove(m.topic), "Events: topic", UNSEEN),
    ("subscription", lambda m: m.cloud.remove(m.subscription), "Events: subscription",
     "no subscription: none goes there"),
    ("other queue", lambda m: destination(m)["properties"].update(queueName="runs"),
     "Events: subscription", "arrivals: none goes there"),
    ("web hook", lambda m: destination(m).update(endpointType="WebHook"),
     "Events: subscription", "arrivals: none goes there"),
    ("other account", lambda m: destination(m)["properties"].update(resourceId="/x"),
     "Events: subscription", "arrivals: none goes there"),
    ("not ready", lambda m: m.part(m.subscription).update(provisioningState="Failed"),
     "Events: subscription", "arrivals is Failed"),
    ("events", lambda m: m.part(m.subscription)["filter"].update(
        includedEventTypes=["Microsoft.Storage.BlobDeleted"]),
     "Events: subscription", "arrivals leaves out Microsoft.Storage.BlobCreated"),
    ("folder", lambda m: m.part(m.subscription)["filter"].update(
        subjectBeginsWith="/blobServices/default/containers/other/"),
     "Events: subscription",
     "arrivals is for /blobServices/default/containers/other/ only"),
    ("expires", lambda m: m.part(m.subscription).update(expirationTimeUtc="2027-01-01T00:00Z"),
     "Events: subscription", "arrivals ends at 2027-01-01T00:00Z"),
    ("sender", lambda m: m.revoke(QUEUE_SENDER.id), "Events: identity",
     "lacks Storage Queue Data Message Sender"),
    ("no sender", lambda m: m.cloud.resources[m.topic.lower()].pop("identity"),
     "Events: identity", "the topic has none"),
    ("sign-in", lambda m: entra_of(m).update(enabled=False),
     "Portal sign-in: authentication", "off"),
    ("secret", lambda m: entra_of(m)["registration"].update(clientSecretSettingName="SECRET"),
     "Portal sign-in: secret", "not by identity"),
    ("health", lambda m: m.part(f"{m.app}/config/authsettingsV2")["globalValidation"].pop(
        "excludedPaths"), "Portal sign-in: health check", "needs a sign-in"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "name", "found"), [one[1:] for one in SPOILT],
                         ids=[one[0] for one in SPOILT])  # fmt: skip
def test_each_part_that_is_wrong_is_found_and_comes_with_advice(
    world: World, spoil: Spoil, name: str, found: str
) -> None:
    spoil(world.made)
    check = infrastructure(world)[name]
    assert check.found == found
    assert check.state != "ok"
    assert check.advice


def test_a_right_that_is_missing_comes_with_the_command_that_gives_it(world: World) -> None:
    world.made.revoke(SECRETS_USER.id)
    command = infrastructure(world)["Rights in Azure: secrets"].command
    assert f"--assignee-object-id {OBJECT} " in command
    assert command.endswith(f"--role {SECRETS_USER.id} --scope {world.made.vault}")


def test_a_right_on_the_whole_group_is_a_right_on_each_part(world: World) -> None:
    world.made.revoke(QUEUE_CONTRIBUTOR.id)
    group = "/".join(world.made.app.split("/")[:5])
    world.made.cloud.assign(group, OBJECT, QUEUE_CONTRIBUTOR.id)
    assert wrong(infrastructure(world)) == {}
    world.made.revoke(QUEUE_CONTRIBUTOR.id)
    world.made.cloud.assign(f"{group}-other", OBJECT, QUEUE_CONTRIBUTOR.id)
    assert "Rights in Azure: queues" in wrong(infrastructure(world))


def test_what_is_optional_may_be_absent(world: World) -> None:
    for name in (FEDERATION, CREDENTIALS_KEY):
        world.made.settings.pop(name)
    reference = f"{world.made.app}/config/configreferences/appsettings/{CREDENTIALS_KEY}"
    world.made.cloud.remove(reference)
    checks = infrastructure(world)
    assert wrong(checks) == {}
    assert not [name for name in checks if FEDERATION in name or CREDENTIALS_KEY in name]
    assert {s.name for s in SETTINGS if s.is_secret} == {CREDENTIALS_KEY}


def test_a_secret_that_stands_in_a_setting_is_told_without_showing_it(world: World) -> None:
    world.made.settings[CREDENTIALS_KEY] = "the-key-itself"
    check = infrastructure(world)[f"App settings: {CREDENTIALS_KEY}"]
    assert (check.state, check.found) == ("problem", "holds the secret itself")


def test_without_telemetry_and_vault_their_rights_are_not_asked_for(world: World) -> None:
    world.made.settings.pop(TELEMETRY)
    world.made.cloud.remove(world.made.vault)
    checks = infrastructure(world)
    assert "Rights in Azure: telemetry" not in checks
    assert "Rights in Azure: secrets" not in checks


def test_without_an_address_of_storage_nothing_more_is_said_of_it(world: World) -> None:
    for name in STORAGE_SETTINGS:
        world.made.settings.pop(name)
    checks = infrastructure(world)
    assert f"App settings: {STORAGE_SETTINGS[0]}" in wrong(checks)
    assert not [name for name in checks if name.startswith(("Storage account", "Events"))]


# What may not be seen ------------------------------------------------------------------------


def test_what_may_not_be_read_is_never_told_as_missing(world: World, running: Storage) -> None:
    cloud = world.made.cloud
    cloud.roles = {world.made.app: ("Reader",)}
    told = wrong(examine(running))
    assert told["App settings: all"] == "cannot be read: 403 AuthorizationFailed"
    assert told["Function App: plan"] == "cannot be read: 403 AuthorizationFailed"
    assert not [found for found in told.values() if "missing" in found or "none" in found]


def test_a_website_contributor_sees_the_app_and_not_what_hangs_on_it(world: World) -> None:
    world.made.cloud.roles = {
        world.made.app: ("Website Contributor",), world.made.plan: ("Reader",),
        world.made.insights: ("Reader",),
    }  # fmt: skip
    told = wrong(infrastructure(world))
    assert told["Storage account: account"] == UNSEEN
    assert not [found for found in told.values() if "missing" in found or "none" in found]


def test_who_sees_the_app_only_is_told_of_what_is_hidden(world: World) -> None:
    world.made.cloud.roles = {world.made.app: ("Website Contributor",)}
    told = wrong(infrastructure(world))
    assert told["Storage account: account"] == "cannot be read: 403 AuthorizationFailed"


@pytest.mark.parametrize(
    ("seen", "hidden"),
    [
        (("account",), ("Storage account: containers", "Rights in Azure: blobs", "Events: topic")),
        (("account", "topic"), ("Events: subscription",)),
        (("account", "topic", "subscription"), ("Events: identity",)),
    ],
)
def test_each_part_is_looked_at_by_itself(
    world: World,
    seen: tuple[str, ...],
    hidden: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rights end at a resource: what is below it cannot be read."""
    made = world.made
    visible = {getattr(made, name).lower() for name in seen} | {made.app.lower()}
    allowed = made.cloud.may

    def may(action: str, scope: str) -> bool:
        on = scope.lower()
        if "EventGrid" in action and "topic" not in seen:
            return False
        if on.startswith((made.account.lower(), made.topic.lower())):
            below = on.startswith(f"{made.topic.lower()}/") and "subscription" in seen
            return on in visible or below
        return allowed(action, scope)

    monkeypatch.setattr(made.cloud, "may", may)
    checks = infrastructure(world)
    for name in hidden:
        assert checks[name].state == "warning", name
        assert checks[name].found in ("cannot be read: 403 AuthorizationFailed", UNSEEN)


def test_an_app_that_was_just_deleted_is_told(
    world: World, running: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.azure.errors import not_found

    found = world.made.cloud.find

    def find(at: Any, path: str) -> Any:
        if path.lower().startswith(world.made.app.lower()):
            raise not_found(at.kind, at.name, at.group)
        return found(at, path)

    monkeypatch.setattr(world.made.cloud, "find", find)
    checks = examine(running)
    assert checks[f"Function App: {APP}"].found == "cannot be read: 404 ResourceNotFound"
    assert checks["Portal sign-in: authentication"].state == "warning"


def test_lists_of_the_app_that_may_not_be_read_are_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = world.made.cloud.may
    monkeypatch.setattr(
        world.made.cloud,
        "may",
        lambda action, scope: (
            "/functions" not in scope.lower()
            and "configreferences" not in scope.lower()
            and allowed(action, scope)
        ),
    )
    told = wrong(infrastructure(world))
    for name in ("Function App: functions", "App settings: Key Vault references"):
        assert told[name] == "cannot be read: 403 AuthorizationFailed"


def test_a_person_learns_of_the_app_what_they_may_not_see_themselves(
    world: World, running: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in_person(tmp_path, world.address, monkeypatch)
    checks = examine(running)
    assert checks["Sign-in: way"].found.startswith("az login")
    assert checks["App roles: Group.ReadWrite.All"].state == "ok"
    assert "App roles: all" not in checks
    roster = checks["Directory: education roster"]
    assert roster.state == "warning"
    assert "the app can, once the app role EduRoster.ReadWrite.All is granted" in roster.advice
    world.identity.roles -= {"Group.ReadWrite.All"}
    assert examine(running)["App roles: Group.ReadWrite.All"].state == "problem"


def test_app_roles_that_may_not_be_read_are_a_warning(world: World, running: Storage) -> None:
    world.tenant.identity.roles = frozenset()
    told = wrong(examine(running))
    assert told["App roles: all"] == "cannot be read"


def test_storage_that_is_not_to_be_reached_from_here_is_a_warning(world: World) -> None:
    world.made.settings.update(dict.fromkeys(STORAGE_SETTINGS, f"https://{ACCOUNT}.blob.invalid/"))
    checks = examine(None)
    for name in ("blobs", "queues", "tables"):
        check = checks[f"Storage: {name} from here"]
        assert check.state == "warning"
        assert "Storage Blob Data Reader" in check.advice
    assert checks["Configuration: config/rollcall.yaml"].state == "warning"
    assert "Schedule: nightly" not in checks


def test_a_configuration_in_a_file_counts(world: World, running: Storage, tmp_path: Path) -> None:
    file = tmp_path / "rollcall.yaml"
    file.write_text("people: {mode: create}", encoding="utf-8")
    checks = examine(running, file=file)
    assert checks["App roles: User.ReadWrite.All"].state == "problem"


# Sign-in, and which app ----------------------------------------------------------------------


def test_a_refused_sign_in_ends_the_examination(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "99999999-2222-4333-8444-555555555555")
    checks = examine(None)
    assert checks["Sign-in: way"].state == "problem"
    assert len(checks) == 1
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
    assert "nonsense" in examine(None)["Sign-in: way"].advice


def find(app: str = "", group: str = "", subscription: str = "") -> dict[str, Check]:
    return examine(None, Named(app, group, subscription))


def test_an_app_that_is_not_there_is_told_by_what_was_asked_for(world: World) -> None:
    with pytest.raises(BadInput, match="No Function App called other is in resource group"):
        find("other", GROUP)
    with pytest.raises(BadInput, match="There is no resource group rg-none"):
        find(APP, "rg-none")
    world.made.cloud.remove(world.made.app)
    with pytest.raises(BadInput, match="No Function App is in subscription"):
        find()


def test_of_several_apps_one_has_to_be_named(world: World) -> None:
    world.made.cloud.add(world.made.app.replace(APP, "second"), kind="functionapp,linux")
    world.made.cloud.add(world.made.app.replace(APP, "page"), kind="app,linux")
    with pytest.raises(BadInput, match=f"has {APP}, second: name it with --app"):
        find("", GROUP)


def test_who_may_see_no_app_is_told_what_it_takes(world: World) -> None:
    subscription = world.made.cloud.subscription
    world.made.cloud.roles = {world.made.account: ("Reader",)}
    with pytest.raises(BadInput, match="No Function App"):
        find(APP, "", subscription)
    world.made.cloud.roles = {}
    with pytest.raises(Terminal, match="the role Reader"):
        find(APP, GROUP, subscription)
    with pytest.raises(BadInput, match="may see no subscription"):
        find(APP)


def test_of_several_subscriptions_one_has_to_be_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.azure import app as azure

    told = [{"subscriptionId": f"s{n}", "displayName": f"School {n}"} for n in (1, 2)]
    monkeypatch.setattr(azure, "_subscriptions", lambda *_: {"value": told})
    with pytest.raises(BadInput, match=r"you may see s1 \(School 1\), s2 \(School 2\)"):
        find(APP)

    def refused(*_: object) -> Any:
        raise azure.ArmError(403, "AuthorizationFailed", "no")

    monkeypatch.setattr(azure, "_subscriptions", refused)
    with pytest.raises(Terminal, match="403 AuthorizationFailed"):
        find(APP)


def whose(named: Named | None) -> str:
    async def run() -> str:
        signed_in = sign_in()
        try:
            return await identity_of(signed_in, named, lambda _: None)
        finally:
            signed_in.close()

    return asyncio.run(run())


def test_the_identity_of_an_app_is_found_through_azure(world: World) -> None:
    assert whose(Named(APP)) == OBJECT
    second_identity(world.made)
    with pytest.raises(BadInput, match="several identities"):
        whose(Named(APP))
    world.made.cloud.resources[world.made.app.lower()].pop("identity")
    with pytest.raises(BadInput, match="no user-assigned identity"):
        whose(Named(APP))


def test_without_an_app_the_identity_is_who_is_signed_in_if_that_is_an_app(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whose(None) == world.tenant.identity.object_id
    sign_in_person(tmp_path, world.address, monkeypatch)
    with pytest.raises(BadInput, match="Which identity"):
        whose(None)


# The schedule --------------------------------------------------------------------------------

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def schedule(storage: Storage, text: dict[str, Any] | None = None) -> dict[str, Check]:
    config = Config.model_validate(text or {})
    return {check.name: check for check in check_schedule(storage, config, AT)}


def ran(storage: Storage, hours: int, status: str = "finished") -> None:
    at = AT - timedelta(hours=hours)
    add_run(storage, Run("r1", "district", status, END, at, ended=at))


def test_before_the_first_run_the_doctor_says_how_to_begin(storage: Storage) -> None:
    checks = schedule(storage)
    assert checks["nightly"].found == "at 02:00, UTC"
    assert checks["last run"].state == "warning"
    assert "rollcall drop" in checks["last run"].advice


def test_a_run_that_did_not_come_is_a_problem_when_one_was_due(storage: Storage) -> None:
    ran(storage, 40)
    assert schedule(storage)["last run"].state == "ok"  # nothing to go by: no files, no API
    write_accepted(storage, Accepted("district", "r1", ("orgs",)))
    late = schedule(storage)["last run"]
    assert (late.state, late.found) == ("problem", "r1 of district, 40 h ago: finished")
    assert "hourly" in late.advice
    off = schedule(storage, {"schedule": {"nightly": None}})
    assert off["nightly"].found.startswith("off")
    assert off["last run"].state == "ok"


def test_a_system_with_an_api_is_due_every_night(storage: Storage) -> None:
    ran(storage, 40)
    source = {"name": "sis", "kind": "clever", "district_token": "x"}
    assert schedule(storage, {"sources": [source]})["last run"].state == "problem"


@pytest.mark.parametrize(("status", "state"), [("held", "warning"), ("failed", "problem")])
def test_a_run_that_needs_somebody_is_told(storage: Storage, status: str, state: str) -> None:
    ran(storage, 1, status)
    check = schedule(storage)["last run"]
    assert check.state == state
    assert "rollcall show r1" in check.advice


def test_an_azure_that_fails_is_asked_again(
    world: World, running: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.azure import app as azure

    answer, times = azure._answer, iter([1, 2])

    def flaky(*arguments: Any) -> Any:
        if next(times, None):
            raise azure.ArmError(503, "ServerTimeout", "later")
        return answer(*arguments)

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(azure, "_answer", flaky)
    monkeypatch.setattr("graph.patience.Patience.__init__.__defaults__", (at_once,))
    assert wrong(examine(running)) == {}
