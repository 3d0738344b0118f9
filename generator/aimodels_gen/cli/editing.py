"""What `add`, `remove` and `rename` share: their options, and writing what they have edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from aimodels_gen.atomic import Transaction
from aimodels_gen.cli.locking import lock_and_write
from aimodels_gen.cli.reports import quiet_option
from aimodels_gen.cli.turns import end_turn, take_turn
from aimodels_gen.errors import CombinedError
from aimodels_gen.lock import file as lock_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.outputs import Target
    from aimodels_gen.lock.options import Options
    from aimodels_gen.manifest.edited import Edit

F = TypeVar("F", bound="Callable[..., Any]")


def edit_options(function: F) -> F:
    """Add `--no-lock`, `-q` and `-v`."""
    for option in (
        quiet_option,
        click.option(
            "-v", "--verbose", is_flag=True, help="Name the files that changed in the summary."
        ),
        click.option(
            "--no-lock", is_flag=True, help="Edit only models.toml; lock and outputs stay."
        ),
    ):
        function = option(function)
    return function


def edit_and_lock(  # noqa: PLR0913 - as `lock_and_write`
    path: Path,
    change: Callable[[Path], Edit],
    options: Options | None,
    target: Target,
    console: Console,
    *,
    prefetch: bool = False,
    keeps_pins: bool = False,
) -> None:
    """Edit the manifest at `path`, and bring lock and renderings up to date with it.

    All of them change together, or none does. Only the manifest changes without
    `options`, and where an edit that `keeps_pins` finds no lock: such an edit pins nothing.
    """
    taken = take_turn(path, console)
    try:
        if options is None or (keeps_pins and not lock_file.path_for(path).exists()):
            _edit(path, change, console)
        else:
            lock_and_write(path, options, target, console, prefetch=prefetch, change=change)
    except CombinedError as error:
        error.hint = None  # these commands have no --keep-going
        raise
    finally:
        if taken:
            end_turn(path)


def _edit(path: Path, change: Callable[[Path], Edit], console: Console) -> None:
    edit = change(path)
    edit.check()
    with Transaction() as files:
        changed = edit.stage(files)
    for note in edit.notes:
        console.note(note)
    console.note(f"wrote {path}" if changed else "unchanged")
