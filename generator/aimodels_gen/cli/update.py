"""`aimodels-gen update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locking import lock_and_write, lock_options, output_options
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.model import PinKind
    from aimodels_gen.nix.formats import Format


@click.command("update")
@names_argument
@manifest_option
@output_options
@lock_options
def command(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    pin: PinKind | None,
    jobs: int | None,
    keep_going: bool,
    quiet: bool,
    verbose: bool,
    prefetch: bool,
) -> None:
    """Update pins to the newest commit of their ref.

    With NAME, only the pins of these models; the others stay. Only what changed is transferred.

    \b
      aimodels-gen update                    # all models
      aimodels-gen update whisper llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console)
    only = frozenset(chosen.names) or None
    options = Options(upgrade=only, only=only, pin=pin, jobs=jobs, keep_going=keep_going)
    target = Target(output, output_format)
    lock_and_write(chosen.manifest, options, target, console, prefetch=prefetch)
