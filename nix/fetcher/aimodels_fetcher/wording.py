"""Numbers for people: sizes in binary units, durations, counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_KIB = 1024
_ROUNDED_UP = 1023.95  # what one decimal would show as 1024.0
_MINUTE = 60


def bytes_text(count: float) -> str:
    """Return a number of bytes for people: `609 B`, `9.3 GiB`."""
    if round(count) < _KIB:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= _KIB
        if count < _ROUNDED_UP:
            return f"{count:.1f} {unit}"
    return f"{count / _KIB:.1f} TiB"


def duration_text(seconds: float) -> str:
    """Return a duration for people: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    minutes, rest = divmod(int(seconds), _MINUTE)
    hours, minutes_rest = divmod(minutes, _MINUTE)
    if hours:
        return f"{hours} h {minutes_rest} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(count: int, word: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
