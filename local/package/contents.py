"""Which files of the stock a package holds.

Of the app: the modules that are reached, and the data of their packages. Of a distribution: each of
its top-level packages that is reached, whole, because packages may import within themselves in
ways that cannot be seen, without what no program reads: tests, stubs, sources in C. Of the
generated SDK: the reached modules alone. Licences stay.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .reach import GENERATED
from .stock import APP

if TYPE_CHECKING:
    from .stock import Distribution, File, Stock

SITE = PurePosixPath(".python_packages/lib/site-packages")
BESIDE_THE_APP = ("host.json", "LICENSE", "rollcall.yaml")  # the last only where there is one
_NO_PROGRAM_READS = frozenset(
    {".c", ".cc", ".cpp", ".h", ".hpp", ".hash", ".md", ".pxd", ".pxi", ".pyi", ".pyx", ".rst"}
)
_TESTS = frozenset({"test", "tests"})
_OF_A_DISTRIBUTION = frozenset({"METADATA", "entry_points.txt"})
_LICENCES = ("licen", "copying", "notice", "authors")


def chosen(stock: Stock, found: dict[str, File]) -> dict[PurePosixPath, File]:
    """The files of a package, by their names in it; `found` is what is reached."""
    kept = {file.name: file for file in _of_the_app(stock, found)}
    for distribution in stock.distributions:
        kept |= {SITE / file.name: file for file in _of_a_distribution(distribution, found)}
    return dict(sorted(kept.items()))


def _of_the_app(stock: Stock, found: dict[str, File]) -> list[File]:
    modules = {file for file in found.values() if file.owner == APP}
    packages = {file.name.parent for file in modules if file.name.name == "__init__.py"}
    all_packages = {file.name.parent for file in stock.app if file.name.name == "__init__.py"}

    def around(file: File) -> PurePosixPath:
        return next(folder for folder in file.name.parents if folder in all_packages)

    data = (file for file in stock.app if file.name.suffix != ".py")
    return [*modules, *(file for file in data if around(file) in packages)]


def _of_a_distribution(distribution: Distribution, found: dict[str, File]) -> list[File]:
    modules = {f for f in found.values() if f.owner == distribution.name}
    tops = {file.top for file in modules}
    if not tops:
        return []
    return [
        file
        for file in distribution.files
        if file in modules or _stays(file, tops) or _describes(file, distribution)
    ]


def _stays(file: File, tops: set[str]) -> bool:
    """Whether a file that is not reached itself stays with its package."""
    return (
        file.top in tops
        and file.top != GENERATED
        and file.name.suffix not in _NO_PROGRAM_READS
        and file.name.name != "py.typed"
        and not _TESTS.intersection(file.name.parts)
    )


def _describes(file: File, distribution: Distribution) -> bool:
    """Whether it is the distribution's licence, or something that is read at run time."""
    name = file.name.name
    return file.name.parts[0] == distribution.info and (
        name in _OF_A_DISTRIBUTION or name.lower().startswith(_LICENCES)
    )
