"""Writing files so that nobody ever sees half of one, and several so that all change or none."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.errors import AimodelsError
from aimodels_gen.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import TracebackType

    from typing_extensions import Self


_LONGEST_WAIT = 10.0  # seconds; renames take milliseconds
_PAUSE = 0.05
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _Staged:
    """A new content next to its target, synced and not visible yet.

    Attributes:
        descriptor: of the temporary file, locked: that is how others see that we live.
        saved: a second name of the old file while the transaction is open, None without one.
    """

    target: Path
    temporary: Path
    descriptor: int
    saved: Path | None = None


class Transaction:
    """Files that are replaced together.

    `write` stages: what fails for want of space, permission or a directory fails there. Leaving the
    block without an exception renames. Where a rename fails, those before it are undone. Renames of
    several programs in one directory come one after the other, and what killed ones have left next
    to the targets is removed then.

        with Transaction() as files:
            files.write(lock_path, lock)
            files.write(output_path, rendering)
    """

    def __init__(self) -> None:
        """Begin with nothing staged."""
        self._staged: list[_Staged] = []
        self._direct: list[tuple[Path, bytes]] = []
        self._targets: list[Path] = []
        self._checks: list[Callable[[], object]] = []
        self._steps: list[tuple[Callable[[], object], Callable[[], object]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            for staged in self._staged:
                staged.temporary.unlink(missing_ok=True)
                if staged.saved is not None:
                    staged.saved.unlink(missing_ok=True)
                os.close(staged.descriptor)

    def check(self, step: Callable[[], object]) -> None:
        """Call `step` now, and again before the renames, when nobody else may rename.

        Whatever it raises is raised, and nothing is renamed.
        """
        step()
        self._checks.append(step)

    def step(self, do: Callable[[], object], undo: Callable[[], object]) -> None:
        """Call `do` just before the renames, and `undo` if it or one of them fails."""
        self._steps.append((do, undo))

    def write(self, path: Path, content: bytes) -> bool:
        """Make `path` hold `content` in the end; return whether it has to change.

        An existing file keeps its mode, a symlink its target, and a file that holds `content`
        already is left untouched. What is not a regular file (a terminal, a pipe, /dev/null) is
        written to as it is, before any file is renamed.

        Raises:
            OSError: it cannot be written, with `path` as its file name.
        """
        with _naming(path):
            return self._stage(Path(os.path.realpath(path)), content)

    def _stage(self, target: Path, content: bytes) -> bool:
        mode = None
        with contextlib.suppress(FileNotFoundError):
            status = target.stat()
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                self._direct.append((target, content))
                return True
            self._targets.append(target)
            if target.read_bytes() == content:
                return False
            mode = stat.S_IMODE(status.st_mode)
            # A rename needs only the directory's permission: ask for the file's own as well, so
            # that a file made read-only stays as it is.
            with target.open("r+b"):
                pass
        staged = _Staged(target, *_new_file(target))
        self._staged.append(staged)
        with open(staged.descriptor, "wb", closefd=False) as file:
            file.write(content)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        return True

    def _commit(self) -> None:
        for target, content in self._direct:
            with _naming(target):
                target.write_bytes(content)
        undo: list[Callable[[], object]] = []
        with contextlib.ExitStack() as locks:
            targets = {*self._targets, *(staged.target for staged in self._staged)}
            for directory in sorted({target.parent for target in targets}):
                if locks.enter_context(_alone_in(directory)):
                    _remove_leftovers(directory, targets)
            for check in self._checks:
                check()
            interrupts = locks.enter_context(uninterrupted())
            try:
                for do, back in self._steps:
                    undo.append(back)
                    do()
                for staged in self._staged:
                    with _naming(staged.target):
                        self._replace(staged, undo)
                if not interrupts:
                    undo.clear()
            finally:
                for step in reversed(undo):
                    step()
        if interrupts:  # whose handler has not raised
            raise KeyboardInterrupt

    def _replace(self, staged: _Staged, undo: list[Callable[[], object]]) -> None:
        target = staged.target
        if target.exists():
            staged.saved = _beside(target)
            try:
                os.link(target, staged.saved)
            except OSError:  # a file system without hard links
                shutil.copy2(target, staged.saved)
        staged.temporary.replace(target)
        saved = staged.saved
        undo.append(lambda: saved.replace(target) if saved else target.unlink(missing_ok=True))


def probe(path: Path) -> None:
    """Find out whether `write` could replace a regular file, which may be absent.

    Raises:
        OSError: it could not, with `path` as its file name.
    """
    with _naming(path):
        target = Path(os.path.realpath(path))
        with contextlib.suppress(FileNotFoundError), target.open("r+b"):
            pass
        temporary, descriptor = _new_file(target)
        temporary.unlink()
        os.close(descriptor)


@contextlib.contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Let Ctrl-C, SIGTERM and SIGHUP wait for the end of the block.

    Yields:
        The numbers of those that wait.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        for number, handler in handlers.items():
            if handler not in {signal.SIG_IGN, None}:
                signal.signal(number, lambda caught_number, _: caught.append(caught_number))
        yield caught
    finally:
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)
        for pending in caught:
            signal.raise_signal(pending)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}")


def _new_file(target: Path) -> tuple[Path, int]:
    """Return a new file next to its target, and its descriptor, locked as long as we live."""
    while True:
        path = _beside(target)
        # 0666 and the umask, as for any new file; mkstemp's 0600 would surprise.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Somebody may have taken it for a leftover before it was locked.
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[bool]:
    """Wait until no other program of ours renames in a directory, and keep the others waiting.

    Yields:
        Whether that is so; not on file systems that have no locks.

    Raises:
        AimodelsError: another one takes too long.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it can be written without being read
        yield False
        return
    try:
        end = time.monotonic() + _LONGEST_WAIT
        while (locked := try_lock(descriptor)) is None:
            if time.monotonic() > end:
                raise AimodelsError(
                    f"another program is writing in {directory}", "wait for it, then run this again"
                )
            time.sleep(_PAUSE)
        yield locked
    finally:
        os.close(descriptor)


def _remove_leftovers(directory: Path, targets: Collection[Path]) -> None:
    """Remove what killed programs have left next to targets, while we are alone in a directory."""
    names = "|".join(re.escape(target.name) for target in targets if target.parent == directory)
    ours = re.compile(rf"\.({names})\.[0-9a-f]{{12}}")
    with contextlib.suppress(OSError):  # it may be forbidden to list it
        for path in [entry for entry in directory.iterdir() if ours.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if stat.S_ISREG(os.fstat(descriptor).st_mode) and try_lock(descriptor):
                        path.unlink()
                finally:
                    os.close(descriptor)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name in errors what the reader knows, and not a temporary file."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
