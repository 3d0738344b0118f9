"""Layers: what is in them, and that each byte of them can be had without the others."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import tarfile
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from aimodels_images.layer import Blob, Layer
from aimodels_images.tar import Member, header

if TYPE_CHECKING:
    from pathlib import Path

LONG = "models/" + "d" * 120 + "/ünï-" + "x" * 90


def archive(layer: Layer) -> bytes:
    return b"".join(layer.pieces())


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    """A layer with everything that layers can have."""
    (tmp_path / "a").write_bytes(b"a" * 1000)
    (tmp_path / "b").write_bytes(b"b" * 1024)
    (tmp_path / "none").write_bytes(b"")
    return Layer(
        (
            Member("directory", "models"),
            Member("file", "models/a", str(tmp_path / "a"), 1000),
            Member("link", "models/link", "../" * 40 + "a"),
            Member("file", LONG, str(tmp_path / "b"), 1024, is_program=True),
            Member("file", "models/none", str(tmp_path / "none"), 0),
        )
    )


def test_other_programs_read_the_same(layer: Layer, tmp_path: Path) -> None:
    content = archive(layer)
    assert len(content) == layer.size
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = {member.name: member for member in tar}
        assert list(found) == [member.path for member in layer.members]
        file = tar.extractfile(found[LONG])
        assert file is not None
        assert file.read() == b"b" * 1024
    assert [member.mode for member in found.values()] == [0o755, 0o444, 0o777, 0o555, 0o444]
    assert found["models/link"].linkname == "../" * 40 + "a"
    about = {(m.uid, m.gid, m.mtime, m.uname, m.gname) for m in found.values()}
    assert about == {(0, 0, 0, "", "")}
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "--extract", "--directory", out], input=content, check=True)
    assert (out / LONG).read_bytes() == b"b" * 1024


def test_each_range_is_that_part(layer: Layer) -> None:
    content = archive(layer)
    numbers = random.Random(1)  # noqa: S311 (test data)
    edges = [0, 1, 511, 512, 513, 1024, len(content) - 1, len(content)]
    edges += [numbers.randrange(len(content)) for _ in range(40)]
    for start in edges:
        for end in edges:
            assert b"".join(layer.pieces(start, end)) == content[start : max(start, end)]


def test_a_file_of_more_than_8_gib(tmp_path: Path) -> None:
    """ustar has no room for its size."""
    size = 9 << 30
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    member = Member("file", "models/large", str(tmp_path / "large"), size)
    layer = Layer((member,))
    start = header(member)
    tail = b"".join(layer.pieces(len(start) + size - 3))
    assert tail == b"end" + bytes(1024)
    info = tarfile.TarInfo.frombuf(start[-512:], "utf-8", "strict")
    assert info.name == "models/large"
    # GNU tar finds the end of a sparse copy of the archive.
    whole = tmp_path / "whole.tar"
    with whole.open("wb") as file:
        file.write(start)
        file.seek(len(start) + size - 3)
        file.write(tail)
    listed = subprocess.run(
        ["tar", "--list", "--verbose", "--file", whole], check=True, capture_output=True, text=True
    )
    assert f" {size} " in listed.stdout


def test_large_files_are_not_in_memory(tmp_path: Path) -> None:
    size = 256 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    layer = Layer.of_blobs([Blob(str(tmp_path / "large"), "0" * 64, size)])
    tracemalloc.start()
    try:
        assert sum(map(len, layer.pieces())) == layer.size
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_bytes_are_frozen(tmp_path: Path) -> None:
    """Registries and nodes have layers that were made with earlier releases."""
    blobs = []
    for content in (b"one", b"another"):
        path = tmp_path / content.decode()
        path.write_bytes(content)
        blobs.append(Blob(str(path), hashlib.sha256(content).hexdigest(), len(content)))
    layer = Layer.of_blobs(blobs)
    assert (
        layer.digest() == "sha256:c7c3fbd6b653a5a3e3b97ff655618107effabf474f6b81ca2ca9c2c57c302cd8"
    )
    assert Layer.of_blobs(blobs[::-1]) == layer
    members = (
        Member("link", LONG, "../" * 40),
        Member("file", "bin/sh", str(tmp_path / "one"), 3, is_program=True),
    )
    assert (
        Layer(members).digest()
        == "sha256:e2ff7c1e06f23eb7cbf675c19cb6860296512c6dbe3a0ca977f5347adb355339"
    )
