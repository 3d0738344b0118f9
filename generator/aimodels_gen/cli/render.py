"""`aimodels-gen render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.atomic import Transaction
from aimodels_gen.cli.locking import FILE, Target, output_options
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.nix_arguments import render

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.render import Format


@click.command("render")
@click.argument("lock", type=FILE, default="models.lock")
@output_options
def command(*, lock: Path, output: Path | None, output_format: Format) -> None:
    """Print a lock as Nix again, offline.

    Prints what `lock` printed. LOCK (models.lock) may also be named by its manifest.
    """
    manifest = lock.with_suffix(".toml") if lock.suffix == ".lock" else lock
    path = lock if lock.suffix == ".lock" else lock_file.path_for(lock)
    target = Target(output, output_format)
    target.spare(manifest, path)
    content = lock_file.existing(path, manifest)
    with Transaction() as files:
        target.write(render(content, output_format, manifest.name), files)
