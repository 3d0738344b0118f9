"""What commands show in terminals of any size, and what is left on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.project import Project

_PARTS = re.compile(r"[\r\n]|\x1b\[[0-9?]*[A-Za-z]|[^\r\n\x1b]+")


def shown(
    project: Project,
    *args: str,
    columns: int = 80,
    environment: Mapping[str, str] = MappingProxyType({}),
    interrupt: str | None = None,
) -> str:
    """Run `aimodels-gen ARGS…` in a terminal; return all that it writes there, as it is.

    With `interrupt`, it is interrupted as soon as it has written this.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {"TERM": "xterm", **project.environment(), **environment}
    variables.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=project.dir,
        env=variables,
    )
    os.close(theirs)
    written, expected = b"", 0
    try:
        while part := _read(ours):
            written += part
            if interrupt and interrupt.encode() in written:
                process.send_signal(signal.SIGINT)
                expected, interrupt = 130, None
    finally:
        os.close(ours)
        process.wait()
    assert process.returncode == expected, written
    return written.decode().replace("\r\n", "\n")


def screen(seen: str) -> list[str]:
    """Return the lines that are left of what was written to a terminal with room for each line."""
    lines, row, column = [""], 0, 0
    for part in _PARTS.findall(re.sub(r"\x1b\[[0-9;]*m", "", seen)):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[1A":
            row -= 1
        elif part in {"\x1b[2K", "\x1b[K"}:
            lines[row] = lines[row][:column] if part == "\x1b[K" else ""
        else:
            assert "\x1b" not in part, seen
            lines[row] = lines[row][:column].ljust(column) + part
            column += len(part)
    return lines


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux ends it
        return b""
