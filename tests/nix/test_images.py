"""`mkImage`: images of models, in a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.expressions import LIBRARY, bundle_pin
from support.fake_repo import BigFile, chunks, sha256
from support.hub import Hub
from support.oci import Oci, OciRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Repo
    from support.nix import NixEnv

SHARDS = 30
SIZE = 2 << 20


def revision(changed: int | None = None) -> dict[str, Content]:
    """Return the files of a model, with another content in one of its shards."""
    names = [f"model-{number:05}-of-{SHARDS:05}.safetensors" for number in range(1, SHARDS + 1)]
    shards = {
        name: BigFile(SIZE, seed=100 if number == changed else number)
        for number, name in enumerate(names)
    }
    return {**shards, "config.json": b"{}", "sub/vocab.txt": b"a\nb\n"}


class Models:
    """Models in a store, that nobody has to download."""

    def __init__(self, nix: NixEnv, hub: Hub, directory: Path) -> None:
        self.nix = nix
        self.hub = hub
        self.directory = directory

    def pin(self, repo: Repo, arguments: str = "") -> str:
        """Put the large files of a repository into the store, and return its expression."""
        files = []
        for path, content in repo.files.items():
            if path.endswith(".safetensors"):
                file = self.directory / path
                file.write_bytes(b"".join(chunks(content)))
                files.append(file)
        self.nix.run("nix-store", "--add-fixed", "sha256", *files)
        return bundle_pin(self.hub, repo, arguments)

    def image(self, models: str, arguments: str = "") -> Path:
        """Build an image of `[ … ]`, and return its program."""
        out = self.nix.build(
            f"{LIBRARY} integration.mkImage pkgs {{ models = {models}; {arguments} }}"
        )
        (program,) = (out / "bin").iterdir()
        return program


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    with nixes.available("host") as nix, Hub() as hub:
        yield Models(nix, hub, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Oci:
    return Oci(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def registry(oci: Oci, tmp_path: Path) -> Iterator[OciRegistry]:
    with OciRegistry(oci, tmp_path) as server:
        yield server


# The registry of tests has no certificate.
PLAIN = "--dest-tls-verify=false"


def test_a_second_revision_moves_its_changed_layers_only(
    models: Models, oci: Oci, registry: OciRegistry
) -> None:
    repo = models.hub.add_repo("org/model", revision(), lfs=["*.safetensors"])
    to = f"docker://{registry.url}/models/m"
    first = models.image(f"[ ({models.pin(repo)}) ]")
    said = oci.run(first, "copy", f"{to}:v1", PLAIN).stdout
    assert f"in {SHARDS + 1} layers; 0 bytes in 0 layers were there" in said
    before = registry.blobs()
    repo.commit(revision(changed=7))
    second = models.image(f"[ ({models.pin(repo)}) ]")
    said = oci.run(second, "copy", f"{to}:v2", PLAIN).stdout
    assert f"in 2 layers; 58.1 MiB in {SHARDS - 1} layers were there" in said
    after = registry.blobs()
    new = {digest: size for digest, size in after.items() if digest not in before}
    # A shard, links and small files, the configuration and the manifest.
    assert len(new) == 4
    assert sum(new.values()) <= 0.035 * sum(before.values())
    # Layers are stored as they were made, and nothing was compressed.
    assert sum(size > SIZE for size in after.values()) == SHARDS + 1
    assert oci.run(second, "copy", f"{to}:v2", PLAIN).stdout.startswith(
        f"{next(iter(new.keys() & _digests(second)))}: sent 0 bytes in 0 layers;"
    )


def _digests(program: Path) -> set[str]:
    """Return the digest of an image's manifest."""
    content = (program.parent.parent / "image/manifest.json").read_bytes()
    return {f"sha256:{sha256(content)}"}
