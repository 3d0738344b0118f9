"""Writing files so that nobody ever sees half of one, and several so that all change or none."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self


@dataclass
class _Staged:
    """A new content next to its target, synced and not visible yet.

    Attributes:
        saved: a second name of the old file while the transaction is open, None without one.
    """

    target: Path
    temporary: Path
    saved: Path | None = None


class Transaction:
    """Files that are replaced together.

    `write` stages: what fails for want of space, permission or a directory fails there. Leaving the
    block without an exception renames. Where a rename fails, those before it are undone.

        with Transaction() as files:
            files.write(lock_path, lock)
            files.write(output_path, rendering)
    """

    def __init__(self) -> None:
        """Begin with nothing staged."""
        self._staged: list[_Staged] = []
        self._direct: list[tuple[Path, bytes]] = []

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
            if target.read_bytes() == content:
                return False
            mode = stat.S_IMODE(status.st_mode)
            # A rename needs only the directory's permission: ask for the file's own as well, so
            # that a file made read-only stays as it is.
            with target.open("r+b"):
                pass
        staged = _Staged(target, _beside(target))
        self._staged.append(staged)
        # 0666 and the umask, as for any new file; mkstemp's 0600 would surprise.
        descriptor = os.open(staged.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as file:
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
        try:
            for staged in self._staged:
                with _naming(staged.target):
                    self._replace(staged, undo)
        except BaseException:
            for step in reversed(undo):
                step()
            raise

    def _replace(self, staged: _Staged, undo: list[Callable[[], object]]) -> None:
        target = staged.target
        if len(self._staged) > 1 and target.exists():
            staged.saved = _beside(target)
            try:
                os.link(target, staged.saved)
            except OSError:  # a file system without hard links
                shutil.copy2(target, staged.saved)
        staged.temporary.replace(target)
        saved = staged.saved
        undo.append(lambda: saved.replace(target) if saved else target.unlink(missing_ok=True))


def write_atomic(path: Path, content: bytes) -> bool:
    """Make `path` hold `content`; return whether it had to be written.

    See `Transaction.write`.

    Raises:
        OSError: with `path` as its file name, which readers know; the file is as it was.
    """
    with Transaction() as files:
        return files.write(path, content)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}")


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name in errors what the reader knows, and not a temporary file."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
