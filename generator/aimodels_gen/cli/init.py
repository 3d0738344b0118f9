"""`aimodels-gen init`."""

from __future__ import annotations

from pathlib import Path

import click

from aimodels_gen import starter
from aimodels_gen.cli.console import Console

_NEXT = """\
Next:
  aimodels-gen lock models.toml > models.nix
  git add models.toml models.lock models.nix flake.nix
  nix build .#all-MiniLM-L6-v2"""


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
def command(*, directory: Path) -> None:
    """Write a starter models.toml and flake.nix.

    They work together as they are. Files that are there are never overwritten.
    """
    console = Console(quiet=False)
    for path in starter.write(directory):
        console.note(f"wrote {path}")
    for line in _NEXT.splitlines():
        console.note(line)
