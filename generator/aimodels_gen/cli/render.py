"""`aimodels-gen render`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.atomic import Transaction
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locking import output_options, report, write
from aimodels_gen.cli.manifests import FILE, choose, manifest_option
from aimodels_gen.cli.outputs import Target, plan
from aimodels_gen.cli.reports import quiet_option
from aimodels_gen.cli.stdout import Stdout
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.manifest.parse import load_outputs

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.manifest.output import Output
    from aimodels_gen.nix.formats import Format


@click.command("render")
@click.argument("lock", type=FILE, required=False)
@manifest_option
@output_options
@quiet_option
def command(
    *,
    lock: Path | None,
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    quiet: bool,
) -> None:
    """Write the outputs again from the lock, offline.

    Writes the files that `lock` wrote: the outputs of models.toml, else stdout. LOCK (models.lock)
    may also be named by its manifest.

    \b
      aimodels-gen render --format nixos -o ai-models.nix
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if lock is not None and manifest is not None:
        raise click.UsageError("name either LOCK or the manifest", click.get_current_context())
    console, stdout = Console(quiet=quiet), Stdout()
    manifest = manifest or lock or choose(None, (), console, lock=True).manifest
    path = manifest if manifest.suffix == ".lock" else lock_file.path_for(manifest)
    manifest = path.with_suffix(".toml") if manifest == path else manifest
    target = Target(output, output_format)
    writes = plan(target, _outputs(manifest, output), manifest, path, stdout)
    content = lock_file.existing(path, manifest)
    if writes.kept:
        stdout.keep(render(content, writes.kept, manifest.name))
    with Transaction() as files:
        changed = write(writes, content, manifest.name, files)
        if writes.printed:
            stdout.write(render(content, writes.printed, manifest.name), files)
    report(console, changed, writes)


def _outputs(manifest: Path, output: Path | None) -> tuple[Output, ...]:
    """Return what the manifest declares; with `-o` it may be broken."""
    try:
        return load_outputs(manifest)
    except (AimodelsError, OSError):
        if output is None:
            raise
        return ()
