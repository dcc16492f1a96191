"""The examination: every check in order, each whatever became of the one before; and the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from roster.errors import BadInput, RollcallError

from ..config import FILE_NAME, Config, load_config, read_config
from ..sealing import SETTING, Sealing
from ..vault import secret_names, with_secrets
from .account import check_storage
from .check import Check, worst
from .directory import check_directory
from .features import features
from .identity import check_roles, check_sign_in
from .probe import Probed, probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graph.signin import SignIn

    from ..storage import Storage

AREA = "Configuration"


async def examine(
    file: Path | None,
    storage: Storage | None,
    sign_in: Callable[[], SignIn],
    say: Callable[[str], None],
) -> list[Check]:
    """All checks, with the configuration of `file`, else of the storage account.

    `storage` None: no account is named. `sign_in` gives the credential or raises; `say` is told
    what comes next. Writes nothing anywhere.
    """
    say("Asking the storage account")
    account = check_storage(storage)
    say("Reading the configuration")
    about, config = read_configuration(file, storage if worst(account) != "problem" else None)
    checks = [about, *check_key(config), *check_secrets(config), *account]
    say("Signing in")
    try:
        signed_in = sign_in()
    except RollcallError as error:
        return [*checks, Check("Sign-in", "way", "problem", "not signed in", str(error))]
    found, access = check_sign_in(signed_in)
    checks += found
    if access is not None:
        checks += check_roles(access, features(config))
        checks += await _directory(signed_in, config, say)
    signed_in.close()
    return checks


def read_configuration(file: Path | None, storage: Storage | None) -> tuple[Check, Config]:
    """The configuration; the defaults, where it is wrong, so that the rest can be checked."""
    from azure.core.exceptions import AzureError

    where = str(file) if file else f"config/{FILE_NAME}"
    if file is None and storage is None:
        advice = "name a file with --config, or the storage account with --account"
        found = "not read; what follows is checked for the defaults"
        return Check(AREA, where, "warning", found, advice), Config()
    try:
        config = read_config(file) if file else load_config(cast("Storage", storage))
    except RollcallError as error:
        return Check(AREA, where, "problem", "not valid", str(error)), Config()
    except AzureError as error:
        found = f"cannot be read ({type(error).__name__})"
        advice = "give the identity the role Storage Blob Data Contributor on the account"
        return Check(AREA, where, "problem", found, advice), Config()
    on = ", ".join(sorted(features(config)))
    return Check(AREA, where, "ok", f"valid; switched on: {on}"), config


def check_key(config: Config) -> list[Check]:
    """The key for first passwords, where there will be any. It is looked for on this machine."""
    if config.people.mode != "create":
        return []
    try:
        sealing = Sealing.from_environment()
    except BadInput as error:
        return [Check(AREA, SETTING, "problem", "not a key", str(error))]
    if sealing.possible:
        return [Check(AREA, SETTING, "ok", "set")]
    advice = (
        "where the function app has it, all is well: this is about this machine only. Else set "
        "what `rollcall credentials key` prints, or nobody learns a first password"
    )
    return [Check(AREA, SETTING, "warning", "not set here", advice)]


def check_secrets(config: Config) -> list[Check]:
    """Whether the secrets of the vault can be read that the sources need, on this machine."""
    checks: list[Check] = []
    for source in config.sources:
        if names := secret_names(source):
            what = f"secrets of source {source.name}"
            try:
                with_secrets(source)
            except RollcallError as error:
                advice = f"{error} Where the function app can read it, all is well: this is about "
                found = f"{', '.join(names)} cannot be read here"
                checks.append(Check(AREA, what, "warning", found, f"{advice}this machine only"))
            else:
                checks.append(Check(AREA, what, "ok", f"{', '.join(names)} can be read"))
    return checks


async def _directory(signed_in: SignIn, config: Config, say: Callable[[str], None]) -> list[Check]:
    from graph.direct import Direct

    line = Direct(signed_in)
    try:
        return await check_directory(line, config, say)
    finally:
        await line.close()


async def experiment(
    config: Config, sign_in: Callable[[], SignIn], say: Callable[[str], None], patience: float = 2.0
) -> Probed:
    """Signs in and probes the tenant. It writes: tell `intentions` before. May raise."""
    from graph.direct import Direct

    signed_in = sign_in()
    line = Direct(signed_in)
    try:
        owner = signed_in.access().object_id
        return await probe(line, features(config), owner, say, patience)
    finally:
        await line.close()
        signed_in.close()
