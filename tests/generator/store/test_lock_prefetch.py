"""`lock --prefetch`: what locking has to read is downloaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.sources.buckets import INTEGRATION, content_requests, write
from generator.stores import LFS, MIB, content
from support.fake_repo import BigFile, chunks
from support.loopback import LoopbackServer, Response

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.hub import Hub
    from support.loopback import Request
    from support.nix import NixEnv
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto

SIZES = {"large.bin": 17 * MIB, "middle.bin": 3 * MIB, "small.bin": 900}


def body(number: int, size: int) -> bytes:
    return b"".join(chunks(BigFile(size, seed=number)))


def check(project: Project, nix: NixEnv, paths: int) -> None:
    """Prefetch once more: all is there."""
    done = project.run("prefetch")
    assert (done.status, done.out) == (0, "")
    assert f"{paths} path" in done.err
    assert "there already" in done.err
    assert not [path for path in nix.dir.iterdir() if path.name.startswith(".aimodels-gen")]


def test_addresses(project: Project, host_store: NixEnv) -> None:
    """Large and small ones, and one whose size no answer says."""
    files = {name: body(n, size) for n, (name, size) in enumerate(SIZES.items())}
    files["unknown.bin"] = body(9, 2 * MIB)

    def answer(request: Request) -> Response:
        name = request.path.lstrip("/")
        return Response(200, {}, files[name], "chunked" if name == "unknown.bin" else "length")

    server = LoopbackServer(answer)
    try:
        listed = ", ".join(f'"{name}" = "{server.url}/{name}"' for name in files)
        project.write(f"[models.m]\nsource.url.files = {{ {listed} }}\n{INTEGRATION}\n")
        done = project.run("lock", "--prefetch", "-o", "models.nix")
        assert done.status == 0, done.err
        whole = [r.path for r in server.log if is_whole(r)]
        assert sorted(whole) == sorted(f"/{name}" for name in files)
        server.log.clear()
        check(project, host_store, 4)
        assert server.log == []
    finally:
        server.close()


def is_whole(request: Request) -> bool:
    """Not where only the beginning was looked at."""
    return request.method == "GET" and not request.is_peek


def test_a_bucket_without_checksums(
    project: Project,
    host_store: NixEnv,
    moto: Moto,
    bucket: str,
    recording_proxy: RecordingProxy,
) -> None:
    files: dict[str, Content] = {"middle.bin": BigFile(3 * MIB, seed=7), "small.bin": b"s" * 900}
    moto.put(bucket, files, checksum=None)
    write(project, bucket)
    done = project.run("lock", "--prefetch", "-o", "models.nix")
    assert done.status == 0, done.err
    total = sum(map(len, files.values()))
    assert total <= sum(r.sent_bytes for r in content_requests(recording_proxy)) < total + 8192
    recording_proxy.log.clear()
    check(project, host_store, 2)
    assert recording_proxy.log == []


def test_the_hub(hub: Hub, hub_project: Project, host_store: NixEnv) -> None:
    """Small files for bundles, one that git has but is large, a tree, and weights."""
    files: dict[str, Content] = {
        "config.json": b"{}",
        "vocabulary.txt": BigFile(3 * MIB, seed=4),
        "model.safetensors": BigFile(2 * MIB, seed=5),
    }
    other: dict[str, Content] = {
        "t.safetensors": BigFile(2 * MIB, seed=6),
        "config.json": b'{"t": 1}',
    }
    hub.add_repo("org/name", files, lfs=LFS)
    hub.add_repo("org/wood", other, lfs=LFS)
    hub_project.write(
        '[models.m]\nsource.huggingface.repo = "org/name"\n'
        '[models.t]\nsource.huggingface.repo = "org/wood"\npin = "tree"\n'
    )
    hub_project.ok("lock", "--prefetch", "-o", "models.nix")
    total = sum(len(file) for file in (*files.values(), *other.values()))
    assert content(hub) == total
    check(hub_project, host_store, 3)
    assert content(hub) == 0
