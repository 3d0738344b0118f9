"""Fetching with the bundled fetcher, and putting what it made into the Nix store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import aimodels_fetcher
from aimodels_gen.errors import StoreError
from aimodels_gen.nix import store_path as names
from aimodels_gen.nix.hashes import nar_sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from aimodels_gen.lock.model import FilePin, Tree
    from aimodels_gen.sources.base import Source

    Report = Callable[[str], None]

# The program of the fetcher, as nix/fetcher/__main__.py runs it.
_FETCHER = """
import os, sys
from aimodels_fetcher.cli import main
status = main(sys.argv[1:])
sys.stderr.flush()
os._exit(status)
"""
_TAIL = 20  # lines of the fetcher's output to look for its error in


def store_dir() -> str:
    """Return the store's directory, as Nix's own environment variables say it."""
    return os.environ.get("NIX_STORE_DIR") or os.environ.get("NIX_STORE") or names.STORE_DIR


def have_nix() -> bool:
    """Return whether there is a store to put things into."""
    return shutil.which("nix-store") is not None


@dataclass(frozen=True)
class FetchedTree:
    """A whole model that was fetched.

    Attributes:
        hash: the SRI sha256 of its Nix archive.
        size: of its files, in bytes.
        not_stored: why the store did not take it. Its hash, which may have cost hours, is good
            all the same.
    """

    hash: str
    size: int
    not_stored: StoreError | None = None


def fetch_tree(
    tree: Tree, published: Mapping[str, str], environment: Mapping[str, str], report: Report
) -> FetchedTree:
    """Fetch every byte of a model, put it into the store if there is one, return its hash.

    The path in the store is the one that the model's derivation will have, so that building it
    downloads nothing. `published` has the SRI hashes of files, by path, as far as they are known.

    Raises:
        StoreError: the fetcher failed; the message is its own.
        OSError: the temporary directory cannot be written.
    """
    include = tree.filters.include
    spec = {
        "mode": "tree",
        "sources": [_source_spec(source) for source in (tree.source, *tree.fallbacks)],
        "hashes": published,
        "include": None if include is None else list(include),
        "exclude": list(tree.filters.exclude),
        "integration": tree.integrate,
    }
    name = names.tree_name(tree.name, tree.identity())
    with _fetched(spec, name, environment, report) as output:
        report(f"{tree.name}: hashing")
        fetched = FetchedTree(nar_sri(output), _files_size(output, integrated=tree.integrate))
        if have_nix():
            report(f"{tree.name}: adding to the store")
            try:
                add("recursive", output, fetched.hash)
            except StoreError as error:
                return replace(fetched, not_stored=error)
    return fetched


def fetch_file(
    sources: Sequence[Source],
    path: str,
    pin: FilePin,
    environment: Mapping[str, str],
    report: Report,
) -> None:
    """Fetch one file of a model and put it into the store under the name of its derivation.

    `sources` are asked in turn.

    Raises:
        StoreError: the fetcher or the store failed; the message is theirs.
        OSError: the temporary directory cannot be written.
    """
    spec = {
        "mode": "file",
        "sources": [_source_spec(source, path) for source in sources],
        "path": path,
        "hash": pin.hash,
        "size": pin.size,
    }
    with _fetched(spec, names.file_name(path), environment, report) as output:
        add("flat", output, pin.hash)


def add(kind: Literal["flat", "recursive"], path: Path, sri: str) -> str:
    """Copy `path` into the store under its own name, as a fixed output; return the store path.

    Raises:
        StoreError: Nix refused, or its path is not the one that a derivation will have.
    """
    flags = ["--recursive"] if kind == "recursive" else []
    done = subprocess.run(
        ["nix-store", "--add-fixed", *flags, "sha256", str(path)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    added = done.stdout.strip()
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        hint = "check that you may use the store: `nix-store --verify-path` on any path in it"
        raise StoreError(f"nix-store could not add {path.name}: {reason}", hint)
    expected = names.store_path(kind, sri, path.name, str(Path(added).parent))
    if added != expected:
        hint = "report this to the project with both paths"
        raise StoreError(f"Nix stored {added}, but a build will look for {expected}", hint)
    return added


def missing(paths: Sequence[str]) -> set[str]:
    """Return those of the store paths that are not valid, by asking Nix once.

    Raises:
        StoreError: Nix cannot be asked.
    """
    if not paths:
        return set()
    done = subprocess.run(
        ["nix-store", "--check-validity", "--print-invalid", *paths],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())
        raise StoreError(f"nix-store does not answer: {reason}", "check the Nix installation")
    return set(done.stdout.split())


def _source_spec(source: Source, path: str | None = None) -> dict[str, Any]:
    return {source.kind: source.fetcher_spec(path)}


def _files_size(output: Path, *, integrated: bool) -> int:
    """Return the size in bytes of the files that a reader of a model sees."""
    root = output / "snapshots" if integrated else output
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


@contextlib.contextmanager
def _fetched(
    spec: Mapping[str, Any], name: str, environment: Mapping[str, str], report: Report
) -> Iterator[Path]:
    """Run the bundled fetcher; give the path that it made, called `name`, and remove it after.

    Its progress lines go to `report`. `environment` adds to ours: the token must stand neither in
    a spec nor on a command line.

    Raises:
        StoreError: it failed; its own error and hint.
    """
    with _workspace() as directory:
        spec_file, output = directory / "spec.json", directory / "out" / name
        spec_file.write_text(json.dumps(spec), encoding="utf-8")
        output.parent.mkdir()
        command = [sys.executable, "-c", _FETCHER, str(spec_file)]
        with subprocess.Popen(
            [*command, "--out", str(output)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment, "PYTHONPATH": _fetcher_path()},
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                tail = _relay(process.stderr or (), report)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise _fetcher_error(tail, process.returncode)
        yield output


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    """Give a temporary directory with room for a model, and remove it.

    That is beside the store if we may write there, on the store's own file system; else in TMPDIR;
    else in /var/tmp, since /tmp is often in memory.
    """
    places = [str(Path(store_dir()).parent), os.environ.get("TMPDIR") or "/var/tmp"]  # noqa: S108 (mkdtemp)
    parent = next((place for place in places if os.access(place, os.W_OK)), None)
    directory = Path(tempfile.mkdtemp(prefix=".aimodels-gen-", dir=parent))
    try:
        yield directory
    finally:
        _remove(directory)


def _relay(lines: Iterable[str], report: Report) -> list[str]:
    """Report the lines as they come; return the last ones."""
    tail: list[str] = []
    for line in lines:
        text = line.rstrip()
        if text:
            tail = [*tail[1 - _TAIL :], text]
            report(text)
    return tail


def _fetcher_error(tail: Sequence[str], status: int) -> StoreError:
    """Return the fetcher's own words: its line `error: …` and, if there is one, `hint: …`."""
    said = {"error": f"the fetcher ended with status {status}", "hint": "set AIMODELS_DEBUG=1"}
    found = [line.partition(": ") for line in tail if line.startswith(("error: ", "hint: "))]
    said.update({kind: text for kind, _, text in found})
    return StoreError(said["error"], said["hint"])


def _fetcher_path() -> str:
    given = os.environ.get("PYTHONPATH")
    ours = str(Path(aimodels_fetcher.__file__).parents[1])
    return f"{ours}{os.pathsep}{given}" if given else ours


def _remove(directory: Path) -> None:
    """Remove a tree whose directories may be read-only, as in the store."""
    for parent, folders, _ in os.walk(directory):
        for folder in folders:
            path = Path(parent, folder)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
