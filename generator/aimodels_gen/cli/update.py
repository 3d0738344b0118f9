"""`aimodels-gen update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.locking import (
    lock_and_write,
    lock_options,
    manifest_option,
    output_options,
)
from aimodels_gen.cli.outputs import Target
from aimodels_gen.lock.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.model import PinKind
    from aimodels_gen.nix.formats import Format


@click.command("update")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@manifest_option
@output_options
@lock_options
def command(  # noqa: PLR0913 - one for each option
    *,
    names: tuple[str, ...],
    manifest: Path,
    output: Path | None,
    output_format: Format | None,
    pin: PinKind | None,
    jobs: int | None,
    quiet: bool,
    prefetch: bool,
) -> None:
    """Update pins to the newest commit of their ref.

    Without NAME: all models. Only what changed is transferred.
    """
    options = Options(upgrade=frozenset(names) or None, pin=pin, jobs=jobs)
    lock_and_write(manifest, options, Target(output, output_format), quiet=quiet, prefetch=prefetch)
