"""Runs that lock one manifest take turns: nothing is locked twice.

The lock is a file in the user's cache, named after the real path of models.lock, and held with
`flock`: it ends with the process that holds it. In the directory of the manifest it would be
litter, and the directory itself is locked for each rename. Runs of several users, or on several
machines whose caches are not shared, do not wait for each other. Where their locks differ, the
slower one fails, and changes nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
from typing import TYPE_CHECKING, ParamSpec

from aimodels_gen.cache import cache_directory
from aimodels_gen.lock import file as lock_file
from aimodels_gen.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Concatenate

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.outputs import Target
    from aimodels_gen.lock.options import Options

P = ParamSpec("P")
_MOST_TEXT = 400  # bytes of a process and a machine

_held: dict[Path, int] = {}
"""The locks of this process, by the files, and their descriptors."""


def in_turn(
    function: Callable[Concatenate[Path, Options, Target, Console, P], None],
) -> Callable[Concatenate[Path, Options, Target, Console, P], None]:
    """Make a function that locks a manifest wait for other runs that lock it.

    Runs that ask nobody are over at once, and do not wait.
    """

    @functools.wraps(function)
    def waiting(
        path: Path,
        options: Options,
        target: Target,
        console: Console,
        /,
        *args: P.args,
        **named: P.kwargs,
    ) -> None:
        taken = not options.offline and take_turn(path, console)
        try:
            function(path, options, target, console, *args, **named)
        finally:
            if taken:
                end_turn(path)

    return waiting


def take_turn(manifest: Path, console: Console) -> bool:
    """Wait until no other process locks a manifest, and keep the others waiting.

    Returns:
        Whether this call took the turn: False if this process had it already, or if the file system
        has no locks.
    """
    path = _path(manifest)
    if path in _held:
        return False
    try:
        descriptor = _hold(path, lambda holder: console.note(_waiting(holder, manifest)))
    except OSError:  # the cache cannot be written, or its file system has no locks
        return False
    _held[path] = descriptor
    return True


def end_turn(manifest: Path) -> None:
    """Let others lock a manifest, if it is our turn."""
    path = _path(manifest)
    descriptor = _held.pop(path, None)
    if descriptor is not None:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _path(manifest: Path) -> Path:
    locked = os.path.realpath(lock_file.path_for(manifest))
    return cache_directory() / "runs" / hashlib.sha256(os.fsencode(locked)).hexdigest()


def _hold(path: Path, wait: Callable[[bytes], object]) -> int:
    """Lock a file, which is made if need be; `wait` is told once what its holder has written.

    Raises:
        OSError: it cannot be made or locked.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if try_lock(descriptor) is None and not told:
                told = True
                wait(os.pread(descriptor, _MOST_TEXT, 0))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever held it has removed it by now.
            if os.fstat(descriptor).st_nlink:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {os.uname().nodename}".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _waiting(holder: bytes, manifest: Path) -> str:
    number, _, machine = holder.decode("utf-8", "replace").partition(" ")
    at = f" on {machine}" if machine != os.uname().nodename else ""
    which = f" (process {number}{at})" if number.isdecimal() else ""
    return f"waiting for another aimodels-gen{which} that is locking {manifest}"
