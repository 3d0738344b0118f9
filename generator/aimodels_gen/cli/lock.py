"""`aimodels-gen lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locking import lock_and_write, lock_options, output_options
from aimodels_gen.cli.manifests import choose, complete_name, manifest_option, names_argument
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.model import PinKind
    from aimodels_gen.nix.formats import Format


@click.command("lock")
@names_argument
@manifest_option
@output_options
@click.option("-U", "--upgrade", is_flag=True, help="Update the pins of all models.")
@click.option(
    "-P",
    "--upgrade-model",
    "upgraded",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_name,
    help="Update the pin of this model; may be repeated.",
)
@lock_options
def command(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    upgrade: bool,
    upgraded: tuple[str, ...],
    pin: PinKind | None,
    jobs: int | None,
    keep_going: bool,
    quiet: bool,
    verbose: bool,
    prefetch: bool,
) -> None:
    """Pin the models of a manifest and write them as Nix.

    Reads models.toml, and writes the pins to models.lock next to it and their rendering to the
    outputs that the manifest sets, else to stdout. Existing pins stay, and no server is contacted
    for them, until --upgrade, or until the model's entry in the manifest changes.

    With NAME, only these models are locked; the others keep their pins. A manifest can be named as
    well: `lock FILE` is `lock -m FILE`.

    If a model fails, all that fail are reported, and neither lock nor outputs change, unless
    --keep-going.

    \b
      aimodels-gen lock                           # pin what is new or has changed
      aimodels-gen lock models.toml > models.nix  # name the manifest and the output
      aimodels-gen lock --upgrade                 # take the newest commits
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console)
    options = Options(
        upgrade=None if upgrade else frozenset(upgraded),
        only=frozenset((*chosen.names, *upgraded)) if chosen.names else None,
        pin=pin,
        jobs=jobs,
        keep_going=keep_going,
    )
    target = Target(output, output_format)
    lock_and_write(chosen.manifest, options, target, console, prefetch=prefetch)
