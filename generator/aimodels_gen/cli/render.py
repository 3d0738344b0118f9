"""`aimodels-gen render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.atomic import Transaction
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locking import Target, output_options
from aimodels_gen.cli.manifests import FILE, choose, manifest_option
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.nix_arguments import render

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.render import Format


@click.command("render")
@click.argument("lock", type=FILE, required=False)
@manifest_option
@output_options
def command(
    *, lock: Path | None, manifest: Path | None, output: Path | None, output_format: Format
) -> None:
    """Print a lock as Nix again, offline.

    Prints what `lock` printed. LOCK (models.lock) may also be named by its manifest.

    \b
      aimodels-gen render --format nixos -o ai-models.nix
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if lock is not None and manifest is not None:
        raise click.UsageError("name either LOCK or the manifest", click.get_current_context())
    manifest = manifest or lock or choose(None, (), Console(), lock=True).manifest
    path = manifest if manifest.suffix == ".lock" else lock_file.path_for(manifest)
    manifest = path.with_suffix(".toml") if manifest == path else manifest
    target = Target(output, output_format)
    target.spare(manifest, path)
    content = lock_file.existing(path, manifest)
    with Transaction() as files:
        target.write(render(content, output_format, manifest.name), files)
