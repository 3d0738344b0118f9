"""Which manifest a command reads, and which of its models it is about."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.names import declared, natural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aimodels_gen.cli.console import Console

F = TypeVar("F", bound="Callable[..., Any]")

MANIFEST = "models.toml"
LOCK = "models.lock"
FILE = click.Path(path_type=Path, dir_okay=False)
# Not a path of a manifest, most likely.
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+(?<!\.toml)(?<!\.lock)")
_NO_NAMES = ("", ".", "-", "~")  # how no model's name begins


@dataclass(frozen=True)
class Chosen:
    """What the command line names.

    Attributes:
        manifest: the path of models.toml.
        names: the models; none for all of them.
        named: whether the command line names the manifest.
    """

    manifest: Path
    names: tuple[str, ...] = ()
    named: bool = True

    def command(self, name: str, models: Iterable[str] = ()) -> str:
        """Return a command on the same manifest, for hints."""
        named = ("-m", str(self.manifest)) * self.named
        return shlex.join(["aimodels-gen", name, *named, *models])


def manifest_option(function: F) -> F:
    """Add `-m`."""
    return click.option(
        "-m",
        "--manifest",
        type=FILE,
        metavar="FILE",
        help="The manifest.  [default: models.toml in this directory, or else in the nearest "
        "directory above it]",
    )(function)


def names_argument(function: F) -> F:
    """Add the names of models."""
    return click.argument(
        "names", nargs=-1, metavar="[NAME]...", shell_complete=_complete_argument
    )(function)


def choose(
    manifest: Path | None, arguments: tuple[str, ...], console: Console, *, lock: bool = False
) -> Chosen:
    """Return what a command line is about.

    Args:
        manifest: what `-m` names.
        arguments: names of models. Without `-m` one may be the manifest: a path, or a file.
        console: is told which manifest was found in another directory.
        lock: whether a lock without a manifest is enough.

    Raises:
        click.UsageError: there are two manifests.
        ManifestError: there is none.
    """
    if manifest is not None:
        return Chosen(manifest, arguments)
    paths = [argument for argument in arguments if _is_path(argument)]
    names = tuple(argument for argument in arguments if argument not in paths)
    if len(paths) > 1:
        context = click.get_current_context(silent=True)
        raise click.UsageError(f"name one manifest, not {' and '.join(paths)}", context)
    if paths:
        context = click.get_current_context(silent=True)
        if _REPOSITORY.fullmatch(paths[0]) and not os.path.lexists(os.path.dirname(paths[0])):  # noqa: PTH120
            raise ManifestError(
                f"{paths[0]} is neither the name of a model nor a file",
                f"write its name in {MANIFEST}, or run `aimodels-gen add {paths[0]}` to add it",
            )
        path = Path(FILE.convert(paths[0], None, context))
        return Chosen(path.with_suffix(".toml") if path.suffix == ".lock" else path, names)
    found = find([MANIFEST, LOCK] if lock else [MANIFEST])
    if found is None:
        files = f"{MANIFEST} or {LOCK}" if lock else MANIFEST
        raise ManifestError(
            f"there is no {files} in this directory or above it",
            "run `aimodels-gen init` to write one, or name the manifest: -m FILE",
        )
    path = found.with_name(MANIFEST)
    if found.parent != Path():
        if found.stat().st_uid not in {0, os.geteuid()}:
            # It decides which servers get requests, with the token.
            raise ManifestError(
                f"{found} belongs to another user", f"if you trust it, name it: -m {path}"
            )
        console.note(f"using {found}")
    return Chosen(path, names, named=False)


def find(names: Iterable[str]) -> Path | None:
    """Return the first of these files in this directory or the nearest one above; None if none."""
    for name in names:
        if os.path.lexists(name):
            return Path(name)
    for directory in Path.cwd().parents:
        for name in names:
            if (directory / name).is_file():
                return Path(os.path.relpath(directory / name))
    return None


def complete_name(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the names of models that begin so, as far as they can be found out."""
    given = context.params.get("names") or ()
    try:
        manifest = context.params.get("manifest") or next(filter(_is_written_as_path, given), None)
        path = Path(manifest) if manifest else find([MANIFEST, LOCK])
        names = declared(path) if path else ()
    except Exception:  # noqa: BLE001 - the reader is typing a command, and wants no message
        return []
    wanted = (name for name in names if name.startswith(begun) and name not in given)
    return [CompletionItem(name) for name in sorted(wanted, key=natural)]


def _complete_argument(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    # First: for bash, a file takes back what comes before it.
    file = [] if context.params.get("manifest") else [CompletionItem(begun, type="file")]
    return file + complete_name(context, parameter, begun)


def _looks_like_path(argument: str) -> bool:
    return "/" in argument or argument.endswith(".toml")


def _is_written_as_path(argument: str) -> bool:
    """Return the same for what is being typed, which is not looked for."""
    return _looks_like_path(argument) or argument.endswith(".lock")


def _is_path(argument: str) -> bool:
    """Return whether an argument is a manifest: no model has such a name, or the file is there."""
    if _looks_like_path(argument) or argument[:1] in _NO_NAMES:
        return True
    return Path(argument).is_file() and not _is_declared(argument)


def _is_declared(name: str) -> bool:
    found = find([MANIFEST])
    try:
        return found is not None and name in declared(found)
    except (OSError, ValueError):
        return False
