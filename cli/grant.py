"""`rollcall grant`: the app roles of the app's identity, as the configuration needs them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roster.errors import BadInput

from .account import Account, Against, Directory, named_storage
from .check import ConfigFile
from .deployed import AppName, ResourceGroup, Subscription, configuration, named_app
from .screen import FAILED, FINDINGS, FINE, Json, notes, print_json, results, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from graph.principals import Assignment
    from sync.doctor.rounds import Named
    from sync.grants import Done, Grants

IDENTITY = "ROLLCALL_IDENTITY_OBJECT_ID"
Identity = Annotated[
    str,
    typer.Option(
        "--identity",
        envvar=IDENTITY,
        metavar="ID|NAME",
        help="The app's identity: object id, client id or name of a managed identity. Default: "
        "that of the deployed app (`--app`), else who is signed in, if that is an app.",
    ),
]


class Script(StrEnum):
    """A language in which the grants can be had as a script."""

    bash = "bash"
    powershell = "powershell"


@dataclass(frozen=True)
class Wish:
    """What is to be done: `exact` takes away what is too much, `revoke` all that is Rollcall's."""

    apply: bool
    exact: bool
    revoke: bool

    def gives(self, grants: Grants) -> list[str]:
        """The roles to grant."""
        return [] if self.revoke else [need.role for need in grants.to_grant]

    def takes(self, grants: Grants) -> list[Assignment]:
        """The roles to take away."""
        return grants.own if self.revoke else grants.extra if self.exact else []


def grant(
    identity: Identity = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it. Without this nothing is changed.")
    ] = False,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Also take away the app roles of Microsoft Graph that nothing configured needs.",
        ),
    ] = False,
    revoke: Annotated[
        bool,
        typer.Option(
            "--revoke", help="Take away every app role that Rollcall may ask for, and give none."
        ),
    ] = False,
    script: Annotated[
        Script | None,
        typer.Option(help="Only print a script that grants the roles, for who has no Rollcall."),
    ] = None,
    app: AppName = "",
    group: ResourceGroup = "",
    subscription: Subscription = "",
    config: ConfigFile = None,
    account: Account = None,
    against: Against = Directory.tenant,
    as_json: Json = False,
) -> None:
    """Gives the app's identity the app roles of Microsoft Graph that the configuration needs.

    Shows what it would do; `--apply` does it. Exit code 0: all is as it should be, 1: there is
    something to do, 3: it could not be done.
    """
    from sync.doctor.features import features

    if revoke and (exact or script):
        raise BadInput("--revoke takes everything away; --exact and --script are about granting")
    settings, is_named = configuration(config, named_storage(against, account))
    if exact and apply and not is_named:
        raise BadInput(
            "--exact takes away what the configuration does not need: name it with --config or "
            "--account"
        )
    on = features(settings)
    if script:
        _print_script(script, on, identity)
        return
    if against is Directory.demo and identity == os.environ.get(IDENTITY):
        identity = ""  # it is of a tenant; the demo's own is meant
    named = None if identity else named_app(app, group, subscription, against)
    wish = Wish(apply, exact, revoke)
    with working("Signing in") as say:
        grants, done = asyncio.run(_carry_out(identity, named, on, wish, say))
    if as_json:
        print_json(_told(grants, done, wish))
    else:
        _print(grants, done, wish)
    if code := _code(grants, done, wish):
        raise typer.Exit(code)


async def _carry_out(
    identity: str,
    named: Named | None,
    on: frozenset[str],
    wish: Wish,
    say: Callable[[str], None],
) -> tuple[Grants, Done | None]:
    """Looks, and does what is wished; None where nothing was to be done or only shown."""
    from graph.direct import Direct
    from graph.patience import Patience
    from graph.signin import sign_in
    from sync.doctor.rounds import identity_of
    from sync.grants import change_grants, read_grants

    signed_in = sign_in()
    graph = Direct(signed_in)
    try:
        wanted = identity or await identity_of(signed_in, named, say)
        say("Reading app roles")
        line = Patience(graph)
        grants = await read_grants(line, wanted, on)
        give, take = wish.gives(grants), wish.takes(grants)
        if not wish.apply or not (give or take):
            return grants, None
        return grants, await change_grants(line, grants, give, take, say)
    finally:
        await graph.close()
        signed_in.close()


def _code(grants: Grants, done: Done | None, wish: Wish) -> int:
    if done is not None:
        return FAILED if done.refused else FINE
    return FINDINGS if wish.gives(grants) or wish.takes(grants) else FINE


def _told(grants: Grants, done: Done | None, wish: Wish) -> dict[str, Any]:
    """For programs: who, what is and what should be, and what was done."""
    who = grants.principal
    told: dict[str, Any] = {
        "identity": {"id": who.id, "client_id": who.app_id, "name": who.name, "kind": who.kind},
        "roles": [
            {"role": need.role, "purpose": need.purpose, "granted": need.role in grants.held}
            for need in grants.wanted
        ],
        "extra": sorted(one.value or one.role_id for one in grants.extra),
        "to_grant": wish.gives(grants),
        "to_revoke": [one.value or one.role_id for one in wish.takes(grants)],
        "applied": done is not None,
    }
    return told | (done.as_dict() if done is not None else {})


def _print_script(script: Script, on: frozenset[str], identity: str) -> None:
    from graph.grant_scripts import bash_script, power_shell_script
    from graph.roles import needed

    write = {Script.bash: bash_script, Script.powershell: power_shell_script}[script]
    roles = [need.role for need in needed(on)]
    results().print(write(roles, identity), markup=False, soft_wrap=True, end="")


def _print(grants: Grants, done: Done | None, wish: Wish) -> None:
    from rich import box
    from rich.table import Table

    console, who = results(), grants.principal
    console.print(f"{who.name} ({who.kind}), object id {who.id}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("app role", "now", "what for"):
        table.add_column(heading, overflow="fold")
    takes = {one.id for one in wish.takes(grants)}
    for need in grants.wanted:
        is_held = need.role in grants.held
        table.add_row(need.role, _state(is_held, need.role, wish, done), need.purpose)
    for one in grants.extra:
        name = one.value or one.role_id
        told = _gone(name, done) if one.id in takes else "granted"
        table.add_row(name, told, "nothing that is configured needs it")
    console.print(table)
    _print_end(grants, done, wish)


def _state(is_held: bool, role: str, wish: Wish, done: Done | None) -> str:
    if wish.revoke:
        return _gone(role, done) if is_held else "not granted"
    if is_held:
        return "granted"
    return "granted now" if done is not None and role in done.granted else "to be granted"


def _gone(role: str, done: Done | None) -> str:
    return "taken away" if done is not None and role in done.revoked else "to be taken away"


def _print_end(grants: Grants, done: Done | None, wish: Wish) -> None:
    """What comes next."""
    from sync.grants import KEPT_TOKEN

    console = results()
    gives, takes = wish.gives(grants), wish.takes(grants)
    if done is not None and not done.refused:
        console.print(KEPT_TOKEN, markup=False)
    elif done is not None:
        _print_refused(grants, done, wish)
    elif gives or takes:
        console.print(
            f"{len(gives)} to grant, {len(takes)} to take away. Nothing was changed: add --apply. "
            "It takes a Privileged Role Administrator or a Global Administrator."
        )
    elif not wish.revoke:
        console.print("The identity has every app role that the configuration needs.")
    else:
        console.print("The identity has none of the app roles that Rollcall may ask for.")
    if grants.writing and not (wish.exact or wish.revoke):
        console.print(
            f"More than needed, and able to write: {', '.join(grants.writing)}. Take them away "
            "with --exact.", style="yellow", markup=False,
        )  # fmt: skip


def _print_refused(grants: Grants, done: Done, wish: Wish) -> None:
    """Exactly what somebody else has to approve, and how they can do it."""
    from graph.grant_scripts import bash_script

    console = results()
    console.print(f"Not done: {done.refused}.", style="red", markup=False)
    console.print(f"To be approved for {grants.principal.name}, object id {grants.principal.id}:",
                  markup=False)  # fmt: skip
    gives = [role for role in wish.gives(grants) if role in done.left]
    for role in done.left:
        what = "grant" if role in gives else "take away"
        console.print(f"  {what} {role}", markup=False)
    if gives:
        console.print(
            "This script grants them, in bash (https://shell.azure.com has all it needs):"
        )
        script = bash_script(gives, grants.principal.id)
        console.print(script, markup=False, soft_wrap=True, style="cyan", end="")
    notes().print("`az login` as somebody else, then run the same command again, does it too.")
