"""Reading files that people or other programs may have put something else in the place of."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NoReturn

from aimodels_fetcher.wording import bytes_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_gen.tables import Place

    Refuse = type[AimodelsError]

# What is there is what some process has open, and a file next to it would be nobody's.
_OPEN_FILES = ("/dev/fd/", "/proc/")


def read(
    path: Path, most: int, refuse: Refuse, repair: str, *, keep_mark: bool = False
) -> str | None:
    """Return the text of a regular file, None if there is none.

    Args:
        path: where it is.
        most: the size in bytes over which it cannot be what it should be.
        refuse: the error to raise.
        repair: what to do where it is none that can be read.
        keep_mark: whether the text has the byte order mark that the file may begin with.

    Raises:
        AimodelsError: `refuse`: it is not a regular file, too large or not UTF-8.
        OSError: it cannot be read.
    """

    def fail(reason: str) -> NoReturn:
        raise refuse(f"{path} {reason}", repair)

    directory = os.path.realpath(path.parent)
    if str(path) == "-" or directory == "/dev" or f"{directory}/".startswith(_OPEN_FILES):
        fail("is not a file in a directory")
    try:
        # A pipe would have us wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            fail("is not a regular file")
        if status.st_size > most:
            fail(f"has more than {bytes_text(most)}")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(status.st_size)
    finally:
        os.close(descriptor)
    try:
        return content.decode("utf-8" if keep_mark else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"{path}: byte {error.start} is not UTF-8", repair) from None


def unstorable(value: object, place: Place) -> Iterator[Place]:
    """Return the places of texts that neither a file name nor Nix can hold.

    These are NUL and lone surrogates, which JSON and TOML can spell.
    """
    if isinstance(value, str):
        if "\0" in value or value.encode("utf-8", "replace").decode() != value:
            yield place
    elif isinstance(value, list):
        for item in value:
            yield from unstorable(item, place)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from unstorable(name, place)
            yield from unstorable(item, place.child(name))
