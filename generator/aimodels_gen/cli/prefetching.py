"""Prefetching, and what is said of it: for `prefetch`, and for `lock` and `update`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from aimodels_gen.cli.console import Console
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.store.prefetched import Prefetched

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep the store paths from garbage collection, with links in DIR/NAME.",
)


def prefetch_models(
    models: Sequence[LockedModel],
    console: Console,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
    elsewhere: Collection[str] = (),
) -> Prefetched:
    """Prefetch models, with a summary; return what was added, and what failed.

    Args:
        models: What to prefetch.
        console: Where to report.
        known: Other pins, new and old, whose files may be the same.
        root: The directory of links that keep the store paths.
        elsewhere: Store paths that need not be in the store.
    """
    from aimodels_gen.store.prefetch import prefetch  # noqa: PLC0415 - slow to import

    with console.under_way():
        done = prefetch(
            models,
            console.status,
            console.warn,
            console.progress,
            known=known,
            root=root,
            elsewhere=elsewhere,
        )
    if done.error and not done.added:
        return done  # the errors say it all
    for line in done.summary(console.width):
        console.note(line)
    return done
