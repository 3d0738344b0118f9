"""Whether models.toml, models.lock and the outputs agree: no request, nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.diff import setting_changes
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.manifest.names import natural
from aimodels_gen.reports.check import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from aimodels_gen.lock.model import Lock, LockedModel
    from aimodels_gen.lock.options import Options
    from aimodels_gen.manifest.model import Entry, Manifest
    from aimodels_gen.nix.formats import Format
    from aimodels_gen.reports.check import Kind


@dataclass(frozen=True)
class LockText:
    """A lock as it is on the disk."""

    path: Path
    text: str
    lock: Lock


def lock_problems(
    manifest: Manifest, on_disk: LockText, options: Options, mend: str
) -> Iterator[Problem]:
    """Yield how manifest and lock disagree.

    Args:
        manifest: what models.toml declares.
        on_disk: the lock.
        options: how `lock` would be run.
        mend: the command that locks.
    """
    lock, path = on_disk.lock, on_disk.path
    entries = {entry.name: entry for entry in manifest.entries}
    found = False
    for name in sorted({*entries, *lock.models}, key=natural):
        if options.is_about(name):
            problem = _of_model(entries.get(name), lock.models.get(name), options)
            if problem:
                found = True
                kind, message = problem
                yield Problem(kind=kind, message=message, command=mend, model=name)
    if options.only is None and not found and lock_file.dumps(lock) != on_disk.text:
        message = f"{path.name} is not written as `lock` writes it: it is older, or was edited"
        yield Problem(kind="lock", message=message, command=mend, file=str(path))


def _of_model(
    entry: Entry | None, pinned: LockedModel | None, options: Options
) -> tuple[Kind, str] | None:
    if entry is None:
        return "removed", "it is locked, but not in the manifest"
    if pinned is None:
        return "unlocked", "it is not locked yet"
    if not options.holds(entry, pinned):
        return "changed", "its entry in the manifest has changed since it was locked"
    if pinned.edited:
        return "edited", "its pin was edited by hand"
    refreshed = pinned.refreshed(entry)
    if refreshed == pinned:
        return None
    what = ", ".join(setting_changes(pinned, refreshed)) or "source"
    return "settings", f"the manifest has other settings than the lock: {what}"


def output_problems(
    files: Sequence[tuple[Path, Format]],
    formats: Sequence[Format | None],
    lock: Lock,
    manifest: str,
    mend: str,
) -> Iterator[Problem]:
    """Yield which files are not what the lock would be rendered as.

    Args:
        files: what a rendering writes, each with its format.
        formats: those that the files have, None for those that are not there.
        lock: what is rendered.
        manifest: the manifest's file name, for the header.
        mend: the command that renders.
    """
    kind: Kind
    for (path, wanted), has in zip(files, formats, strict=True):
        if not path.exists():
            kind, message = "output-missing", f"{path} is missing"
        elif has not in {None, wanted}:
            kind, message = "output-format", f"{path} has the format {has}, not {wanted}"
        elif path.read_bytes() != render(lock, wanted, manifest).encode("utf-8"):
            kind, message = "output", f"{path} is not what the lock pins"
        else:
            continue
        yield Problem(kind=kind, message=message, command=mend, file=str(path))
