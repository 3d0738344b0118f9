"""`aimodels-gen lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.locking import (
    FILE,
    MANIFEST,
    lock_and_write,
    lock_options,
    output_options,
)
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.model import PinKind
    from aimodels_gen.nix.formats import Format


@click.command("lock")
@click.argument("manifest", type=FILE, default=MANIFEST)
@output_options
@click.option("-U", "--upgrade", is_flag=True, help="Update the pins of all models.")
@click.option(
    "-P",
    "--upgrade-model",
    "names",
    multiple=True,
    metavar="NAME",
    help="Update the pin of this model; may be repeated.",
)
@lock_options
def command(  # noqa: PLR0913 - one for each option
    *,
    manifest: Path,
    output: Path | None,
    output_format: Format | None,
    upgrade: bool,
    names: tuple[str, ...],
    pin: PinKind | None,
    jobs: int | None,
    quiet: bool,
    prefetch: bool,
) -> None:
    """Pin the models of a manifest and write them as Nix.

    Reads MANIFEST (models.toml), and writes the pins to the lock next to it (models.lock) and
    their rendering to the outputs that MANIFEST sets, else to stdout. Pins that are in the lock
    stay, and no server is contacted for them, until --upgrade, or until the model's entry in
    the manifest changes.

    If a model fails, all that fail are reported, and neither lock nor outputs change.
    """
    options = Options(upgrade=None if upgrade else frozenset(names), pin=pin, jobs=jobs)
    lock_and_write(manifest, options, Target(output, output_format), quiet=quiet, prefetch=prefetch)
