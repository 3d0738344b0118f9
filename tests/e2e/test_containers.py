"""The real model in real containers: what the helpers mount there is what huggingface_hub loads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import minilm
from support import nix as nixes
from support.container import Container
from support.environment import CHECKOUT
from support.locks import PINS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.locks import Pin
    from support.nix import NixEnv

CACHE_NAME = "models--sentence-transformers--all-MiniLM-L6-v2"
# Prints where the model is found, and whether its weights are what their blob is named after.
LOAD = f"""
import hashlib, os, pathlib, huggingface_hub
assert os.getuid() == 65534
snapshot = pathlib.Path(huggingface_hub.snapshot_download("{minilm.REPO}"))
weights = pathlib.Path(huggingface_hub.hf_hub_download("{minilm.REPO}", "{minilm.WEIGHTS}"))
assert weights == snapshot / "{minilm.WEIGHTS}"
blob = os.path.basename(os.readlink(weights))
print(snapshot, hashlib.sha256(weights.read_bytes()).hexdigest() == blob)
"""


@pytest.fixture(scope="module")
def forky() -> Iterator[NixEnv]:
    """The Nix whose root file system the containers have, too."""
    with nixes.available("forky") as environment:
        yield environment


@pytest.fixture(params=PINS[:2], ids=lambda pin: pin.name)
def model(request: pytest.FixtureRequest, forky: NixEnv, locked: Mapping[str, Path]) -> str:
    """The expression of a model in each layout; all its forms are built."""
    pin: Pin = request.param
    expression = f"({pin.expression(locked[pin.name])})"
    forky.run(
        "nix-build", "--no-out-link", "-E", f"let m = {expression}; in [ m m.linked m.copied ]"
    )
    return expression


@pytest.fixture
def container(forky: NixEnv, tmp_path: Path) -> Container:
    assert forky.root is not None
    return Container.make(tmp_path, forky.root)


def evaluate(forky: NixEnv, expression: str) -> Any:
    return forky.eval(f"let inherit (import {CHECKOUT}/nix) integration; in {expression}")


def load(
    container: Container, mounts: Mapping[str, str], env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    env = {"HF_HUB_OFFLINE": "1", **env}
    return container.run(["python3", "-c", LOAD], mounts=mounts, env=env)


def assert_loaded(done: subprocess.CompletedProcess[str], hub: str) -> None:
    assert done.returncode == 0, done.stderr
    snapshot, right = done.stdout.split()
    assert snapshot.startswith(f"{hub}/{CACHE_NAME}/snapshots/")
    assert right == "True"


@pytest.mark.parametrize("mounted", ["by the helper", "by hand"])
def test_nixos_containers(forky: NixEnv, container: Container, model: str, mounted: str) -> None:
    """These have the host's store, so that links lead somewhere."""
    if mounted == "by the helper":
        mounts = evaluate(forky, f"integration.mkContainerMounts {{ models = [ {model} ]; }}")
        ((where, mount),) = mounts.items()
        assert mount["isReadOnly"]
        what = mount["hostPath"]
        assert all(blob.is_symlink() for blob in (forky.path(what) / "blobs").iterdir())
    else:
        where = f"/var/cache/huggingface/hub/{CACHE_NAME}"
        what = evaluate(forky, f'"${{{model}}}"')
    store = str(forky.store)
    done = load(container, {store: store, where: what}, {"HF_HOME": "/var/cache/huggingface"})
    assert_loaded(done, "/var/cache/huggingface/hub")


def test_volumes(forky: NixEnv, container: Container, model: str) -> None:
    """As for Docker: what is mounted is all that is there."""
    (volume,) = evaluate(forky, f"integration.mkContainerVolumes {{ models = [ {model} ]; }}")
    what, where, mode = volume.split(":")
    assert mode == "ro"
    assert_loaded(load(container, {where: what}, {"HF_HOME": "/models"}), "/models/hub")


def test_links_alone_do_not_load(forky: NixEnv, container: Container, model: str) -> None:
    """Otherwise it would not matter which form the volumes are."""
    linked = evaluate(forky, f'"${{{model}.linked}}"')
    done = load(container, {f"/models/hub/{CACHE_NAME}": linked}, {"HF_HOME": "/models"})
    assert done.returncode != 0
    assert "IncompleteSnapshotError" in done.stderr


def test_an_image(forky: NixEnv, container: Container, model: str) -> None:
    """The environment and the files of an image; the store of the host is not there."""
    image = forky.build(f"""
      let
        pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
        inherit (import {CHECKOUT}/nix) integration;
      in
      pkgs.dockerTools.streamLayeredImage {{
        name = "inference";
        config.Env = [ "HF_HOME=${{integration.mkCache pkgs [ {model} ]}}" ];
      }}
    """)
    command = f"{image} | tar --extract --ignore-zeros --directory {container.root}"
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True)
    config = json.loads((container.root / "image.json").read_text())["config"]
    env = dict(setting.split("=", 1) for setting in config["Env"])
    assert_loaded(load(container, {}, env), f"{env['HF_HOME']}/hub")
    # Each large file is a store path, and so a layer, by itself; the small ones are one.
    linked = evaluate(forky, f'"${{{model}.linked}}"')
    bundle = Path(evaluate(forky, f'"${{{model}.bundle}}"'))
    blobs = (container.root / linked[1:] / "blobs").iterdir()
    assert {blob.readlink().parent for blob in blobs} == {forky.store, bundle}
