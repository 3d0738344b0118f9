"""Ollama in a directory that it shares with us: what it lists, prunes, removes and pulls."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from aimodels_engines.view import make_view
from support import ggufs
from support.fake_repo import sha256
from support.linker import contents, touched
from support.ollama_store import GRACE, OllamaStore

if TYPE_CHECKING:
    from pathlib import Path

    from support.linker import Linker

WEIGHTS = ggufs.llama()


@pytest.fixture(params=["directory", "link"])
def place(request: pytest.FixtureRequest, linker: Linker) -> Linker:
    place = linker.but(
        hub=linker.root / "ollama/models",
        mode=request.param,
        option="services.ai-models.integration.ollama",
    )
    place.store.mkdir(parents=True)
    return place


def link(place: Linker, *names: str) -> list[str]:
    """Put models with these names into the directory, and return the warnings."""
    model = place.store / f"{'1' * 32}-model"
    if not model.exists():
        model.mkdir()
        (model / "m.gguf").write_bytes(WEIGHTS)
    wanted: dict[str, object] = dict.fromkeys(("template", "license", "file")) | {"params": {}}
    view = place.store / f"{sha256(repr(names).encode())[:32]}-ollama-models"
    if not view.exists():
        make_view(
            {
                "version": 1,
                "models": {"a": {"files": str(model)}},
                "links": [],
                "texts": {},
                "ollama": [
                    {**wanted, "model": "a", "name": name, "system": "Be brief."} for name in names
                ],
            },
            view,
        )
    run = place.run("link", place.view_spec(view, "manifests"))
    assert run.status == 0
    return run.err


def age(directory: Path) -> None:
    """Let all blobs be so old that Ollama prunes those that it does not need."""
    for path in (directory / "blobs").iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)
    assert GRACE > 0


def test_what_ollama_finds(place: Linker) -> None:
    assert link(place, "one", "two:1b") == []
    ollama = OllamaStore(place.hub)
    before = touched(place.hub), contents(place.store)
    ollama.start(noprune=place.mode == "link")
    assert ollama.list() == ["one:latest", "two:1b"]
    found = ollama.get_model("two:1b")
    assert found.path is not None
    assert (found.path.read_bytes(), found.system) == (WEIGHTS, "Be brief.")
    assert (touched(place.hub), contents(place.store)) == before


@pytest.mark.parametrize("place", ["directory"], indirect=True)
def test_the_models_of_the_user_come_and_go(place: Linker) -> None:
    """Beside ours, before and after; those of ours that the user removes return."""
    ollama = OllamaStore(place.hub)
    ollama.create("mine", {"model": b"mine"})
    mine = ollama.manifest(ollama.find("mine"))
    link(place, "one", "two")
    before = contents(place.store)
    age(place.hub)
    ollama.start()
    assert ollama.list() == ["mine:latest", "one:latest", "two:latest"]
    ollama.create("more", {"model": b"more"})
    ollama.remove("mine")
    ollama.remove("one")
    assert ollama.list() == ["more:latest", "two:latest"]
    assert not any((place.hub / f"blobs/{b['digest']}").exists() for b in mine.blobs)
    assert link(place, "one", "two") == []
    assert ollama.list() == ["more:latest", "one:latest", "two:latest"]
    ollama.remove("one")
    ollama.remove("two")  # now also their blobs
    assert link(place, "one") == []
    age(place.hub)
    ollama.start()
    found = ollama.get_model("one")
    assert found.path is not None
    assert found.path.read_bytes() == WEIGHTS
    assert contents(place.store).items() >= before.items()
    place.run("unlink", place.view_spec(place.store / "x"))
    assert ollama.list() == ["more:latest"]
    assert ollama.get_model("more").path is not None


@pytest.mark.parametrize("place", ["directory"], indirect=True)
def test_a_model_that_the_user_pulls_by_the_name_of_ours_is_theirs(place: Linker) -> None:
    link(place, "one")
    ollama = OllamaStore(place.hub)
    ollama.create("one", {"model": b"newer"})
    (warning,) = link(place, "one")
    assert "latest is a file, where a model of services.ai-models.integration.ollama" in warning
    age(place.hub)
    ollama.start()
    place.run("unlink", place.view_spec(place.store / "x"))
    found = ollama.get_model("one")
    assert found.path is not None
    assert found.path.read_bytes() == b"newer"


@pytest.mark.parametrize("place", ["directory"], indirect=True)
def test_a_blob_that_the_user_has_already_is_used(place: Linker) -> None:
    ollama = OllamaStore(place.hub)
    ollama.create("mine", {"model": WEIGHTS})
    before = touched(place.hub / f"blobs/sha256-{sha256(WEIGHTS)}")
    assert link(place, "one") == []
    place.run("unlink", place.view_spec(place.store / "x"))
    assert touched(place.hub / f"blobs/sha256-{sha256(WEIGHTS)}") == before
    assert ollama.list() == ["mine:latest"]


@pytest.mark.parametrize("place", ["directory"], indirect=True)
@pytest.mark.parametrize("version", [1, 2])
def test_a_blob_of_ours_stays_while_a_model_of_the_user_needs_it(
    place: Linker, version: int
) -> None:
    """Ollama did not download it again."""
    link(place, "one")
    ollama = OllamaStore(place.hub)
    manifest = json.dumps({"layers": [{"digest": f"sha256:{sha256(WEIGHTS)}"}]})
    mine = place.hub / "manifests/registry.ollama.ai/library/mine/latest"
    if version == 2:  # of Ollama 0.40
        blob = place.hub / f"blobs/sha256-{sha256(manifest.encode())}"
        blob.write_text(manifest)
        mine = place.hub / "manifests-v2/ollama.com/library/mine/latest"
        mine.parent.mkdir(parents=True)
        mine.symlink_to(f"../../../../blobs/{blob.name}")
    else:
        mine.parent.mkdir(parents=True)
        mine.write_text(manifest)
    weights = place.hub / f"blobs/sha256-{sha256(WEIGHTS)}"
    spec = place.view_spec(place.store / "x", "manifests", "manifests-v2")
    for _ in range(2):
        assert place.run("unlink", spec).err == []
        assert weights.read_bytes() == WEIGHTS
        assert "one:latest" not in ollama.list()
    mine.unlink()
    place.run("unlink", spec)
    assert not weights.is_symlink()
    assert not place.state.exists()


@pytest.mark.parametrize("place", ["link"], indirect=True)
def test_nothing_changes_what_is_one_link(place: Linker) -> None:
    link(place, "one")
    for path in (place.hub, place.hub / "blobs"):
        assert not os.access(path, os.W_OK) or os.geteuid() == 0
    before = contents(place.store)
    OllamaStore(place.hub).start(noprune=True)
    assert contents(place.store) == before
