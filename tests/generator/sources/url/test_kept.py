"""What `lock` reads in full for its checksum is in the store afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import lock, pin
from support.fake_repo import BigFile, mirror
from support.nginx import Nginx, public_directory
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv
    from support.project import Project

BIG = BigFile(20 << 20, seed=5)


@pytest.fixture
def server() -> Iterator[RecordingProxy]:
    with public_directory() as folder:
        mirror(folder / "www", {"model.gguf": BIG})
        with Nginx(folder / "www", folder) as nginx, RecordingProxy(nginx.url) as proxy:
            yield proxy


def test_it_is_fetched_once(project: Project, server: RecordingProxy, nix_store: NixEnv) -> None:
    assert lock(project, f"{server.url}/model.gguf").status == 0
    read = sum(request.sent_bytes for request in server.log)
    assert BIG.size <= read < BIG.size + 4096
    server.log.clear()
    done = project.run("prefetch")
    assert done.status == 0
    assert "m  1 path: 1 there already" in done.err
    assert server.log == []
    assert not [p for p in nix_store.dir.iterdir() if p.name.startswith(".aimodels-gen")]


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
