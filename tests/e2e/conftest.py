"""Locks of the real model, made once, and the stores that build them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.environment import hermetic
from support.llama_server import Llama
from support.locks import BIN, PINS, aimodels_gen, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.nix import NixEnv
    from support.olah import Olah


@pytest.fixture(scope="module")
def locked(minilm_hub: Olah, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A directory with models.toml, models.lock and models.nix for each pin."""
    directories = {}
    for pin in PINS:
        directory = directories[pin.name] = tmp_path_factory.mktemp(pin.name)
        write_manifest(directory, minilm_hub.url, pin.manifest)
        # Without Nix: what `lock` puts into a store has a test of its own.
        env = {**hermetic(directory), "PATH": str(BIN)}
        rendered = aimodels_gen("lock", "models.toml", cwd=directory, env=env).stdout
        (directory / "models.nix").write_text(rendered)
    return directories


@pytest.fixture(scope="module", params=nixes.KINDS, ids=lambda kind: f"{kind}-nix")
def store(request: pytest.FixtureRequest) -> Iterator[NixEnv]:
    """Each Nix, with a store that the tests of a file share: the model is downloaded once."""
    with nixes.available(request.param) as environment:
        yield environment


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    """The real llama.cpp, with a store that the tests of a file share."""
    with nixes.available("host") as nix:
        yield Llama.beside(nix)
