"""A directory of models for Ollama (`OLLAMA_MODELS`), as `ollama create` and `ollama pull` make it.

Read in Ollama's sources, at 0.33.0-rc2:

- manifest/paths.go, manifest/manifest.go: `manifests/HOST/NAMESPACE/MODEL/TAG` is JSON with the
  config and the layers, in their order; blobs are `blobs/sha256-HEX`. `pull` keeps the manifest of
  the registry byte by byte, `create` writes the one that is made here.
- server/images.go, `GetModel`: which layers are read: model, projector, adapter, template, system,
  params, license. A missing template layer makes 0.30 and newer use the chat template in the file.
- server/create.go, `createModel`: the order of the layers, and what the config says.
- server/images.go, `PruneLayers`; manifest/paths.go, `PruneDirectory`: at its start Ollama removes
  blobs that no manifest has, and empty directories. There are none here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from aimodels_engines.errors import EngineError
from aimodels_engines.ollama import config, go_template, names, params, sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from aimodels_engines.model_files import ModelFiles
    from aimodels_engines.spec import OllamaModel

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.ollama.image."


def contents(
    wanted: Iterable[OllamaModel], models: Mapping[str, ModelFiles]
) -> dict[str, Path | bytes]:
    """Return what is in the directory: for each path a file in the store, or the bytes to write.

    Args:
        wanted: The models for Ollama.
        models: The files of all models, by name.

    Raises:
        EngineError: A model cannot be one of Ollama, or two names are in each other's way.
    """
    found: dict[str, Path | bytes] = {}
    named: list[tuple[str, str]] = []
    for one in wanted:
        named.append((one.model, one.name))
        # Blobs that several models share are the same.
        found.update(layers(one, models[one.model]))
    names.check_together(named)
    return found


def layers(one: OllamaModel, files: ModelFiles) -> dict[str, Path | bytes]:
    """Return the manifest and the blobs of a model.

    Raises:
        EngineError: The model cannot be one of Ollama.
    """
    name = names.parse(one.name, one.model)
    blobs: dict[str, Path | bytes] = {}
    manifest_layers: list[dict[str, Any]] = []

    def add(kind: str, content: Path | bytes, sha256: str | None = None) -> dict[str, Any]:
        sha256 = sha256 or _sha256(content)
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        blobs[f"blobs/sha256-{sha256}"] = content
        return {"mediaType": kind, "digest": f"sha256:{sha256}", "size": size}

    chosen = sources.choose(one, files)
    for kind, file in chosen.layers():
        manifest_layers.append(add(_LAYER + kind, files.real(file), files.sha256(file)))
    options = config.with_stops(chosen.header, params.check(one.params, one.model))
    texts = [("template", one.template), ("system", one.system)]
    texts += [("license", text) for text in _licenses(one)]
    if one.template:
        go_template.check(one.template, one.model)
    # Ollama takes an empty text for none.
    manifest_layers += [add(_LAYER + kind, text.encode()) for kind, text in texts if text]
    if options:
        manifest_layers.append(add(f"{_LAYER}params", _json(dict(sorted(options.items())))))
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": add(_CONFIG, _json(config.of(chosen.header))),
        "layers": manifest_layers,
    }
    return {f"manifests/{name.path}": _json(manifest), **blobs}


def _licenses(one: OllamaModel) -> list[str]:
    given: Any = one.license
    if given is None:
        return []
    texts: list[str] = given if isinstance(given, list) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise EngineError(
            f'model "{one.model}": integration.ollama.license is not a text',
            "write the text of the licence, or a list of texts",
        )
    return texts


def _json(value: object) -> bytes:
    # As Go's encoder writes it: no spaces, and a line break at the end.
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _sha256(content: Path | bytes) -> str:
    assert isinstance(content, bytes)  # noqa: S101 (files come with theirs)
    return hashlib.sha256(content).hexdigest()
