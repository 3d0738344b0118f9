"""The floors of the house: who may import whom, how long a class and a file may be.

Imports count wherever they are written: at the top, in functions, and under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GENERATOR, FETCHER, LINKER = "aimodels_gen", "aimodels_fetcher", "aimodels_linker"
ENGINES, IMAGES = "aimodels_engines", "aimodels_images"
PACKAGES = {
    GENERATOR: CHECKOUT / "generator" / GENERATOR,
    ENGINES: CHECKOUT / "nix/engines" / ENGINES,
    FETCHER: CHECKOUT / "nix/fetcher" / FETCHER,
    IMAGES: CHECKOUT / "nix/images" / IMAGES,
    LINKER: CHECKOUT / "nix/linker" / LINKER,
}
# Who may import whom, and what of others the programs that run in builds may need.
# `link` is the linker with another spec: its rules on files of users exist once.
OUR_IMPORTS = {
    GENERATOR: {ENGINES, FETCHER, LINKER},
    ENGINES: set[str](),
    FETCHER: set[str](),
    IMAGES: set[str](),
    LINKER: set[str](),
}
THIRD_PARTY = {
    ENGINES: set[str](),
    FETCHER: {"botocore", "certifi", "requests", "urllib3"},
    IMAGES: set[str](),
    LINKER: set[str](),
}
# The generator from top to bottom. A module imports from its own floor and from those below.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("store",),
    ("lock",),
    ("manifest",),
    ("sources",),
    ("engines", "nix", "net"),
    (
        "__init__",
        "resources",
        "schema",
        "tables",
        "pasted",
        "errors",
        "atomic",
        "cache",
        "locks",
        "documents",
        "reports",
        "columns",
        "amounts",
    ),
)
LONGEST_FILE = 400  # lines
LONGEST_CLASS = 150  # lines


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        name: The module.
        what: What is taken from it, None for all.
        runs: Whether it is run, and not only read by mypy.
    """

    line: int
    name: str
    what: str | None
    runs: bool

    @property
    def parts(self) -> list[str]:
        return [*self.name.split("."), *([self.what] if self.what else [])]


@dataclass(frozen=True)
class Module:
    """One of our modules."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[Import]:
        unrun = {
            node
            for block in ast.walk(self.tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(node.lineno, alias.name, None, node not in unrun)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.at(node.lineno)}: a relative import"
                assert node.module
                for alias in node.names:
                    yield Import(node.lineno, node.module, alias.name, node not in unrun)

    def at(self, line: int) -> str:
        return f"{self.path.relative_to(CHECKOUT)}:{line}"


def read(package: str, path: Path) -> Module:
    parts = path.relative_to(PACKAGES[package]).with_suffix("").parts
    names = [package, *(part for part in parts if part != "__init__")]
    text = path.read_text(encoding="utf-8")
    return Module(".".join(names), path, ast.parse(text), text.count("\n"))


MODULES = {
    module.name: module
    for package, directory in PACKAGES.items()
    for module in (read(package, path) for path in sorted(directory.rglob("*.py")))
}


def ours(one: Import) -> str | None:
    """Return the module of ours that is imported: a submodule where `what` names one."""
    below = f"{one.name}.{one.what}"
    return below if below in MODULES else one.name if one.name in MODULES else None


def of(package: str) -> list[Module]:
    return [module for module in MODULES.values() if module.package == package]


def floor(name: str) -> int:
    """Return the number of a generator module's floor, from the top."""
    room = (*name.split("."), "__init__")[1]
    (number,) = (number for number, rooms in enumerate(FLOORS) if room in rooms)
    return number


def test_every_module_has_a_floor() -> None:
    rooms = {room for floor in FLOORS for room in floor}
    assert {(*module.name.split("."), "__init__")[1] for module in of(GENERATOR)} <= rooms


def test_no_import_cycle() -> None:
    graph = {
        name: {other for one in module.imports() if (other := ours(one))} - {name}
        for name, module in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_no_import_of_a_higher_floor() -> None:
    assert [
        f"{module.at(one.line)}: {module.name} imports {other}"
        for module in of(GENERATOR)
        for one in module.imports()
        if (other := ours(one)) and MODULES[other].package == GENERATOR
        if floor(other) < floor(module.name)
    ] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_of_each_other_only_what_they_may(package: str) -> None:
    assert [
        f"{module.at(one.line)}: {one.name}"
        for module in of(package)
        for one in module.imports()
        if one.parts[0] in PACKAGES.keys() - {package} - OUR_IMPORTS[package]
    ] == []


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_what_runs_in_builds_needs_little(package: str) -> None:
    known = {package, "__future__", *THIRD_PARTY[package], *sys.stdlib_module_names}
    assert [
        f"{module.at(one.line)}: {one.name}"
        for module in of(package)
        for one in module.imports()
        if one.runs and one.parts[0] not in known
    ] == []


def test_the_generator_imports_nothing_private_of_others() -> None:
    own = {*PACKAGES, *sys.stdlib_module_names}
    assert [
        f"{module.at(one.line)}: {'.'.join(one.parts)}"
        for module in of(GENERATOR)
        for one in module.imports()
        if one.parts[0] not in own and any(part.startswith("_") for part in one.parts)
    ] == []


def test_no_file_is_too_long() -> None:
    lengths = {module.at(1): module.lines for module in MODULES.values()}
    assert {place: lines for place, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_class_is_too_long() -> None:
    lengths = {
        f"{module.at(node.lineno)} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in MODULES.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    assert {place: lines for place, lines in lengths.items() if lines > LONGEST_CLASS} == {}
