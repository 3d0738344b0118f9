"""Tables of TOML and JSON files as declared types, with errors that say where and what to write.

msgspec converts and checks. Where it refuses, its message lacks the keys on the way: we look for
the place again and name the file, the dotted key, what is wrong there and what to write instead.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from aimodels_fetcher.urls import quoted
from aimodels_gen.errors import AimodelsError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from typing_extensions import Self

T = TypeVar("T")

Text = Annotated[str, msgspec.Meta(min_length=1)]
"""A string that is not empty."""

_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number with a fraction",
    str: "a string",
    list: "a list",
    dict: "a table",
    dt.datetime: "a date",
    dt.date: "a date",
    dt.time: "a time",
    type(None): "null",
}


class Variant(ABC):
    """A type that files may spell in several forms."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def decode(cls, value: object) -> Self:
        """Return the value that a parser returned as one of this type.

        Raises:
            ValueError: it cannot be one; `check` says why.
        """

    @classmethod
    @abstractmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Raise the error about a mistake in the value at a key of a place."""

    @classmethod
    @abstractmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of all forms."""

    @abstractmethod
    def plain(self) -> Any:  # noqa: ANN401
        """Return the shortest form, as a parser would."""


class OneOrMore(tuple[str, ...], Variant):
    """Strings, at least one, to try in order. In a file, a single one may stand without a list."""

    __slots__ = ()

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return a string, or a list of strings, as strings; see `Variant.decode`."""
        values = (value,) if isinstance(value, str) else value
        if not isinstance(values, (tuple, list)) or not values:
            raise ValueError
        if not all(isinstance(item, str) and item for item in values):
            raise ValueError
        return cls(values)

    @classmethod
    def check(cls, value: Any, place: Place, key: str) -> None:  # noqa: ANN401
        """Refuse other types and empty strings; see `Variant.check`."""
        _expect(value, (str, list), place, key)
        if value in ("", []):
            place.fail(key, "is empty", f"set a value, or remove {key}")
        if isinstance(value, list):
            _check_items(value, inspect.StrType(), place, key)

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema; see `Variant.schema`."""
        strings = {"type": "string", "minLength": 1}
        return {"anyOf": [strings, {"type": "array", "items": strings, "minItems": 1}]}

    def plain(self) -> str | list[str]:
        """Return a string for one, a list for several; see `Variant.plain`."""
        return self[0] if len(self) == 1 else list(self)


class KindTable(dict[str, Any]):
    """A table with one key, the kind of a source, and the table that the kind declares."""


@dataclass(frozen=True)
class Place:
    """Where something is in a file, for messages.

    Attributes:
        file: its name.
        key: the dotted key, such as `models.whisper`; empty for the whole file.
        error: what to raise.
        repair: what to do about any mistake, where people do not write the file themselves.
    """

    file: str
    key: str = ""
    error: type[AimodelsError] = ManifestError
    repair: str | None = None

    def child(self, key: str, number: int | None = None) -> Place:
        """Return the place of a key in this one, or of one of the tables in its list."""
        dotted = f"{self.key}.{_quoted(key)}" if self.key else _quoted(key)
        whole = dotted if number is None else f"{dotted}[{number}]"
        return Place(self.file, whole, self.error, self.repair)

    def fail(self, key: str | None, reason: str, hint: str | None = None) -> NoReturn:
        """Raise the error about `key` (None: the place itself); the default hint is `repair`."""
        dotted = ".".join(part for part in (self.key, key and _quoted(key)) if part)
        message = f"{self.file}{f': {dotted}' if dotted else ''} {reason}"
        raise self.error(message, hint or self.repair or "correct it")


def about(description: str, *, add: str | None = None, role: str | None = None) -> msgspec.Meta:
    """Describe a field of a declared type.

    Args:
        description: for the JSON Schema.
        add: what to add where a required field is missing, such as `repo = "org/name"`.
        role: see `sources.base`.
    """
    return msgspec.Meta(description=description, extra={"add": add, "role": role})


def read(data: object, kind: type[T], place: Place) -> T:
    """Return `data`, which a parser of TOML or JSON returned, as a declared type.

    Raises:
        AimodelsError: `place.error`, about the first mistake.
    """
    try:
        return msgspec.convert(data, kind, dec_hook=decode)
    except msgspec.ValidationError as error:
        _check(data, inspect.type_info(kind), place, None)
        return place.fail(None, f"is wrong: {error}")


def decode(kind: type, value: object) -> object:
    """Return `value` as one of our own types; the `dec_hook` of msgspec.

    Raises:
        ValueError: it cannot be one.
    """
    if kind is KindTable and isinstance(value, dict):
        return KindTable(value)
    if issubclass(kind, Variant):
        return kind.decode(value)
    raise ValueError(f"not {kind.__name__}")


def check(value: object, kind: type, place: Place, key: str) -> None:
    """Raise the error about the first mistake in a value of a declared type, if there is one.

    Raises:
        AimodelsError: `place.error`.
    """
    _check(value, inspect.type_info(kind), place, key)


def plain(value: Any) -> Any:  # noqa: ANN401 - as the types are declared
    """Return a value of a declared type as a parser would: strings, lists, dictionaries."""
    if isinstance(value, Variant):
        return value.plain()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def nearest(word: str, options: Collection[str]) -> str | None:
    """Return the option that was probably meant, None if no option is close."""
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return close[0] if close else None


def check_keys(given: Iterable[str], known: Collection[str], place: Place) -> None:
    """Refuse keys that are not known, naming the nearest one that is.

    Raises:
        AimodelsError: `place.error`.
    """
    for key in given:
        if key not in known:
            if place.repair:  # a newer version may have written it
                place.fail(key, "is not a known key", f"upgrade aimodels-gen, or {place.repair}")
            meant = nearest(key, known)
            valid = f"valid keys: {', '.join(sorted(known))}"
            place.fail(key, "is not a known key", f"did you mean {meant}?" if meant else valid)


def _check(value: Any, info: inspect.Type, place: Place, key: str | None) -> None:  # noqa: ANN401
    """Raise the error about the first mistake in `value`, which is at `key` of a place."""
    info = _without_none(info, type(value))
    if isinstance(info, (inspect.StructType, inspect.DictType)):
        _expect(value, (dict,), place, key)
        inner = place if key is None else place.child(key)
        if isinstance(info, inspect.StructType):
            _check_struct(value, info, inner)
        else:
            for name, item in value.items():
                _check(item, info.value_type, inner, name)
    elif isinstance(info, inspect.VarTupleType):
        _expect(value, (list,), place, key)
        _check_items(value, _without_none(info.item_type), place, key or "")
    elif isinstance(info, inspect.CustomType):
        _check_custom(value, info.cls, place, key or "")
    else:
        _check_scalar(value, info, place, key or "")


def _check_struct(table: Mapping[str, Any], info: inspect.StructType, place: Place) -> None:
    fields = {field.encode_name: field for field in info.fields}
    for name, field in fields.items():
        if field.required and name not in table:
            if place.repair:
                place.fail(name, "is missing", place.repair)
            extra = field.type.extra if isinstance(field.type, inspect.Metadata) else None
            place.fail(None, f"has no {name}", f"add {(extra or {}).get('add') or name}")
    check_keys(table, fields, place)
    for name, field in fields.items():
        if name in table and (table[name] is not None or not _allows_none(field.type)):
            _check(table[name], field.type, place, name)


def _check_items(values: list[Any], item: inspect.Type, place: Place, key: str) -> None:
    tables = isinstance(item, (inspect.StructType, inspect.CustomType))
    for number, value in enumerate(values, 1):
        if tables and not isinstance(value, dict):
            place.fail(key, f"holds {_shown(value)}", "write a list of tables")
        if not tables and (not isinstance(value, str) or not value):
            place.fail(key, f"holds {_shown(value)}", "write a list of strings")
        if isinstance(item, inspect.StructType):
            _check_struct(value, item, place.child(key, number))


def _check_custom(value: Any, kind: type, place: Place, key: str) -> None:  # noqa: ANN401
    if issubclass(kind, Variant):
        kind.check(value, place, key)
    else:
        _expect(value, (dict,), place, key)


def _check_scalar(value: Any, info: inspect.Type, place: Place, key: str) -> None:  # noqa: ANN401
    if isinstance(info, inspect.LiteralType):
        _expect(value, (str,), place, key)
        if value not in info.values:
            listed = " or ".join(f'"{option}"' for option in info.values)
            meant = nearest(value, [str(option) for option in info.values])
            suggestion = f"; did you mean {meant}?" if meant else ""
            place.fail(key, f"is {_shown(value)}", f"write {listed}{suggestion}")
    elif isinstance(info, inspect.StrType):
        _expect(value, (str,), place, key)
        if info.min_length and not value:
            place.fail(key, "is empty", f"set a value, or remove {key}")
        if info.pattern and not re.search(info.pattern, value):
            place.fail(key, f"is wrong: {_shown(value)}", place.repair or f"write {info.pattern}")
    elif isinstance(info, inspect.IntType):
        _expect(value, (int,), place, key)
        if value < 0:
            place.fail(key, "is negative")
        if info.le is not None and value > info.le:
            place.fail(key, f"is larger than {info.le}")
    elif isinstance(info, inspect.BoolType):
        _expect(value, (bool,), place, key)


def _expect(value: object, kinds: tuple[type, ...], place: Place, key: str | None) -> None:
    # bool is an int to Python, and never what a reader means by a number.
    if type(value) not in kinds:
        found = _kind(value)
        quotes = ", in quotes" if kinds == (str,) and not isinstance(value, (dict, list)) else ""
        hint = f"write {' or '.join(_NAMES[kind] for kind in kinds)}{quotes}"
        place.fail(key, f"is {found}", hint)


def _allows_none(info: inspect.Type) -> bool:
    if isinstance(info, inspect.Metadata):
        return _allows_none(info.type)
    return isinstance(info, inspect.UnionType) and info.includes_none


def _without_none(info: inspect.Type, given: type = object) -> inspect.Type:
    """Return a type without null; of a table or a list of tables, the one that was given."""
    while isinstance(info, (inspect.Metadata, inspect.UnionType)):
        if isinstance(info, inspect.Metadata):
            info = info.type
        else:
            types = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            lists = [one for one in types if isinstance(one, inspect.VarTupleType)]
            texts = [one for one in types if isinstance(one, inspect.StrType)]
            info = ((given is list and lists) or (given is str and texts) or types)[0]
    return info


def _quoted(key: str) -> str:
    simple = key.replace("-", "").replace("_", "")
    if simple.isascii() and simple.isalnum():
        return key
    shown = quoted(key)
    return json.dumps(key, ensure_ascii=False) if shown == repr(key) else shown


def _shown(value: object) -> str:
    """Return a value for a message; nothing of it but its kind where it may hold a password."""
    if isinstance(value, str):
        return quoted(value)
    # Python refuses to print long integers, which hexadecimal digits can make.
    short = isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64)  # noqa: PLR2004
    return repr(value) if short else _kind(value)


def _kind(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)
