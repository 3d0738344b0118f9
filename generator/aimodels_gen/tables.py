"""Reading TOML tables and JSON objects key by key, with errors that say where and what instead."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NoReturn

from aimodels_gen.errors import AimodelsError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_NAMES = {bool: "a boolean", int: "an integer", str: "a string", list: "a list", dict: "a table"}


class Table:
    """One table of a file. Every read key is noted; `finish` refuses the others.

    Attributes:
        where: the file's name and the dotted key, `models.toml: models.whisper`.
    """

    def __init__(
        self,
        data: dict[str, Any],
        file: str,
        key: str = "",
        error: type[AimodelsError] = ManifestError,
    ) -> None:
        """Wrap `data`, which stands in `file` under the dotted `key`; complain with `error`."""
        self._data = data
        self._file = file
        self._key = key
        self._error = error
        self._known: list[str] = []

    def names(self) -> Collection[str]:
        """Return the keys that it has, known or not."""
        return self._data.keys()

    def string(self, key: str) -> str | None:
        """Return a non-empty string, None when absent."""
        value: str | None = self._get(key, str)
        if value == "":
            self.fail(key, "is empty", f"give it a value or remove {key}")
        return value

    def text(self, key: str) -> str | None:
        """Return a string, maybe an empty one, None when absent."""
        value: str | None = self._get(key, str)
        return value

    def texts(self, key: str) -> dict[str, str]:
        """Return a table of non-empty strings, an empty one when absent."""
        table = self.table(key)
        return {} if table is None else {name: table.string(name) or "" for name in table.names()}

    def boolean(self, key: str) -> bool | None:
        """Return a boolean, None when absent."""
        value: bool | None = self._get(key, bool)
        return value

    def integer(self, key: str) -> int | None:
        """Return an integer that is not negative, None when absent."""
        value: int | None = self._get(key, int)
        if value is not None and value < 0:
            self.fail(key, "is negative", "restore the value")
        return value

    def choice(self, key: str, options: Collection[str]) -> str | None:
        """Return one of `options`, None when absent."""
        value = self.string(key)
        if value is not None and value not in options:
            listed = " or ".join(f'"{option}"' for option in options)
            self.fail(key, f"is {value!r}", f"write {listed}{_nearest(value, options)}")
        return value

    def strings(self, key: str) -> tuple[str, ...] | None:
        """Return a list of non-empty strings, None when absent."""
        values: list[Any] | None = self._get(key, list)
        return None if values is None else self._all_strings(key, values)

    def one_or_more(self, key: str) -> tuple[str, ...] | None:
        """Return a non-empty list of non-empty strings, or a single one as such a list.

        None when absent.
        """
        value: str | list[Any] | None = self._get(key, str, list)
        if value in ("", []):
            self.fail(key, "is empty", f"give it a value or remove {key}")
        if isinstance(value, str):
            return (value,)
        return None if value is None else self._all_strings(key, value)

    def table(self, key: str) -> Table | None:
        """Return a table in this one, None when absent."""
        value: dict[str, Any] | None = self._get(key, dict)
        return None if value is None else self._child(key, value)

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Return every key of a table of tables with its table."""
        for key in self._data:
            value: dict[str, Any] = self._get(key, dict)
            yield key, self._child(key, value)

    def list_of_tables(self, key: str) -> tuple[Table, ...]:
        """Return the tables of a list, none when absent."""
        values: list[Any] = self._get(key, list) or []
        for value in values:
            if not isinstance(value, dict):
                self.fail(key, f"holds {value!r}", "write a list of tables")
        return tuple(self._child(key, value, number) for number, value in enumerate(values, 1))

    def one_of(self, keys: Collection[str]) -> tuple[str, Table] | None:
        """Return the only key of this table and its table, None if it has several or none.

        Raises:
            AimodelsError: the key is none of `keys`, or holds no table.
        """
        found = [(key, table) for key in keys if (table := self.table(key)) is not None]
        self.finish()
        return found[0] if len(found) == 1 else None

    def finish(self) -> None:
        """Refuse keys that nobody asked for, naming the nearest that there is.

        Raises:
            AimodelsError: of the class that the table was given.
        """
        for key in self._data:
            if key not in self._known:
                valid = ", ".join(sorted(self._known))
                hint = _nearest(key, self._known).removeprefix("; ") or f"valid keys: {valid}"
                self.fail(key, "is not a known key", hint)

    def fail(self, key: str | None, reason: str, hint: str) -> NoReturn:
        """Raise the table's error about `key` (None: the table itself)."""
        dotted = ".".join(part for part in (self._key, key and _quoted(key)) if part)
        raise self._error(f"{self._file}: {dotted} {reason}", hint)

    def _child(self, key: str, value: dict[str, Any], number: int | None = None) -> Table:
        dotted = f"{self._key}.{_quoted(key)}" if self._key else _quoted(key)
        if number is not None:
            dotted += f"[{number}]"
        return Table(value, self._file, dotted, self._error)

    def _all_strings(self, key: str, values: list[Any]) -> tuple[str, ...]:
        for value in values:
            if not isinstance(value, str) or not value:
                self.fail(key, f"holds {value!r}", "write a list of strings")
        return tuple(values)

    def _get(self, key: str, *kinds: type) -> Any:  # noqa: ANN401 - each caller names its types
        self._known.append(key)
        value = self._data.get(key)
        # bool is an int to Python, and never what a reader means by a number.
        if value is not None and type(value) not in kinds:
            found = _NAMES.get(type(value), type(value).__name__)
            self.fail(key, f"is {found}", f"write {' or '.join(_NAMES[kind] for kind in kinds)}")
        return value


def _quoted(key: str) -> str:
    plain = key.replace("-", "").replace("_", "")
    return key if plain.isascii() and plain.isalnum() else json.dumps(key, ensure_ascii=False)


def _nearest(word: str, options: Collection[str]) -> str:
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
