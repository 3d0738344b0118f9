"""What the second time costs in bytes of the server's log, through garbage collection."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cache import cache_directory
from generator.stores import LFS, MANIFEST, build, collect_garbage, content, model
from support.fake_repo import BigFile, chunks

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project

SHARD = 10_000  # bytes
FILES: dict[str, Content] = {
    **{f"model-{n:05}-of-00030.safetensors": BigFile(SHARD, seed=n) for n in range(1, 31)},
    "README.md": b"# A model\n" * 50,
    "config.json": b"{}\n" * 200,
    "tokenizer/vocab.txt": b"word\n" * 2_000,
}
OTHER_SHARD: Content = BigFile(SHARD, seed=99)
OTHER_README = b"# Changed\n" * 70


@dataclass
class World:
    """A model that is locked, built and kept; all other store paths are gone."""

    hub: Hub
    project: Project
    nix: NixEnv
    repo: Repo
    layout: str

    def write(self, *others: str) -> None:
        more = (f'[models.{name}]\nsource.huggingface.repo = "org/{name}"\n' for name in others)
        self.project.write(f'[defaults]\nlayout = "{self.layout}"\n{MANIFEST}{"".join(more)}')

    def run(self, command: str) -> int:
        """Lock or update; return the bytes of files that this reads."""
        content(self.hub)
        self.project.ok(command, "-o", "models.nix")
        return content(self.hub)

    def fetch(self) -> int:
        """Prefetch copies, as docs/disk.md says, and build; return the bytes of files that came."""
        return (self.prefetch() if self.layout == "copy" else 0) + self.build()

    def prefetch(self) -> int:
        content(self.hub)
        self.project.ok("prefetch")
        return content(self.hub)

    def build(self, bump: str = "") -> int:
        """Build, keep only that, and check it; return the bytes of files that came."""
        content(self.hub)
        out = build(self.nix, self.project, bump)
        for path, expected in self.repo.files.items():
            found = (out / "snapshots" / self.repo.sha / path).read_bytes()
            assert found == b"".join(chunks(expected))
        return content(self.hub)


@pytest.fixture(params=["link", "copy"])
def world(
    hub: Hub, hub_project: Project, host_store: NixEnv, request: pytest.FixtureRequest
) -> World:
    repo = hub.add_repo("org/name", FILES, lfs=LFS)
    world = World(hub, hub_project, host_store, repo, request.param)
    world.write()
    world.run("lock")
    world.prefetch()
    assert world.build() == 0
    return world


def test_a_model_moves_on(world: World) -> None:
    """A shard of thirty is a shard, a README is a README, and a new nixpkgs is nothing."""
    changed = {**FILES, "model-00007-of-00030.safetensors": OTHER_SHARD}
    world.repo.commit(changed)
    assert world.run("update") == 0
    assert world.fetch() == SHARD

    world.repo.commit({**changed, "README.md": OTHER_README})
    assert world.run("update") == len(OTHER_README)
    assert world.fetch() == 0

    if world.layout == "copy":
        assert world.prefetch() == 0
    assert world.build(bump="another") == 0


def test_another_model_has_the_same_files(world: World) -> None:
    """All of them, or all but one."""
    world.hub.add_repo("org/twin", FILES, lfs=LFS)
    world.hub.add_repo("org/tuned", {**FILES, "README.md": OTHER_README}, lfs=LFS)
    world.write("twin", "tuned")
    assert world.run("lock") == len(OTHER_README)
    came = world.prefetch() if world.layout == "copy" else 0
    for name in ("twin", "tuned"):
        command = ("nix-build", "--no-out-link", "-E", model(world.project, name))
        world.nix.run(*command)
    assert came + content(world.hub) == 0


@pytest.mark.parametrize("keeps_cache", [True, False])
def test_garbage_is_collected_between_lock_and_prefetch(world: World, *, keeps_cache: bool) -> None:
    """The small files that are not in the cache are in the entry that is kept."""
    world.repo.commit({**FILES, "README.md": OTHER_README})
    world.run("update")
    collect_garbage(world.nix)
    if not keeps_cache:
        shutil.rmtree(cache_directory())
    assert world.prefetch() == (0 if keeps_cache else len(OTHER_README))
    assert world.build() == 0


def test_a_build_on_another_machine(world: World) -> None:
    """Where nothing has been locked, small files come together; copies need `prefetch`."""
    world.repo.commit({**FILES, "README.md": OTHER_README})
    world.run("update")
    collect_garbage(world.nix)
    shards = 0 if world.layout == "link" else 30 * SHARD
    small = sum(len(file) for file in world.repo.files.values()) - 30 * SHARD
    assert world.build() == shards + small
