"""What `lock` and `update` share: their options, and the way from a manifest to its rendering."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from aimodels_gen.atomic import write_atomic
from aimodels_gen.cli.console import Console, result
from aimodels_gen.lock import file as lockfile
from aimodels_gen.lock.diff import summary
from aimodels_gen.lock.model import PinKind
from aimodels_gen.lock.resolve import DEFAULT_JOBS, Options, resolve
from aimodels_gen.manifest import parse as manifest
from aimodels_gen.nix.render import FORMATS, Format, render

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

MANIFEST = "models.toml"
FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Target:
    """What to print, and where to."""

    output: Path | None
    output_format: Format

    def write(self, text: str) -> None:
        """Write a rendering atomically to the file, or whole to stdout."""
        if self.output is None:
            result(text)
        else:
            write_atomic(self.output, text.encode("utf-8"))

    def spare(self, *paths: Path) -> None:
        """Refuse to write over one of these files.

        Raises:
            click.UsageError: the target is one of them.
        """
        for path in paths:
            if self.output is not None and self.output.resolve() == path.resolve():
                raise click.UsageError(f"-o {self.output} would overwrite {path}")


def manifest_option(function: F) -> F:
    """Add `-m`, for commands whose arguments are the names of models."""
    return click.option(
        "-m",
        "--manifest",
        type=FILE,
        default=MANIFEST,
        show_default=True,
        help="The manifest that has these models.",
    )(function)


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
            help="Write to FILE, atomically, instead of stdout; left untouched if it is the same.",
        ),
    ):
        function = option(function)
    return function


def lock_options(function: F) -> F:
    """Add the options that `lock` and `update` share, apart from the output's."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="Print no summary of what changed."),
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(1, 64),
            default=DEFAULT_JOBS,
            show_default=True,
            help="How many requests to have under way at a time.",
        ),
        click.option(
            "--pin",
            type=click.Choice(get_args(PinKind)),
            help="The kind of pin for models that do not say. files: a hash for each file, from "
            "metadata; tree: one hash, downloads everything once into the store.  [default: what "
            "the lock has, else files]",
        ),
    ):
        function = option(function)
    return function


def lock_and_write(path: Path, options: Options, target: Target, *, quiet: bool) -> None:
    """Bring the lock of the manifest at `path` up to date and write its rendering.

    Everything that can fail for a model's sake comes before the first byte is written.
    """
    console = Console(quiet=quiet)
    lock_path = lockfile.path_for(path)
    target.spare(path, lock_path)
    wanted = manifest.load(path)
    old = lockfile.read(lock_path) or lockfile.Lock()
    try:
        resolved = resolve(wanted, old, options, console.status, console.warn)
    finally:
        console.done()
    text = render(resolved.lock, target.output_format, wanted.file)
    lockfile.write(lock_path, resolved.lock)
    target.write(text)
    for warning in resolved.warnings:
        console.warn(warning)
    for line in summary(old, resolved.lock):
        console.note(line)
