"""Directories of any form, by their names, with links to files of a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_gen.engines.selection import Link, Selection, check_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_gen.tables import OneOrMore, Place

    Directories = Mapping[str, Mapping[str, OneOrMore]]

_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]*\Z")
# `mkDirectory` takes these names for what is under `integration` itself.
_RESERVED = frozenset(("comfyui", "huggingface", "lmstudio", "ollama", "triton"))


def check(given: Directories, place: Place) -> None:
    """Refuse names of directories that mean something else, and paths that lead out of them.

    Raises:
        AimodelsError: `place.error`.
    """
    for name, places in given.items():
        if name in _RESERVED:
            place.fail(name, f"would be mistaken for integration.{name}", "choose another name")
        if not _NAME.match(name):
            hint = "use letters, digits, . _ and -, starting with a letter, a digit or _"
            place.fail(name, "cannot be the name of a directory", hint)
        if not places:
            hint = f'name a path and its file, such as {name} = {{ "dir/" = "*.bin" }}'
            place.fail(name, "is empty", hint)
        if "" in places:
            hint = 'write a path inside of the directory, such as "dir/file"'
            place.fail(name, "has an empty path", hint)
        check_places(places, place.child(name))


def links(given: Directories) -> Iterator[Link]:
    """Yield what the directories have of a model."""
    for name, places in sorted(given.items()):
        yield from Selection(places).links(f"directory.{name}", ("directory", name), "")
