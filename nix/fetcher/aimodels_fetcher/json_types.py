"""Types of values in JSON documents: readers that check a value and say what is wrong where.

A reader takes a value and its place in the document, such as `files["a b"].size`, and returns the
value as declared, or raises ValueError.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from aimodels_fetcher.paths import check_path

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")
    Reader = Callable[[object, str], T]

_NAMES = {bool: "a boolean", dict: "an object", float: "a float", int: "an integer", list: "a list"}
_MOST_BYTES = 2**63  # as many as files, and integers of Nix, can have
_SHOWN = 60  # characters of a name in a message


def text(value: object, where: str) -> str:
    """Read a string without what no name of a file or URL can have: NUL and lone surrogates."""
    if not isinstance(value, str):
        _refuse(value, where, "a string")
    if "\0" in value or re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{where} has a character that is not text")
    return value


def path(value: object, where: str) -> str:
    """Read a path below a directory.

    Raises:
        FetchError: See `check_path`.
    """
    return check_path(text(value, where))


def texts(value: object, where: str) -> tuple[str, ...]:
    """Read a list of strings."""
    if not isinstance(value, list):
        _refuse(value, where, "a list")
    return tuple(text(item, f"{where}[{number}]") for number, item in enumerate(value))


def flag(value: object, where: str) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        _refuse(value, where, "a boolean")
    return value


def size(value: object, where: str) -> int:
    """Read a number of bytes."""
    # A boolean is an integer, too.
    if type(value) is not int:
        _refuse(value, where, "an integer")
    if not 0 <= value < _MOST_BYTES:
        raise ValueError(f"{where} is not a number of bytes")
    return value


def one_of(*options: str) -> Reader[str]:
    """Return a reader of one of some strings."""

    def read(value: object, where: str) -> str:
        if text(value, where) not in options:
            raise ValueError(f"{where} is not {' or '.join(options)}")
        return str(value)

    return read


def matching(pattern: str, what: str) -> Reader[str]:
    """Return a reader of strings that match a regular expression; `what` is what they are."""

    def read(value: object, where: str) -> str:
        if not re.fullmatch(pattern, text(value, where)):
            raise ValueError(f"{where} is not {what}")
        return str(value)

    return read


def optional(read: Reader[T]) -> Reader[T | None]:
    """Return a reader that also takes a null."""
    return lambda value, where: None if value is None else read(value, where)


def mapping(read: Reader[T]) -> Reader[dict[str, T]]:
    """Return a reader of objects with any names, and with values of one type."""

    def read_all(value: object, where: str) -> dict[str, T]:
        return {
            text(name, f"a name in {where}"): read(item, f"{where}[{_shown(name)}]")
            for name, item in _object(value, where).items()
        }

    return read_all


def record(value: object, where: str, /, **readers: Reader[Any]) -> dict[str, Any]:
    """Read an object that has exactly these names."""
    given = _object(value, where)
    for name in given:
        if name not in readers:
            raise ValueError(f"{where} has an unknown key {_shown(name)}")
    for name in readers:
        if name not in given:
            raise ValueError(f"{where} has no {name}")
    return {name: read(given[name], f"{where}.{name}") for name, read in readers.items()}


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(value, where, "an object")
    return value


def _refuse(value: object, where: str, expected: str) -> NoReturn:
    found = "null" if value is None else _NAMES.get(type(value), "a string")
    raise ValueError(f"{where} is {found} instead of {expected}")


def _shown(name: str) -> str:
    return json.dumps(name[:_SHOWN])
