"""`aimodels-gen init`."""

from __future__ import annotations

from pathlib import Path

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.reports import quiet_option
from aimodels_gen.manifest import scaffold


@click.command("init")
@click.argument(
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    metavar="[DIR]",
)
@quiet_option
def command(*, directory: Path, quiet: bool) -> None:
    """Write a starter models.toml and flake.nix.

    An empty models.nix completes them. They are the files of `nix flake init` with the template,
    and work without changes. Existing files are never overwritten. If there is a flake.nix, prints
    the lines to add to it.

    \b
      aimodels-gen init            # in this directory
      aimodels-gen init my-models  # in another one, created if needed
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    written = scaffold.write(directory)
    for path in written.new:
        console.note(f"wrote {path}")
    for path in written.kept:
        console.note(f"kept {path}")
    text = scaffold.paste() if written.has_own_flake else scaffold.welcome()
    for line in text.splitlines():
        console.note(line)
