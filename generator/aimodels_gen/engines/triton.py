"""Triton: `MODEL/VERSION/FILE` and `MODEL/config.pbtxt`, a model repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from aimodels_gen.engines.selection import LABEL, Selection, check_paths
from aimodels_gen.tables import OneOrMore, Text, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_gen.engines.selection import Link
    from aimodels_gen.tables import Place

_ALL = Selection({"": OneOrMore(("*",))})
_LARGEST = 1 << 63


class Triton(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model appears in a model repository of Triton."""

    model: Annotated[Text | None, about("The name for Triton; absent: the model's name.")] = None
    version: Annotated[int, about("The name of the directory with the files.")] = 1
    config: Annotated[Text | None, about("The text of config.pbtxt; absent: no such file.")] = None
    files: Annotated[
        Selection | None,
        about("Patterns of files, or a table of files by their new names; absent: all files."),
    ] = None

    def check(self, name: str, place: Place) -> None:
        """Refuse what cannot be a directory, and paths that lead out of it.

        Raises:
            AimodelsError: `place.error`.
        """
        if not 1 <= self.version < _LARGEST:
            place.fail("version", "is not a number of a version", "write a number of at least 1")
        model = self.model or name
        if not LABEL.match(model):
            hint = "use letters, digits, . _ and -, starting with a letter, a digit or _"
            place.fail("model", f"is {model!r}, which cannot be a name for Triton", hint)
        if self.files:
            check_paths(self.files.places, place.child("files"), self._directory(name))

    def links(self, name: str) -> Iterator[Link]:
        """Yield what a model repository has of the model."""
        yield from (self.files or _ALL).links("triton", ("triton", "files"), self._directory(name))

    def _directory(self, name: str) -> str:
        return f"{self.model or name}/{self.version}/"
