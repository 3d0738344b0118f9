"""Ollama: the name of a model there, and what its manifest has beside the weights."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimodels_engines import quants
from aimodels_engines.errors import EngineError
from aimodels_engines.ollama import go_template, names, params
from aimodels_fetcher.urls import quoted
from aimodels_fetcher.wording import joined
from aimodels_gen.errors import ManifestError
from aimodels_gen.tables import OneOrMore, Text, Variant, about, plain

if TYPE_CHECKING:
    from collections.abc import Collection

    from typing_extensions import Self

    from aimodels_gen.tables import Place

_MODEL = "integration.ollama"
_ADAPTER = re.compile("adapter|lora", re.IGNORECASE)
_SHOWN = 5
_VALUES = "write a string, a number, true or false, or a list of these"
_INTEGERS = 1 << 63


class Params(dict[str, Any], Variant):
    """Parameters of a Modelfile by their names."""

    __slots__ = ()

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return a table as parameters; see `Variant.decode`."""
        if not isinstance(value, dict) or not all(map(_is_value, value.values())):
            raise ValueError
        return cls(sorted(value.items()))

    @classmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Refuse what is not a table of parameters; see `Variant.check`."""
        if not isinstance(value, dict):
            place.fail(key, "is not a table", "write a table, such as { temperature = 0.7 }")
        for name, item in value.items():
            if not _is_value(item):
                place.child(key).fail(name, "is not the value of a parameter", _VALUES)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema; see `Variant.schema`."""
        single = {"type": ["string", "number", "boolean"]}
        one_or_more = [single, {"type": "array", "items": single, "minItems": 1}]
        return {"type": "object", "additionalProperties": {"anyOf": one_or_more}}

    def plain(self) -> dict[str, Any]:
        """Return the table; see `Variant.plain`."""
        return dict(self)


class OllamaDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What several models of Ollama can have in common."""

    enable: Annotated[bool, about("Whether the model is there for Ollama.")] = True
    template: Annotated[
        Text | None, about("The prompt template in Go's syntax; absent: that of the file.")
    ] = None
    system: Annotated[Text | None, about("The system message.")] = None
    params: Annotated[
        Params | None, about("Parameters of a Modelfile, such as temperature, num_ctx and stop.")
    ] = None
    license: Annotated[
        OneOrMore | None, about("The texts that `ollama show --license` prints.")
    ] = None


class Ollama(OllamaDefaults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model of Ollama."""

    name: Annotated[
        Text,
        about("The name for Ollama: [HOST/][NAMESPACE/]MODEL[:TAG].", add='name = "llama3.2:1b"'),
    ]
    file: Annotated[Text | None, about("The GGUF file, if the model has several.")] = None

    def check(self, model: str, place: Place) -> None:
        """Refuse what Ollama would refuse, as the build of its directory does.

        Args:
            model: the name of the model, for messages.
            place: where it is declared.

        Raises:
            AimodelsError: `place.error`.
        """
        if not self.enable:
            return
        try:
            names.parse(self.name, model)
            params.check(plain(self.params or {}), model)
            if self.template:
                go_template.check(self.template, model)
        except EngineError as error:
            about_model, key, rest = error.message.partition(_MODEL)
            reason = f"{place.key}{rest}" if key else f"{place.key}: {about_model}"
            raise place.error(f"{place.file}: {reason}", error.hint) from None


def check_ggufs(chosen: str | None, paths: Collection[str]) -> None:
    """Refuse a model of which Ollama cannot take exactly one GGUF file.

    Args:
        chosen: the file that was named; it is one of these.
        paths: the files of the model.

    Raises:
        ManifestError: there is none, there are several, or it is in shards.
    """
    found = quants.sets([chosen] if chosen else paths)
    whole = [one.paths[0] for one in found if not _is_sharded(one.paths[0])]
    # Only its header shows what an adapter is: the build decides.
    models = [path for path in whole if not _ADAPTER.search(path)]
    if len(models) > 1:
        shown = joined([quoted(path) for path in models[:_SHOWN]])
        more = f" and {len(models) - _SHOWN} more" if len(models) > _SHOWN else ""
        hint = f'add file = "{models[0]}" to integration.ollama'
        raise ManifestError(f"{_MODEL} takes one GGUF file of {shown}{more}", hint)
    if whole or (chosen and not found):
        return
    if found:
        hint = "choose a quantisation that is one file, or leave integration.ollama out"
        reason = f"cannot take {quoted(found[0].paths[0])}, which is one of several shards"
        raise ManifestError(f"{_MODEL} {reason}", hint)
    hint = "leave integration.ollama out, or name a repository with GGUF files"
    raise ManifestError(f"{_MODEL} needs a GGUF file, and the model has none", hint)


def _is_sharded(path: str) -> bool:
    name = quants.name_of(path)
    return name is not None and name.parts > 1


def _is_value(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(not isinstance(item, list) and _is_value(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -_INTEGERS < value < _INTEGERS
    return isinstance(value, str)
