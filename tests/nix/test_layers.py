"""How the files of the library depend on each other, and that what they export is documented."""

from __future__ import annotations

import graphlib
import re
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIBRARY = CHECKOUT / "nix"
FILES = sorted(LIBRARY.rglob("*.nix"))
INDEX = LIBRARY / "default.nix"
ENTRY_POINTS = [
    INDEX,
    LIBRARY / "modules/nixos.nix",
    LIBRARY / "modules/home-manager.nix",
]

# From the ground up: a file imports only what is on its own floor or below it.
FLOORS = ("core", "integration", "index", "modules")

_COMMENT = re.compile(r"(?<!\S)/\*.*?\*/|^\s*#.*?$", re.DOTALL | re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PATH = re.compile(r"(?<![\w./])\.{1,2}/[\w.+/-]+")


def name(file: Path) -> str:
    return file.relative_to(LIBRARY).as_posix()


def floor(file: Path) -> int:
    if file == INDEX:
        return FLOORS.index("index")
    top = name(file).partition("/")[0]
    return FLOORS.index(top) if top in FLOORS else FLOORS.index("core")


def imports(file: Path) -> Iterator[Path]:
    """The Nix files that a file reads, by the paths in it."""
    code = _STRING.sub('""', _COMMENT.sub("", file.read_text()))
    for literal in _PATH.findall(code):
        path = (file.parent / literal).resolve()
        if path == file.parent:
            # Every other file in the directory, by its name.
            yield from (other for other in path.glob("*.nix") if other != file)
        elif path.suffix == ".nix":
            yield path
        elif (path / "default.nix").is_file():
            yield path / "default.nix"


GRAPH = {file: sorted(set(imports(file))) for file in FILES}


def test_the_imports_are_found() -> None:
    """Otherwise the tests below would prove nothing."""
    found = {name(file): [name(other) for other in others] for file, others in GRAPH.items()}
    assert found["default.nix"] == ["fetch-model.nix", "integration/default.nix"]
    assert found["sources/default.nix"] == [
        "sources/huggingface.nix",
        "sources/s3.nix",
        "sources/url.nix",
        "types/default.nix",
        "util.nix",
    ]
    assert {"integration/models.nix", "bundle-python.nix"} < set(found["modules/common.nix"])


@pytest.mark.parametrize("file", FILES, ids=name)
def test_nothing_imports_from_a_higher_floor(file: Path) -> None:
    higher = [name(other) for other in GRAPH[file] if floor(other) > floor(file)]
    assert higher == []


def test_no_import_cycle() -> None:
    order = [name(file) for file in graphlib.TopologicalSorter(GRAPH).static_order()]
    assert order.index("util.nix") < order.index("fetch-model.nix") < order.index("default.nix")


def test_every_file_is_used() -> None:
    reached: set[Path] = set()
    todo = list(ENTRY_POINTS)
    while todo:
        file = todo.pop()
        if file not in reached:
            reached.add(file)
            todo += GRAPH[file]
    assert sorted(reached) == FILES


def test_the_pure_part_needs_no_pkgs() -> None:
    """The lib of nixpkgs enters the core at two places; the modules have their own."""
    core = [file for file in FILES if floor(file) == FLOORS.index("core")]
    takes = re.compile(r"pkgs[.]lib\b|inherit \(pkgs\)[^;]*\blib\b")
    found = [name(file) for file in core if takes.search(file.read_text())]
    assert found == ["build-model.nix", "fetcher.nix"]


# Their attributes are those that sources/default.nix and views/default.nix describe.
KINDS = [
    *(file for file in FILES if file.parent.name == "sources" and file.name != "default.nix"),
    *(
        LIBRARY / f"views/{kind}.nix"
        for kind in ("comfyui", "directory", "lmstudio", "ollama", "triton")
    ),
]
INDEXES = [INDEX, LIBRARY / "integration/default.nix", LIBRARY / "types/default.nix"]


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if f not in (*KINDS, *INDEXES, *ENTRY_POINTS) and f.name != "model.nix"],
    ids=name,
)
def test_every_export_is_documented(file: Path) -> None:
    text = file.read_text()
    if text.startswith("/**\n"):
        return
    exports = re.split(r"^\{$", text, flags=re.MULTILINE)[-1]
    found = re.findall(r"^(.*)\n  (?:(\w+) =|inherit (\w+);)", exports, re.MULTILINE)
    assert found
    assert [
        attribute or inherited for before, attribute, inherited in found if before != "  */"
    ] == []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_name_is_bound_where_it_is_seen(file: Path) -> None:
    code = _COMMENT.sub("", file.read_text())
    assert re.findall(r"\bwith [\w.]+;|\brec \{", code) == []
