"""Compressed Nix archives, as streams of what was compressed."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from aimodels_gen.nix.nar_reader import NarError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimodels_gen.nix.nar_reader import Read

_CHUNK = 1 << 18
_MOST_MEMORY = 256 << 20  # bytes, that an archive may ask for


def is_readable(compression: str) -> bool:
    """Return whether archives that are compressed in this way can be read on this machine."""
    if compression == "zstd":
        return _own_zstd() is not None or shutil.which("zstd") is not None
    return compression in {"none", "xz", "bzip2"}


@contextmanager
def opened(path: Path, compression: str) -> Iterator[Read]:
    """Yield what reads an archive.

    Raises:
        NarError: it cannot be decompressed; also what is yielded raises it.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if compression == "none":
            yield file.read
        elif compression == "zstd" and _own_zstd() is None:
            with _by_program(file) as read:
                yield read
        else:
            yield _Decoded(file, _decoder(compression)).read


class _Decoded:
    """Reads what a file has, decompressed."""

    def __init__(self, file: BinaryIO, make: Callable[[], Any]) -> None:
        self._file = file
        self._make = make
        self._decoder = make()

    def read(self, most: int) -> bytes:
        """Return up to so many bytes, none at the end."""
        try:
            return self._read(most)
        except NarError:
            raise
        except Exception as error:
            # Each kind raises its own, some of them an OSError without a number.
            if isinstance(error, OSError) and error.errno:
                raise
            raise NarError(f"it cannot be decompressed: {error}") from error

    def _read(self, most: int) -> bytes:
        data = b""
        while not data:
            if self._decoder.eof:
                rest = self._decoder.unused_data or self._file.read(_CHUNK)
                if not rest:
                    return b""
                self._decoder = self._make()
                data = self._decoder.decompress(rest, most)
                continue
            more = self._file.read(_CHUNK) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not more:
                raise NarError("it is cut")
            data = self._decoder.decompress(more, most)
        return data


def _decoder(compression: str) -> Callable[[], Any]:
    if compression == "xz":
        import lzma  # noqa: PLC0415 (rarely needed)

        return lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY)
    if compression == "bzip2":
        import bz2  # noqa: PLC0415 (rarely needed)

        return bz2.BZ2Decompressor
    zstd = _own_zstd()
    if compression == "zstd" and zstd is not None:
        return zstd.ZstdDecompressor  # type: ignore[no-any-return]
    raise NarError(f"it has {compression:.20} compression")


def _own_zstd() -> Any:  # noqa: ANN401 (it is there since Python 3.14)
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return None


@contextmanager
def _by_program(file: BinaryIO) -> Iterator[Read]:
    """Yield what reads the output of `zstd`."""
    command = ["zstd", "--decompress", "--stdout", "--quiet"]
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        out, err = program.stdout, program.stderr
        assert out is not None  # noqa: S101 (for mypy)
        assert err is not None  # noqa: S101 (as above)

        def read(most: int) -> bytes:
            data = out.read(most)
            if not data and program.wait() != 0:
                said = err.read(_CHUNK).decode(errors="replace")
                raise NarError(f"it cannot be decompressed: {' '.join(said.split())[:200]}")
            return data

        try:
            yield read
        finally:
            program.kill()  # it may have more to say than anybody reads
