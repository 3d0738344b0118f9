"""What engines other than the Hugging Face libraries see of a model: `integration` without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from aimodels_gen.engines import comfyui, directory
from aimodels_gen.engines.lmstudio import LMStudio
from aimodels_gen.engines.ollama import Ollama, OllamaDefaults, check_ggufs
from aimodels_gen.engines.selection import Link, Places, Selection, missing
from aimodels_gen.engines.triton import Triton
from aimodels_gen.errors import ManifestError
from aimodels_gen.tables import about, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from aimodels_gen.tables import Place


class Names(NamedTuple):
    """What a model is called: its own name, and org and model in the Hugging Face cache."""

    name: str
    org: str | None
    model: str | None


class ViewDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What several models can have in common."""

    ollama: Annotated[
        OllamaDefaults | None, about("For the models that have a name for Ollama.")
    ] = None
    lmstudio: Annotated[
        LMStudio | None, about("LM Studio: ORG/MODEL with the GGUF files, or with others.")
    ] = None
    comfyui: Annotated[
        dict[str, Selection] | None,
        about("ComfyUI: the files for each directory below its `models`, such as checkpoints."),
    ] = None
    directory: Annotated[
        dict[str, Places] | None,
        about(
            "Directories by names: paths in them, and the files that are linked there. A path that"
            " ends in / takes patterns, whose files keep their names, and directories of the model,"
            " such as onnx/ or ./ for all, whose files keep their paths."
        ),
    ] = None


class Views(ViewDefaults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a model can have."""

    ollama: Annotated[Ollama | None, about("Ollama: the name there, and what goes with it.")] = None
    triton: Annotated[Triton | None, about("Triton: a model in a model repository.")] = None

    def check(self, names: Names, place: Place) -> None:
        """Refuse values that no engine could use.

        Raises:
            AimodelsError: `place.error`.
        """
        if self.ollama:
            self.ollama.check(names.name, place.child("ollama"))
        if self.lmstudio and self.lmstudio.enable:
            self.lmstudio.check(names[1:], place.child("lmstudio"))
        if self.comfyui is not None:
            comfyui.check(self.comfyui, place.child("comfyui"))
        if self.triton:
            self.triton.check(names.name, place.child("triton"))
        directory.check(self.directory or {}, place.child("directory"))

    def links(self, names: Names) -> Iterator[Link]:
        """Yield what the directories for engines have of the model."""
        if self.lmstudio and self.lmstudio.enable:
            yield from self.lmstudio.links(names[1:])
        yield from comfyui.links(self.comfyui or {})
        if self.triton:
            yield from self.triton.links(names.name)
        yield from directory.links(self.directory or {})

    @property
    def ollama_name(self) -> str | None:
        """Return the name for Ollama; None where it is not there."""
        return self.ollama.name if self.ollama and self.ollama.enable else None

    @property
    def directories(self) -> tuple[str, ...]:
        """Return the directories that have links to its files, by their keys in `integration`."""
        return tuple(dict.fromkeys(link.namespace for link in self.links(Names("", "", ""))))

    def check_files(self, names: Names, files: Collection[str]) -> None:
        """Refuse files and patterns for which the model has no file.

        Raises:
            ManifestError: naming the key.
        """
        asked = list(self.links(names))
        if self.ollama and self.ollama.enable and self.ollama.file:
            asked.append(Link("ollama", ("ollama", "file"), "", self.ollama.file))
        for link in asked:
            if not link.matching(files):
                reason, hint = missing(link, files)
                shown = ".".join(("integration", *link.key))
                raise ManifestError(f"{shown} {reason}", hint)
        if self.ollama and self.ollama.enable:
            check_ggufs(self.ollama.file, files)

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `integration` in Nix, defaults left out."""
        found: dict[str, Any] = {}
        for key in ("comfyui", "directory", "lmstudio", "ollama", "triton"):
            value = getattr(self, key)
            if isinstance(value, msgspec.Struct):
                found[key] = _set_fields(value)
            elif value:
                found[key] = {name: plain(item) for name, item in sorted(value.items())}
        return found


def _set_fields(value: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of an engine that differ from their defaults, those first that name it."""
    fields = {field.name: field for field in msgspec.structs.fields(value)}
    order = sorted(fields, key=lambda name: (name != "enable", name not in {"name", "model"}, name))
    return {
        name: plain(getattr(value, name))
        for name in order
        if getattr(value, name) != fields[name].default and getattr(value, name) not in (None, {})
    }
