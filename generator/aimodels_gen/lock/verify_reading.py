"""Reading what sources publish no sha256 of, to compare it with the lock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aimodels_fetcher import fetch
from aimodels_fetcher.content_hashes import Keeper, Unread, hash_contents
from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.fetch import max_connections
from aimodels_fetcher.spec import TreeSpec
from aimodels_fetcher.targets import FileTarget
from aimodels_gen.amounts import Amount, Speed
from aimodels_gen.lock.bundles import digests, nar_hash
from aimodels_gen.lock.model import MOST_BUNDLED, FilesPin, TreePin
from aimodels_gen.lock.progress import RunProgress
from aimodels_gen.lock.verify_files import compare
from aimodels_gen.lock.workspace import workspace
from aimodels_gen.nix.hashes import nar_sri

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.targets import Target
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.verify_files import Checked


def cached(file: RemoteFile, contents: Contents) -> RemoteFile:
    """Return a file with its sha256, where its content is in the user's cache under its git id."""
    found = contents.known(file) if file.sha256 is None else None
    return replace(file, sha256=found[0].sha256) if found else file


def check_bundle(one: Checked, contents: Contents) -> None:
    """Compare the hash of a bundle, where the contents of all its files are at hand and right."""
    pin = one.model.pin
    if not isinstance(pin, FilesPin) or pin.bundle is None or one.found.kind != "source":
        return
    wanted = digests(pin.bundle.files)
    bad = {difference.file for difference in one.found.differences}
    if bad & pin.bundle.files.keys() or not contents.holds(wanted):
        return
    found = nar_hash(wanted, contents)
    if found != pin.bundle.hash:
        one.found.add(
            "changed",
            f"the bundle of its small files is {found}, and {pin.bundle.hash} is pinned",
            pinned=pin.bundle.hash,
            found=found,
            hint=one.next_step(),
        )


@dataclass(frozen=True)
class Reader:
    """Downloads what is to be compared, in parallel, without keeping it.

    Attributes:
        jobs: Maximum number of concurrent requests; None for what the machine may have.
    """

    clients: Clients
    contents: Contents
    jobs: int | None
    progress: Show

    def read(self, checked: Sequence[Checked]) -> None:
        """Compare the content of files that have no published sha256, and of trees."""
        files = [
            (one, path)
            for one in checked
            if isinstance(one.model.pin, FilesPin)
            for path, proof in one.found.proofs.items()
            if proof != "sha256"
        ]
        if files:
            self._read_files(files)
        for one in checked:
            failed = any(d.kind in {"gone", "failed"} for d in one.found.differences)
            if isinstance(one.model.pin, TreePin) and one.found.kind == "source" and not failed:
                self._read_tree(one, one.model.pin)

    def _read_files(self, files: Sequence[tuple[Checked, str]]) -> None:
        total = sum(one.files[path].size or 0 for one, path in files)
        arrived = 0
        speed = Speed()

        def count(number: int) -> None:
            nonlocal arrived
            arrived += number
            self.progress(Amount("reading", arrived, max(total, arrived), speed.at(arrived)))

        with workspace() as scratch:
            results = hash_contents(
                (self._unread(one, path) for one, path in files),
                scratch,
                max_connections() if self.jobs is None else self.jobs,
                arrived=count,
                keeper=_SmallFiles(scratch, self.contents),
            )
        for (one, path), result in zip(files, results, strict=True):
            if isinstance(result, AimodelsError):
                client = self.clients.of(one.source)
                one.fail(client.explain(one.source, one.files[path], result), path)
            elif not any(d.file == path for d in one.found.differences):
                # Where something differs by what is published, that has been said.
                compare(one.found, one.expected[path], result, one.next_step())
            else:
                one.found.proofs[path] = "sha256"

    def _unread(self, one: Checked, path: str) -> Unread:
        upstreams = self.clients.of(one.source).upstreams(
            one.source.undeclared(), dict(one.pinned.versions)
        )
        return Unread(one.files[path], upstreams)

    def _read_tree(self, one: Checked, pin: TreePin) -> None:
        tree = one.model.tree
        sources = self.clients.of(one.source).sources(one.source, one.pinned.versions)
        spec = TreeSpec(sources, tree.filters, tree.integrate, {})
        try:
            with workspace() as directory:
                output = directory / "tree"
                fetch.fetch_tree(
                    spec,
                    output,
                    self.jobs,
                    progress=lambda total, count: RunProgress(
                        total, {tree.name: count}, self.progress
                    ),
                )
                found = nar_sri(output)
        except AimodelsError as error:
            one.fail(error)
            return
        one.found.proofs = dict.fromkeys(one.found.proofs, "sha256")
        if found != pin.hash:
            one.found.add(
                "changed",
                f"its content is {found}, and {pin.hash} is pinned",
                pinned=pin.hash,
                found=found,
                hint=one.next_step(),
            )


class _SmallFiles(Keeper):
    """Keeps small files, of which bundles are made."""

    def __init__(self, directory: Path, contents: Contents) -> None:
        self._directory = directory
        self._contents = contents
        self._number = 0

    def target(self, file: RemoteFile) -> FileTarget | None:
        """Return where to write a small file."""
        if file.size is None or file.size > MOST_BUNDLED:
            return None
        self._number += 1
        return FileTarget(self._directory / str(self._number))

    def verified(self, target: Target, file: RemoteFile) -> None:
        """Keep it."""
        if isinstance(target, FileTarget):
            self._contents.hold(target.path.read_bytes(), file.git_blob_id)
            target.path.unlink()
