"""LM Studio: `ORG/MODEL/FILE`, below `~/.lmstudio/models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from aimodels_gen.engines.huggingface import is_repo_part
from aimodels_gen.engines.selection import Selection, check_paths
from aimodels_gen.tables import OneOrMore, Text, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimodels_gen.engines.selection import Link
    from aimodels_gen.tables import Place

_GGUF = Selection({"": OneOrMore(("*.gguf",))})
_NAMES = "use letters, digits, single - . and _, as in the name of a repository"


class LMStudio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model appears in LM Studio; None means: as in the Hugging Face cache."""

    enable: Annotated[bool, about("Whether the model is there for LM Studio.")] = True
    org: Annotated[Text | None, about("The name of the publisher.")] = None
    model: Annotated[Text | None, about("The name of the model.")] = None
    files: Annotated[
        Selection | None,
        about("Patterns of files, or a table of files by their new names; absent: *.gguf."),
    ] = None

    def check(self, names: tuple[str | None, str | None], place: Place) -> None:
        """Refuse names that cannot be directories, and paths that lead out of them.

        Args:
            names: org and name of the model in the Hugging Face cache.
            place: where it is declared.

        Raises:
            AimodelsError: `place.error`.
        """
        for key, name in zip(("org", "model"), self._names(names), strict=True):
            if name is None:
                hint = 'add integration.lmstudio = { org = "my-org", model = "my-model" }'
                place.fail(None, f"needs {key}: the source has no such name", hint)
            if not is_repo_part(name):
                place.fail(key, f"is {name!r}, which cannot be a name in LM Studio", _NAMES)
        if self.files:
            check_paths(self.files.places, place.child("files"), self._directory(names))

    def links(self, names: tuple[str | None, str | None]) -> Iterator[Link]:
        """Yield what a directory for LM Studio has of the model."""
        files, key = self.files or _GGUF, ("lmstudio", "files")
        yield from files.links("lmstudio", key, self._directory(names))

    def _directory(self, names: tuple[str | None, str | None]) -> str:
        org, model = self._names(names)
        return f"{org}/{model}/"

    def _names(self, names: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
        return self.org or names[0], self.model or names[1]
