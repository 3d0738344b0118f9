"""Running the linker, which the modules of NixOS and Home Manager use too, for `link`, `unlink`."""

from __future__ import annotations

import io
import os
import re
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
        help="The Hugging Face cache.  [default: that of huggingface_hub]",
    )(function)


def linked_models(cache_dir: Path | None) -> LinkedModels:
    """Return what is linked in a cache."""
    from aimodels_gen.store.link import LinkedModels as Linked  # noqa: PLC0415 - slow to import

    return Linked(Path(os.path.abspath(cache_dir or hub_cache())))  # noqa: PTH100 (links stay)


def run_linker(
    linked: LinkedModels,
    wanted: Mapping[str, LinkedModel],
    named: Collection[str],
    console: Console,
) -> list[AimodelsError]:
    """Make a cache have the models that are wanted, and no others that were linked before.

    Args:
        linked: The cache.
        wanted: By the names of their directories.
        named: The directories that the user has named; nothing is said of others.
        console: Where to report.

    Returns:
        Why some of those that are named are not as they should be.
    """
    from aimodels_linker.cli import main  # noqa: PLC0415 - slow to import

    spec = linked.write_spec(wanted)
    out, err = _text(), _text()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["link", str(spec)])
    missing = {
        entry: linked.hub / entry
        for entry in named
        if entry in wanted and not linked.has(wanted[entry])
    }
    others = wanted.keys() - set(named)
    hub = _printed(linked.hub)
    errors = []
    for line in _lines(err):
        kind, _, text = line.partition(": ")
        entries = re.findall(rf"{re.escape(hub)}/([^/\s:]+)", text)
        about = [entry for entry in entries if entry in wanted or entry in named]
        left_alone = about and text.startswith(f"{hub}/{about[0]} is ") and about[0] in missing
        if left_alone or others.intersection(about):
            continue
        for theirs, ours in _WORDS.items():
            text = text.replace(theirs, ours)
        if kind != "error":
            console.warn(text)
            continue
        errors.append(AimodelsError(text))
        for entry in about or list(missing):
            missing.pop(entry, None)
    errors += [_in_the_way(path) for path in missing.values()]
    if status and not errors and not others:
        errors.append(AimodelsError("the linker failed"))
    return errors


def raise_all(errors: list[AimodelsError]) -> None:
    """Raise errors, if there are any.

    Raises:
        AimodelsError: one, or all of them.
    """
    if errors:
        raise errors[0] if len(errors) == 1 else CombinedError(errors)


def _text() -> io.TextIOWrapper:
    """Return a stream that takes all characters of paths, as a string's does not."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _lines(stream: io.TextIOWrapper) -> list[str]:
    stream.seek(0)
    return stream.read().splitlines()


def _printed(path: Path) -> str:
    """Return a path as the linker prints it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def _in_the_way(path: Path) -> AimodelsError:
    from aimodels_linker.messages import move_away  # noqa: PLC0415 - slow to import

    what = "a directory" if path.is_dir() else "a file"
    if path.is_symlink():
        what = f"a link to {path.readlink()}"
    return AimodelsError(
        f"{path} is {what} that `link` did not make: it is left alone",
        f"move it away and link again: {move_away(str(path))}",
    )
