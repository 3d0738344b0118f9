"""Many models, and many switches from one configuration to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linker.helpers import add_download
from support.fake_repo import Repo
from support.linker import contents, touched

if TYPE_CHECKING:
    from pathlib import Path

    from support.linker import Linker, Node

_MANY = 200
_SWITCHES = 50
_FOREIGN = ("models--my--own", "models--my--link", "datasets--my--file", "version.txt", ".locks")


def stock(linker: Linker, count: int, version: str = "") -> dict[str, Path]:
    models = {}
    for number in range(count):
        repo = Repo(f"org/{number}")
        repo.commit({"config.json": f"{number}{version}".encode(), "vocab.txt": b"v"})
        models[f"models--org--{number}"] = linker.entry(repo)
    return models


def add_foreign(linker: Linker) -> None:
    """What a person has there: under the name of no model."""
    own, link, file, version, locks = (linker.hub / name for name in _FOREIGN)
    add_download(own, "a" * 40, "config.json", b"mine")
    link.symlink_to(next(path for path in linker.store.iterdir() if path.is_dir()))
    file.write_text("file")
    version.write_text("1")
    (locks / "models--org--0").mkdir(parents=True)


def foreign(linker: Linker) -> dict[str, Node]:
    """The same, as it is now."""
    there = touched(linker.hub)
    return {place: node for place, node in there.items() if place.split("/")[0] in _FOREIGN}


def expected(linker: Linker, models: dict[str, Path]) -> dict[str, Node]:
    """What has to be in the hub directory for these models."""
    if linker.mode == "link":
        return {name: ("link", str(path)) for name, path in models.items()}
    found: dict[str, Node] = {}
    for name, path in models.items():
        found[name] = ("directory",)
        for place, node in contents(path).items():
            if place.startswith("trees"):
                continue
            blob = place.startswith("blobs/")
            found[f"{name}/{place}"] = ("link", f"{path}/{place}") if blob else node
    return found


def ours(linker: Linker) -> dict[str, Node]:
    there = contents(linker.hub)
    return {place: node for place, node in there.items() if place.split("/")[0] not in _FOREIGN}


def test_many_models(either: Linker) -> None:
    models = stock(either, _MANY)
    assert either.link(models).out == [f"ai-models: linked {_MANY} in {either.hub}"]
    assert ours(either) == expected(either, models)
    before = touched(either.root / "cache")
    assert either.link(models).out == []
    assert touched(either.root / "cache") == before
    assert either.unlink().out == [f"ai-models: removed {_MANY} in {either.hub}"]
    assert contents(either.root / "cache") == {"hub": ("directory",)}


@pytest.mark.parametrize("modes", ["link link", "directory directory", "link directory"])
def test_switching_back_and_forth(linker: Linker, modes: str) -> None:
    """The same models, newer ones, more and fewer: always as configured, and nothing else."""
    old, new = stock(linker, 6), stock(linker, 8, "new")
    same, gone = "models--org--1", "models--org--0"
    new[same] = old[same]
    del new[gone]
    first, second = modes.split()
    configurations = [
        (linking, models, expected(linking, models))
        for linking, models in ((linker.but(mode=first), old), (linker.but(mode=second), new))
    ]
    linker.hub.mkdir()
    add_foreign(linker)
    before = foreign(linker)
    for _ in range(_SWITCHES):
        for linking, models, result in configurations:
            run = linking.link(models)
            assert (run.status, run.err) == (0, [])
            assert ours(linker) == result
    assert foreign(linker) == before
    linker.unlink()
    assert ours(linker) == {}
    assert foreign(linker) == before
