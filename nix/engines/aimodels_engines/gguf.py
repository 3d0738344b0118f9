"""The header of a GGUF file: what kind of model it holds, without reading its weights.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md describes the format.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, BinaryIO

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"GGUF"
_START = 8  # bytes of magic and version
_VERSIONS = (1, 2, 3)
_MOST_KEYS = 1 << 14
_MOST_TENSORS = 1 << 20
_MOST_STRINGS = 1 << 21  # in the arrays of a file; vocabularies have some 100,000
_MOST_BYTES = 1 << 28  # of a header
_LONGEST_KEY = 1 << 10
_LONGEST_TEXT = 1 << 10  # of a text that is read; others are skipped
_MOST_DIMENSIONS = 4
_MOST_ELEMENTS = (1 << 63) - 1

_STRING, _ARRAY, _BOOL = 8, 9, 7
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_NUMBERS |= {12: "d"}
_INTEGERS = frozenset((0, 1, 2, 3, 4, 5, 10, 11))

FILE_TYPES = {
    **dict(enumerate(("F32", "F16", "Q4_0", "Q4_1"))),
    **dict(enumerate(("Q8_0", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L"), 7)),
    **dict(enumerate(("Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K"), 14)),
    **dict(enumerate(("IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S"), 19)),
    **dict(enumerate(("IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS", "IQ1_M"), 25)),
    **dict(enumerate(("TQ1_0", "TQ2_0", "MXFP4", "NVFP4", "Q1_0"), 36)),
    32: "BF16",
}
"""Names of quantisations, by `general.file_type` (llama.cpp's `llama_ftype`)."""

_GUESSED = 1024  # the bit of a type that the writer was not told
# Elements and bytes of a block, by the type of a tensor (ggml's `ggml_type`).
_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
_BLOCKS |= {9: (32, 36), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176)}
_BLOCKS |= {14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98)}
_BLOCKS |= {19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136)}
_BLOCKS |= {24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56)}
_BLOCKS |= {30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17)}

_ARCHITECTURE = "general.architecture"
_TEMPLATE = "tokenizer.chat_template"
_KEPT = re.compile(
    rb"general\.[a-z_]+|split\.[a-z.]+|tokenizer\.chat_template|[^.]+\.context_length"
)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


@dataclass(frozen=True)
class GgufHeader:
    """What a header contains; None for what it does not.

    Attributes:
        version: Of the format.
        is_big_endian: Whether it was written for a big-endian machine.
        tensor_count: Number of tensors in this file.
        architecture: Such as `llama`; None in shards other than the first.
        type: `model`, `adapter`, `mmproj` and so on.
        context_length: In tokens.
        file_type: The quantisation of most tensors, such as `Q4_K_M`.
        size_label: Such as `8B`.
        parameter_count: Elements of all tensors in this file; None if these were not read.
        has_chat_template: Whether it has `tokenizer.chat_template`.
        split_no: Which shard it is, from 0.
        split_count: Number of shards.
        is_complete: Whether the whole header has been read.
    """

    version: int
    is_big_endian: bool = False
    tensor_count: int = 0
    architecture: str | None = None
    type: str | None = None
    name: str | None = None
    context_length: int | None = None
    file_type: str | None = None
    size_label: str | None = None
    parameter_count: int | None = None
    has_chat_template: bool = False
    split_no: int | None = None
    split_count: int | None = None
    is_complete: bool = True


class CutError(EngineError):
    """The file ends before what its header claims: it is cut, or the header lies."""


class NeedsMoreError(EngineError):
    """The header is longer than the bytes that were given.

    Args:
        size: Number of bytes from the start of the file that are needed at least.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"the header is longer than the first {size - 1} bytes")
        self.size = size


def read_header(file: BinaryIO, size: int, *, enough: frozenset[str] = frozenset()) -> GgufHeader:
    """Return the header of a GGUF file, read from its start.

    Args:
        file: At its start. It may be only the first bytes of a file.
        size: Of the whole file, in bytes.
        enough: Fields that are wanted: once all are known, no more is read. Empty for everything.

    Raises:
        NeedsMoreError: `file` ends before the header and before `size`.
        CutError: The file is shorter than its header claims.
        EngineError: It is not a GGUF file, or its header contradicts itself.
    """
    return _Reader(file, size).read(enough)


class _Cursor:
    """Reads the first bytes of a file, and says where they end too early."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0
        self._order = "<"
        self._count = "Q"

    def _number(self, form: str) -> int:
        """Read a number; return 0 for one that is not an integer."""
        (value,) = struct.unpack(
            self._order + form, self._bytes(struct.calcsize(self._order + form))
        )
        return value if isinstance(value, int) else 0

    def _bytes(self, length: int) -> bytes:
        self._check(length)
        data = self._file.read(length)
        if len(data) < length:
            self._ends(self._at + length)
        self._at += length
        return data

    def _skip(self, length: int) -> None:
        self._check(length)
        self._file.seek(length, os.SEEK_CUR)
        self._at += length

    def _check(self, length: int) -> None:
        if self._at + length > self._size:
            self._ends(self._at + length)
        if self._at + length > _MOST_BYTES:
            raise EngineError(f"the header has more than {_MOST_BYTES} bytes")

    def _ends(self, needed: int) -> None:
        """Raise what is right if bytes up to `needed` are not there."""
        if needed <= self._size:
            raise NeedsMoreError(needed)
        raise CutError(
            f"it is cut: its header needs at least {needed} bytes, and the file has {self._size}"
        )


class _Reader(_Cursor):
    """Reads a header."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file, size)
        self._strings = 0
        self._alignment = 32

    def read(self, enough: frozenset[str]) -> GgufHeader:
        version, is_big = self._version()
        tensors, keys = self._number(self._count), self._number(self._count)
        if keys > _MOST_KEYS:
            raise EngineError(f"the header claims {keys} keys, which is more than a GGUF file has")
        if tensors > _MOST_TENSORS:
            raise EngineError(
                f"the header claims {tensors} tensors, which is more than a GGUF file has"
            )
        header = GgufHeader(version, is_big, tensors, is_complete=False)
        seen: set[bytes] = set()
        facts: dict[str, object] = {}
        for _ in range(keys):
            key = self._key()
            if key in seen:
                raise EngineError(f"the header has the key {_shown(key)} twice")
            seen.add(key)
            value = self._value(key)
            if _KEPT.fullmatch(key):
                facts[key.decode()] = value
            if enough:
                header = _with_facts(header, facts)
                if all(getattr(header, name) is not None for name in enough):
                    return header
        header = _with_facts(header, facts)
        if header.architecture is None and not header.split_no:
            raise EngineError(f"the header has no {_ARCHITECTURE}")
        self._set_alignment(facts.get("general.alignment"))
        if enough:
            return header
        return replace(header, parameter_count=self._parameters(tensors), is_complete=True)

    def _version(self) -> tuple[int, bool]:
        start = self._file.read(min(_START, self._size))
        if len(start) < min(_START, self._size):
            raise NeedsMoreError(_START)
        if not start:
            raise EngineError("it is not a GGUF file: it is empty")
        if not _MAGIC.startswith(start[:4]):
            raise EngineError(f"it is not a GGUF file: it starts with {_shown(start)}")
        self._at = _START
        if self._size < _START:
            self._ends(_START)
        for order in "<>":
            (version,) = struct.unpack(f"{order}I", start[4:])
            if version in _VERSIONS:
                self._order = order
                self._count = "I" if version == 1 else "Q"
                return version, order == ">"
        (version,) = struct.unpack("<I", start[4:])
        raise EngineError(f"it is a GGUF file of version {version}, and versions 1 to 3 are known")

    def _key(self) -> bytes:
        length = self._number(self._count)
        if length > _LONGEST_KEY:
            raise EngineError(f"the header has a key of {length} bytes")
        return self._bytes(length)

    def _value(self, key: bytes) -> object:
        """Read a value; return it if it is a short text or a number, True if it is a longer one."""
        kind = self._number("I")
        if kind == _STRING:
            length = self._number(self._count)
            if length > _LONGEST_TEXT:
                self._skip(length)
                return True
            return self._bytes(length).decode("utf-8", "replace")
        if kind == _ARRAY:
            self._skip_array(key)
            return True
        if kind == _BOOL:
            return bool(self._number("B"))
        value = self._number(self._form(key, kind))
        return value if kind in _INTEGERS else None

    def _skip_array(self, key: bytes) -> None:
        kind, count = self._number("I"), self._number(self._count)
        if kind == _ARRAY:
            raise EngineError(f"the header has an array of arrays in {_shown(key)}")
        if kind != _STRING:
            self._skip(count * struct.calcsize(f"={self._form(key, kind)}"))
            return
        self._strings += count
        self._check(count * struct.calcsize(f"={self._count}"))
        if self._strings > _MOST_STRINGS:
            raise EngineError(f"the header has more than {_MOST_STRINGS} texts in its arrays")
        for _ in range(count):
            self._skip(self._number(self._count))

    def _form(self, key: bytes, kind: int) -> str:
        if kind not in _NUMBERS:
            raise EngineError(f"the header has a value of the unknown type {kind} in {_shown(key)}")
        return _NUMBERS[kind]

    def _set_alignment(self, given: object) -> None:
        if given is None:
            return
        if not isinstance(given, int) or given <= 0 or given & (given - 1) or given > 1 << 20:
            raise EngineError(f"the header's general.alignment is {given}, not a power of two")
        self._alignment = given

    def _parameters(self, count: int) -> int:
        """Read what is said of tensors; return the number of their elements."""
        total, end, last = 0, 0, b""
        for name, elements, stop in self._tensors(count):
            total += elements
            if stop > end:
                end, last = stop, name
        start = -(-self._at // self._alignment) * self._alignment
        if count and start + end > self._size:
            raise CutError(
                f"it is cut: its tensor {_shown(last)} ends at byte {start + end}, and the file "
                f"has {self._size}"
            )
        return total

    def _tensors(self, count: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield name, elements and end of each tensor."""
        for _ in range(count):
            name = self._key()
            dimensions = self._number("I")
            if dimensions > _MOST_DIMENSIONS:
                raise EngineError(f"the tensor {_shown(name)} has {dimensions} dimensions")
            elements = prod(self._number(self._count) for _ in range(dimensions))
            if elements > _MOST_ELEMENTS:
                raise CutError(
                    f"it is cut: its tensor {_shown(name)} claims {elements} elements, and the "
                    f"file has {self._size} bytes"
                )
            kind, offset = self._number("I"), self._number("Q")
            block, size = _BLOCKS.get(kind, (1, 0))
            yield name, elements, offset + -(-elements // block) * size


def _with_facts(header: GgufHeader, facts: dict[str, object]) -> GgufHeader:
    architecture = _name(facts, _ARCHITECTURE)
    context = f"{architecture}.context_length"
    kind = _integer(facts, "general.file_type")
    return replace(
        header,
        architecture=architecture,
        type=_text(facts, "general.type"),
        name=_text(facts, "general.name"),
        context_length=_integer(facts, context) if architecture else None,
        file_type=None if kind is None else FILE_TYPES.get(kind & ~_GUESSED),
        size_label=_text(facts, "general.size_label"),
        has_chat_template=_TEMPLATE in facts,
        split_no=_integer(facts, "split.no"),
        split_count=_integer(facts, "split.count"),
    )


def _name(facts: dict[str, object], key: str) -> str | None:
    value = facts.get(key)
    if value is None and key not in facts:
        return None
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise EngineError(f"the header's {key} is {_shown(value)}, which is not a name")
    return value


def _integer(facts: dict[str, object], key: str) -> int | None:
    if key not in facts:
        return None
    value = facts[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise EngineError(f"the header's {key} is {_shown(value)}, which is not a count")
    return value


def _text(facts: dict[str, object], key: str) -> str | None:
    value = facts.get(key)
    return value if isinstance(value, str) and value.isprintable() and value else None


def _shown(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    shown = ascii(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 - of a line
