"""A view of models: a directory of links to files in the Nix store, arranged for one engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_engines.directory import check_path, place, write
from aimodels_engines.errors import EngineError
from aimodels_engines.model_files import ModelFiles
from aimodels_engines.spec import read_spec

if TYPE_CHECKING:
    from pathlib import Path


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
        # Most views have no use for it.
        from aimodels_engines import ollama  # noqa: PLC0415

        contents.update(ollama.contents(wanted.ollama, models))
    write(contents, out)
