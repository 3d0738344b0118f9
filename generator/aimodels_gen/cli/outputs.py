"""What a run writes, and in which format: decided, and checked, before anything is resolved."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from aimodels_gen.atomic import probe
from aimodels_gen.errors import AimodelsError, ManifestError
from aimodels_gen.nix.formats import FORMATS, recognised

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimodels_gen.cli.stdout import Stdout
    from aimodels_gen.manifest.output import Output
    from aimodels_gen.nix.formats import Format

_STDOUT = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
# What is there is what some process has open.
_OPEN_FILES = ("/dev/fd/", "/proc/")


@dataclass(frozen=True)
class Target:
    """What the command line asks for: None where it leaves that to models.toml and the files.

    Attributes:
        as_markdown: whether stdout is for the body of a pull request, and for no rendering.
        copies: whether stdout, where it is a file, gets the rendering of declared outputs, too.
    """

    output: Path | None
    output_format: Format | None
    as_markdown: bool = False
    copies: bool = True


@dataclass(frozen=True)
class Plan:
    """What a run writes.

    Attributes:
        files: the files, each with its format.
        printed: the format of what goes to stdout, None for nothing.
        kept: the format of what was in the file that is stdout, if that is one of ours.
        has_others: whether the manifest declares files that are not among these.
    """

    files: tuple[tuple[Path, Format], ...]
    printed: Format | None
    kept: Format | None
    has_others: bool

    def check(self) -> None:
        """Refuse to replace what is not a rendering; called again just before it is replaced.

        Raises:
            AimodelsError: a file is of somebody else's, or is not a regular file.
            OSError: a file cannot be read.
        """
        for path, _ in self.files:
            format_of(path)

    def probe(self) -> None:
        """Find out whether all files can be written.

        Raises:
            OSError: one of them cannot.
        """
        for path, _ in self.files:
            probe(path)


def plan(
    target: Target, declared: Sequence[Output], manifest: Path, lock: Path, stdout: Stdout
) -> Plan:
    """Return what to write where.

    `-o` comes first, then the outputs of the manifest, then stdout. A format that nobody asks for
    is that of the file as it is.

    Raises:
        click.UsageError: the manifest or the lock would be overwritten, or `--format` is ambiguous.
        AimodelsError: see `Plan.check`.
    """
    listed = [(manifest.parent / output.file, output.format) for output in declared]
    wanted, printing = target.output_format, False
    files: list[tuple[Path, Format | None]] = []
    if target.output is not None and str(target.output) in _STDOUT:
        printing = True
    elif target.output is not None and str(target.output) == os.devnull:
        files = []
    elif target.output is not None:
        same = (asked for path, asked in listed if _same(path, target.output))
        files = [(target.output, wanted or next(same, None))]
    elif target.as_markdown:
        files = listed
    elif listed:
        files = listed
        is_output = any(stdout.is_same(path) for path, _ in listed)
        printing = target.copies and stdout.is_file and not is_output
    else:
        printing = True
    _spare(files, (manifest, lock), stdout, named=target.output is not None)
    found = [(path, asked, format_of(path)) for path, asked in files]
    decided = [(path, asked or has) for path, asked, has in found]
    if wanted and not printing and target.output is None:
        decided = [(path, _agreed(wanted, path, has)) for path, has in decided]
    if printing and stdout.appends_to and recognised(stdout.appends_to):
        hint = "write > instead of >>, or `-o FILE`"
        raise AimodelsError("standard output ends a file that has a rendering already", hint)
    first = listed[0] if listed else None
    shown = wanted or (first and (first[1] or format_of(first[0]))) or FORMATS[0]
    final = tuple((path, asked or FORMATS[0]) for path, asked in decided)
    kept = next((has for path, has in final if stdout.is_same(path)), shown if printing else None)
    left = any(not any(_same(path, other) for other, _ in final) for path, _ in listed)
    return Plan(final, shown if printing else None, kept, has_others=left)


def format_of(path: Path) -> Format | None:
    """Return the format of the rendering in a file, None where there is none yet.

    Raises:
        AimodelsError: the file may not be replaced.
        OSError: it cannot be read.
    """
    directory = os.path.realpath(path.parent)
    special = directory == "/dev" or f"{directory}/".startswith(_OPEN_FILES)
    try:
        status = path.stat()
    except FileNotFoundError:
        if not special:
            return None
        status = None
    if status and stat.S_ISDIR(status.st_mode):
        raise AimodelsError(f"{path} is a directory", f"name a file in it: {path / 'models.nix'}")
    if special or not status or not stat.S_ISREG(status.st_mode):
        hint = "write `-o -` and redirect standard output, or name a file"
        raise AimodelsError(f"{path} is not a regular file", hint)
    content = path.read_bytes().decode("utf-8-sig", "replace")
    found = recognised(content)
    if content.startswith("<<<<<<< ") and recognised(content.partition("\n")[2]):
        hint = "remove it and run this again: all of it is made from the lock"
        raise AimodelsError(f"{path} has a merge conflict", hint)
    if found is None and content.strip():
        raise AimodelsError(
            f"{path} was not written by aimodels-gen, and stays as it is",
            "name another file, or move this one away if you do not need it",
        )
    return found


def _agreed(wanted: Format, path: Path, has: Format | None) -> Format:
    if has not in {None, wanted}:
        raise click.UsageError(
            f"--format {wanted}, but {path} has the format {has}: write `-o {path} --format "
            f"{wanted}` to change it, `-o -` to print, or set format in models.toml"
        )
    return wanted


def _spare(
    files: Sequence[tuple[Path, object]], inputs: Sequence[Path], stdout: Stdout, *, named: bool
) -> None:
    for number, (path, _) in enumerate(files):
        for one in inputs:
            if named and _same(path, one):
                raise click.UsageError(f"-o {path} would overwrite {one}")
            if _same(path, one):
                reason = f"{inputs[0]}: the output {path.name} would overwrite {one}"
                raise ManifestError(reason, 'name another file, such as "models.nix"')
        if any(_same(path, other) for other, _ in files[:number]):
            reason = f"{inputs[0]}: two outputs are the same file, {path}"
            raise ManifestError(reason, "remove one of them, or name another file")
    for one in inputs:
        if stdout.is_same(one):
            hint = f"restore {one} from version control if it is empty now, and name another file"
            raise AimodelsError(f"standard output would overwrite {one}", hint)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
