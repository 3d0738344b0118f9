"""What `lock` and `update` share: their options, and the way from a manifest to its rendering."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import realpath
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from aimodels_gen.atomic import Transaction
from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.manifests import FILE
from aimodels_gen.errors import LockError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.diff import summary
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.lock.options import DEFAULT_JOBS, Options
from aimodels_gen.lock.resolve import resolve
from aimodels_gen.manifest.model import PinKind
from aimodels_gen.manifest.parse import load
from aimodels_gen.nix.render import FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True)
class Target:
    """What to print, and where to."""

    output: Path | None
    output_format: Format

    def write(self, text: str, files: Transaction) -> None:
        """Stage a rendering for the file, or write it whole to stdout.

        Raises:
            OSError: the file cannot be written, or stdout is full or closed.
        """
        if self.output is None:
            result(text)
        else:
            files.write(self.output, text.encode("utf-8"))

    def spare(self, *paths: Path) -> None:
        """Refuse to write over one of these files.

        Raises:
            click.UsageError: the target is one of them.
        """
        for path in paths:
            if self.output is not None and realpath(self.output) == realpath(path):
                raise click.UsageError(f"-o {self.output} would overwrite {path}")


def output_options(function: F) -> F:
    """Add `-o` and `--format`."""
    for option in (
        click.option(
            "--format",
            "output_format",
            type=click.Choice(FORMATS),
            default=FORMATS[0],
            show_default=True,
            help="packages: a function to an attribute set of derivations; nixos, home-manager: a "
            "module that sets the models; json: the arguments of fetchModel.",
        ),
        click.option(
            "-o",
            "--output",
            type=FILE,
            metavar="FILE",
            help="Write to FILE instead of stdout; FILE stays untouched if nothing changed.",
        ),
    ):
        function = option(function)
    return function


def lock_options(function: F) -> F:
    """Add the options that `lock` and `update` share, apart from the output's."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Do not print the summary of changes."),
        click.option(
            "-v", "--verbose", is_flag=True, help="Name the files that changed in the summary."
        ),
        click.option(
            "-k",
            "--keep-going",
            is_flag=True,
            help="If models fail, lock the others. Those that fail keep the pins that they have; "
            "the exit status is 1.",
        ),
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(1, 64),
            help="Maximum number of concurrent requests.  "
            f"[default: {DEFAULT_JOBS}; for downloads AIMODELS_MAX_CONNECTIONS, else 32]",
        ),
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


def lock_and_write(path: Path, options: Options, target: Target, console: Console) -> None:
    """Bring the lock of the manifest at `path` up to date and write its rendering.

    Lock and rendering change together, or neither does.
    """
    lock_path = lock_file.path_for(path)
    target.spare(path, lock_path)
    wanted = load(path)
    before = lock_file.text(lock_path)
    old = Lock() if before is None else lock_file.parse(before, lock_path)
    try:
        resolved = resolve(wanted, old, options, console.status, console.warn)
    finally:
        console.done()
    lock_file.check_secrets(resolved.lock)
    text = render(resolved.lock, target.output_format, wanted.file)
    after = lock_file.dumps(resolved.lock)

    def unchanged() -> None:
        if lock_file.text(lock_path) not in {before, after}:
            raise LockError(
                f"{lock_path} was changed by another program while this one was locking",
                "run this again: what the other one has pinned stays",
            )

    with Transaction() as files:
        files.check(unchanged)
        files.write(lock_path, after.encode("utf-8"))
        target.write(text, files)
    for warning in resolved.warnings:
        console.warn(warning)
    for line in summary(old, resolved.lock, width=console.width, verbose=console.verbose):
        console.note(line)
    if resolved.skipped:
        names = ", ".join(resolved.skipped)
        console.note(f"new or changed in {wanted.file}, and not locked by this run: {names}")
    for name in resolved.failed:
        kept = "keeps its pin" if name in old.models else "has no pin yet and is left out"
        console.warn(f"{name} failed: it {kept}")
    if resolved.error:
        raise resolved.error
