"""`aimodels-gen push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import jobs_option, json_option, print_json, quiet_option
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.options import DEFAULT_JOBS
from aimodels_gen.nix import store_url

if TYPE_CHECKING:
    from pathlib import Path


@click.command("push")
@click.argument("url", metavar="URL")
@names_argument
@manifest_option
@click.option("--dry-run", is_flag=True, help="Show what is missing there, and send nothing.")
@jobs_option()
@json_option
@quiet_option
def command(  # noqa: PLR0913 - the options
    *,
    url: str,
    names: tuple[str, ...],
    manifest: Path | None,
    dry_run: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Send what a lock pins to a binary cache.

    Without NAME: every model. URL is a directory, or file://, http://, https:// or s3://, written
    as Nix writes it. Sends only what the cache lacks, prefetches what the store lacks of that, and
    continues an interrupted run. Machines with the cache in `substituters` need no signature and
    no trust for these paths, because they follow from their content. Prints the store paths that
    were sent.

    \b
      aimodels-gen push file:///srv/cache
      aimodels-gen push 's3://models?region=eu-central-1' llama-2-7b
      aimodels-gen push https://cache.example.org --dry-run
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    target = store_url.parse(url)
    if isinstance(target, store_url.SshStore):
        raise AimodelsError(f"{target.label} is not a binary cache", "push to one")
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console, "sends")
    from aimodels_gen.store.push_models import Watch, push  # noqa: PLC0415 - slow to import

    with console.under_way():
        done = push(
            locked.models,
            target,
            Watch(console.status, console.warn, console.progress),
            jobs or DEFAULT_JOBS,
            known=tuple(locked.lock.models.values()),
            dry=dry_run,
        )
    fetched = done.prefetched
    if fetched and fetched.added:
        console.note(f"prefetched: {fetched.summary()[-1]}")
    for line in done.summary(console.width):
        console.note(line)
    if as_json:
        print_json(done.report())
    else:
        result("".join(f"{path}\n" for path in done.sent))
    done.check()
