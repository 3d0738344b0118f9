"""Store paths that are more than one file of a server, and their download."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from aimodels_fetcher.downloads import TreeDownload
from aimodels_fetcher.spec import TreeSpec
from aimodels_gen.errors import StoreError
from aimodels_gen.lock.fetch import TreeTargets, fetcher_sources
from aimodels_gen.lock.model import TreePin
from aimodels_gen.nix import store_path
from aimodels_gen.nix.adder import Addition
from aimodels_gen.nix.hashes import nar_sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimodels_fetcher.worker_pool import WorkerPool
    from aimodels_fetcher.workers import Job
    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.contents import Contents
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.lock.partial_files import PartialFiles


class Group(Protocol):
    """Downloads of which the amount is known."""

    @property
    def total(self) -> int | None:
        """Bytes of all of them."""

    @property
    def count(self) -> int:
        """Number of files."""

    def jobs(self, pool: WorkerPool, failed: Callable[[Exception], None]) -> Iterator[Job]:
        """Yield the downloads; `failed` is called where there can be none of a file."""


class PathDownload(ABC):
    """What becomes one store path.

    Attributes:
        model: whose it is.
    """

    model: str

    @abstractmethod
    def begin(
        self,
        place: Path,
        partials: PartialFiles,
        connections: int,
        done: Callable[[Addition], None],
    ) -> Group:
        """Return the download.

        Args:
            place: a directory of its own.
            partials: keep large files for another run.
            connections: maximum number of concurrent requests to a server.
            done: is called with what the store is to take, once it is there.

        Raises:
            AimodelsError: there is nothing to download.
        """

    @abstractmethod
    def stored(self) -> None:
        """Remove what was kept for another run: the store has it."""


class TreePath(PathDownload):
    """A `tree` pin, whose files are listed and downloaded from its source.

    Args:
        model: its model.
        clients: know the credentials.
        contents: what is at hand.
        report: is told what is under way.
    """

    def __init__(
        self, model: LockedModel, clients: Clients, contents: Contents, report: Show
    ) -> None:
        self.model = model.name
        self._locked = model
        self._clients = clients
        self._contents = contents
        self._report = report
        self._targets: TreeTargets | None = None

    def begin(
        self,
        place: Path,
        partials: PartialFiles,
        connections: int,
        done: Callable[[Addition], None],
    ) -> TreeDownload:
        """Return the download of a tree, which is listed for that."""
        self._report(f"{self.model}: listing")
        tree, pin = self._locked.tree, self._locked.pin
        assert isinstance(pin, TreePin)  # noqa: S101 (for mypy)
        output = place / store_path.tree_name(tree.name, tree.identity())
        self._targets = TreeTargets(partials, self._contents)
        sources = fetcher_sources(tree.sources, self._clients)
        spec = TreeSpec(sources, tree.filters, tree.integrate, {})

        def check() -> None:
            self._check(output, pin)

        def whole() -> None:
            done(Addition(output, pin.hash, pin.size, "recursive", check))

        return TreeDownload(spec, output, connections, self._targets.target, whole)

    def stored(self) -> None:
        """Remove the files that were kept for another run."""
        if self._targets:
            self._targets.remove()

    def _check(self, output: Path, pin: TreePin) -> None:
        """Compare it with its pin.

        Raises:
            StoreError: it is not what is pinned.
        """
        found = nar_sri(output)
        if found != pin.hash:
            raise StoreError(
                f"it is pinned to {pin.hash}, but its source now has {found}",
                "a commit does not change: a mirror or proxy alters it, or the lock was edited; to "
                f"pin what the source has now, delete {self.model} from models of the lock, and "
                "run `aimodels-gen lock`",
            )
