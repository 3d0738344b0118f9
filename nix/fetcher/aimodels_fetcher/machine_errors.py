"""What files and the limits of a machine refuse: one line that says so, and the next step."""

from __future__ import annotations

import errno
from pathlib import Path

_OWNER = "check who owns the file and its directory"
_SPACE = "free some space (nix-collect-garbage -d); TMPDIR names another place for temporary files"
_MEMORY = "end other programs, or raise the limit with `ulimit -v unlimited`"
_FEWER = "use fewer connections at once (-j, AIMODELS_MAX_CONNECTIONS)"
_LOOK = "check the path, and whether its file system allows this"

_HINTS = {
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: "write to another directory: this one is on a read-only file system",
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "raise the limit on the size of files with `ulimit -f unlimited`, or write to "
    "another file system",
    errno.ENOENT: "make the directory first, or name another path",
    errno.ENOTDIR: "name another path: a part of this one is a file",
    errno.ELOOP: "remove the link, which leads back to itself, or name another path",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EMFILE: f"raise the limit on open files with `ulimit -n 4096`, or {_FEWER}",
    errno.ENFILE: f"end other programs, or {_FEWER}",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: f"raise the limit on processes with `ulimit -u 4096`, or {_FEWER}",
    errno.EIO: "check the disk: `dmesg` says what is wrong with it",
    errno.ESTALE: "mount the network file system again",
    errno.EBADF: "write the output to a file or a pipe",
    errno.ENXIO: "name a regular file",
    errno.ENODEV: "name a regular file",
}
_OTHERS = {
    MemoryError: ("there is not enough memory", _MEMORY),
    RecursionError: (
        "a file or an answer is nested too deeply",
        "check models.toml and models.lock, and that the server is the right one",
    ),
    UnicodeError: ("a name or a text is not UTF-8", "rename the file, or save it as UTF-8"),
}
# By what CPython says: it has no types for them.
_RUNTIME_ERRORS = {
    "can't start new thread": (
        "no more threads can be started",
        f"raise the limits with `ulimit -u 4096` and `ulimit -v unlimited`, or {_FEWER}",
    ),
    "Could not determine home directory": ("there is no home directory", "set HOME"),
}


def explained(error: BaseException) -> tuple[str, str] | None:
    """Return what went wrong and the next step, None if neither files nor the machine are why."""
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, RuntimeError) and not isinstance(error, RecursionError):
        return next((why for said, why in _RUNTIME_ERRORS.items() if said in str(error)), None)
    return next((why for kind, why in _OTHERS.items() if isinstance(error, kind)), None)


def connection_hint(reason: str) -> str | None:
    """Return the next step where a limit of this machine is why there is no connection.

    Args:
        reason: What urllib3 says, which has the number of the error in words.
    """
    return next((_HINTS[n] for n in (errno.EMFILE, errno.ENFILE) if f"[Errno {n}]" in reason), None)


def _of_system(error: OSError) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError) and not _has_working_directory():
        return "the working directory has been removed", "change to a directory that exists"
    if error.strerror is None:  # made by Python code, and not by the system
        return str(error), _LOOK
    where = f"{_text(error.filename)}: " if error.filename else ""
    return where + error.strerror, _HINTS.get(error.errno or 0, _LOOK)


def _has_working_directory() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
