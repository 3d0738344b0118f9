"""The linker, on a store and a hub directory of a test's own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.assemble import assemble
from aimodels_fetcher.spec import AssembleSpec, read_spec
from aimodels_linker.cli import main
from support.environment import CACHE, CHECKOUT
from support.fake_repo import Repo, chunks, sha256
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from support.fake_repo import Content

PROGRAM = CHECKOUT / "nix/linker"
_LONGEST_RUN = 60  # seconds

Node = tuple[object, ...]


@dataclass
class Run:
    """What a run did: its status, and the lines that it said on stdout and on stderr."""

    status: int
    out: list[str]
    err: list[str]


@dataclass(frozen=True)
class Linker:
    """Runs the linker.

    Args:
        root: Gets a store, a hub directory, and the rest.
        hub: Where entries go.
        state: What it keeps.
        mode: "link" or "directory".
        option: Where the configuration has the models.
        offline: Whether programs send no requests: otherwise a store that root can write to is
            a warning.
    """

    root: Path
    hub: Path = field(init=False)
    state: Path = field(init=False)
    mode: str = "link"
    option: str = "services.ai-models"
    offline: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "hub", self.root / "cache/hub")
        object.__setattr__(self, "state", self.root / "cache/.nix-ai-models.json")

    @property
    def store(self) -> Path:
        return self.root / "nix/store"

    def but(self, *, hub: Path | None = None, state: Path | None = None, **changes: Any) -> Linker:
        other = replace(self, **changes)
        object.__setattr__(other, "hub", hub or self.hub)
        object.__setattr__(other, "state", state or self.state)
        return other

    def entry(
        self,
        repo: Repo,
        files: Collection[str] | None = None,
        *,
        refs: Sequence[str] = ("main",),
        layout: str = "link",
    ) -> Path:
        """Put the newest commit of a repository into the store, as the Nix library would."""
        self.store.mkdir(parents=True, exist_ok=True)
        contents = {path: repo.files[path] for path in (repo.files if files is None else files)}
        ref = refs[-1]
        source = {"repo": repo.id, "rev": repo.sha, "ref": ref, "repoType": repo.type}
        pins = {
            path: {
                "store": str(self._stored(content)),
                "hash": sri(content),
                "size": len(content),
                "lfs": repo.commits[repo.sha][path].lfs,
            }
            for path, content in contents.items()
        }
        spec = {
            "mode": "assemble",
            "sources": [{"huggingface": {**source, "endpoint": None}}],
            "layout": layout,
            "integration": True,
            "files": pins,
        }
        known = sha256(json.dumps(spec, sort_keys=True).encode())[:32]
        out = self.store / f"{known}-{repo.id.rpartition('/')[2]}"
        if not out.exists():
            file = self.root / "assemble.json"
            file.write_text(json.dumps(spec))
            parsed = read_spec(file)
            assert isinstance(parsed, AssembleSpec)
            assemble(parsed, out)
            _protect(out)
        return out

    def _stored(self, content: Content) -> Path:
        path = self.store / f"{sha256(content)[:32]}-file"
        if not path.exists():
            with path.open("wb") as file:
                file.writelines(chunks(content))
            path.chmod(0o444)
        return path

    def spec(self, entries: Mapping[str, Path]) -> Path:
        """Write a spec, as the Nix library would, for entries of the store by their cache names."""
        file = self.root / "spec.json"
        data = {
            "version": 1,
            "store": str(self.store),
            "hub": str(self.hub),
            "state": str(self.state),
            "mode": self.mode,
            "option": self.option,
            "offline": self.offline,
            "entries": {
                name: {"name": name.rpartition("--")[2], "path": str(path)}
                for name, path in entries.items()
            },
        }
        file.write_text(json.dumps(data))
        return file

    def view(
        self, nodes: Mapping[str, str | bytes], name: str = "view", *, links: bool = False
    ) -> Path:
        """Put a view into the store: path -> the content of a file, or the target of a link.

        Args:
            nodes: What is in it.
            name: The name of the store path.
            links: Whether contents become files of their own, to which the view has links.
        """
        out = self.store / f"{'0' * 32}-{name}"
        for path, content in nodes.items():
            place = out / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                place.symlink_to(content)
            elif links:
                place.symlink_to(self._stored(content))
            else:
                place.write_bytes(content)
        _protect(out)
        return out

    def view_spec(self, view: Path, *copies: str) -> Path:
        """Write a spec that puts a view into the directory `hub`."""
        file = self.root / "view.json"
        data = {
            "version": 1,
            "kind": "directory",
            "store": str(self.store),
            "directory": str(self.hub),
            "state": str(self.state),
            "mode": self.mode,
            "option": self.option,
            "view": str(view),
            "copies": copies,
        }
        file.write_text(json.dumps(data))
        return file

    def link(self, entries: Mapping[str, Path], *options: str, **how: Any) -> Run:
        return self.run("link", self.spec(entries), *options, **how)

    def unlink(self, *options: str, **how: Any) -> Run:
        return self.run("unlink", self.spec({}), *options, **how)

    def run(
        self,
        *arguments: str | Path,
        launcher: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Run:
        """Run it here, or as a program if there is a launcher or an environment for it."""
        if launcher is not None or env is not None:
            return self._start(arguments, launcher or (), env or {})
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(argument) for argument in arguments])
        return Run(status, out.getvalue().splitlines(), err.getvalue().splitlines())

    def _start(
        self, arguments: Sequence[str | Path], launcher: Sequence[str], env: Mapping[str, str]
    ) -> Run:
        done = subprocess.run(
            [*launcher, sys.executable, PROGRAM, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN,
            # Nothing of the machine's settings: it runs early, and as a user that has none.
            env={"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": str(CACHE / "pycache"), **env},
        )
        return Run(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())


def contents(directory: Path) -> dict[str, Node]:
    """Everything below a directory: the targets of links, the bytes of files, and directories."""
    return {path: _node(node) for path, node in _below(directory)}


def touched(path: Path) -> dict[str, Node]:
    """A path and everything below it, with all that changes when somebody writes to it."""
    found = [(".", path), *(_below(path) if path.is_dir() else ())]
    return {name: (*_node(node), *_times(node)) for name, node in found}


def _times(path: Path) -> tuple[int, ...]:
    status = path.lstat()
    return (
        status.st_ino,
        status.st_mode,
        status.st_uid,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _below(directory: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            path = Path(entry.path)
            yield f"{prefix}{entry.name}", path
            if entry.is_dir(follow_symlinks=False):
                yield from _below(path, f"{prefix}{entry.name}/")


def _node(path: Path) -> Node:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return ("link", str(path.readlink()))
    if stat.S_ISREG(mode):
        return ("file", path.read_bytes())
    return ("directory",) if stat.S_ISDIR(mode) else ("other",)


def _protect(entry: Path) -> None:
    """Take the right to write from everything, as the store does."""
    for path in (entry, *(path for _, path in _below(entry))):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
