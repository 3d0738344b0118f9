"""Directories of any form, by their names, with links to files of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.engines.selection import LABEL, check_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_gen.engines.selection import Link, Places
    from aimodels_gen.tables import Place

# `mkDirectory` takes these names for what is under `integration` itself.
_RESERVED = frozenset(("comfyui", "huggingface", "lmstudio", "ollama", "triton"))


def check(given: Mapping[str, Places], place: Place) -> None:
    """Refuse names of directories that mean something else, and paths that lead out of them.

    Raises:
        AimodelsError: `place.error`.
    """
    for name, places in given.items():
        if name in _RESERVED:
            place.fail(name, f"would be mistaken for integration.{name}", "choose another name")
        if not LABEL.match(name):
            hint = "use letters, digits, . _ and -, starting with a letter, a digit or _"
            place.fail(name, "cannot be the name of a directory", hint)
        if not places.places:
            hint = f'name a path and its file, such as {name} = {{ "dir/" = "*.bin" }}'
            place.fail(name, "is empty", hint)
        check_paths(places.places, place.child(name))


def links(given: Mapping[str, Places]) -> Iterator[Link]:
    """Yield what the directories have of a model."""
    for name, places in sorted(given.items()):
        yield from places.links(f"directory.{name}", ("directory", name), "")
