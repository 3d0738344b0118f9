"""The cache of `fleet.serve` before a binary cache, and nodes with `fleet.pull`."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from support import fleet
from support import nix as nixes
from support.fleet import Node, Rack, at_once
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.nix import NixEnv

    MakeNodes: TypeAlias = Callable[..., list[Node]]

MiB = 1 << 20
KEY = "cache.example.org-1"


@dataclass(frozen=True)
class Fleet:
    """A binary cache with two revisions of a model, whose shards are paths of their own."""

    cache: Path
    nixes: dict[str, NixEnv]
    settings: dict[str, Any]
    shards: list[str]
    entries: list[str]

    @property
    def size(self) -> int:
        """Bytes of the first revision."""
        return sum(path.stat().st_size for path in self.cache.rglob("*.nar")) - MiB


@pytest.fixture(scope="module")
def a_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a signed cache with a model of ten shards, and a revision that changes one of them."""
    directory = tmp_path_factory.mktemp("shards")
    with (
        nixes.available("host") as host,
        nixes.available("forky", seen_at=host.dir) as forky,
        public_directory() as cache,
    ):
        for number in range(11):
            (directory / f"shard-{number}").write_bytes(secrets.token_bytes(MiB))
        shards = host.run("nix-store", "--add-fixed", "sha256", *directory.iterdir()).stdout.split()
        entries = [entry(host, shards[:10]), entry(host, shards[1:])]
        secret, public = directory / "secret.key", directory / "public.key"
        host.run("nix-store", "--generate-binary-cache-key", KEY, secret, public)
        host.run("nix", "store", "sign", "--recursive", "--key-file", secret, *entries)
        host.run("nix", "copy", "--to", f"file://{cache}?compression=none", *entries)
        options = f'caches = [ "http://127.0.0.1:1" ]; publicKeys = [ "{public.read_text()}" ];'
        settings = fleet.settings(host, options)
        yield Fleet(cache, {"host": host, "forky": forky}, settings, shards, entries)


def entry(nix: NixEnv, shards: list[str]) -> str:
    """Build an entry that links to shards, as the library does."""
    links = " ".join(f"${{builtins.storePath {shard}}}" for shard in shards)
    expression = f"""derivation {{
      name = "model"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "/bin/mkdir $out; for shard in {links}; do /bin/ln -s $shard $out/; done" ];
    }}"""
    built = nix.run("nix-build", "--no-out-link", "-E", expression)
    return built.stdout.strip()


@pytest.fixture
def origin(a_fleet: Fleet, tmp_path: Path) -> Iterator[RecordingProxy]:
    """Return the server of the cache, which counts."""
    with Nginx(a_fleet.cache, tmp_path) as server, RecordingProxy(server.url) as proxy:
        proxy.clear()
        yield proxy


@pytest.fixture
def rack(a_fleet: Fleet, origin: RecordingProxy) -> Iterator[Rack]:
    with Rack(a_fleet.nixes["host"], origin.url) as server:
        yield server


@pytest.fixture
def nodes(a_fleet: Fleet) -> Iterator[MakeNodes]:
    """Make nodes with both Nixes, in turn, which take from a cache."""
    made: list[Node] = []

    def make(url: str, number: int = 2, **settings: object) -> list[Node]:
        given = {**a_fleet.settings, "substituters": [url], **settings}
        kinds = itertools.islice(itertools.cycle(["host", "forky"]), number)
        new = [Node(a_fleet.nixes[kind], given) for kind in kinds]
        made.extend(new)
        return new

    yield make
    for node in made:
        node.close()


def test_eight_nodes_at_once(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    eight = nodes(rack.url, 8)
    for done in at_once(eight, a_fleet.entries[0]):
        assert done.returncode == 0, done.stderr
    assert origin.sent_bytes <= 1.01 * a_fleet.size
    origin.clear()
    for done in at_once(eight, a_fleet.entries[1]):
        assert done.returncode == 0, done.stderr
    assert origin.sent_bytes <= 1.02 * MiB
