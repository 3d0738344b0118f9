"""What `export` writes next to the files of models: how to import them, and their checksums."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.wording import bytes_text
from aimodels_gen.atomic import Transaction
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock.pinned import PinnedFile
from aimodels_gen.nix import store
from aimodels_gen.resources import templates
from aimodels_gen.store import stick
from aimodels_gen.store.paths import store_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from aimodels_gen.lock.model import LockedModel

_MARK = "# Made by `aimodels-gen export`."
_MOST_READ = 4096
_CHUNK = 1 << 20


def check_ours(directory: Path, project: Iterable[str]) -> None:
    """Refuse to write over what is not of an export.

    Args:
        directory: on the disk.
        project: the files of the project that are to be copied.

    Raises:
        AimodelsError: there is a file of somebody else's.
    """
    if directory.exists() and not directory.is_dir():
        raise AimodelsError(f"{directory} is not a directory", "name a directory with --to")
    if _is_ours(directory / stick.SCRIPT):
        return
    for name in (stick.SCRIPT, stick.PATHS, stick.SUMS, stick.README, *project):
        if (directory / name).exists():
            raise AimodelsError(
                f"{directory / name} is not of an export, and would be replaced",
                "name an empty directory, or a new one: --to DIR",
            )


def write_lists(
    directory: Path, locked: Sequence[LockedModel], project: Mapping[str, bytes]
) -> None:
    """Write the script, the checksums, the list of store paths, and the files of the project.

    Args:
        directory: on the disk.
        locked: all models of the lock: those of which the disk has all are named.
        project: the files of the project, by their names there.

    Raises:
        OSError: the disk is full.
    """
    found = stick.contents(directory)
    script = (templates() / "stick" / stick.SCRIPT).read_text(encoding="utf-8")
    readme = (templates() / "stick" / stick.README).read_text(encoding="utf-8")
    texts = {
        **project,
        stick.SCRIPT: script.replace("@store@", store.store_dir()).encode(),
        stick.PATHS: stick.paths_text(found).encode(),
        stick.README: (readme + _models(found, locked)).encode(),
    }
    sums = _sums(directory, found, locked)
    sums.update({name: hashlib.sha256(content).hexdigest() for name, content in texts.items()})
    for name in texts:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
    with Transaction() as files:
        for name, content in {**texts, stick.SUMS: _sums_text(sums).encode()}.items():
            files.write(directory / name, content)


def _is_ours(script: Path) -> bool:
    try:
        with script.open("rb") as file:
            return _MARK.encode() in file.read(_MOST_READ)
    except OSError:
        return False


def _models(found: Iterable[stick.Stored], locked: Sequence[LockedModel]) -> str:
    """Return a line for each model of which the disk has all."""
    there = {(one.digest, one.name) for one in found}
    return "".join(
        f"  {model.name}  {bytes_text(model.pin.size)}  {model.source.source.label}\n"
        for model in locked
        if there.issuperset(map(stick.parts, store_paths(model)))
    )


def _sums(
    directory: Path, found: Iterable[stick.Stored], locked: Iterable[LockedModel]
) -> dict[str, str]:
    """Return the sha256 in hex of all files of models; few have to be read for that."""
    known = {
        "/".join((stick.FILES, *stick.parts(path))): sri_to_hex(item.pin.hash)
        for model in locked
        for path, item in store_paths(model).items()
        if isinstance(item, PinnedFile)
    }
    before = _read_sums(directory / stick.SUMS)
    sums = {}
    for one in found:
        for name in one.files:
            path, last = f"{stick.FILES}/{one.digest}/{name}", name.rsplit("/", 1)[-1]
            if one.kind == "recursive" and stick.is_digest(last):
                sums[path] = last
            elif name == stick.LAYOUT:
                sums[path] = _digest(directory / path)
            else:
                sums[path] = known.get(path) or before.get(path) or _digest(directory / path)
    return sums


def _read_sums(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split("  ", 1) for line in lines if "  " in line)
    return {name: digest for digest, name in pairs if stick.is_digest(digest)}


def _sums_text(sums: Mapping[str, str]) -> str:
    """Return checksums as `sha256sum` writes them."""
    lines = []
    for name, digest in sorted(sums.items()):
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n")
        mark = "\\" if escaped != name else ""
        lines.append(f"{mark}{digest}  {escaped}\n")
    return "".join(lines)


def _digest(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
