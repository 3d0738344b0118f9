"""Writing a file so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path


def write_atomic(path: Path, content: bytes) -> bool:
    """Make `path` hold `content`; return whether it had to be written.

    A temporary file beside the target is synced and renamed over it. An existing file keeps its
    mode, a symlink its target, and a file that holds `content` already is left untouched. What is
    no regular file (a terminal, a pipe, /dev/null) is written to as it is.

    Raises:
        OSError: with `path` as its file name, so that the reader sees a name that they know.
    """
    try:
        return _write(path, content)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _write(path: Path, content: bytes) -> bool:
    target = Path(os.path.realpath(path))
    mode = None
    with contextlib.suppress(FileNotFoundError):
        status = target.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            target.write_bytes(content)
            return True
        if target.read_bytes() == content:
            return False
        mode = stat.S_IMODE(status.st_mode)
        # A rename needs only the directory's permission: ask the file's own as well, so that a
        # file made read-only stays as it is.
        with target.open("r+b"):
            pass
    _replace(target, content, mode)
    return True


def _replace(target: Path, content: bytes, mode: int | None) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        # 0666 and the umask, as for any new file; mkstemp's 0600 would surprise.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
