"""`aimodels-gen push`."""

from __future__ import annotations

from pathlib import Path

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import jobs_option, json_option, print_json, quiet_option
from aimodels_gen.lock.options import DEFAULT_JOBS
from aimodels_gen.nix import signing, store_url


@click.command("push")
@click.argument("url", metavar="URL")
@names_argument
@manifest_option
@click.option(
    "--installable",
    "installables",
    metavar="INSTALLABLE",
    multiple=True,
    help="Build this as `nix build` does, or take a store path, and send it with all that it "
    "refers to. Can be repeated; the models of a lock are then sent only if they are named.",
)
@click.option(
    "--secret-key-file",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Sign what --installable names, with the secret key in FILE.",
)
@click.option("--dry-run", is_flag=True, help="Show what is missing there, and send nothing.")
@jobs_option()
@json_option
@quiet_option
def command(  # noqa: PLR0913 - the options
    *,
    url: str,
    names: tuple[str, ...],
    manifest: Path | None,
    installables: tuple[str, ...],
    key_file: Path | None,
    dry_run: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Send what a lock pins to a binary cache, or to another machine.

    Without NAME: every model. URL is a directory, or file://, http://, https://, s3://, ssh:// or
    ssh-ng://, written as Nix writes it. Sends only what is missing there, prefetches what the store
    lacks of that, and continues an interrupted run. Machines with the cache in `substituters`
    accept these paths without a signature, because they follow from their content. Prints the store
    paths that were sent.

    What Nix builds, such as cache entries, needs a signature: send it with --installable and
    --secret-key-file.

    \b
      aimodels-gen push file:///srv/cache
      aimodels-gen push 's3://models?region=eu-central-1' llama-2-7b
      aimodels-gen push https://cache.example.org --dry-run
      aimodels-gen push ssh-ng://builder
      aimodels-gen push file:///srv/cache --installable .#cache --secret-key-file secret.key
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    target = store_url.parse(url)
    if key_file and not installables:
        raise click.UsageError("--secret-key-file signs what --installable names: add one")
    key = signing.read(key_file) if key_file else None
    locked = None
    if names or not installables:
        locked = read_locked(choose(manifest, names, console, lock=True), console)
        locked.warn_of_changes(console, "sends")
    # Slow to import.
    from aimodels_gen.store.push_all import Order, push_all  # noqa: PLC0415
    from aimodels_gen.store.push_models import Watch  # noqa: PLC0415

    order = Order(
        models=locked.models if locked else (),
        known=tuple(locked.lock.models.values()) if locked else (),
        installables=installables,
        key=key,
        jobs=jobs or DEFAULT_JOBS,
        dry=dry_run,
        shows=not quiet,
    )
    with console.under_way():
        done = push_all(order, target, Watch(console.status, console.warn, console.progress))
    fetched = done.prefetched
    if fetched and fetched.added:
        console.note(f"prefetched: {fetched.summary()[-1]}")
    for line in done.summary(console.width):
        console.note(line)
    if key and not dry_run:
        console.note(f"signed; machines that take it need `trusted-public-keys = {key.public}`")
    if as_json:
        print_json(done.report())
    else:
        result("".join(f"{path}\n" for path in done.sent))
    done.check()
