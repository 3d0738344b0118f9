"""The config of a model of Ollama (types/model/config.go), as server/create.go fills it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimodels_engines.gguf import GgufHeader

# Architectures that Ollama renders and parses with code of its own.
_RENDERERS = {"gemma4": "gemma4", "laguna": "laguna"}
_RENDERERS |= dict.fromkeys(("nemotron_h", "nemotron_h_moe", "nemotron_h_omni"), "nemotron-3-nano")
_STOPS = {"gemma4": ["<turn|>"]}
# Where Ollama has another name for a quantisation.
_FILE_TYPES = {"MXFP4": "MXFP4_MOE"}


def of(header: GgufHeader) -> dict[str, Any]:
    """Return the config of a model."""
    architecture = header.architecture or "unknown"
    file_type = header.file_type or "unknown"
    config: dict[str, Any] = {
        "model_format": "gguf",
        "model_family": architecture,
        "model_families": [architecture],
        "model_type": human_number(header.parameter_count or 0),
        "file_type": _FILE_TYPES.get(file_type, file_type),
    }
    if renderer := _RENDERERS.get(architecture):
        config |= {"renderer": renderer, "parser": renderer}
    return {**config, "architecture": "amd64", "os": "linux"}


def with_stops(header: GgufHeader, params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with the stop sequences that Ollama's renderer of a model needs."""
    stops = _STOPS.get(header.architecture or "")
    return {"stop": stops, **params} if stops else params


def human_number(number: int) -> str:
    """Return a number of parameters as Ollama shows it (format/format.go), such as `3.2B`."""
    for size, unit, decimals in ((10**9, "B", 1), (10**6, "M", 2)):
        if number >= size:
            return f"{number / size:.{0 if number % size == 0 else decimals}f}{unit}"
    return f"{number / 1000:.0f}K" if number >= 1000 else str(number)  # noqa: PLR2004 - thousand
