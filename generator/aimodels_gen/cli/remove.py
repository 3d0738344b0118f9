"""`aimodels-gen remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.editing import edit_and_lock, edit_options
from aimodels_gen.cli.locking import output_options
from aimodels_gen.cli.manifests import choose, complete_name, manifest_option
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.changes import removing

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from aimodels_gen.manifest.edited import Edit
    from aimodels_gen.nix.formats import Format


@click.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_name)
@manifest_option
@output_options
@edit_options
def command(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    no_lock: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Remove models from models.toml, the lock and the outputs.

    Sends no requests. The other models stay as they are. The Nix store keeps the files until
    garbage collection. In models.toml, the comments within a model and directly above it are
    removed, too.

    \b
      aimodels-gen remove whisper llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    path = choose(manifest, (), console).manifest
    options = None if no_lock else Options()
    target = Target(output, output_format, copies=False)

    def pinned() -> Collection[str]:
        lock = lock_file.read(lock_file.path_for(path)) if options else None
        return lock.models if lock else ()

    def change(path: Path) -> Edit:
        return removing(path, names, pinned)

    edit_and_lock(path, change, options, target, console, keeps_pins=True)
