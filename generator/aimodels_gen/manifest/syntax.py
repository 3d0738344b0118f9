"""Lines that are no TOML, and what was most likely meant by them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_gen.manifest.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 300  # characters of a line that is shown
# It may hold a password.
_SECRET = re.compile(r"[@?]|\bhf_|key|pass|secret|token", re.IGNORECASE)
_STRAIGHT = str.maketrans("\u201c\u201d\u201e\u2018\u2019\u00a0", '"""\'\' ')
_HEADER = re.compile(r"\s*\[\s*models\s*\.\s*(?P<name>[^\[\]\"']+?)\s*\]\s*(?:#.*)?")
_TABLES = re.compile(r"(?P<name>.+?)(?P<rest>(?:\.(?:source|integration)(?:\.[a-z0-9]+)?)?)\Z")
_UNQUOTED = re.compile(
    r"(=\s*|[\[,]\s*)(?!(?:true|false)\b)([A-Za-z][^\s,\"'{}\[\]=#]*)(?=\s*(?:[,\]}]|\Z))"
)


def line_to_write(line: str, parses: Callable[[str], bool]) -> str | None:
    """Return a line of TOML that says what a wrong line most likely means, None for no guess.

    Args:
        line: the wrong one.
        parses: returns whether a line is right.
    """
    if len(line) > _LONGEST or _SECRET.search(line):
        return None
    straight = line.translate(_STRAIGHT).strip()
    guesses = [straight]
    if header := _HEADER.fullmatch(straight):
        tables = _TABLES.match(header["name"])
        if tables:
            name = re.sub(r"[^0-9A-Za-z+._?=-]+", "-", tables["name"].rpartition("/")[2]).strip("-")
            guesses = [f"[{dotted(('models', name))}{tables['rest']}]"]
    guesses.append(_UNQUOTED.sub(r'\1"\2"', straight))
    return next((guess for guess in guesses if guess != line.strip() and parses(guess)), None)
