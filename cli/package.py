"""`rollcall package`: the zip that is deployed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .screen import Json, print_json, results, working

if TYPE_CHECKING:
    from local.package.build import Package

MANY = 15  # distributions that are shown one by one


def package(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The zip to write.")] = Path(
        "rollcall.zip"
    ),
    show_files: Annotated[bool, typer.Option("--list", help="Also print every file.")] = False,
    site_packages: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Take the distributions from this folder, which pip filled for Linux and the "
            "Python of the app, and not from the package index.",
        ),
    ] = None,
    pin: Annotated[
        bool,
        typer.Option(
            "--pin", help="First write constraints.txt anew from what requirements.txt needs today."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Builds the package for Azure Functions from this checkout.

    It holds the app and what it imports, compiled for Linux, and needs no build in Azure. The same
    commit makes the same bytes.
    """
    from local.package.build import CHECKOUT, build
    from local.package.pins import pin as write_pins

    with working("Building the package") as say:
        if pin:
            say("Pinning what requirements.txt needs")
            write_pins(CHECKOUT)
        built = build(out, site=site_packages, say=say)
    if as_json:
        print_json(_result(built, show_files=show_files))
        return
    _show(built)
    if show_files:
        for file in built.files:
            results().print(f"{file.size:>12,}  {file.name}", markup=False, soft_wrap=True)


def _result(built: Package, *, show_files: bool) -> dict[str, Any]:
    result: dict[str, Any] = {
        "file": str(built.path),
        "sha256": built.checksum,
        "compiled": built.compiled,
        "size": built.size,
        "zipped": built.path.stat().st_size,
        "parts": [asdict(part) for part in built.parts],
    }
    if show_files:
        result["files"] = {str(file.name): file.size for file in built.files}
    return result


def _show(built: Package) -> None:
    from rich.table import Table

    table = Table("what", "version", title=str(built.path), title_justify="left")
    for column in ("files", "whole", "in it", "zipped"):
        table.add_column(column, justify="right")
    for part in built.parts[:MANY]:
        table.add_row(part.name, part.version, f"{part.files:,}", _mb(part.before), _mb(part.size),
                      _mb(part.zipped))  # fmt: skip
    rest = [part for part in built.parts[MANY:] if part.files]
    table.add_row(f"{len(rest)} more", "", f"{sum(p.files for p in rest):,}",
                  _mb(sum(p.before for p in rest)), _mb(sum(p.size for p in rest)),
                  _mb(sum(p.zipped for p in rest)))  # fmt: skip
    table.add_section()
    whole = sum(part.before for part in built.parts)
    table.add_row("package", "", f"{len(built.files):,}", _mb(whole), _mb(built.size),
                  _mb(built.path.stat().st_size))  # fmt: skip
    results().print(table)
    if not built.compiled:
        from local.package.pins import VERSION

        results().print(
            f"Its modules are not compiled, so that every cold start takes seconds longer: build "
            f"it with Python {VERSION}, which the app runs on."
        )
    results().print(f"sha256 {built.checksum}", soft_wrap=True)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
