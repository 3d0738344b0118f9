"""What every kind of source is to the rest of the generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from aimodels_gen.errors import SourceError
from aimodels_gen.lock.model import Card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aimodels_gen.tables import Table

    Warn = Callable[[str], None]


@dataclass(frozen=True)
class ListedFile:
    """One file as a source lists it.

    Attributes:
        path: relative to the model, with slashes.
        size: in bytes, None where the source does not say.
        sha256: 64 hex digits, None where the source does not publish it.
        blob_id: the git blob id, None for sources without git.
        lfs: whether it is an LFS object there.
        etag: what the source will call something else once the content is another, for sources
            without git; None where it has no such name.
        version: by which the source keeps this content when it is replaced; None if it does not.
    """

    path: str
    size: int | None
    sha256: str | None = None
    blob_id: str | None = None
    lfs: bool = False
    etag: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Listing:
    """What a source holds at one exact revision, or now where it has none.

    Attributes:
        source: at that revision.
        files: all of them. Their paths may still be hostile.
    """

    source: Source
    files: tuple[ListedFile, ...]
    card: Card = field(default_factory=Card)


class Source(ABC):
    """What to fetch: immutable, comparable, and free of any network.

    Attributes:
        kind: the key under `source`, in TOML, the lock and Nix alike; the module's name.
        example: how one looks in a manifest.
        names_itself: whether it has an org and a name for the cache.
    """

    kind: ClassVar[str]
    example: ClassVar[str]
    names_itself: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def from_toml(cls, table: Table) -> Source:
        """Return the source that the table `source.<kind>` of a manifest says.

        Raises:
            ManifestError: it says something wrong; unknown keys are the caller's to refuse.
        """

    @classmethod
    @abstractmethod
    def from_lock(cls, table: Table) -> Source:
        """Return the source that `to_lock` gave."""

    @abstractmethod
    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `source.<kind>` in Nix: camelCase, defaults left out."""

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock keeps: that, and what only we need to know again."""
        return self.to_nix()

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return what decides the content: `type`, and no endpoint; nulls are kept.

        nix/sources/<kind>.nix gives the same: it names the derivations of trees.
        """

    def asked(self) -> dict[str, Any]:
        """Return everything in a manifest that makes a pin over when it is changed."""
        return self.identity()

    def resolved_like(self, locked: Any) -> Source:  # noqa: ANN401, ARG002 - of the same kind
        """Return this source at the exact revision that `locked` is pinned to."""
        return self

    def holding(self, files: Sequence[ListedFile]) -> Source:  # noqa: ARG002 - for others
        """Return this source, resolved, with what it is to remember of the files of a pin."""
        return self

    def content_id(self, file: ListedFile) -> str | None:
        """Return a name of the file's content that no other content has, in no source.

        None where there is none: the file must then be read again to know it again.
        """
        return file.blob_id

    def remembers(self) -> Sequence[ListedFile]:
        """Return what `holding` was given, as far as `content_id` and `version` go.

        That is nothing where git blob ids say it all: the lock keeps those with the pins.
        """
        return ()

    @abstractmethod
    def fetcher_spec(self, path: str | None = None) -> dict[str, Any]:
        """Return `source.<kind>` for the bundled fetcher, with nothing left out.

        With `path` it may be reduced to what that one file takes.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """Return what a reader calls it: `org/name`."""

    @property
    def version(self) -> str:
        """Return the short exact revision, empty where there is none."""
        return ""

    @property
    def followed(self) -> str:
        """Return the branch or tag that an upgrade follows, empty where there is none."""
        return ""

    @abstractmethod
    def connect(self, warn: Warn) -> Client[Any]:
        """Return a client for sources of this kind; this is where heavy imports happen.

        `warn` gets, from any thread, a line for what the reader should know of servers that
        failed where others answered.

        Raises:
            SourceError: the environment makes it impossible.
        """


S = TypeVar("S", bound=Source)


class Client(ABC, Generic[S]):
    """Talks to a kind's servers. Its methods are called from many threads."""

    @abstractmethod
    def list(self, source: S) -> Listing:
        """Return the complete listing at the revision that `source` resolves to.

        Raises:
            SourceError: with the reason in words and a next step.
        """

    def details(self, source: S, file: ListedFile) -> ListedFile:  # noqa: ARG002 - for others
        """Return a listed file with what a request for it alone adds, without its content.

        It is asked for the files of a pin that nobody remembers, where the listing lacks their
        sha256.

        Raises:
            SourceError: as `list`, or the file is not what was listed.
        """
        return file

    def read(
        self,
        source: S,
        file: ListedFile,
        arrived: Callable[[int], None],  # noqa: ARG002 - for others
    ) -> ListedFile:
        """Return a listed file with its sha256 and size, having read all of its content.

        It is asked for what neither the listing nor `details` has the sha256 of. `arrived` gets
        numbers of bytes as they come.

        Raises:
            SourceError: it cannot be read, or is not what was listed.
        """
        raise SourceError(f"{source.label} gives no sha256 for {file.path!r}", "report it there")

    def check_access(
        self,
        source: S,  # noqa: ARG002 - for others
        file: ListedFile,  # noqa: ARG002 - for others
    ) -> SourceError | None:
        """Return why `file` of a gated source is known to be refused, None if it is not."""
        return None

    def environment(self) -> Mapping[str, str]:
        """Return variables for the bundled fetcher that ours lacks: credentials from files."""
        return {}

    def close(self) -> None:
        """Close connections; nothing is asked of it after that."""
