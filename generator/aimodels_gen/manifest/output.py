"""`[output]` of models.toml: the files that `lock` and `update` write."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from aimodels_gen.nix.formats import Format
from aimodels_gen.tables import Text, about

if TYPE_CHECKING:
    from aimodels_gen.tables import Place


class OutputTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[output]`, or one of `[[output]]`."""

    file: Annotated[
        Text,
        about(
            "The file to write; relative to the directory of models.toml.",
            add='file = "models.nix"',
        ),
    ]
    format: Annotated[
        Format | None,
        about(
            "packages: a function to an attribute set of derivations. nixos, home-manager: a "
            "module that sets the models. json: the arguments of fetchModel. Absent: the format "
            "that the file has, else packages."
        ),
    ] = None


Tables = OutputTable | tuple[OutputTable, ...]  # msgspec tells them apart


@dataclass(frozen=True)
class Output:
    """A file to write.

    Attributes:
        file: its path, relative to the manifest's directory.
        format: None to keep the format that the file has.
    """

    file: str
    format: Format | None = None


def outputs(tables: Tables | None, root: Place) -> tuple[Output, ...]:
    """Return the outputs that a manifest declares.

    Raises:
        ManifestError: one of them cannot be a file of a project, or is there twice.
    """
    if isinstance(tables, tuple):
        places = [root.child("output", number) for number in range(1, len(tables) + 1)]
    else:
        tables, places = (() if tables is None else (tables,)), [root.child("output")]
    seen: set[str] = set()
    for table, place in zip(tables, places, strict=False):
        _check_file(table.file, place)
        path = posixpath.normpath(table.file)
        if path in seen:
            place.fail("file", f"is {path}, which another output writes", "name another file")
        seen.add(path)
    return tuple(Output(table.file, table.format) for table in tables)


def _check_file(file: str, place: Place) -> None:
    relative = 'write a path relative to this file\'s directory, such as "models.nix"'
    if file.startswith(("/", "~")):
        place.fail("file", f"is {file}, which is not a relative path", relative)
    if file == "-":
        place.fail("file", "is -", "remove output to print to standard output, or name a file")
    if posixpath.basename(file) in {"", ".", ".."}:
        place.fail("file", f"is {file}, which is a directory", relative)
