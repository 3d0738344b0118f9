"""Which files of a model become layers of a model of Ollama."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aimodels_engines import quants
from aimodels_engines.errors import EngineError
from aimodels_engines.gguf import read_header
from aimodels_engines.model_files import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aimodels_engines.gguf import GgufHeader
    from aimodels_engines.model_files import ModelFiles
    from aimodels_engines.spec import OllamaModel

_OPTION = "integration.ollama.file"
_PROJECTORS = ("mmproj", "projector")


@dataclass(frozen=True)
class Chosen:
    """The files of one model.

    Attributes:
        header: Of the model.
    """

    header: GgufHeader
    model: str
    projector: str | None
    adapter: str | None

    def layers(self) -> Iterator[tuple[str, str]]:
        """Yield kind and file of each layer, in Ollama's order."""
        for kind, file in (
            ("model", self.model),
            ("projector", self.projector),
            ("adapter", self.adapter),
        ):
            if file is not None:
                yield kind, file


def choose(one: OllamaModel, files: ModelFiles) -> Chosen:
    """Return the files that make a model: a GGUF file, its projector and its LoRA adapter.

    Args:
        one: What the model is for Ollama.
        files: The files of the model.

    Raises:
        EngineError: There is none, there are several, or Ollama cannot read it.
    """
    headers = _Headers(files)
    file = _only(headers) if one.file is None else files.file(one.file, _OPTION)
    header = headers.read(file)
    _check_model(file, header, files)
    projector = quants.best_mmproj(files.paths, file)
    if projector is not None:
        headers.read(projector)
    return Chosen(header, file, projector, _adapter(headers, file))


class _Headers:
    """Headers of GGUF files, read once."""

    def __init__(self, files: ModelFiles) -> None:
        self.files = files
        self._read: dict[str, GgufHeader] = {}

    def read(self, path: str) -> GgufHeader:
        """Return the header of a file.

        Raises:
            EngineError: It is not a GGUF file, or it is cut.
        """
        if path not in self._read:
            place = self.files.real(path)
            try:
                with place.open("rb") as file:
                    self._read[path] = read_header(file, place.stat().st_size)
            except EngineError as error:
                raise EngineError(
                    f'model "{self.files.name}": "{path}" cannot be read as GGUF: {error.message}',
                    _other_file(self.files, path),
                ) from error
        return self._read[path]


def _only(headers: _Headers) -> str:
    """Return the one model among the files."""
    files = headers.files
    whole, sharded = _models(files.paths)
    found = [path for path in whole if headers.read(path).type != "adapter"]
    if len(found) == 1:
        return found[0]
    if found:
        lines = " or ".join(f'file = "{path}"' for path in found[:2])
        raise EngineError(
            f'model "{files.name}" has several GGUF files for Ollama: {some(sorted(found))}',
            f"choose one in integration.ollama: write {lines}",
        )
    if sharded:
        raise _in_shards(files, sharded)
    if whole:
        raise EngineError(
            f'model "{files.name}": "{whole[0]}" is a LoRA adapter, and Ollama needs its base '
            "model as well",
            "put adapter and base in one repository, or run `ollama create` with FROM and ADAPTER",
        )
    raise _no_gguf(files)


def _models(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the models in one file each, and the first files of those in several."""
    whole: list[str] = []
    sharded: list[str] = []
    for one in quants.sets(paths):
        name = quants.name_of(one.paths[0])
        (sharded if name and name.parts > 1 else whole).append(one.paths[0])
    return whole, sharded


def _check_model(file: str, header: GgufHeader, files: ModelFiles) -> None:
    if (header.split_count or 1) > 1:
        raise _in_shards(files, [file])
    kind = header.type
    if kind in _PROJECTORS or header.architecture == "clip":
        problem = "an encoder of images or sound (mmproj)"
    elif kind == "adapter":
        problem = "a LoRA adapter"
    elif kind not in (None, "model"):
        problem = f"of the type {kind}"
    else:
        return
    raise EngineError(
        f'model "{files.name}": "{file}" is {problem}, not a model', _other_file(files, file)
    )


def _adapter(headers: _Headers, model: str) -> str | None:
    """Return the LoRA adapter of a model; Ollama takes one."""
    found = []
    for path in _models(headers.files.paths)[0]:
        try:
            is_adapter = path != model and headers.read(path).type == "adapter"
        except EngineError:
            continue  # It is not the file that was chosen.
        if is_adapter:
            found.append(path)
    if len(found) > 1:
        raise EngineError(
            f'model "{headers.files.name}" has several LoRA adapters: {some(sorted(found))}',
            "fetch only one of them: list the files in the source of the model",
        )
    return found[0] if found else None


def _in_shards(files: ModelFiles, sharded: list[str]) -> EngineError:
    # llama.cpp finds the other shards by the first one's name, and a blob's is its checksum.
    # `ollama create` writes all of them into one new file.
    whole = _models(files.paths)[0]
    return EngineError(
        f'model "{files.name}": "{sharded[0]}" is one of several shards, which Ollama reads only '
        "after copying them into one file",
        f'write file = "{whole[0]}" in integration.ollama'
        if whole
        else "choose a quantisation that is one file, or serve this one with llama.cpp",
    )


def _no_gguf(files: ModelFiles) -> EngineError:
    if any(path.endswith(".safetensors") for path in files.paths):
        # server/create.go converts them to GGUF; the tensor layers of newer versions (x/create)
        # hold one tensor each, cut out of the files.
        return EngineError(
            f'model "{files.name}" has safetensors files, and Ollama reads only a converted copy '
            "of them",
            "fetch a repository with GGUF files, or run `ollama create` with FROM and the "
            "directory of this model",
        )
    return EngineError(
        f'model "{files.name}" has no GGUF file: {some(files.paths)}',
        "fetch a repository with GGUF files",
    )


def _other_file(files: ModelFiles, path: str) -> str:
    others = [other for other in _models(files.paths)[0] if other != path]
    if others:
        return f'write file = "{others[0]}" in integration.ollama'
    return "fetch a repository with a whole GGUF file of a model"
