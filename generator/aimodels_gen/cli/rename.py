"""`aimodels-gen rename`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.editing import edit_and_lock, edit_options
from aimodels_gen.cli.locking import output_options
from aimodels_gen.cli.manifests import choose, complete_name, manifest_option
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.changes import renaming

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.formats import Format


@click.command("rename")
@click.argument("old", shell_complete=complete_name)
@click.argument("new")
@manifest_option
@output_options
@edit_options
def command(  # noqa: PLR0913 - one for each option
    *,
    old: str,
    new: str,
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    no_lock: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Rename a model in models.toml, the lock and the outputs.

    Sends no requests, and keeps the pin. The name in a cache does not change: it is that of the
    repository, or of integration.huggingface.

    \b
      aimodels-gen rename llama-2-7b llama
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    path = choose(manifest, (), console).manifest
    options = None if no_lock else Options()
    target = Target(output, output_format, copies=False)
    edit_and_lock(
        path, lambda path: renaming(path, old, new), options, target, console, keeps_pins=True
    )
