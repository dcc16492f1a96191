"""The examination of a deployed app: through Azure Resource Manager, Graph and its storage.

Who looks is mostly a person with fewer rights than the app has, so what they may not read is a
warning that says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from roster.errors import BadInput, RollcallError

from ..deployment import STORAGE_SETTINGS
from ..grants import check_grants, read_grants
from ..record import now
from ..resources import AZURE, find_app
from ..storage import Storage
from .account import check_storage
from .check import Check, worst
from .deployed import read_app, read_identity
from .deployment import check_app, check_identity, check_settings, check_sign_in
from .directory import check_directory
from .examination import read_configuration
from .features import features
from .identity import AREA as SIGN_IN
from .identity import check_sign_in as sign_in_checks
from .schedule import check_schedule
from .wiring import check_account, check_events, check_rights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graph.patience import Patience
    from graph.signin import SignIn

    from ..config import Config
    from .deployed import Deployed

_HERE = (
    "as who is signed in here; the app's own rights stand under Rights in Azure. For yourself: the "
    "role Storage Blob Data Reader, and from inside where networking is private"
)


@dataclass(frozen=True)
class Named:
    """The app to look at: names as they were given, '' where none was."""

    app: str
    group: str = ""
    subscription: str = ""


async def examine_app(
    named: Named,
    file: Path | None,
    storage: Storage | None,
    sign_in: Callable[[], SignIn],
    say: Callable[[str], None],
) -> list[Check]:
    """All checks of a deployed app, with the configuration of `file`, else of its storage.

    `storage` None: the account that the app's settings name. Raises BadInput where the names fit
    no app or several. Writes nothing.
    """
    from graph.direct import Direct
    from graph.patience import Patience

    say("Signing in")
    try:
        signed_in = sign_in()
    except RollcallError as error:
        return [Check(SIGN_IN, "way", "problem", "not signed in", str(error))]
    checks, access = sign_in_checks(signed_in)
    if access is None:
        return checks
    azure, graph = Direct(signed_in, AZURE), Direct(signed_in)
    try:
        say("Looking for the app")
        line = Patience(azure)
        app = await find_app(line, named.app, named.group, named.subscription)
        deployed = await read_app(line, app, say)
        checks += check_infrastructure(deployed)
        say("Reading the configuration")
        found, config = _configuration(deployed, file, storage)
        checks += found
        say("Reading the app roles of its identity")
        checks += await _grants(Patience(graph), deployed, config)
        told = await check_directory(graph, config, say)
        checks += [_softened(one) if access.is_person else one for one in told]
    finally:
        await azure.close()
        await graph.close()
        signed_in.close()
    return checks


async def identity_of(signed_in: SignIn, named: Named | None, say: Callable[[str], None]) -> str:
    """The object id of the named app's identity; without a name, of the app that is signed in.

    Raises BadInput where that is a person, or it is not clear which identity the app uses.
    """
    if named is None:
        access = signed_in.access()
        if access.is_person:
            raise BadInput(
                "Which identity? Name it with --identity (object id, client id or name of the "
                "managed identity), or the app that uses it with --app"
            )
        return access.object_id
    return (await host_of(signed_in, named, say))[1]


async def host_of(signed_in: SignIn, named: Named, say: Callable[[str], None]) -> tuple[str, str]:
    """The host name of the named app, and the object id of its identity. Errors as above."""
    from graph.direct import Direct
    from graph.patience import Patience

    azure = Direct(signed_in, AZURE)
    try:
        say("Looking for the app")
        line = Patience(azure)
        app = await find_app(line, named.app, named.group, named.subscription)
        identity = await read_identity(line, app)
        return app.host, identity.principal_id
    finally:
        await azure.close()


def check_infrastructure(deployed: Deployed) -> list[Check]:
    """The checks of what Azure Resource Manager tells."""
    return [
        *check_app(deployed), *check_settings(deployed), *check_identity(deployed),
        *check_account(deployed), *check_rights(deployed), *check_events(deployed),
        *check_sign_in(deployed),
    ]  # fmt: skip


def _configuration(
    deployed: Deployed, file: Path | None, storage: Storage | None
) -> tuple[list[Check], Config]:
    """The configuration and the schedule, as far as who is signed in may read them."""
    addresses = [deployed.values.get(name, "") for name in STORAGE_SETTINGS]
    if storage is None and all(addresses):
        storage = Storage.from_addresses(*addresses)
    reached = check_storage(storage) if storage is not None else []
    is_open = storage is not None and worst(reached) != "problem"
    about, config = read_configuration(file, storage if is_open else None)
    checks = [about]
    checks += [
        replace(one, name=f"{one.name} from here", state="warning", advice=_HERE)
        for one in reached
        if one.state == "problem"
    ]
    if storage is not None and worst(reached) == "ok":
        checks += check_schedule(storage, config, now())
    return checks, config


async def _grants(line: Patience, deployed: Deployed, config: Config) -> list[Check]:
    if deployed.identity is None:
        return []
    try:
        grants = await read_grants(line, deployed.identity.principal_id, features(config))
    except RollcallError as error:
        return [Check("App roles", "all", "warning", "cannot be read", str(error))]
    return check_grants(grants)


def _softened(check: Check) -> Check:
    """What a person may not read tells nothing about the app."""
    if check.found != "cannot be read":
        return check
    advice = f"by who is signed in here; the app can, once {check.advice.removeprefix('it needs ')}"
    return replace(check, state="warning", advice=f"{advice} is granted")
