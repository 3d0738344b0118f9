"""Ollama: the name of a model there, and what its manifest has beside the weights."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimodels_gen.tables import Text, Variant, about

if TYPE_CHECKING:
    from typing_extensions import Self

    from aimodels_gen.tables import Place

_PART = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,79}"
_HOST = "[0-9A-Za-z_][0-9A-Za-z_.:-]{0,349}"
_NAMESPACE = "[0-9A-Za-z_][0-9A-Za-z_-]{0,79}"
_NAME = re.compile(rf"(?:(?:({_HOST})/)?({_NAMESPACE})/)?({_PART})(?::({_PART}))?\Z")
_DEFAULTS = ("registry.ollama.ai", "library", "", "latest")
_SHAPE = (
    'write [HOST/][NAMESPACE/]MODEL[:TAG] with letters, digits, . _ and -, such as "llama3.2:1b"'
)
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
    license: Annotated[Text | None, about("The text that `ollama show --license` prints.")] = None


class Ollama(OllamaDefaults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model of Ollama."""

    name: Annotated[
        Text,
        about("The name for Ollama: [HOST/][NAMESPACE/]MODEL[:TAG].", add='name = "llama3.2:1b"'),
    ]
    file: Annotated[Text | None, about("The GGUF file, if the model has several.")] = None

    def check(self, place: Place) -> None:
        """Refuse a name that Ollama cannot have.

        Raises:
            AimodelsError: `place.error`.
        """
        if self.enable and not is_name(self.name):
            place.fail("name", f"is {self.name!r}, which is not a name for Ollama", _SHAPE)


def is_name(text: str) -> bool:
    """Return whether Ollama accepts this as the name of a model."""
    return bool(_NAME.match(text))


def same_name(text: str) -> str:
    """Return a name with what Ollama adds to it, equal for those that mean one model."""
    found = _NAME.match(text)
    parts = found.groups() if found else ()
    host, namespace, model, tag = (
        part or default for part, default in zip(parts, _DEFAULTS, strict=True)
    )
    return f"{host}/{namespace}/{model}:{tag}".lower()


def with_tag(name: str, tag: str) -> str:
    """Return the name of the same model of Ollama with another tag."""
    head, _, model = name.rpartition("/")
    return f"{head}{'/' if head else ''}{model.partition(':')[0]}:{tag}"


def _is_value(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(not isinstance(item, list) and _is_value(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -_INTEGERS < value < _INTEGERS
    return isinstance(value, str)
