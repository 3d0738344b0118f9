"""`aimodels-gen update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locking import (
    dry_run_option,
    lock_and_write,
    lock_options,
    output_options,
)
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
@click.option(
    "--to",
    "revision",
    metavar="REV",
    help="Pin the named models at this commit, branch or tag instead; models.toml keeps its ref.",
)
@dry_run_option
@click.option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    help="Print the body of a pull request; print nothing if nothing changed.",
)
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
    revision: str | None,
    dry_run: bool,
    as_markdown: bool,
) -> None:
    """Update pins to the newest commit of their ref.

    With NAME, only the pins of these models; the others stay. Only what changed is downloaded.

    With --to, the models are pinned at a commit, branch or tag of your choice. `lock` keeps such a
    pin; the next `update` of the model follows the ref of models.toml again.

    \b
      aimodels-gen update                    # all models
      aimodels-gen update whisper llama-2-7b
      aimodels-gen update whisper --to v1.0
      aimodels-gen update --dry-run
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    context = click.get_current_context()
    if as_markdown and output is not None and str(output) == "-":
        raise click.UsageError("--markdown and `-o -` would both print to stdout", context)
    if dry_run and prefetch:
        raise click.UsageError("--dry-run and --prefetch cannot be used together", context)
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console)
    only = frozenset(chosen.names) or None
    if revision is not None and only is None:
        raise click.UsageError("--to needs the names of the models to pin", context)
    if revision is not None and not revision.strip():
        raise click.UsageError("--to needs a commit, branch or tag", context)
    options = Options(
        upgrade=only, only=only, pin=pin, jobs=jobs, keep_going=keep_going, revision=revision
    )
    if dry_run:
        from aimodels_gen.cli.preview import print_preview  # noqa: PLC0415 - slow to import

        print_preview(chosen, options, console, as_markdown=as_markdown)
        return
    target = Target(output, output_format, as_markdown)
    lock_and_write(chosen.manifest, options, target, console, prefetch=prefetch)
