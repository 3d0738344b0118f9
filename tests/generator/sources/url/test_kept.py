"""What `lock` reads in full for its checksum is in the store afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import is_content, lock, pin
from support.fake_repo import BigFile, mirror
from support.loopback import LoopbackServer, Response
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.loopback import Request
    from support.nix import NixEnv
    from support.project import Project

BIG = BigFile(20 << 20, seed=5)
LARGE = BigFile(64 << 20, seed=6)
HEADER = 1 << 17  # more than what is read once more for the header of a GGUF file


@pytest.fixture
def server() -> Iterator[RecordingProxy]:
    with public_directory() as folder:
        mirror(folder / "www", {"model.gguf": BIG, "large.gguf": LARGE})
        with Nginx(folder / "www", folder) as nginx, RecordingProxy(nginx.url) as proxy:
            yield proxy


def test_it_is_fetched_once(project: Project, server: RecordingProxy, nix_store: NixEnv) -> None:
    assert lock(project, f"{server.url}/model.gguf").status == 0
    read = sum(request.sent_bytes for request in server.log)
    assert BIG.size <= read < BIG.size + HEADER
    server.log.clear()
    done = project.run("prefetch")
    assert done.status == 0
    assert "m  1 path: 1 there already" in done.err
    assert server.log == []
    assert not [p for p in nix_store.dir.iterdir() if p.name.startswith(".aimodels-gen")]


@pytest.mark.parametrize("arguments", [("lock",), ("lock", "--prefetch")])
def test_it_is_read_in_parts_over_several_connections(
    project: Project, server: RecordingProxy, nix_store: NixEnv, arguments: tuple[str, ...]
) -> None:
    assert lock(project, f"{server.url}/large.gguf", args=arguments[1:]).status == 0
    parts = [request.headers.get("range") for request in filter(is_content, server.log)]
    assert len(parts) == len(set(parts)) > 2
    assert len({request.client_port for request in filter(is_content, server.log)}) > 1
    assert LARGE.size <= server.sent_bytes < LARGE.size + HEADER
    assert project.run("prefetch").status == 0
    assert LARGE.size <= server.sent_bytes < LARGE.size + HEADER
    (stored,) = nix_store.store.glob("*-model.gguf")
    assert stored.stat().st_size == LARGE.size


@pytest.mark.parametrize("size", [BIG.size, 5])
def test_a_size_that_only_head_says_is_enough(
    project: Project, nix_store: NixEnv, size: int
) -> None:
    content = bytes(size)

    def answer(request: Request) -> Response:
        return Response(200, {}, content, "length" if request.method == "HEAD" else "chunked")

    server = LoopbackServer(answer)
    try:
        assert lock(project, f"{server.url}/model.gguf").status == 0
        assert bool([*nix_store.store.glob("*-model.gguf")]) == (size == BIG.size)
        server.log.clear()
        project.ok("prefetch")
        assert server.log == []  # the user's cache has the small one
    finally:
        server.close()


@pytest.mark.parametrize("lacks", ["Nix", "a store that takes it", "room"])
def test_without_a_store_it_is_only_hashed(
    project: Project,
    server: RecordingProxy,
    nix_store: NixEnv,
    monkeypatch: pytest.MonkeyPatch,
    lacks: str,
) -> None:
    if lacks == "Nix":
        monkeypatch.setattr("aimodels_gen.nix.store.have_nix", lambda: False)
    elif lacks == "room":
        monkeypatch.setattr("aimodels_gen.lock.kept_content._COPIES", 1 << 40)
    else:
        monkeypatch.setenv("NIX_STATE_DIR", "/dev/null")
    assert lock(project, f"{server.url}/model.gguf").status == 0
    assert pin(project)["size"] == BIG.size
    assert not [p for p in nix_store.dir.iterdir() if p.name.startswith(".aimodels-gen")]
