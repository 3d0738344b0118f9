"""Nix literals: any value of ours as Nix text that evaluates to the same value.

The text is laid out as nixfmt (RFC 166) does: sets of two bindings and more are expanded, a set of
one binding becomes an attribute path, lists of two elements and more, and those of a set, have one
element a line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_INDENT = "  "
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_'-]*\Z")
# `or` is an operator in `a.b or c`; as a name it is best quoted, like the true keywords.
_KEYWORDS = frozenset("assert else if in inherit let or rec then with".split())  # noqa: SIM905 - reads as the list that it is
# A raw CR would be normalised to LF by the lexer; LF and TAB are escaped to stay on one line.
_ESCAPES = {"\\": "\\\\", '"': '\\"', "${": "\\${", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPABLE = re.compile(r'[\\"\n\r\t]|\$\{')


def string(text: str) -> str:
    r"""Return `text` as a double-quoted Nix string.

    Escapes `\`, `"`, `${`, newline, tab and CR; any other character stands for itself.

    Raises:
        ValueError: `text` holds NUL or a lone surrogate, which no Nix string can hold.
    """
    if "\0" in text:
        raise ValueError(f"a Nix string cannot hold NUL: {text!r}")
    text.encode("utf-8")  # UnicodeEncodeError, a ValueError, for lone surrogates
    return '"' + _ESCAPABLE.sub(lambda match: _ESCAPES[match[0]], text) + '"'


@lru_cache(maxsize=1024)  # the same few names are in every model
def attribute(name: str) -> str:
    """Return `name` as an attribute name: quoted unless it is an identifier and no keyword.

    Raises:
        ValueError: as `string` does.
    """
    if _IDENTIFIER.match(name) and name not in _KEYWORDS:
        return name
    return string(name)


def literal(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - the domain is checked here
    """Return a value as Nix text: None, bool, numbers, str, sequences and mappings of these.

    `depth` is the indentation, in levels, of the line that the text starts on. A mapping's order
    is kept: the caller sorts.

    Raises:
        TypeError: the value, or one in it, is of another type.
        ValueError: as `string` does, or a number is one that Nix does not have.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _integer(value) if isinstance(value, int) else _float(value)
    if isinstance(value, str):
        return string(value)
    if _is_set(value):
        return _set(value, depth)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return _list(value, depth)
    raise TypeError(f"no Nix literal for {type(value).__name__}: {value!r}")


def bindings(values: Mapping[str, Any], depth: int = 0) -> str:
    """Return a mapping as lines `name = value;` at `depth` levels, without the braces."""
    indent = _INDENT * depth
    return "\n".join([indent + _binding(name, value, depth) for name, value in values.items()])


def _is_set(value: object) -> bool:
    # Asking an abstract class takes much longer, and there are many values.
    return isinstance(value, dict) or (
        not isinstance(value, (str, int)) and isinstance(value, Mapping)
    )


def _integer(value: int) -> str:
    if not -(2**63) < value < 2**63:
        raise ValueError(f"{value} does not fit in a Nix integer")
    # Negation is an operator: in a list `[ -1 ]` is two tokens, so it needs parentheses.
    return str(value) if value >= 0 else f"({value})"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number of Nix")
    mantissa, exponent, power = f"{value!r}".partition("e")
    text = f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{exponent}{power}"
    return text if value > 0 or text == "0.0" else f"({text})"


def _binding(name: str, value: Any, depth: int) -> str:  # noqa: ANN401 - see literal
    path = [attribute(name)]
    while _is_set(value) and len(value) == 1:
        ((name, value),) = value.items()
        path.append(attribute(name))
    return f"{'.'.join(path)} = {literal(value, depth)};"


def _set(values: Mapping[str, Any], depth: int) -> str:
    if not values:
        return "{ }"
    return "\n".join(["{", bindings(values, depth + 1), _INDENT * depth + "}"])


def _list(values: Sequence[Any], depth: int) -> str:
    if not values:
        return "[ ]"
    texts = [literal(value, depth + 1) for value in values]
    if len(texts) == 1 and "\n" not in texts[0]:
        return f"[ {texts[0]} ]"
    lines = (_INDENT * (depth + 1) + text for text in texts)
    return "\n".join(["[", *lines, _INDENT * depth + "]"])
