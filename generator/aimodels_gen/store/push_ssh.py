"""Pushing to the store of another machine over SSH; Nix moves the bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import counted
from aimodels_gen.errors import CombinedError, StoreError
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix import copying, signing, store
from aimodels_gen.store.push_closures import Closures, joined
from aimodels_gen.store.push_models import Wanted, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.nix.signing import SecretKey
    from aimodels_gen.nix.store_url import SshStore
    from aimodels_gen.store.prefetched import Prefetched
    from aimodels_gen.store.push_models import Pushed, State, Watch


def push_ssh(  # noqa: PLR0913 - what to push, where to, and who is told
    models: Sequence[LockedModel],
    found: Closures,
    target: SshStore,
    watch: Watch,
    *,
    known: Sequence[LockedModel] = (),
    key: SecretKey | None = None,
    dry: bool = False,
) -> Pushed:
    """Send to a machine what it lacks of these models, and of what was built.

    Args:
        models: The models; what the store lacks of those that the machine lacks is prefetched.
        found: What was built.
        target: The machine.
        watch: Who is told.
        known: Other pins, whose files may be the same.
        key: To sign what was built with, None for nobody.
        dry: Whether to only find out what is missing.

    Raises:
        StoreError: The machine does not answer, or Nix refused.
        FetchError: There is no space.
    """
    wanted = Wanted(models)
    every = list(dict.fromkeys([*wanted.items, *found.infos]))
    watch.report(f"asking {target.label} for {counted(len(every), 'path')}")
    lacking = copying.missing(target, every)
    absent = [path for path in every if path in lacking]
    if dry or not absent:
        new: dict[str, State] = dict.fromkeys(absent, "missing")
        return _pushed(wanted, found, target, new, dry=dry)
    with workspace() as directory:
        pinned = [path for path in absent if path in wanted.items]
        fetched = fetch(wanted, pinned, (*models, *known), watch)
        gone = set(fetched.lacking) if fetched else set()
        here = [path for path in absent if path not in gone]
        if here:
            store.add_root(directory / "push", here)
        if key:
            signing.sign_in_store([found.infos[path] for path in here if path in found.infos], key)
        error = _copy(wanted, found, target, here, watch)
    sent = set(here)
    if error:
        with suppress(StoreError):
            sent -= copying.missing(target, here)
            error = error if sent != set(here) else None
    states: dict[str, State] = {path: "sent" if path in sent else "failed" for path in absent}
    return _pushed(wanted, found, target, states, fetched=fetched, error=error)


def _copy(
    wanted: Wanted, found: Closures, target: SshStore, paths: Sequence[str], watch: Watch
) -> StoreError | None:
    """Copy paths; return why not all of them were copied."""
    sizes = {path: size for path, (_, size) in store.registered(paths).items()}
    wanted.sizes.update((path, size) for path, size in sizes.items() if path in wanted.items)
    owners = {**found.owners, **wanted.owners}
    counts: dict[str, int] = {}
    for path in paths:
        counts[owners[path]] = counts.get(owners[path], 0) + 1
    if not paths:
        return None
    whose = {Path(path): owner for path, owner in owners.items()}
    with RunProgress(sum(sizes.values()), counts, watch.progress, whose.__getitem__) as counter:
        come = dict.fromkeys(paths, 0)

        def copied(path: str, count: int | None) -> None:
            if path in come:
                more = sizes[path] - come[path] if count is None else count
                come[path] += more
                counter.add(more)
                if count is None:
                    counter.complete(Path(path))

        try:
            copying.copy(target, paths, copied)
        except StoreError as error:
            return error
    return None


def _pushed(  # noqa: PLR0913 - what is in the report
    wanted: Wanted,
    found: Closures,
    target: SshStore,
    new: Mapping[str, State],
    *,
    dry: bool = False,
    fetched: Prefetched | None = None,
    error: StoreError | None = None,
) -> Pushed:
    built: dict[str, State] = {path: new.get(path, "present") for path in found.infos}
    parts = [wanted.pushed(target.label, new, dry=dry), found.pushed(target.label, built, dry=dry)]
    errors = [*(fetched.error.failures if fetched and fetched.error else ())]
    errors += [error] if error else []
    combined = CombinedError(errors) if errors else None
    return replace(joined(parts), prefetched=fetched, error=combined)
