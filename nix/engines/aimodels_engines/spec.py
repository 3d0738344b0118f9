"""What Nix asks a build for; nix/views/view.nix writes it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1


@dataclass(frozen=True)
class Link:
    """Files of a model in a directory.

    Attributes:
        model: The model's name.
        path: Where the file goes, or with a `/` at its end, where the files go that match.
        file: The file in the model, a pattern, or with a `/` at its end, a directory in the model
            whose files keep their paths below it; `./` is the whole model.
        option: The argument of the model that asks for it.
        line: What to write for another place than that of another model's file: `%NEW%`, `%FILE%`
            and `%MODEL%` are filled in.
        own: The same for two files of this model; None if no argument gives a file another place.
    """

    model: str
    path: str
    file: str
    option: str
    line: str | None
    own: str | None


@dataclass(frozen=True)
class OllamaModel:
    """A model for Ollama: the arguments of `integration.ollama`."""

    model: str
    name: str
    file: str | None
    template: str | None
    system: str | None
    params: Mapping[str, Any]
    license: str | list[str] | None


@dataclass(frozen=True)
class ViewSpec:
    """A view.

    Attributes:
        models: For each model the directory that has its files by their names.
        links: Where files of models go.
        texts: Files to write, by their paths in the view.
        ollama: The models for Ollama, of which a view has nothing else.
    """

    models: Mapping[str, str]
    links: tuple[Link, ...]
    texts: Mapping[str, str]
    ollama: tuple[OllamaModel, ...]


def read_spec(data: object) -> ViewSpec:
    """Return the view that JSON describes.

    Raises:
        EngineError: It is of another version, or not what Nix writes.
    """
    spec: Any = data
    try:
        if spec["version"] != VERSION:
            version = spec["version"]
            raise EngineError(f"the spec has version {version}, but this program reads {VERSION}")
        return ViewSpec(
            models={name: model["files"] for name, model in spec["models"].items()},
            links=tuple(map(_read_link, spec.get("links", ()))),
            texts=dict(spec.get("texts", {})),
            ollama=tuple(map(_read_ollama, spec.get("ollama", ()))),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise EngineError(f"the spec is not what Nix writes: {error!r}") from error


def _read_link(data: Mapping[str, Any]) -> Link:
    return Link(
        model=data["model"],
        path=data["path"],
        file=data["file"],
        option=data.get("option") or "the spec",
        line=data.get("line"),
        own=data.get("own", data.get("line")),
    )


def _read_ollama(data: Mapping[str, Any]) -> OllamaModel:
    return OllamaModel(
        model=data["model"],
        name=data["name"],
        file=data.get("file"),
        template=data.get("template"),
        system=data.get("system"),
        params=data.get("params") or {},
        license=data.get("license"),
    )
