"""The names of models: which there are, in which order, and which one was probably meant."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_LISTED = 10  # names in a hint
_MOST = 64 << 20  # bytes
_LONGEST = 100  # characters of a name that we make up
# A model's name becomes a store name, which may hold these characters and no leading dot.
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9+._?=-]*\Z")
# In a set of packages, these would change what the set is for Nix or for modules of NixOS.
_MEANINGS = frozenset({"_type", "outPath", "recurseForDerivations", "type"})


def natural(name: str) -> list[str | int]:
    """Return a sort key that puts `part-2` before `part-10`."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def refusal(name: str) -> tuple[str, str] | None:
    """Return why a model may not have this name, and what to do; None if it may."""
    if not _NAME.match(name):
        hint = "use letters, digits and + . _ ? = -, starting with a letter, a digit or _"
        return "is not a name that the Nix store allows", hint
    if name.startswith("__") or name in _MEANINGS:
        return "has a meaning of its own in attribute sets of Nix", "choose another name"
    return None


def store_name(text: str) -> str:
    """Return a name that a model may have instead of a text that it may not."""
    name = re.sub(r"[^0-9A-Za-z+._?=-]+", "-", text).strip("-._?=+")[:_LONGEST].rstrip("-._")
    if not name:
        return "my-model"
    has_meaning = name in _MEANINGS or text in _MEANINGS or text.startswith("__")
    return f"{name}-model" if has_meaning else name


def check_names(names: Iterable[str], known: Collection[str], file: str) -> None:
    """Refuse names that are not among the known ones of a file.

    Raises:
        AimodelsError: naming them, and the names that were probably meant.
    """
    unknown = sorted(set(names).difference(known), key=natural)
    if not unknown:
        return
    # Not at the top: completions need the rest of this module at once.
    nearest = import_module("aimodels_gen.tables").nearest
    meant = list(dict.fromkeys(near for name in unknown if (near := nearest(name, known))))
    hint = f"did you mean {' and '.join(meant)}?" if meant else f"it has {_listed(known)}"
    raise AimodelsError(f"{file} has no model named {', '.join(unknown)}", hint)


def declared(manifest: Path) -> tuple[str, ...]:
    """Return the names of the models in a manifest, without checking anything else of it.

    In the place of a manifest there may be a lock.

    Raises:
        OSError: it cannot be read.
        ValueError: it is neither TOML nor a lock, or none that can be a manifest.
    """
    if manifest.suffix != ".lock" and not manifest.exists():
        manifest = manifest.with_suffix(".lock")
    toml = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    parser = import_module("json" if manifest.suffix == ".lock" else toml)
    if not manifest.is_file() or manifest.stat().st_size > _MOST:
        raise ValueError("not a manifest")
    data = parser.loads(manifest.read_text(encoding="utf-8-sig"))
    models = data.get("models") if isinstance(data, dict) else None
    return tuple(models) if isinstance(models, dict) else ()


def _listed(names: Collection[str]) -> str:
    ordered = sorted(names, key=natural)
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return ", ".join(ordered[:_LISTED]) + more if ordered else "no models"
