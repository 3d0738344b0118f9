"""Running the linker, which the modules of NixOS and Home Manager use too, for `link`, `unlink`."""

from __future__ import annotations

import io
import os
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aimodels_gen.engines.huggingface import hub_cache
from aimodels_gen.errors import AimodelsError, CombinedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aimodels_gen.cli.console import Console
    from aimodels_gen.store.link import LinkedModel, LinkedModels

F = TypeVar("F", bound="Callable[..., Any]")

# What the linker says of configurations.
_WORDS = {
    "activate again": "run it again",
    "choose another directory in models.toml": "name another directory with --cache-dir",
}


def cache_option(function: F) -> F:
    """Add `--cache-dir`."""
    return click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="The cache.  [default: that of huggingface_hub]",
    )(function)


def linked_models(cache_dir: Path | None) -> LinkedModels:
    """Return what is linked in a cache."""
    from aimodels_gen.store.link import LinkedModels as Linked  # noqa: PLC0415 - slow to import

    return Linked(Path(os.path.abspath(cache_dir or hub_cache())))  # noqa: PTH100 (links stay)


def run_linker(
    linked: LinkedModels,
    wanted: Mapping[str, LinkedModel],
    new: Collection[str],
    console: Console,
) -> None:
    """Make a cache have the models that are wanted, and no others that were linked before.

    Args:
        linked: The cache.
        wanted: By the names of their directories.
        new: Those that have to be there in the end.
        console: Where to report.

    Raises:
        AimodelsError: that is not possible, or something else is in the place of one.
    """
    from aimodels_linker.cli import main  # noqa: PLC0415 - slow to import

    spec = linked.write_spec(wanted)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["link", str(spec)])
    errors = []
    missing = [linked.hub / entry for entry in new if not linked.has(entry)]
    for line in err.getvalue().splitlines():
        kind, _, text = line.partition(": ")
        for theirs, ours in _WORDS.items():
            text = text.replace(theirs, ours)
        if kind == "error":
            errors.append(AimodelsError(text))
        elif not any(text.startswith(f"{path} is ") for path in missing):
            console.warn(text)
    if errors:
        raise CombinedError(errors)
    if status:
        raise AimodelsError("the linker failed")
    if missing:
        raise CombinedError([_in_the_way(path) for path in missing])
    for line in out.getvalue().splitlines():
        console.note(line.removeprefix("ai-models: "))


def _in_the_way(path: Path) -> AimodelsError:
    what = f"a link to {path.readlink()}" if path.is_symlink() else "there"
    aside = shlex.join(["mv", "--", str(path), f"{path}.old"])
    return AimodelsError(
        f"{path} is {what}, and was not made by `link`: it is left alone",
        f"move it away and link again: {aside}",
    )
