"""The kinds of sources, each known by its key under `source` in models.toml.

A kind is a frozen dataclass that says what to fetch (`Source`) and a client that talks to the
server (`Client`). A new kind is a module with these two and a line in `KINDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from aimodels_gen.sources.huggingface import HuggingFace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_gen.errors import SourceError
    from aimodels_gen.pins import Card
    from aimodels_gen.tables import Table


@dataclass(frozen=True)
class ListedFile:
    """One file as a source lists it.

    Attributes:
        path: relative to the model, with slashes.
        size: in bytes.
        sha256: 64 hex digits, None where the source does not publish it.
        blob_id: the git blob id, None for sources without git.
        lfs: whether it is an LFS object there.
    """

    path: str
    size: int
    sha256: str | None = None
    blob_id: str | None = None
    lfs: bool = False


@dataclass(frozen=True)
class Listing:
    """What a source holds at one exact revision."""

    source: Source
    files: tuple[ListedFile, ...]
    card: Card


class Source(Protocol):
    """What to fetch: immutable, comparable, and free of any network.

    Attributes:
        kind: the key under `source`, in TOML, the lock and Nix alike.
    """

    kind: ClassVar[str]

    @classmethod
    def from_toml(cls, table: Table) -> Source:
        """Return the source that the table `source.<kind>` of a manifest says.

        Raises:
            ManifestError: it says something wrong; unknown keys are the caller's to refuse.
        """

    @classmethod
    def from_lock(cls, table: Table) -> Source:
        """Return the source that `to_json` gave."""

    def to_json(self) -> dict[str, Any]:
        """Return the attributes of `source.<kind>` in Nix: camelCase, defaults left out."""

    def identity(self) -> dict[str, Any]:
        """Return what decides the content: `type`, and no endpoint; nulls are kept."""

    def resolved_like(self, locked: Any) -> Source:  # noqa: ANN401 - of the same kind
        """Return this source at the exact revision that `locked` is pinned to."""

    def fetcher_spec(self) -> dict[str, Any]:
        """Return `source.<kind>` for the bundled fetcher: like `to_json`, with nothing left out."""

    @property
    def label(self) -> str:
        """Return what a reader calls it: `org/name`."""

    @property
    def version(self) -> str:
        """Return the short exact revision, empty before it is resolved."""

    @property
    def followed(self) -> str:
        """Return the branch or tag that an upgrade follows, empty where there is none."""

    def connect(self, warn: Callable[[str], None]) -> Client:
        """Return a client for sources of this kind; this is where heavy imports happen.

        `warn` gets, from any thread, a line for what the reader should know of servers that
        failed where others answered.

        Raises:
            SourceError: the environment makes it impossible.
        """


class Client(Protocol):
    """Talks to a kind's servers. Its methods are called from many threads."""

    def list(self, source: Any) -> Listing:  # noqa: ANN401 - the kind's own Source
        """Return the complete listing at the revision that `source` resolves to.

        Raises:
            SourceError: with the reason in words and a next step.
        """

    def check_access(
        self,
        source: Any,  # noqa: ANN401 - the kind's own Source
        file: ListedFile,
    ) -> SourceError | None:
        """Return why `file` of the resolved `source` is known to be refused, None if it is not."""

    def sha256(
        self,
        source: Any,  # noqa: ANN401 - the kind's own Source
        file: ListedFile,
    ) -> str:
        """Return the sha256 in hex of a listed file, which is read to find it.

        Raises:
            SourceError: it cannot be read, or is not what was listed.
        """

    def environment(self) -> Mapping[str, str]:
        """Return variables for the bundled fetcher that ours lacks: the token, if from a file."""


KINDS: Mapping[str, type[Source]] = {HuggingFace.kind: HuggingFace}
