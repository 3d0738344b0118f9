"""`aimodels-gen link`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.linking import cache_option, linked_models, raise_all, run_linker
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import quiet_option
from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.store.link import LinkedModel


@click.command("link")
@names_argument
@manifest_option
@cache_option
@quiet_option
def command(
    *, names: tuple[str, ...], manifest: Path | None, cache_dir: Path | None, quiet: bool
) -> None:
    """Link models into the Hugging Face cache.

    Without NAME: every model. The files must be in the store: `prefetch` and `import` add them.
    Garbage collection keeps linked models. Programs can add downloads to them. Files that this
    command did not make are left alone, and the other models are linked. Run it again after an
    update. Prints the directories in the cache.

    \b
      aimodels-gen link
      aimodels-gen link llama-2-7b --cache-dir /srv/hub
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    chosen = choose(manifest, names, console, lock=True)
    locked = read_locked(chosen, console)
    locked.warn_of_changes(console)
    models = [one for one in locked.models if chosen.names or one.integration.enable]

    from aimodels_gen.store.link import entry_name  # noqa: PLC0415 - slow to import

    by_entry: dict[str, str] = {}
    for model in models:
        other = by_entry.setdefault(entry_name(model), model.name)
        if other != model.name:
            raise AimodelsError(
                f"{other} and {model.name} are both {entry_name(model)} in a cache",
                "name the models to link, with one of them",
            )
    linked = linked_models(cache_dir)
    with linked.alone():
        before = linked.all
        new: dict[str, LinkedModel] = {}
        errors: list[AimodelsError] = []
        try:
            for model in models:
                try:
                    one = linked.keep(model, chosen.command("prefetch", [model.name]))
                    new[one.entry] = one
                except AimodelsError as error:  # noqa: PERF203 - all are reported
                    errors.append(error)
            if new:
                others = {entry: one for entry, one in before.items() if linked.is_free(one)}
                errors += run_linker(linked, {**others, **new}, new, console)
        finally:
            done = [entry for entry, one in new.items() if linked.settle(one, before.get(entry))]
    result("".join(f"{linked.hub / entry}\n" for entry in done))
    raise_all(errors)
