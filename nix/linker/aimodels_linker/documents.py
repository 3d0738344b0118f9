"""JSON documents that somebody may have damaged: each mistake is a ValueError that says where."""

from __future__ import annotations

import json
import os
from typing import Any

_LONGEST = 200  # characters of a mistake in a message


def parse(data: bytes) -> Any:  # noqa: ANN401 (a document can be anything)
    """Return the content of a JSON document.

    Raises:
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(data.decode())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def table(value: object, where: str) -> dict[str, Any]:
    """Return a value that has to be an object."""
    if not isinstance(value, dict):
        raise _mistake(value, where, "an object")
    return value


def text(value: object, where: str) -> str:
    """Return a value that has to be a string, and could be a part of a path."""
    if not isinstance(value, str):
        raise _mistake(value, where, "a string")
    try:
        usable = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        usable = False
    if not usable:
        raise ValueError(f"{where} is {value!r}, which has characters that no path can have")
    return value


def strings(value: object, where: str) -> list[str]:
    """Return a value that has to be a list of strings."""
    if not isinstance(value, list):
        raise _mistake(value, where, "a list")
    return [text(item, f"an item of {where}") for item in value]


def absolute(value: object, where: str) -> str:
    """Return a value that has to be an absolute path, without slashes at its end."""
    path = text(value, where)
    if not path.startswith("/") or not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError(f"{where} is {path!r}, which is not an absolute path without `.` and `..`")
    return path.rstrip("/") or "/"


def version(data: dict[str, Any], expected: int) -> None:
    """Check the version of a document."""
    found = data.get("version")
    if type(found) is not int or found != expected:
        raise ValueError(f"its version is {_shown(found)}, and this linker reads {expected}")


def brief(mistake: ValueError) -> str:
    """Return what a mistake is, in few words even if there are long ones in the document."""
    words = str(mistake)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."


def _mistake(value: object, where: str, needed: str) -> ValueError:
    return ValueError(f"{where} is {_shown(value)}, and has to be {needed}")


def _shown(value: object) -> str:
    if isinstance(value, (list, dict)):  # of any depth
        return "a list" if isinstance(value, list) else "an object"
    return repr(value)
