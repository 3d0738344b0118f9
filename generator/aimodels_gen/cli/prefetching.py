"""Prefetching, and what is said of it: for `prefetch`, and for `lock` and `update`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimodels_gen.cli.console import Console
    from aimodels_gen.lock.model import LockedModel


def prefetch_models(
    models: Sequence[LockedModel],
    console: Console,
    known: Sequence[LockedModel] = (),
    root: Path | None = None,
) -> str:
    """Prefetch models, with a summary; return the store paths that were added, one a line.

    Args:
        models: What to prefetch.
        console: Where to report.
        known: Other pins, new and old, whose files may be the same.
        root: The directory of links that keep the store paths.
    """
    from aimodels_gen.nix import store, store_path  # noqa: PLC0415
    from aimodels_gen.store.prefetch import prefetch  # noqa: PLC0415 - slow to import

    try:
        done = prefetch(models, console.status, console.warn, console.progress, known)
        if root is not None:
            for name, paths in done.paths.items():
                store.add_roots(root / store_path.sanitize(name), paths)
    finally:
        console.done()
    for line in done.summary():
        console.note(line)
    console.note(f"{counted(len(done.added), 'path')} added to the store")
    return "".join(f"{path}\n" for path in done.added)
