"""A small checkout and a small site-packages folder, made of the texts of their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from local.package.contents import chosen
from local.package.reach import reached
from local.package.stock import Stock, app_files, read_distributions

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Shop:
    """`pins`: the distributions in the site-packages folder."""

    folder: Path
    pins: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def app(self, files: Mapping[str, str]) -> None:
        write(self.checkout, files)

    def distribution(
        self, name: str, files: Mapping[str, str], *, version: str = "1.0", metadata: str = ""
    ) -> None:
        """`files`: below site-packages; those of its .dist-info as INFO/NAME."""
        info = f"{name}-{version}.dist-info"
        told = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}"
        placed = {file.replace("INFO/", f"{info}/"): text for file, text in files.items()}
        placed |= {f"{info}/METADATA": told}
        record = "".join(f"{file},,\n" for file in [*placed, f"{info}/RECORD"])
        write(self.site, placed | {f"{info}/RECORD": record + "../../bin/script,,\n"})
        self.pins[name] = version

    def pin_all(self) -> None:
        """Writes the checkout's two files of pins."""
        lines = "".join(f"{name}=={version}\n" for name, version in self.pins.items())
        self.app({"requirements.txt": lines, "constraints.txt": ""})

    def stock(self) -> Stock:
        return Stock(app_files(self.checkout), read_distributions(self.site, self.pins))

    def reached(self) -> set[str]:
        return set(reached(self.stock()))

    def chosen(self) -> set[str]:
        stock = self.stock()
        return {
            str(name).removeprefix(".python_packages/lib/site-packages/")
            for name in chosen(stock, reached(stock))
        }


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
