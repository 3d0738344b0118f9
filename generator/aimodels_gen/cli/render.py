"""`aimodels-gen render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.locking import FILE, Target, output_options
from aimodels_gen.errors import LockError
from aimodels_gen.lock import file as lockfile
from aimodels_gen.nix.render import render

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.render import Format


@click.command("render")
@click.argument("lock", type=FILE, default="models.lock")
@output_options
def command(*, lock: Path, output: Path | None, output_format: Format) -> None:
    """Print a lock as Nix again, offline.

    Gives the bytes that `lock` printed. LOCK (models.lock) may also be named by its manifest.
    """
    manifest = lock.with_suffix(".toml") if lock.suffix == ".lock" else lock
    path = lock if lock.suffix == ".lock" else lockfile.path_for(lock)
    target = Target(output, output_format)
    target.spare(manifest, path)
    content = lockfile.read(path)
    if content is None:
        raise LockError(f"there is no {path}", f"run `aimodels-gen lock {manifest}` first")
    target.write(render(content, output_format, manifest.name))
