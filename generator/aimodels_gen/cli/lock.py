"""`aimodels-gen lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.locking import (
    FILE,
    MANIFEST,
    Target,
    lock_and_write,
    lock_options,
    output_options,
)
from aimodels_gen.lock.resolve import Options

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.lock.model import PinKind
    from aimodels_gen.nix.render import Format


@click.command("lock")
@click.argument("manifest", type=FILE, default=MANIFEST)
@output_options
@click.option("-U", "--upgrade", is_flag=True, help="Follow the refs of all models again.")
@click.option(
    "-P",
    "--upgrade-model",
    "names",
    multiple=True,
    metavar="NAME",
    help="Follow the ref of this model again; may be repeated.",
)
@lock_options
def command(  # noqa: PLR0913 - one for each option
    *,
    manifest: Path,
    output: Path | None,
    output_format: Format,
    upgrade: bool,
    names: tuple[str, ...],
    pin: PinKind | None,
    jobs: int,
    quiet: bool,
) -> None:
    """Pin the models of a manifest and print them as Nix.

    Reads MANIFEST (models.toml), writes the pins to the lock beside it (models.lock) and prints
    their rendering. Pins that are in the lock stay, and nobody is contacted for them, until
    --upgrade, or until the manifest says something else about the model.

    If a model fails, all that fail are reported, and neither lock nor output changes.
    """
    options = Options(upgrade=None if upgrade else frozenset(names), pin=pin, jobs=jobs)
    lock_and_write(manifest, options, Target(output, output_format), quiet=quiet)
