"""`aimodels-gen lock`."""

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
from aimodels_gen.cli.manifests import choose, complete_name, manifest_option, names_argument
from aimodels_gen.cli.outputs import Target
from aimodels_gen.cli.reports import json_option
from aimodels_gen.cli.statuses import TO_DO
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
@dry_run_option
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing and send no requests: exit with 3 if manifest, lock and outputs disagree, "
    "and print the commands to run.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Send no requests: fail if a model is not pinned as the manifest asks.",
)
@json_option
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
    dry_run: bool,
    check: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """Pin the models of a manifest and write them as Nix.

    Reads models.toml, and writes the pins to models.lock next to it and their rendering to the
    outputs that the manifest sets, else to stdout. Existing pins stay, without requests, until you
    use --upgrade or change the model's entry in the manifest.

    With NAME, only these models are locked; the others keep their pins. You can also name a
    manifest: `lock FILE` is `lock -m FILE`.

    If models fail, all of them are reported. Neither lock nor outputs change then, unless you use
    --keep-going.

    --check and --dry-run write nothing: --check compares the files that exist, --dry-run asks the
    sources and prints what would change.

    \b
      aimodels-gen lock                           # pin what is new or has changed
      aimodels-gen lock models.toml > models.nix  # name the manifest and the output
      aimodels-gen lock --upgrade                 # take the newest commits
      aimodels-gen lock --check                   # in CI: is everything up to date?
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    _check_combination(
        {"--check": check, "--dry-run": dry_run, "--offline": offline, "--prefetch": prefetch},
        upgrade=upgrade or bool(upgraded),
        as_json=as_json,
    )
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, names, console)
    options = Options(
        upgrade=None if upgrade else frozenset(upgraded),
        only=frozenset((*chosen.names, *upgraded)) if chosen.names else None,
        pin=pin,
        jobs=jobs,
        keep_going=keep_going,
        offline=offline,
    )
    target = Target(output, output_format)
    if check:
        from aimodels_gen.cli import checking  # noqa: PLC0415 - only now needed

        found = checking.check(chosen, options, target, console, as_json=as_json)
        return TO_DO if found else 0
    if dry_run:
        from aimodels_gen.cli.preview import print_preview  # noqa: PLC0415 - slow to import

        print_preview(chosen, options, console)
        return 0
    lock_and_write(chosen.manifest, options, target, console, prefetch=prefetch)
    return 0


def _check_combination(flags: dict[str, bool], *, upgrade: bool, as_json: bool) -> None:
    """Refuse options of which one would make the other do nothing.

    Raises:
        click.UsageError: naming them.
    """
    context = click.get_current_context()
    given = [name for name, is_set in {**flags, "--upgrade": upgrade}.items() if is_set]
    if as_json and not flags["--check"]:
        raise click.UsageError("--json needs --check", context)
    for one in ("--check", "--dry-run"):
        others = [name for name in given if name not in {one, "--offline"}]
        if flags[one] and others and not (one == "--dry-run" and others == ["--upgrade"]):
            raise click.UsageError(f"{one} and {others[0]} cannot be used together", context)
    if flags["--offline"] and (flags["--prefetch"] or upgrade):
        other = "--prefetch" if flags["--prefetch"] else "--upgrade"
        raise click.UsageError(
            f"--offline and {other} cannot be used together: {other} sends requests", context
        )
