"""The JSON that says what is to be in a hub folder. Nix writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from aimodels_linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
Mode = Literal["link", "directory"]


@dataclass(frozen=True)
class Entry:
    """A model.

    Args:
        name: What the configuration calls it.
        path: Its store path.
    """

    name: str
    path: str


@dataclass(frozen=True)
class Spec:
    """What is to be where.

    Args:
        store: The folder of the Nix store. A link to a place below it is ours to replace.
        hub: The folder in which huggingface_hub keeps repositories.
        state: The file in which we keep what we have made.
        mode: Whether an entry is a link, or a folder of links that programs may add to.
        option: Where in the configuration this comes from, for messages.
        entries: By the name of the repository's folder.
    """

    store: str
    hub: str
    state: str
    mode: Mode
    option: str
    entries: Mapping[str, Entry]

    def owns(self, text: str) -> bool:
        """Whether a link with this text leads into the store."""
        return text.startswith(f"{self.store}/") and ".." not in text.split("/")


def read_spec(path: str) -> Spec:
    """Read a spec from a JSON file.

    Raises:
        LinkError: The file cannot be read, or is not a spec.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            return _parse(json.load(file))
    except OSError as error:
        raise LinkError(f"cannot read the spec {path}: {error.strerror}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise LinkError(
            f"{path} is not a spec of this linker ({type(error).__name__}: {error}): "
            "take nix/ and its linker from one release"
        ) from error


def _parse(data: dict[str, Any]) -> Spec:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r}")
    spec = Spec(
        store=_absolute(data["store"]),
        hub=_absolute(data["hub"]),
        state=_absolute(data["state"]),
        mode=data["mode"],
        option=data["option"],
        entries={
            check_name(cache_name): Entry(entry["name"], entry["path"])
            for cache_name, entry in data["entries"].items()
        },
    )
    if spec.mode not in get_args(Mode):
        raise ValueError(f"mode {spec.mode!r}")
    for entry in spec.entries.values():
        if not spec.owns(entry.path):
            raise ValueError(f"{entry.path} is not below {spec.store}")
    return spec


def check_name(name: str) -> str:
    """Return the name of an entry if it is that of a repository's folder in a hub.

    Raises:
        ValueError: It could be anything else.
    """
    if "--" not in name or name.startswith((".", "-")) or "/" in name or "\0" in name:
        raise ValueError(f"entry {name!r}")
    return name


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{path!r} is not an absolute path")
    return path.rstrip("/") or "/"
