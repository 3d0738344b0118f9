"""The Nix store, through `nix-store` and `nix-instantiate`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from aimodels_gen.errors import THIS_COMMAND, StoreError
from aimodels_gen.nix import store_path
from aimodels_gen.nix.literal import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Kind = Literal["flat", "recursive"]

T = TypeVar("T")

_FULL = ("No space left on device", "Disk quota exceeded")
_SPACE = "free some space (nix-collect-garbage -d), then try again"
_MAY_ADD = "check that you may add to the store: `nix-store --add models.toml` has to succeed"
_INSTALL = "install Nix, or add it to PATH"
_STATE_DIR = "/nix/var/nix"
# Of one command: the system bounds the length of its line.
_ARGUMENTS = 1000


@dataclass(frozen=True)
class StoredFile:
    """A file somewhere in the store, and the fixed output that it should become.

    Attributes:
        file: where it is.
        name: of the fixed output.
        sri: what its content is said to be.
    """

    file: Path
    name: str
    sri: str

    @property
    def path(self) -> str:
        """Return the store path of the fixed output."""
        return store_path.store_path("flat", self.sri, self.name, store_dir())


def store_dir() -> str:
    """Return the store's directory, as Nix's own environment variables say it."""
    return os.environ.get("NIX_STORE_DIR") or os.environ.get("NIX_STORE") or store_path.STORE_DIR


def state_dir() -> str:
    """Return the directory of Nix's database and roots."""
    return os.environ.get("NIX_STATE_DIR") or _STATE_DIR


def have_nix() -> bool:
    """Return whether there is a store to put things into."""
    return shutil.which("nix-store") is not None


def check_nix() -> None:
    """Refuse to work without a store.

    Raises:
        StoreError: There is none.
    """
    if not have_nix():
        raise StoreError("there is no nix-store on PATH", _INSTALL)


def add(kind: Kind, files: Sequence[tuple[Path, str]]) -> None:
    """Copy files or trees into the store under their own names, as fixed outputs, in one go.

    Args:
        kind: How Nix hashes them.
        files: Each with its SRI hash.

    Raises:
        StoreError: Nix refused, or its path is not the one that a derivation will have.
    """
    for some in batches(files):
        if not _add_by_evaluation(kind, some):
            _add_fixed(kind, some)


def _add_by_evaluation(kind: Kind, files: Sequence[tuple[Path, str]]) -> bool:
    """Add files or trees in half the time; return whether that was possible.

    `builtins.path` reads and hashes them once or twice less than `nix-store --add-fixed`, which
    says better why something cannot be added.
    """
    wanted = [
        {"name": path.name, "path": str(path), "recursive": kind == "recursive", "sha256": sri}
        for path, sri in files
    ]
    try:
        done = _evaluate(wanted)
    except (OSError, ValueError):  # no nix-instantiate, or a path that no Nix string can have
        return False
    if done.returncode != 0:
        return False
    return all(
        added == store_path.store_path(kind, sri, path.name, str(Path(added).parent))
        for (path, sri), added in zip(files, json.loads(done.stdout), strict=True)
    )


def _add_fixed(kind: Kind, files: Sequence[tuple[Path, str]]) -> None:
    flags = ["--recursive"] if kind == "recursive" else []
    done = _run("nix-store", "--add-fixed", *flags, "sha256", *(str(path) for path, _ in files))
    names = files[0][0].name if len(files) == 1 else f"{len(files)} files"
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        hint = _SPACE if any(words in reason for words in _FULL) else _MAY_ADD
        raise StoreError(f"nix-store could not add {names}: {reason}", hint)
    for (path, sri), added in zip(files, done.stdout.splitlines(), strict=True):
        expected = store_path.store_path(kind, sri, path.name, str(Path(added).parent))
        if added != expected:
            hint = "report this to the project with both paths"
            raise StoreError(f"Nix stored {added}, but a build will look for {expected}", hint)


def add_stored(files: Sequence[StoredFile]) -> set[str]:
    """Add files of the store as fixed outputs; return the store paths that are there now.

    Nix reads each where it is, and compares its content with the hash that it is said to have.
    What is damaged, or not there any more, is left out.

    Raises:
        StoreError: The store is full.
    """
    if not files:
        return set()
    done = _add_where_they_are(files)
    if done.returncode == 0:
        return set(json.loads(done.stdout))
    if any(words in done.stderr for words in _FULL):
        raise StoreError(f"the disk is full: {store_dir()} has no room for more", _SPACE)
    if len(files) == 1:
        return set()
    middle = len(files) // 2
    return add_stored(files[:middle]) | add_stored(files[middle:])


def check_addable(file: StoredFile) -> None:
    """Raise why the store does not take a file whose content is right.

    Raises:
        StoreError: with what Nix says.
    """
    done = _add_where_they_are([file])
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()).rpartition("error: ")[2]
        reason = reason or f"exit status {done.returncode}"
        raise StoreError(f"Nix could not add {file.file}: {reason}", _MAY_ADD)


def _add_where_they_are(files: Sequence[StoredFile]) -> subprocess.CompletedProcess[str]:
    return _evaluate(
        [
            {"name": one.name, "path": str(one.file), "recursive": False, "sha256": one.sri}
            for one in files
        ]
    )


def missing(paths: Sequence[str]) -> set[str]:
    """Return those of the store paths that are not valid.

    Raises:
        StoreError: Nix cannot be asked.
    """
    absent: set[str] = set()
    for some in batches(paths):
        absent.update(ask("--check-validity", "--print-invalid", *some).split())
    return absent


def registered(paths: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the hash and the bytes of the archives of store paths, as Nix has registered them.

    Args:
        paths: that are valid.

    Returns:
        by path, `sha256:` with 52 digits in Nix's base-32, and the bytes.

    Raises:
        StoreError: Nix cannot be asked, or a path is not there any more.
    """
    found: dict[str, tuple[str, int]] = {}
    for some in batches(paths):
        hashes = ask("--query", "--hash", *some).split()
        sizes = ask("--query", "--size", *some).split()
        found.update(zip(some, zip(hashes, map(int, sizes), strict=True), strict=True))
    return found


def ask(*arguments: str) -> str:
    """Return what `nix-store` prints.

    Raises:
        StoreError: it fails.
    """
    done = _run("nix-store", *arguments)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()).removeprefix("error: ")
        raise StoreError(f"nix-store does not answer: {reason}", _connection_hint(reason))
    return done.stdout


def in_use(paths: Sequence[str]) -> set[str]:
    """Return those of the store paths that Nix would not delete: others refer to them, or roots."""
    used: set[str] = set()
    for path in paths:
        others = _run("nix-store", "--query", "--referrers", path).stdout.split()
        roots = _run("nix-store", "--query", "--roots", path).stdout.split()
        if roots or set(others) - {path}:
            used.add(path)
    return used


def _connection_hint(reason: str) -> str:
    if "cannot connect to socket" in reason:
        return "start the Nix daemon: `sudo systemctl start nix-daemon`"
    if "cannot open connection" in reason:
        return (
            "look at the log of nix-daemon, which closed the connection: it serves only users in "
            "the setting `allowed-users`"
        )
    return "check the Nix installation"


def add_roots(directory: Path, paths: Sequence[str]) -> None:
    """Make links in a directory that keep store paths, and remove those that it had for others.

    Raises:
        StoreError: Nix refused.
        OSError: the directory cannot be made.
    """
    kept: set[str] = set()
    for number, some in enumerate(batches(paths), 1):
        add_root(directory / str(number), some)
        # As Nix calls them.
        kept.update(f"{number}-{n}" if n > 1 else f"{number}" for n in range(1, len(some) + 1))
    for path in directory.iterdir():
        ours = path.is_symlink() and str(path.readlink()).startswith(f"{store_dir()}/")
        if ours and path.name not in kept:
            path.unlink()


def add_root(link: Path, paths: Sequence[str]) -> None:
    """Make a link that keeps a store path; of several, the others are called `link-2` and so on.

    Raises:
        StoreError: Nix refused.
        OSError: the directory of the link cannot be made.
    """
    link = link.absolute()
    link.parent.mkdir(parents=True, exist_ok=True)
    done = _run("nix-store", "--add-root", str(link), "--indirect", "--realise", *paths)
    if done.returncode != 0:
        if gone := missing(paths):
            raise StoreError(
                f"{min(gone)} was removed from the store before a root could keep it",
                f"run `{THIS_COMMAND}` again when no garbage is being collected",
            )
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise StoreError(
            f"nix-store could not make roots in {link.parent}: {reason}",
            "name another directory, one that is empty or was made by this command",
        )


def _evaluate(paths: Sequence[Mapping[str, object]]) -> subprocess.CompletedProcess[str]:
    """Let an evaluation add paths, each by the arguments of `builtins.path`."""
    return _run(
        *("nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode"),
        *("--option", "restrict-eval", "false", "--option", "pure-eval", "false", "-"),
        stdin=f"map builtins.path {literal(list(paths))}",
    )


def is_sound(path: str) -> bool:
    """Return whether a store path has the content that it was added with; Nix reads all of it."""
    return _run("nix-store", "--verify-path", path).returncode == 0


def delete(path: str) -> None:
    """Remove a store path, unless it is used or is not there."""
    _run("nix-store", "--delete", path)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield items, as many at a time as a command line may have."""
    for start in range(0, len(items), _ARGUMENTS):
        yield items[start : start + _ARGUMENTS]


def _run(*command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
    except FileNotFoundError:
        raise StoreError(f"there is no {command[0]} on PATH", _INSTALL) from None
