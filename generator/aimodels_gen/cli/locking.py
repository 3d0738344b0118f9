"""What `lock` and `update` share: their options, and the way from a manifest to its rendering."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from aimodels_gen.atomic import Transaction, probe
from aimodels_gen.cli.console import result
from aimodels_gen.cli.manifests import FILE, MANIFEST, Chosen
from aimodels_gen.cli.outputs import plan
from aimodels_gen.cli.prefetching import prefetch_models
from aimodels_gen.cli.reports import jobs_option, quiet_option
from aimodels_gen.cli.stdout import Stdout
from aimodels_gen.cli.turns import end_turn, in_turn
from aimodels_gen.errors import LockError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.diff import compare
from aimodels_gen.lock.failures import named
from aimodels_gen.lock.layouts import advice
from aimodels_gen.lock.markdown import markdown
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.lock.resolve import pending, renamed_by_hand, resolve
from aimodels_gen.lock.summary import summary
from aimodels_gen.manifest.model import PinKind
from aimodels_gen.manifest.parse import load
from aimodels_gen.nix.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.outputs import Plan, Target
    from aimodels_gen.lock.options import Options
    from aimodels_gen.lock.resolve import Resolved
    from aimodels_gen.manifest.edited import Edit
    from aimodels_gen.manifest.model import Manifest

F = TypeVar("F", bound="Callable[..., Any]")


def output_options(function: F) -> F:
    """Add `-o` and `--format`."""
    for option in (
        click.option(
            "--format",
            "output_format",
            type=click.Choice(FORMATS),
            help="packages: a function to an attribute set of derivations; nixos, home-manager: a "
            "module that sets the models; json: the arguments of fetchModel.  [default: what "
            "models.toml sets, else what the file has, else packages]",
        ),
        click.option(
            "-o",
            "--output",
            type=FILE,
            metavar="FILE",
            help="Write to FILE instead of the outputs of models.toml; - is stdout. FILE must be "
            "new, empty, or written by aimodels-gen; it stays untouched if nothing changed.",
        ),
    ):
        function = option(function)
    return function


def lock_options(function: F) -> F:
    """Add the options that `lock` and `update` share, apart from the output's."""
    for option in (
        quiet_option,
        click.option(
            "-v", "--verbose", is_flag=True, help="Name the files that changed in the summary."
        ),
        click.option(
            "--prefetch",
            is_flag=True,
            help="Then add the models whose pins have changed to the Nix store, as "
            "`aimodels-gen prefetch` does.",
        ),
        click.option(
            "-k",
            "--keep-going",
            is_flag=True,
            help="If models fail, lock the others. Those that fail keep the pins that they have; "
            "the exit status is 1.",
        ),
        jobs_option("; for downloads AIMODELS_MAX_CONNECTIONS, else 32"),
        click.option(
            "--pin",
            type=click.Choice(get_args(PinKind)),
            help="Kind of pin for models that do not set one. files: a hash for each file, from "
            "metadata; tree: one hash, downloads everything once into the store.  [default: what "
            "the lock has, else files]",
        ),
    ):
        function = option(function)
    return function


def dry_run_option(function: F) -> F:
    """Add `--dry-run`."""
    return click.option(
        "--dry-run",
        is_flag=True,
        help="Print what would change, from the listings of the sources; write nothing.",
    )(function)


@in_turn
def lock_and_write(  # noqa: PLR0913 - what a run of `add` has
    path: Path,
    options: Options,
    target: Target,
    console: Console,
    *,
    prefetch: bool = False,
    change: Callable[[Path], Edit] | None = None,
) -> None:
    """Bring the lock of the manifest at `path` up to date and write its renderings.

    Other runs on the manifest come first, or wait. Lock and renderings change together, or none
    does. `prefetch` then puts the models whose pins have changed into the store. `change` returns
    how the manifest is edited: it then changes together with them, and only the models that the
    edit names are locked.
    """
    stdout = Stdout()
    lock_path = lock_file.path_for(path)
    edit = change(path) if change else None
    wanted, options = _wanted(edit, path, options)
    writes = plan(target, wanted.outputs, path, lock_path, stdout)
    before = lock_file.text(lock_path)
    old = Lock() if before is None else lock_file.parse(before, lock_path)
    # The text of 100,000 files has 25 MB, and is not kept.
    known = {_fingerprint(before)}
    options = replace(options, keeps_all=prefetch)
    del before
    if writes.kept:
        stdout.keep(render(old, writes.kept, wanted.file))
    renamed = dict(edit.renamed) if edit else {}
    old = old.renamed(renamed)
    by_hand = renamed_by_hand(wanted, old, options)
    old = old.renamed(by_hand)
    if pending(wanted, old, options):
        writes.probe()
        probe(lock_path)
    with console.under_way():
        resolved = resolve(wanted, old, options, console.progress, console.warn)
    lock_file.check_secrets(resolved.lock, old)
    after = lock_file.dumps(resolved.lock).encode("utf-8")
    known.add(_fingerprint(after))

    def unchanged() -> None:
        if _fingerprint(lock_file.text(lock_path)) not in known:
            raise LockError(
                f"{lock_path} was changed by another program while this one was locking",
                "run this again: what the other one has pinned stays",
            )

    to_terminal = stdout.is_terminal and target.output is None
    with Transaction() as files:
        files.check(unchanged)
        changed = [
            *(edit.stage(files) if edit else ()),
            *([lock_path] if files.write(lock_path, after) else ()),
        ]
        changed += write(writes, resolved.lock, wanted.file, files)
        if writes.printed and not to_terminal:
            stdout.write(render(resolved.lock, writes.printed, wanted.file), files)
    _warn(resolved, console)
    changes = compare(old, resolved.lock)
    lines = [
        *(edit.notes if edit else ()),
        *(f"renamed {name} to {new}" for name, new in by_hand.items()),
        *summary(changes, width=console.width, verbose=console.verbose),
    ]
    _tell(lines, changed, writes, console, path if to_terminal else None)
    _tell_more(resolved, old, wanted, console)
    _tell_trees((*renamed.values(), *by_hand.values()), resolved.lock, path, console)
    if target.as_markdown:
        result(markdown(changes.changes))
    if prefetch:
        _prefetch(old, resolved.lock, path, console)
    if resolved.error:
        raise resolved.error


def _wanted(edit: Edit | None, path: Path, options: Options) -> tuple[Manifest, Options]:
    """Return the manifest to lock, and how: after an edit, only what that is about."""
    if edit is None:
        return load(path), options
    edit.probe()
    return edit.manifest, replace(options, only=frozenset(edit.names))


def _fingerprint(text: str | bytes | None) -> str | None:
    content = text.encode() if isinstance(text, str) else text
    return None if content is None else hashlib.sha256(content).hexdigest()


def _warn(resolved: Resolved, console: Console) -> None:
    for warning in resolved.warnings:
        console.warn(warning)


def _tell_more(resolved: Resolved, old: Lock, wanted: Manifest, console: Console) -> None:
    """Name the models that this run has not locked, and what copies of large models cost."""
    if resolved.skipped:
        names = ", ".join(resolved.skipped)
        console.note(f"new or changed in {wanted.file}, and not locked by this run: {names}")
    kept = [name for name in resolved.failed if name in old.models]
    new = [name for name in resolved.failed if name not in old.models]
    if kept:
        result = "it keeps its pin" if len(kept) == 1 else "they keep their pins"
        console.warn(f"{named(kept)} failed: {result}")
    if new:
        are = "it has no pin yet and is" if len(new) == 1 else "they have no pins yet and are"
        console.warn(f"{named(new)} failed: {are} left out")
    if costs := advice(wanted, old, resolved.lock):
        console.note(costs)


def _tell_trees(renamed: Sequence[str], lock: Lock, manifest: Path, console: Console) -> None:
    """Say how trees that have new names get into the store."""
    for name in renamed:
        if name in lock.models and lock.models[name].pin_kind == "tree":
            chosen = Chosen(manifest, named=str(manifest) != MANIFEST)
            console.note(
                f"the store path of the tree {name} contains its name: "
                f"`{chosen.command('prefetch')} {shlex.quote(name)}` creates the new path without "
                "a download"
            )


def _tell(
    lines: Sequence[str],
    changed: Sequence[Path],
    writes: Plan,
    console: Console,
    toml: Path | None,
) -> None:
    """Print what was locked, and which files were written.

    Args:
        lines: The summary of the pins.
        changed: The files that were written.
        writes: What was to be written.
        console: Where to print.
        toml: The manifest, where its rendering was left out because stdout is a terminal.
    """
    for line in lines:
        console.note(line)
    if writes.printed and toml:
        report(console, changed)
        console.note(
            f'no output is set: add `[output]` with `file = "models.nix"` to {toml}, or run this '
            "with `-o FILE`; `-o -` prints here"
        )
    elif changed or not any("unchanged" in line for line in lines):
        report(console, changed, writes)


def _prefetch(old: Lock, new: Lock, manifest: Path, console: Console) -> None:
    """Put the models whose pins have changed into the store; others may lock meanwhile."""
    end_turn(manifest)
    models = tuple(new.models.values())
    changed = [model for model in models if model != old.models.get(model.name)]
    try:
        prefetch_models(changed, console, (*models, *old.models.values())).check()
    except BaseException:
        # To the next run of this command, these pins have not changed.
        command = Chosen(manifest, named=str(manifest) != MANIFEST).command("prefetch")
        console.warn(
            f"the pins are written, but not all files are in the store: `{command}` goes on"
        )
        raise


def report(console: Console, changed: Sequence[Path], writes: Plan | None = None) -> None:
    """Name the files that have changed, if there is a plan for other files than the lock."""
    if writes and writes.has_others and changed:
        console.note("the outputs of models.toml stay as they were because of -o")
    if writes and not writes.files:
        return
    console.note(f"wrote {', '.join(map(str, changed))}" if changed else "unchanged")


def write(writes: Plan, lock: Lock, manifest: str, files: Transaction) -> list[Path]:
    """Stage the files of a plan; return those that change."""
    files.check(writes.check)
    return [
        file
        for file, output_format in writes.files
        if files.write(file, render(lock, output_format, manifest).encode("utf-8"))
    ]
