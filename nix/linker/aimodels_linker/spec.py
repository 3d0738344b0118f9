"""The spec: a JSON file, written by Nix, of what has to be in a directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from aimodels_linker import documents
from aimodels_linker.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
_MAX_SIZE = 1 << 24  # bytes; of a model it has some hundred
_PLACES = {"hub": "hub", "directory": "directory"}  # kind -> the key of its path
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
class View:
    """A view: a directory of links in the store, as an engine looks for models.

    Args:
        path: Its store path.
        copies: Directories in it whose files are copied, because the engine follows no links there.
    """

    path: str
    copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spec:
    """What has to be in a hub directory, or in the directory of another engine.

    Args:
        store: The directory of the Nix store. Links to paths below it may be replaced.
        hub: The directory where huggingface_hub keeps repositories, or what a view is put into.
        state: The file that records what we made.
        mode: Whether an entry is a link, or a directory of links that programs may add to.
        option: The option in the configuration that the models come from, for messages.
        entries: Directory name of a repository -> model.
        offline: Whether programs are told to send no requests.
        view: What to put into the directory, if it is not a hub directory.
    """

    store: str
    hub: str
    state: str
    mode: Mode
    option: str
    entries: Mapping[str, Entry]
    offline: bool = False
    view: View | None = None

    def in_store(self, target: str) -> bool:
        """Whether the target of a link is in the Nix store."""
        return target.startswith(f"{self.store}/") and ".." not in target.split("/")


def read_spec(path: str) -> Spec:
    """Read a spec from a JSON file.

    Raises:
        LinkError: The file cannot be read, or is not a spec.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LinkError(
            f"cannot read the spec {path}: {reason}",
            "pass the path of a file that the module has written",
        ) from error
    try:
        if len(data) > _MAX_SIZE:
            raise ValueError("it is too large")  # noqa: TRY301 (all are handled below)
        return _parse(documents.table(documents.parse(data), "it"))
    except ValueError as error:
        raise LinkError(
            f"{path} is not a spec of this linker ({documents.brief(error)})",
            "use nix/ and its linker from the same release",
        ) from error


def _parse(data: dict[str, Any]) -> Spec:
    documents.version(data, VERSION)
    kind = data.get("kind", "hub")
    if kind not in _PLACES:
        raise ValueError(f"kind is {kind!r}, and has to be one of {', '.join(_PLACES)}")
    store, place, state = (
        documents.absolute(data.get(key), key) for key in ("store", _PLACES[kind], "state")
    )
    mode = documents.text(data.get("mode"), "mode")
    if mode not in get_args(Mode):
        raise ValueError(f"mode is {mode!r}, and has to be one of {', '.join(get_args(Mode))}")
    option = documents.text(data.get("option"), "option")
    view = _parse_view(data) if kind == "directory" else None
    entries = _parse_entries(data) if view is None else {}
    offline = data.get("offline") is True
    spec = Spec(store, place, state, cast("Mode", mode), option, entries, offline, view)
    for path in [*(entry.path for entry in entries.values()), *([view.path] if view else ())]:
        if not spec.in_store(path):
            raise ValueError(f"{path} is not below {store}")
    return spec


def _parse_view(data: dict[str, Any]) -> View:
    path = documents.absolute(data.get("view"), "view")
    return View(path, tuple(documents.strings(data.get("copies", []), "copies")))


def _parse_entries(data: dict[str, Any]) -> dict[str, Entry]:
    return {
        check_name(name): _parse_entry(value, f"entries.{name}")
        for name, value in documents.table(data.get("entries"), "entries").items()
    }


def _parse_entry(value: object, where: str) -> Entry:
    data = documents.table(value, where)
    name, path = (documents.text(data.get(key), f"{where}.{key}") for key in ("name", "path"))
    return Entry(name, path)


def check_name(name: str) -> str:
    """Return the name of an entry, if it is a valid directory name of a repository in a hub.

    Raises:
        ValueError: The name is not valid.
    """
    documents.text(name, "the name of an entry")
    if "--" not in name or name.startswith((".", "-")) or "/" in name:
        raise ValueError(f"{name!r} is not the name of an entry")
    return name
