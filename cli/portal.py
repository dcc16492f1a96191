"""`rollcall portal register`: the app registration with which people sign in to the portal."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

import typer

from roster.errors import BadInput

from .account import Directory
from .deployed import AppName, ResourceGroup, Subscription, named_app
from .screen import FINDINGS, Json, print_json, results, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.doctor.rounds import Named
    from sync.registration import Gap

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

app = typer.Typer(help="The portal, in which people see runs, plans and findings.")


@app.callback()
def portal() -> None:
    """The portal, in which people see runs, plans and findings."""


@app.command()
def register(
    name: AppName = "",
    group: ResourceGroup = "",
    subscription: Subscription = "",
    host: Annotated[
        str,
        typer.Option(metavar="HOST", help="The app's host name, in place of `--app`."),
    ] = "",
    identity: Annotated[
        str,
        typer.Option(
            metavar="ID|NAME",
            help="With `--host`: the app's identity, by object id, client id or name.",
        ),
    ] = "",
    client_id: Annotated[
        str,
        typer.Option(metavar="ID", help="Use this app registration and make no new one."),
    ] = "",
    reader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHO", help="May read: a username, a group's name, or an object id. Repeatable."
        ),
    ] = None,
    approver: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHO",
            help="Gets the role of who approves; in the portal it reads, too. Repeatable.",
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it. Without this nothing is changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Registers the portal with Entra ID: redirect address, roles, and trust in the app's identity.

    Shows what it would do; `--apply` does it, and doing it again is no harm. It prints the client
    id that the deployment takes. Exit code 0: all is as it should be, 1: there is something to do.
    """
    if host and not _HOST.fullmatch(host):
        raise BadInput(f"--host {host}: give a host name alone, such as NAME.azurewebsites.net")
    if bool(host) != bool(identity):
        raise BadInput("--host and --identity go together; or name the deployed app with --app")
    named = None if host else named_app(name, group, subscription, Directory.tenant)
    if named is None and not host:
        raise BadInput("Which app? Name it with --app, or give --host and --identity")
    members = {"Rollcall.Reader": reader or [], "Rollcall.Approver": approver or []}
    with working("Signing in") as say:
        gap, done = asyncio.run(
            _carry_out(named, (host, identity), client_id, members, say, apply=apply)
        )
    if as_json:
        print_json({"client_id": done or gap.client_id, "redirect": gap.wanted.redirect,
                    "steps": list(gap.steps), "applied": bool(done)})  # fmt: skip
    else:
        _print(gap, done)
    if gap.steps and not done:
        raise typer.Exit(FINDINGS)


async def _carry_out(
    named: Named | None,
    given: tuple[str, str],
    client_id: str,
    members: dict[str, list[str]],
    say: Callable[[str], None],
    *,
    apply: bool,
) -> tuple[Gap, str]:
    """What was missing, and the client id once it is there by our doing."""
    from graph.direct import Direct
    from graph.patience import Patience
    from graph.principals import find_principal
    from graph.signin import sign_in
    from sync.doctor.rounds import host_of
    from sync.registration import Wanted, close_gap, read_gap

    signed_in = sign_in()
    line = Direct(signed_in)
    try:
        if named is None:
            host, identity = given[0], (await find_principal(Patience(line), given[1])).id
        else:
            host, identity = await host_of(signed_in, named, say)
        tenant = (await asyncio.to_thread(signed_in.access)).tenant_id
        wanted = Wanted(host, identity, tenant, client_id, members)
        say("Reading the registration")
        gap = await read_gap(Patience(line), wanted)
        if not apply or not gap.steps:
            return gap, ""
        return gap, await close_gap(Patience(line), gap, say)
    finally:
        await line.close()
        signed_in.close()


def _print(gap: Gap, done: str) -> None:
    console = results()
    for step in gap.steps:
        console.print(f"{'did' if done else 'to do'}: {step}", markup=False)
    client_id = done or gap.client_id
    if client_id:
        console.print(f"Client id, the parameter portalClientId: {client_id}", markup=False)
    if gap.steps and not done:
        console.print("Nothing was changed: add --apply.")
    elif not gap.steps:
        console.print("The registration is as it should be.")
