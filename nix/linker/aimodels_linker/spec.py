"""The spec: a JSON file, written by Nix, of what has to be in a hub directory."""

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
        name: Its name in the configuration.
        path: Its store path.
    """

    name: str
    path: str


@dataclass(frozen=True)
class Spec:
    """What has to be in a hub directory.

    Args:
        store: The directory of the Nix store. Links to paths below it may be replaced.
        hub: The directory where huggingface_hub keeps repositories.
        state: The file that records what we made.
        mode: Whether an entry is a link, or a directory of links that programs may add to.
        option: The option in the configuration that the models come from, for messages.
        entries: Directory name of a repository -> model.
    """

    store: str
    hub: str
    state: str
    mode: Mode
    option: str
    entries: Mapping[str, Entry]

    def in_store(self, target: str) -> bool:
        """Whether the target of a link is in the Nix store."""
        return target.startswith(f"{self.store}/") and ".." not in target.split("/")


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
            f"{path} is not a spec of this linker ({type(error).__name__}: {error})",
            "use nix/ and its linker from the same release",
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
        if not spec.in_store(entry.path):
            raise ValueError(f"{entry.path} is not below {spec.store}")
    return spec


def check_name(name: str) -> str:
    """Return the name of an entry, if it is a valid directory name of a repository in a hub.

    Raises:
        ValueError: The name is not valid.
    """
    if "--" not in name or name.startswith((".", "-")) or "/" in name or "\0" in name:
        raise ValueError(f"entry {name!r}")
    return name


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{path!r} is not an absolute path")
    return path.rstrip("/") or "/"
