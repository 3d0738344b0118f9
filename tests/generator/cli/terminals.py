"""What commands show in terminals of any size."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.project import Project


def shown(
    project: Project,
    *args: str,
    columns: int = 80,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Run `aimodels-gen ARGS…` in a terminal; return all that it writes there, as it is."""
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
    written = b""
    try:
        while part := _read(ours):
            written += part
    finally:
        os.close(ours)
        process.wait()
    assert process.returncode == 0, written
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux ends it
        return b""
