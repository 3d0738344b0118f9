"""`aimodels-gen prefetch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.prefetching import prefetch_models, root_option
from aimodels_gen.cli.reports import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("prefetch")
@names_argument
@manifest_option
@root_option
@json_option
@quiet_option
def command(
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    root: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Download what a lock pins into the Nix store.

    Without NAME: every model. A build then downloads nothing. Uses your own token and proxy, while
    a build has only those of the Nix daemon. Takes files from models that are in the store already,
    and continues interrupted downloads. If a model fails, the others are fetched, and the exit
    status is 1. Prints the store paths that were added.

    \b
      aimodels-gen prefetch            # all models
      aimodels-gen prefetch llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console, "downloads")
    done = prefetch_models(locked.models, console, tuple(locked.lock.models.values()), root)
    if as_json:
        print_json(done.report())
    else:
        result("".join(f"{path}\n" for path in done.added))
    done.check()
