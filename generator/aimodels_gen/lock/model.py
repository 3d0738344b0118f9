"""What a lock holds: the facts that fix a model, and those that a reader wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from aimodels_fetcher.sources.base import RemoteFile
from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.engines.views import Views
from aimodels_gen.sources.base import Card

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aimodels_fetcher.filters import Filters
    from aimodels_gen.engines.gguf import Gguf
    from aimodels_gen.manifest.model import Entry, Layout, PinKind
    from aimodels_gen.sources.base import Source

SriHash = Annotated[str, msgspec.Meta(pattern=r"^sha256-[0-9A-Za-z+/]{43}=$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]  # of Nix, too


MOST_BUNDLED = 1 << 20
"""Bytes of the largest file that is bundled; part of what decides a lock."""


class BundledFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One file: its SRI sha256 and its size in bytes.

    Attributes:
        blob_id: the git id that the listing had, None for sources without git. The same id later
            means the same content, which then need not be downloaded to be hashed.
    """

    hash: SriHash
    size: Count
    blob_id: str | None = None

    @property
    def git_blob_id(self) -> str | None:
        """Return the git id of the content, None where that is not known."""
        return self.blob_id


class FilePin(BundledFile, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One file with a store path of its own.

    Attributes:
        lfs: whether the source stores it as LFS (or Xet) object. Its `blob_id` is that of git's
            pointer then.
    """

    lfs: bool = False

    @property
    def git_blob_id(self) -> str | None:
        """Return the git id of the content, None where that is not known."""
        return None if self.lfs else self.blob_id


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files with one store path: a directory with their contents, named by their sha256 in hex.

    Attributes:
        hash: the SRI sha256 of the Nix archive of the directory.
    """

    hash: SriHash
    files: dict[str, BundledFile]


@dataclass(frozen=True)
class FilesPin:
    """Every file fixed by itself.

    Attributes:
        files: by path, those with a store path each.
        bundle: those that share one: the small files that the lock has had to read. None if there
            are none.
        unbundled: whether it is of version 1 of the lock, which had no bundles.
    """

    files: Mapping[str, FilePin]
    bundle: Bundle | None = None
    unbundled: bool = field(default=False, compare=False)

    @classmethod
    def of_version_1(cls, files: Mapping[str, FilePin]) -> FilesPin:
        """Return a pin of which nobody knows whether it would have a bundle, if it may."""
        small = any(not file.lfs and file.size <= MOST_BUNDLED for file in files.values())
        return cls(files, unbundled=small)

    @property
    def all_files(self) -> Mapping[str, BundledFile]:
        """Return all files by path, bundled or not."""
        return {**self.files, **(self.bundle.files if self.bundle else {})}

    @property
    def count(self) -> int:
        """Return the number of files."""
        return len(self.files) + (len(self.bundle.files) if self.bundle else 0)

    @property
    def size(self) -> int:
        """Return the sum of the files' sizes in bytes."""
        return sum(file.size for file in self.all_files.values())


class TreePin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole entry fixed by one hash: the SRI sha256 of its Nix archive.

    Attributes:
        count: the number of files that were selected.
        size: their size in bytes.
    """

    hash: SriHash
    count: Count = 0
    size: Count = 0


Pin = FilesPin | TreePin


@dataclass(frozen=True)
class PinnedSource:
    """A source at an exact revision, and what the pin remembers of its files.

    Attributes:
        etags: by path, what the server called the content that was pinned.
        versions: by path, the version under which the server keeps it when it is replaced.
    """

    source: Source
    etags: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, files: Sequence[RemoteFile]) -> PinnedSource:
        """Return a resolved source with what its kind remembers of the files of a pin."""
        found = {
            "etags": {file.path: file.etag for file in files if file.etag},
            "versions": {file.path: file.version for file in files if file.version},
        }
        return cls(source, **{name: found[name] for name in source.remembered})

    def refreshed(self, source: Source) -> PinnedSource:
        """Return the same pin of a source that a manifest now declares."""
        return PinnedSource(source.at_pinned_revision(self.source), self.etags, self.versions)

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `source.<kind>` in Nix."""
        return {**self.source.to_nix(), **self._versions(empty=False)}

    def to_spec(self) -> dict[str, Any]:
        """Return `source.<kind>` for the fetcher."""
        return {**self.source.to_spec(), **self._versions(empty=True)}

    def identity(self) -> dict[str, Any]:
        """Return what decides the content; see `Source.identity`."""
        return {**self.source.identity(), **self._versions(empty=True)}

    def remembered(self) -> tuple[RemoteFile, ...]:
        """Return the files that have ETags, with these and their versions, sorted by path."""
        return tuple(
            RemoteFile(path, etag=etag, version=self.versions.get(path))
            for path, etag in sorted(self.etags.items())
        )

    def _versions(self, *, empty: bool) -> dict[str, Any]:
        if "versions" in self.source.remembered and (self.versions or empty):
            return {"versions": dict(sorted(self.versions.items()))}
        return {}


@dataclass(frozen=True)
class Tree:
    """A whole model to fetch, at an exact revision.

    Attributes:
        integrate: whether to lay it out as a cache entry, or as the plain files.
        sources: where its files are, in the order in which to ask; messages and the cache entry
            are named after the first.
    """

    name: str
    sources: tuple[PinnedSource, ...]
    filters: Filters
    integrate: bool = True

    def identity(self) -> dict[str, Any]:
        """Return what names its derivation (`tree_name`): the source, no endpoint, the filters."""
        include = self.filters.include
        return {
            **self.sources[0].identity(),
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
        integration: of the Hugging Face cache.
        views: how other engines find it.
        gguf: what is known of GGUF files, by path; of shards, of the first.
        fallbacks: where the same files are, too.
        fallbacks_digest: of what the manifest said about them, None for nothing.
        edited: the checksum that the lock has for the model, where it is not that of the model,
            which has been edited by hand; None where it is.
    """

    name: str
    source: PinnedSource
    filters: Filters
    pin: Pin
    digest: str
    layout: Layout = "copy"
    integration: Integration = field(default_factory=Integration)
    views: Views = field(default_factory=Views)
    card: Card = field(default_factory=Card)
    gguf: Mapping[str, Gguf] = field(default_factory=dict)
    fallbacks: tuple[PinnedSource, ...] = ()
    fallbacks_digest: str | None = None
    edited: str | None = field(default=None, compare=False)

    @property
    def sources(self) -> tuple[PinnedSource, ...]:
        """Return all sources, in the order in which they are asked."""
        return (self.source, *self.fallbacks)

    def refreshed(self, entry: Entry) -> LockedModel:
        """Return the same pin with what a manifest may change without moving it."""
        pairs = zip(entry.fallbacks, self.fallbacks, strict=True)
        return replace(
            self,
            source=self.source.refreshed(entry.source),
            # What the source has chosen stays, as the files do.
            filters=self.filters if entry.source.choice else entry.filters,
            layout=entry.layout,
            integration=entry.integration,
            views=entry.views,
            fallbacks=tuple(pinned.refreshed(source) for source, pinned in pairs),
        )

    @property
    def pin_kind(self) -> PinKind:
        """Return the pin's name in the manifest."""
        return "tree" if isinstance(self.pin, TreePin) else "files"

    @property
    def paths(self) -> Collection[str] | None:
        """Return the paths of its files; None where the pin does not list them."""
        return self.pin.all_files.keys() if isinstance(self.pin, FilesPin) else None

    @property
    def cache_name(self) -> str | None:
        """Return the name of its entry in a cache; None without one."""
        return self.integration.entry_name(self.source.source.cache_parts)

    @property
    def tree(self) -> Tree:
        """Return what a fetch of the whole model needs to know."""
        return Tree(self.name, self.sources, self.filters, self.integration.enable)


@dataclass(frozen=True)
class Lock:
    """Every pin, by the model's name."""

    models: Mapping[str, LockedModel] = field(default_factory=dict)

    def renamed(self, names: Mapping[str, str]) -> Lock:
        """Return the same pins, of models that have new names."""
        others = {name: model for name, model in self.models.items() if name not in names}
        moved = {
            names[name]: replace(model, name=names[name])
            for name, model in self.models.items()
            if name in names
        }
        return Lock({**others, **moved})
