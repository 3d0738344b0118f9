"""The cache of `fleet.serve` before a binary cache, and nodes with `fleet.pull`."""

from __future__ import annotations

import itertools
import secrets
import subprocess
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests

from support import fleet
from support import nix as nixes
from support.expressions import files_pin
from support.fleet import Node, Rack, at_once
from support.loopback import Response
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.hub import Hub
    from support.loopback import Request
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


def test_an_origin_that_cuts_each_part_once(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """Nodes do not notice."""
    seen: set[object] = set()

    def cut(request: Request) -> Response | None:
        asked = (request.path, request.headers.get("range"))
        if asked in seen or "range" not in request.headers:
            return None
        seen.add(asked)
        response = origin.otherwise(request)
        return replace(response, body=itertools.islice(response.pieces, 1))

    origin.faults = cut
    for done in at_once(nodes(rack.url, **{"download-attempts": 1}), a_fleet.entries[0]):
        assert done.returncode == 0, done.stderr
    assert seen


def test_a_rack_without_its_origin(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """What one node has read is there for others, also after nginx was stopped."""
    for node in nodes(rack.url):
        node.get(a_fleet.entries[0])
        origin.faults = lambda _request: Response(503)
        origin.clear()
        rack.stop()
        rack.start()
    assert origin.sent_bytes == 0


def test_a_rack_that_lacks_something_without_its_origin(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """Nix takes it from the next cache at once: for errors it would wait, and Nix 2.8 crash."""
    for node in nodes(rack.url):
        node.get(a_fleet.shards[0])
        with Rack(a_fleet.nixes["host"], origin.url) as other:
            requests.get(f"{other.url}/nix-cache-info", timeout=60)
            origin.faults = lambda _request: Response(503)
            node.settings["substituters"] = [other.url, f"file://{a_fleet.cache}"]
            assert "503" not in node.get(a_fleet.entries[0]).stderr
        origin.reset()


def test_a_rack_that_stops_in_the_middle(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """Nix continues when it is there again, and takes what it lacks from the next cache."""
    (node, other) = nodes(rack.url)
    origin.faults = lambda request: slowly(origin, request) if "range" in request.headers else None
    with node.start(a_fleet.entries[0]) as command:
        until(origin, MiB)
        rack.stop()
        rack.start()
        origin.faults = lambda _request: None
        said, _ = command.communicate()
    assert command.returncode == 0, said
    rack.stop()
    other.settings["substituters"] = [rack.url, origin.url]
    other.settings["download-attempts"] = 2
    rack.refuse()
    other.get(a_fleet.entries[0])


def test_a_node_that_is_killed(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """The rack finishes what it has begun, and the node takes the rest."""
    origin.faults = lambda request: slowly(origin, request) if "range" in request.headers else None
    for node in nodes(rack.url):
        with node.start(a_fleet.entries[0]) as command:
            until(origin, MiB)
            command.kill()
        origin.faults = lambda _request: None
        node.get(a_fleet.entries[0])
        assert node.has(a_fleet.entries[0])
    assert origin.sent_bytes <= 1.01 * a_fleet.size


def test_a_node_whose_disk_is_full(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, nodes: MakeNodes
) -> None:
    """It says so, and others are not affected; with space, it takes what it lacks."""
    for node in nodes(rack.url):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "x", node.root], check=True)
        try:
            failed = node.get(a_fleet.entries[0], check=False)
            assert failed.returncode != 0
            assert "No space left on device" in failed.stderr
            subprocess.run(["mount", "-o", "remount,size=64m", node.root], check=True)
            node.get(a_fleet.entries[0])
        finally:
            subprocess.run(["umount", "--lazy", node.root], check=True)
    assert origin.sent_bytes <= 1.01 * a_fleet.size


@pytest.mark.parametrize(
    "keys", [[], ["cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="]]
)
def test_an_entry_without_the_right_key(
    a_fleet: Fleet, rack: Rack, nodes: MakeNodes, keys: list[str]
) -> None:
    """Nodes take the files, and refuse what was built: their own Nix would assemble it."""
    for node in nodes(rack.url, **{"trusted-public-keys": keys}):
        refused = node.get(a_fleet.entries[0], check=False)
        assert refused.returncode != 0
        assert "signature" in refused.stderr or "not signed" in refused.stderr
        node.get(a_fleet.shards[0])
        assert node.has(a_fleet.shards[0])
        assert not node.has(a_fleet.entries[0])


def test_builds_that_take_files_from_the_rack(
    a_fleet: Fleet, origin: RecordingProxy, rack: Rack, models_hub: Hub
) -> None:
    """In slices, without the source of the model."""
    nix = a_fleet.nixes["host"]
    content = secrets.token_bytes(2 * MiB)
    repo = models_hub.add_repo("org/model", {"model.bin": content}, lfs=["*.bin"])
    built = f'({files_pin(models_hub, repo, "")}).blobs."model.bin"'
    path = nix.run("nix-build", "--no-out-link", "-E", built).stdout.strip()
    nix.run("nix", "copy", "--to", f"file://{a_fleet.cache}?compression=none", path)
    nix.run("nix-store", "--delete", path)
    models_hub.clear()
    assert nix.build(built, env={"AIMODELS_CACHES": rack.url}).read_bytes() == content
    assert models_hub.log == []
    assert len(content) < origin.sent_bytes <= 1.01 * len(content)


def until(origin: RecordingProxy, sent: int) -> None:
    """Wait until the origin has sent so many bytes."""
    while origin.sent_bytes < sent:
        time.sleep(0.01)


def slowly(origin: RecordingProxy, request: Request) -> Response:
    """Return a response that takes its time."""
    response = origin.otherwise(request)

    def body() -> Iterator[bytes]:
        for piece in response.pieces:
            time.sleep(0.02)
            yield piece

    return replace(response, body=body())
