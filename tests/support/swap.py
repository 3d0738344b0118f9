"""A user who exchanges two names in a directory of theirs, over and over, until the program ends.

    python -m support.swap DIRECTORY NAME OTHER

Each exchange is one step for everybody else: there is no time at which a name is missing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.environment import CHECKOUT
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)


@contextlib.contextmanager
def swapping(name: Path, other: str) -> Iterator[None]:
    """Let nobody, who owns their directory, exchange a path and another name beside it."""
    with subprocess.Popen(
        [*prefix(), sys.executable, "-m", "support.swap", name.parent, name.name, other],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"swapping\n"
        try:
            yield
        finally:
            process.stdin.close()
    assert process.returncode == 0


def main(directory: str, name: str, other: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    names = (os.fsencode(name), os.fsencode(other))

    def swap() -> bool:
        return bool(exchange(descriptor, names[0], descriptor, names[1], _EXCHANGE) == 0)

    if not swap():
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.write(1, b"swapping\n")
    os.set_blocking(0, False)
    while True:
        with contextlib.suppress(BlockingIOError):
            if not os.read(0, 1):
                return
        for _ in range(20):
            swap()  # which fails while one of them has been removed


if __name__ == "__main__":
    main(*sys.argv[1:])
