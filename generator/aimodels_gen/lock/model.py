"""What a lock holds: the facts that fix a model, and those that a reader wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_fetcher.filters import Filters
    from aimodels_gen.sources.base import Source

Layout = Literal["copy", "link"]
PinKind = Literal["files", "tree"]


@dataclass(frozen=True)
class Integration:
    """How a model shows itself to the Hugging Face libraries; None means: as the source says."""

    enable: bool = True
    org: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Card:
    """What the source says about a model; None where it says nothing.

    Attributes:
        license: an identifier such as `apache-2.0`, or several joined by `, `.
        gated: None for a model open to everybody, else how access is granted: `auto`, `manual`.
        pipeline_tag: the Hub's task, such as `text-generation`.
        library: the library that loads it, such as `transformers`.
    """

    license: str | None = None
    gated: str | None = None
    pipeline_tag: str | None = None
    library: str | None = None

    @property
    def licenses(self) -> tuple[str, ...]:
        """Return the licences one by one."""
        return tuple(self.license.split(", ")) if self.license else ()


@dataclass(frozen=True)
class FilePin:
    """One file: its SRI sha256 and its size in bytes.

    Attributes:
        lfs: whether the source stores it as LFS (or Xet) object.
        blob_id: the git id that the listing gave, None for sources without git. The same id
            later means the same content, which then need not be downloaded to be hashed.
    """

    hash: str
    size: int
    lfs: bool = False
    blob_id: str | None = None


@dataclass(frozen=True)
class FilesPin:
    """Every file fixed by itself."""

    files: Mapping[str, FilePin]

    @property
    def count(self) -> int:
        """Return the number of files."""
        return len(self.files)

    @property
    def size(self) -> int:
        """Return the sum of the files' sizes in bytes."""
        return sum(file.size for file in self.files.values())


@dataclass(frozen=True)
class TreePin:
    """The whole entry fixed by one hash: the SRI sha256 of its Nix archive.

    Attributes:
        count: the number of files that were selected.
        size: their size in bytes.
    """

    hash: str
    count: int
    size: int


Pin = FilesPin | TreePin


@dataclass(frozen=True)
class Tree:
    """A whole model to fetch: at an exact revision, and not pinned yet.

    Attributes:
        integrate: whether to lay it out as a cache entry, or as the plain files.
        fallbacks: where else its files are.
    """

    name: str
    source: Source
    filters: Filters
    integrate: bool = True
    fallbacks: tuple[Source, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Return what names its derivation (`tree_name`): the source, no endpoint, the filters."""
        include = self.filters.include
        return {
            **self.source.identity(),
            "include": None if include is None else list(include),
            "exclude": list(self.filters.exclude),
            "integration": self.integrate,
        }


@dataclass(frozen=True)
class LockedModel:
    """One model of a lock.

    Attributes:
        source: with its exact revision.
        digest: of what the manifest said; a pin stays as long as it is the same.
        fallbacks: where the same files are, too.
        fallbacks_digest: of what the manifest said about them, None for nothing.
    """

    name: str
    source: Source
    filters: Filters
    pin: Pin
    digest: str
    layout: Layout = "copy"
    integration: Integration = field(default_factory=Integration)
    card: Card = field(default_factory=Card)
    fallbacks: tuple[Source, ...] = ()
    fallbacks_digest: str | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return all sources, in the order in which they are asked."""
        return (self.source, *self.fallbacks)

    @property
    def pin_kind(self) -> PinKind:
        """Return the pin's name in the manifest."""
        return "tree" if isinstance(self.pin, TreePin) else "files"

    @property
    def tree(self) -> Tree:
        """Return what a fetch of the whole model needs to know."""
        return Tree(self.name, self.source, self.filters, self.integration.enable, self.fallbacks)
