"""A Hugging Face cache against the lock: refs, snapshots, links and blobs of the pinned models."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from aimodels_fetcher.digests import hex_to_sri, sri_to_hex
from aimodels_fetcher.sources.url import Url
from aimodels_fetcher.wording import counted
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.model import FilesPin, TreePin
from aimodels_gen.lock.verify_files import Found
from aimodels_gen.nix import store
from aimodels_gen.store.reading import Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.reports.verify import Difference, Kind
    from aimodels_gen.store.reading import Hashed

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOB = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = 64  # hex digits
_MOST_READ = 4096  # bytes of a ref
_HUB = "hub"
_MOST_FILES = 20  # that a command names
_IN_STORE = "it is in the store: run `aimodels-gen verify --store`"


def verify_cache(
    directory: Path,
    models: Sequence[LockedModel],
    known: Sequence[LockedModel],
    progress: Show = lambda _: None,
) -> dict[str, list[Found]]:
    """Return by model's name how its entry in a cache differs from its pin.

    The cache is one that huggingface_hub, a module or `mkCache` made. Other entries are not looked
    at. Models that have no name in a cache are left out.

    Args:
        directory: The cache: what HF_HUB_CACHE or HF_HOME names.
        models: What to compare.
        known: All models of the lock: several may share an entry.
        progress: Receives lines that say how far it is.

    Raises:
        AimodelsError: there is no such directory.
    """
    root = _root(directory, [name for model in models if (name := model.cache_name)])
    found: dict[str, list[Found]] = {}
    with Hasher(progress) as hasher:
        checks = [
            _EntryCheck(_Entry(model, root / name, Found("cache", str(root))), hasher, known)
            for model in models
            if (name := model.cache_name)
        ]
        for check in checks:
            check.begin()
        for check in checks:
            check.finish()
            found[check.entry.model.name] = [check.entry.found]
    return found


def _root(directory: Path, names: Sequence[str]) -> Path:
    if not directory.is_dir():
        raise AimodelsError(
            f"there is no directory {directory}",
            "name the one that has the entries models--ORG--NAME, such as ~/.cache/huggingface/hub",
        )
    inner = directory / _HUB
    is_home = inner.is_dir() and not any(os.path.lexists(directory / name) for name in names)
    return inner if is_home else directory


@dataclass
class _Entry:
    """An entry, and what is wrong with it.

    Attributes:
        path: where it is, or should be.
    """

    model: LockedModel
    path: Path
    found: Found

    def readable(self, result: Hashed, path: Path, file: str | None = None) -> bool:
        """Return whether a file could be read, or add why not."""
        if result.error is None:
            return True
        if not any(one.file == file for one in self.found.differences if file):
            kind: Kind = "damaged" if result.is_gone else "failed"
            self.add(kind, path, f"cannot be read: {result.error}", file=file)
        return False

    def add(  # noqa: PLR0913 - the parts of a difference
        self,
        kind: Kind,
        path: Path,
        message: str,
        *,
        file: str | None = None,
        pinned: str | None = None,
        found: str | None = None,
    ) -> None:
        """Add a difference at a path; messages name it within the cache."""
        name = str(path.relative_to(self.path.parent))
        where = f"{message} ({name})" if file is not None else message
        self.found.add(
            kind,
            where,
            file=file,
            path=name,
            pinned=pinned,
            found=found,
        )

    def add_hints(self) -> None:
        """Add the next step where something is damaged or missing."""
        inside = f"{store.store_dir()}/"
        bad = [one for one in self.found.differences if one.kind in {"damaged", "missing"}]
        stored = [one for one in bad if os.path.realpath(self._at(one)).startswith(inside)]
        download = self._download([one for one in bad if one not in stored])
        self.found.differences = [
            structs.replace(one, hint=_IN_STORE if one in stored else download)
            if one in bad
            else one
            for one in self.found.differences
        ]

    def _at(self, one: Difference) -> Path:
        return self.path.parent / (one.path or "")

    def _download(self, bad: Sequence[Difference]) -> str | None:
        """Return how huggingface_hub repairs its entry; None if that is another's."""
        source, integration = self.model.source.source, self.model.integration
        org, name, repo_type = source.cache_parts
        if not bad or not source.has_repo_id or integration.org or integration.model:
            return None
        files = list(dict.fromkeys(one.file for one in bad if one.file))
        command = [
            *("hf", "download", f"{org}/{name}" if org else str(name)),
            *([] if len(files) > _MOST_FILES else files),
            *([] if repo_type == "model" else ["--repo-type", repo_type]),
            *("--revision", _commit(self.model) or ""),
            *("--cache-dir", str(self.path.parent)),
        ]
        delete = [self._to_delete(self._at(one)) for one in bad if one.kind == "damaged"]
        commands = [["rm", *dict.fromkeys(delete)], command] if delete else [command]
        return f"download it again: `{' && '.join(map(shlex.join, commands))}`"

    def _to_delete(self, path: Path) -> str:
        """Return the blob of a file, or its link where that points to something else."""
        real = os.path.realpath(path)
        inside = real.startswith(f"{os.path.realpath(self.path)}/")
        return real if inside and Path(real).exists() else str(path)


@dataclass
class _EntryCheck:
    """What is compared of an entry; everything is being read once `begin` has returned.

    Attributes:
        known: all models of the lock.
    """

    entry: _Entry
    hasher: Hasher
    known: Sequence[LockedModel]
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _bad: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Compare all that needs no reading, and begin to read."""
        if not os.path.lexists(self.entry.path):
            self.entry.add("missing", self.entry.path, "is not in the cache")
            return
        if not self.entry.path.is_dir():
            self.entry.add("damaged", self.entry.path, _instead(self.entry.path))
            return
        commit = self._check_ref()
        if commit is None:
            return
        snapshot = self.entry.path / "snapshots" / commit
        if not snapshot.is_dir():
            self.entry.add("missing", snapshot, "is not in the cache")
        else:
            self._check_snapshot(snapshot, commit)
        self._check_blobs()

    def finish(self) -> None:
        """Wait for what is being read, and name what is damaged."""
        for compare in self._waiting:
            compare()
        self.entry.add_hints()

    def _check_ref(self) -> str | None:
        """Compare the ref; return the pinned commit, None if nobody knows it."""
        ref = self.entry.model.source.source.tracked_ref or "main"
        path = self.entry.path / "refs" / ref
        there = _text(path)
        pinned = _commit(self.entry.model)
        if there is None:
            self.entry.add("missing", path, "is not in the cache", pinned=pinned)
        elif pinned not in {None, there}:
            self.entry.add(
                "changed",
                path,
                f"is at {there[:40]!r}, and {pinned} is pinned",
                pinned=pinned,
                found=there[:40],
            )
        return pinned or (there if _COMMIT.fullmatch(there or "") else None)

    def _check_snapshot(self, snapshot: Path, commit: str) -> None:
        there = {str(path.relative_to(snapshot)): path for path in _files(snapshot)}
        pin = self.entry.model.pin
        if isinstance(pin, TreePin):
            self._check_tree(there, pin)
            return
        pinned = pin.all_files
        for file, one in pinned.items():
            if file in there:
                self._check_file(file, there[file], sri_to_hex(one.hash))
            else:
                self.entry.add("missing", snapshot / file, "is not in the cache", file=file)
        shared = {
            file
            for other in self.known
            if isinstance(other.pin, FilesPin)
            and other.cache_name == self.entry.path.name
            and _commit(other) == commit
            for file in other.pin.all_files
        }
        for file in sorted(there.keys() - pinned.keys() - shared):
            self.entry.add("extra", there[file], "is not pinned", file=file)

    def _check_tree(self, there: dict[str, Path], pin: TreePin) -> None:
        for file, path in sorted(there.items()):
            self._check_file(file, path, None)
        if pin.count and len(there) != pin.count:
            found, pinned = counted(len(there), "file"), counted(pin.count, "file")
            self.entry.add(
                "changed",
                self.entry.path,
                f"has {found}, and {pinned} are pinned",
                pinned=pinned,
                found=found,
            )

    def _check_file(self, file: str, path: Path, digest: str | None) -> None:
        """Compare a file of the snapshot; where the pin has no digest, only its link."""
        real = os.path.realpath(path)
        if not os.path.isfile(real):  # noqa: PTH113 - a string
            self.entry.add("damaged", path, _instead(path), file=file)
            return
        inside = (os.path.realpath(self.entry.path), store.store_dir())
        if path.is_symlink() and not any(real.startswith(f"{one}/") for one in inside):
            self.entry.add("changed", path, f"is a link to {real}, outside of the entry", file=file)
        if digest is None:
            self.entry.found.proofs[file] = "nothing"
            return
        future = self.hasher.file(real, git=_wants_git(path))

        def compare() -> None:
            result = future.result()
            self.entry.found.proofs[file] = "sha256"
            if self.entry.readable(result, path, file) and result.sha256 != digest:
                self._bad.add(real)
                self.entry.add(
                    "damaged",
                    path,
                    f"has {hex_to_sri(result.sha256)} instead of {hex_to_sri(digest)}",
                    file=file,
                    pinned=hex_to_sri(digest),
                    found=hex_to_sri(result.sha256),
                )

        self._waiting.append(compare)

    def _check_blobs(self) -> None:
        """Compare the content of each blob with its name, and name those that nothing needs."""
        linked = {
            Path(os.readlink(path)).name  # noqa: PTH115 - not to be resolved
            for path in _files(self.entry.path / "snapshots")
            if path.is_symlink()
        }
        for path in sorted(_files(self.entry.path / "blobs")):
            if path.name not in linked:
                self.entry.add("extra", path, "is linked by no snapshot")
            elif _BLOB.fullmatch(path.name):
                self._check_blob(path)

    def _check_blob(self, path: Path) -> None:
        future = self.hasher.file(str(path), git=_wants_git(path))
        real = os.path.realpath(path)

        def compare() -> None:
            result = future.result()
            if real in self._bad or not self.entry.readable(result, path):
                return
            there = result.git_blob_id if _wants_git(path) else result.sha256
            if there != path.name:
                self.entry.add("damaged", path, f"has content that is {there}", found=there)

        self._waiting.append(compare)


def _commit(model: LockedModel) -> str | None:
    """Return the name of the pinned snapshot; None for trees whose source has no commits."""
    rev = getattr(model.source.source, "rev", None)
    if isinstance(rev, str):
        return rev
    if not isinstance(model.pin, FilesPin):
        return None
    files = {path: sri_to_hex(file.hash) for path, file in model.pin.all_files.items()}
    return Url({}).commit(files)


def _files(directory: Path) -> Iterator[Path]:
    """Yield all that is below a directory and is no directory."""
    for parent, directories, files in os.walk(directory):
        for name in files:
            yield Path(parent, name)
        for name in directories:
            if os.path.islink(f"{parent}/{name}"):  # noqa: PTH114 - a string
                yield Path(parent, name)


def _wants_git(path: Path) -> bool:
    """Return whether a blob is named by its git id, or a file is a link to such a blob."""
    name = Path(os.readlink(path)).name if path.is_symlink() else path.name  # noqa: PTH115
    name = path.name if path.parent.name == "blobs" else name
    return bool(_BLOB.fullmatch(name)) and len(name) != _SHA256


def _instead(path: Path) -> str:
    if path.is_symlink():
        return f"is a link to {os.readlink(path)}, which is not there"  # noqa: PTH115
    return "is something else"


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_READ).decode("ascii", "replace").strip()
    except OSError:
        return None
