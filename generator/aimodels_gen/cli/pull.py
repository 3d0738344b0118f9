"""`aimodels-gen pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.prefetching import root_option
from aimodels_gen.cli.reports import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("pull")
@click.argument("url")
@names_argument
@manifest_option
@root_option
@json_option
@quiet_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    url: str,
    names: tuple[str, ...],
    manifest: Path | None,
    root: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Take what a lock pins from a binary cache into the Nix store.

    URL is a binary cache, file:///DIR, http(s)://HOST/PATH or s3://BUCKET?region=REGION, or the
    store of another machine, ssh://HOST or ssh-ng://HOST. Without NAME: every model.

    Takes only what the store lacks, and continues interrupted downloads. Compares everything with
    its pin: the cache need not be trusted. Uses your own logins: ~/.netrc for web servers, those of
    AWS for buckets. If the cache lacks a model, the others are taken, and the exit status is 1.
    Prints the store paths that were added.

    \b
      aimodels-gen pull https://cache.example.org
      aimodels-gen pull s3://models?region=eu-central-1 llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    from aimodels_gen.nix import store_url  # noqa: PLC0415 - slow to import
    from aimodels_gen.store.pull import pull  # noqa: PLC0415 - as above

    console = Console(quiet=quiet)
    place = store_url.parse(url)
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console, "takes")
    known = tuple(locked.lock.models.values())
    with console.under_way():
        done = pull(
            locked.models,
            place,
            console.status,
            console.warn,
            console.progress,
            known=known,
            root=root,
        )
    if done.filled.added or not done.filled.error:
        for line in done.summary(console.width):
            console.note(line)
    if as_json:
        print_json(done.report())
    else:
        result("".join(f"{path}\n" for path in done.filled.added))
    done.filled.check()
