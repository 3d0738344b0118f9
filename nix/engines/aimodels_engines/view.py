"""A view of models: a directory of links to files in the Nix store, arranged for one engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_engines.directory import check_path, place, write
from aimodels_engines.errors import EngineError
from aimodels_engines.model_files import ModelFiles
from aimodels_engines.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aimodels_engines.spec import OllamaModel


def make_view(spec: object, out: Path) -> None:
    """Make the view that a spec describes.

    Args:
        spec: What Nix has written; see nix/views/view.nix.
        out: The directory to make.

    Raises:
        EngineError: The models do not have what the spec asks for.
    """
    wanted = read_spec(spec)
    models = {name: ModelFiles(name, files) for name, files in wanted.models.items()}
    contents: dict[str, Path | bytes] = {**place(wanted.links, models)}
    for path, text in wanted.texts.items():
        check_path(path)
        if path in contents:
            raise EngineError(
                f'"{path}" is a file of a model, and a text that an argument sets',
                "leave out one of them",
            )
        contents[path] = text.encode()
    if wanted.ollama:
        contents.update(_for_ollama(wanted.ollama, models))
    write(contents, out)


def _for_ollama(
    wanted: tuple[OllamaModel, ...], models: Mapping[str, ModelFiles]
) -> dict[str, Path | bytes]:
    """Return the manifests and blobs of all models. Only manifests can be in each other's way."""
    # Most views have no use for it.
    from aimodels_engines import ollama  # type: ignore[attr-defined]  # noqa: PLC0415

    contents: dict[str, Path | bytes] = {}
    for one in wanted:
        for path, content in ollama.layers(one, models[one.model]).items():
            if contents.setdefault(path, content) != content and path.startswith("manifests/"):
                raise EngineError(
                    f'two models have the Ollama name "{one.name}"',
                    f'write another `integration.ollama.name` where "{one.model}" is made',
                )
    return contents
