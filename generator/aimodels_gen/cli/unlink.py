"""`aimodels-gen unlink`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.linking import cache_option, linked_models, raise_all, run_linker
from aimodels_gen.cli.manifests import names_argument
from aimodels_gen.cli.reports import quiet_option
from aimodels_gen.manifest.names import check_names

if TYPE_CHECKING:
    from pathlib import Path


@click.command("unlink")
@names_argument
@cache_option
@quiet_option
def command(*, names: tuple[str, ...], cache_dir: Path | None, quiet: bool) -> None:
    """Remove the links of `link` from the Hugging Face cache.

    Without NAME: every model. Downloads of programs stay. Needs no manifest: models that are no
    longer in it are removed, too.

    \b
      aimodels-gen unlink
      aimodels-gen unlink llama-2-7b
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    linked = linked_models(cache_dir)
    with linked.alone():
        before = linked.all
        there = {one.name for one in before.values()}
        check_names([name for name in names if name not in there], there, str(linked.hub))
        gone = {entry for entry, one in before.items() if not names or one.name in names}
        kept = {entry: one for entry, one in before.items() if entry not in gone}
        errors = run_linker(linked, kept, gone, console)
        for entry in sorted(gone):
            one = before[entry]
            if linked.has(one):
                continue
            linked.drop(entry)
            path = linked.hub / entry
            rest = " (`link` did not make what is left there)" if os.path.lexists(path) else ""
            console.note(f"unlinked {one.name}: {path}{rest}")
    raise_all(errors)
