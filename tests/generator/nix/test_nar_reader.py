"""Archives of binary caches: what Nix writes is unpacked, what nobody should trust is refused."""

from __future__ import annotations

import io
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.nix.hashes import nar_sri
from aimodels_gen.nix.nar_reader import NarError, unpack
from support.nars import archive, directory, link, regular, string, strings

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

FILE = regular(b"content")


def test_what_nix_writes_is_unpacked(host_nix: NixEnv, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub" / "empty").mkdir(parents=True)
    (tree / "sub.x").write_bytes(b"sorts after sub")
    (tree / "É 日本 ${x}\n").write_bytes(b"named oddly")
    (tree / "large").write_bytes(os.urandom((1 << 20) + 3))
    (tree / "run").write_bytes(b"#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("../nowhere")
    (tree / "to-sub").symlink_to("sub")
    command = ["nix-store", "--dump", str(tree)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, **host_nix.variables()}
    ) as dump:
        assert dump.stdout is not None
        unpack(dump.stdout.read, tmp_path / "out", 2 << 20)
    assert nar_sri(tmp_path / "out") == nar_sri(tree)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive(directory((b"..", FILE))), "with the name '..'"),
        (archive(directory((b".", FILE))), "with the name '.'"),
        (archive(directory((b"", FILE))), "with the name ''"),
        (archive(directory((b"a/b", FILE))), "with the name 'a/b'"),
        (archive(directory((b"/etc/passwd", FILE))), "with the name '/etc/passwd'"),
        (archive(directory((b"a\0b", FILE))), "with the name"),
        (archive(directory((b"a", link(b"/tmp")), (b"a", directory((b"b", FILE))))), "in order"),
        (archive(directory((b"b", FILE), (b"a", FILE))), "in order"),
        (archive(link(b"")), "a link to nothing"),
        (archive(strings(b"(", b"type", b"device", b")")), "of the type 'device'"),
        (archive(strings(b"(", b"type", b"regular", b"executable", b"1")), "in place of ''"),
        (archive(strings(b"(", b"type", b"regular", b")")), "in place of its contents"),
        (archive(strings(b"(", b"type", b"directory", b"entry", b"name")), "in place of '('"),
        (archive(regular(bytes(1001))), "more bytes than they should"),
        (archive(FILE) + b"x", "after the end"),
        (archive(FILE)[:-1], "is cut"),
        (archive(FILE)[:100], "is cut"),
        (archive(FILE)[:88] + (1 << 63).to_bytes(8, "little"), "more bytes than they should"),
        (archive(FILE).replace(b"content\0", b"content\1"), "padding is not empty"),
        (string(b"nix-archive-2"), "in place of 'nix-archive-1'"),
        ((1 << 40).to_bytes(8, "little") + b"x", "1099511627776 bytes"),
        (b"<html>404</html>", "bytes in place of a word"),
        (b"", "is cut"),
    ],
)
def test_other_archives_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NarError, match=re.escape(reason)):
        unpack(io.BytesIO(data).read, tmp_path / "out", 1000)
    assert {path.name for path in tmp_path.iterdir()} <= {"out"}


def test_directories_in_each_other_have_an_end(tmp_path: Path) -> None:
    node = FILE
    for _ in range(200):
        node = directory((b"d", node))
    with pytest.raises(NarError, match="too many directories"):
        unpack(io.BytesIO(archive(node)).read, tmp_path / "out", 1000)
