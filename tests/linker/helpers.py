"""What people and their programs do in a hub directory."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

from support.fake_repo import sha256
from support.linker import contents

if TYPE_CHECKING:
    from pathlib import Path

A = "models--org--a"


def follow(line: str) -> None:
    """Do what a message ends with."""
    command = line.rpartition(": ")[2]
    assert shlex.split(command)[:2] == ["mv", "--"]
    subprocess.run(["sh", "-euc", command], check=True)


def add_download(
    directory: Path, commit: str, path: str, content: bytes, name: str | None = None
) -> dict[str, tuple[object, ...]]:
    """Put a file into a directory as huggingface_hub would; give what has to be there then."""
    blob = directory / "blobs" / (name or sha256(content))
    link = directory / "snapshots" / commit / path
    for place in (blob, link):
        place.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.symlink_to(f"{'../' * (2 + path.count('/'))}blobs/{blob.name}")
    mine = [place for last in (blob, link) for place in (last, *last.parents)]
    there = contents(directory)
    return {p: there[p] for p in (str(m)[len(f"{directory}/") :] for m in mine) if p in there}
