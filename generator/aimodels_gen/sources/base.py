"""What every kind of source is to the rest of the generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import inspect

from aimodels_gen.tables import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from typing_extensions import Self

    from aimodels_fetcher.errors import AimodelsError
    from aimodels_fetcher.filters import Filters, Selection
    from aimodels_fetcher.remote_files import RemoteFiles
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.sources.base import Source as FetcherSource
    from aimodels_fetcher.upstreams import Upstreams
    from aimodels_gen.engines.gguf import Gguf
    from aimodels_gen.errors import SourceError
    from aimodels_gen.tables import Place

    Warn = Callable[[str], None]

Role = Literal["content", "choice", "location", "proof"]
"""What a field of a source is for.

content: it decides which bytes there are (what a field is for that does not say).
choice: it decides which of the files are taken, beside the filters: Nix knows the files.
location: it says how to reach them: where it changes, no pin moves.
proof: what they are compared with when they are locked; Nix does not know it.
"""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a source says about a model; None where it says nothing.

    Attributes:
        license: an identifier such as `apache-2.0`, or several joined by `, `.
        gated: None for a model that everybody may read, else how access is granted: `auto`,
            `manual`.
        pipeline_tag: the Hub's task, such as `text-generation`.
        library: the library that loads it, such as `transformers`.
        modified: when the revision was made, such as `2026-11-02T09:30:00Z`.
        base_models: the repositories that it was made from, by fine-tuning or quantising.
    """

    license: str | None = None
    gated: str | None = None
    pipeline_tag: str | None = None
    library: str | None = None
    modified: str | None = None
    base_models: tuple[str, ...] | None = None

    @property
    def licenses(self) -> tuple[str, ...]:
        """Return the licences one by one."""
        return tuple(self.license.split(", ")) if self.license else ()


class Choice(Protocol):
    """What takes files of a source by something else than patterns."""

    def candidates(self, filters: Filters) -> Filters:
        """Return filters that take what these take, and all that there is to choose from."""

    def chosen(self, filters: Filters, paths: Iterable[str]) -> Filters:
        """Return filters that take what these take, and what is chosen of `paths`.

        Raises:
            SourceError: there is nothing to choose, or too much.
        """


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to fetch: immutable, comparable, and without any network.

    A kind declares fields: their names, types and defaults are those of a manifest. Lock, Nix and
    the fetcher spell them in camelCase; all forms derive from the declaration.

    Attributes:
        kind: the key under `source`, in TOML, the lock and Nix alike; the module's name.
        example: how one looks in a manifest.
        has_repo_id: whether it has an org and a name for the cache.
        remembered: what the pin remembers of each file: `etags`, `versions`.
    """

    kind: ClassVar[str]
    example: ClassVar[str]
    has_repo_id: ClassVar[bool] = False
    remembered: ClassVar[tuple[str, ...]] = ()

    def checked(self, place: Place, given: Collection[str]) -> Self:  # noqa: ARG002 - for others
        """Return the source in its one form, having refused what the types let through.

        Args:
            place: where it is in the manifest; its `fail` raises.
            given: the names of the keys that are there.

        Raises:
            ManifestError: a value is wrong.
        """
        return self

    def check_pin(self, place: Place) -> None:
        """Refuse a source in a lock that is not at an exact revision, where the kind has such.

        Raises:
            LockError: it is not.
        """

    def check_addresses(self, place: Place) -> None:
        """Refuse addresses that are none, or that hold what nobody else may read.

        Raises:
            ManifestError, LockError: one is, or does; it is not quoted.
        """

    def to_nix(self) -> dict[str, Any]:
        """Return the attributes of `source.<kind>` in Nix, defaults left out."""
        return self._form("content", "location", defaults=False)

    def to_lock(self) -> dict[str, Any]:
        """Return what the lock has, defaults left out."""
        return self._form("content", "choice", "location", "proof", defaults=False)

    def to_spec(self) -> dict[str, Any]:
        """Return `source.<kind>` for the fetcher, with nothing left out."""
        return self._form("content", "location", defaults=True)

    def identity(self) -> dict[str, Any]:
        """Return what decides the content; nulls are kept.

        nix/sources/<kind>.nix has the same: it names the derivations of trees.
        """
        return {"type": self.kind, **self._form("content", defaults=True)}

    def pin_inputs(self) -> dict[str, Any]:
        """Return everything in a manifest that makes a pin anew when it changes."""
        # Choices came later than locks: where there are none, nothing has changed.
        choice = self._form("choice", defaults=False)
        return {**self.identity(), **self._form("proof", defaults=True), **choice}

    @property
    def choice(self) -> Choice | None:
        """Return what chooses among the files beside the filters; None where nothing does."""
        return None

    def at_pinned_revision(self, pinned: Any) -> Self:  # noqa: ANN401, ARG002 - of the same kind
        """Return this source at the exact revision of a pinned one."""
        return self

    def content_key(self, file: RemoteFile) -> str | None:
        """Return a name of the file's content that no other content has, in any source.

        None where there is none: the file must be read again to know it again.
        """
        return file.git_blob_id

    def sha256(self, path: str) -> str | None:  # noqa: ARG002 - for others
        """Return the sha256 in hex that the manifest sets for a file, None if it does not."""
        return None

    def undeclared(self) -> Self:
        """Return this source without the checksums that the manifest sets for its files."""
        return self

    @property
    def cache_parts(self) -> tuple[str | None, str | None, str]:
        """Return org, name and type of its repository, as the cache calls it; None for none."""
        return None, None, "model"

    @property
    def holds_weights(self) -> bool:
        """Return whether it is there to hold the weights of a model."""
        return True

    @property
    def label(self) -> str:
        """Return what messages call it, such as `org/name`."""
        return self.kind

    @property
    def version(self) -> str:
        """Return the short exact revision, empty where there is none."""
        return ""

    @property
    def revision(self) -> str | None:
        """Return the exact revision, None where there is none."""
        return None

    @property
    def page(self) -> str | None:
        """Return the address of its page at this revision, None where there is none."""
        return None

    @property
    def is_exact(self) -> bool:
        """Return whether the manifest itself fixes the content: an update changes nothing."""
        return False

    def compare_url(self, newer: Any) -> str | None:  # noqa: ANN401, ARG002 - of the same kind
        """Return the page that shows what has changed up to a newer revision; None for none."""
        return None

    def at_revision(self, revision: str) -> Self | None:  # noqa: ARG002 - for others
        """Return this source at a commit, branch or tag; None for a kind without revisions."""
        return None

    @property
    def tracked_ref(self) -> str:
        """Return the branch or tag that an update follows, empty where there is none."""
        return ""

    def _form(self, *roles: Role, defaults: bool) -> dict[str, Any]:
        return {
            camel(name): plain(value)
            for name, role, default in _fields(type(self))
            if role in roles and ((value := getattr(self, name)) != default or defaults)
        }


def camel(name: str) -> str:
    """Return `repo_type` as `repoType`."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


@cache
def _fields(kind: type[Source]) -> tuple[tuple[str, str, object], ...]:
    """Return name, role and default of each field that a kind declares."""
    info = inspect.type_info(kind)
    declared = info.fields if isinstance(info, inspect.StructType) else ()
    return tuple(
        (one.name, _extra(one.type).get("role") or "content", one.default) for one in declared
    )


def _extra(info: inspect.Type) -> dict[str, Any]:
    return (info.extra if isinstance(info, inspect.Metadata) else None) or {}


@dataclass(frozen=True)
class Listing:
    """What a source has at one exact revision, or now where it has no revisions.

    Attributes:
        source: at that revision.
        selection: the files that the filters take, and what is known of the others.
        gguf: what the source says of its GGUF files, None for nothing.
    """

    source: Source
    selection: Selection[RemoteFiles]
    card: Card = field(default_factory=Card)
    gguf: Gguf | None = None


@dataclass(frozen=True)
class Revision:
    """What a server says of a revision, without listing its files.

    Attributes:
        source: at that exact revision.
        name: what the server calls a repository that the source calls otherwise; None for nothing.
    """

    source: Source
    card: Card = field(default_factory=Card)
    name: str | None = None


@dataclass(frozen=True)
class Allowance:
    """How many requests for files a server answers in a time, without a token."""

    requests: int
    seconds: int


S = TypeVar("S", bound=Source)


class SourceClient(ABC, Generic[S]):
    """Talks to the servers of one kind of source.

    Its methods are called from many threads. Each makes one request at a time.

    Attributes:
        describes: whether files have to be described, because the listing has only their names.
        has_details: whether a request for a file adds something without reading it.
    """

    describes: ClassVar[bool] = False
    has_details: ClassVar[bool] = False

    @abstractmethod
    def list(self, source: S, filters: Filters) -> Listing:
        """Return what `filters` take of all files at the revision that `source` resolves to.

        What is not taken must not be kept: there may be a million files.

        Raises:
            SourceError: with the reason in words and a next step.
        """

    @abstractmethod
    def sources(self, source: S, versions: Mapping[str, str]) -> tuple[FetcherSource, ...]:
        """Return where the files of a resolved source are, in order, with credentials.

        Args:
            source: at its exact revision.
            versions: by path, the version to ask for, for kinds that keep versions of files.

        Raises:
            SourceError: the environment makes it impossible.
        """

    @abstractmethod
    def upstreams(self, source: S, versions: Mapping[str, str]) -> Upstreams:
        """Return the same with connections, which are shared by all that come from one server."""

    @abstractmethod
    def explain(self, source: S, file: RemoteFile, error: AimodelsError) -> SourceError:
        """Return in words why `file` could not be downloaded."""

    def located(self, source: S, pinned: S) -> S:  # noqa: ARG002 - for others
        """Return a source that is to be pinned anew, at the server that its last pin names.

        It is asked for sources that have a pin of the same kind; most kinds find theirs again by
        what the manifest says.

        Raises:
            SourceError: the environment makes it impossible.
        """
        return source

    def revision(self, source: S) -> Revision | None:  # noqa: ARG002 - for others
        """Return what a source is at, with one request; None where only a listing can show that.

        Raises:
            SourceError: as `list`.
        """
        return None

    def describe(self, source: S, file: RemoteFile) -> RemoteFile:  # noqa: ARG002 - for others
        """Return a listed file with what other kinds have in their listings: its size, its ETag.

        It is asked for each file that is taken, where the client `describes`.

        Raises:
            SourceError: as `list`.
        """
        return file

    def details(self, source: S, file: RemoteFile) -> RemoteFile:  # noqa: ARG002 - for others
        """Return a listed file with what a request for it alone adds, without its content.

        It is asked for the files of a pin that nobody remembers, where the listing lacks their
        sha256, and the client `has_details`.

        Raises:
            SourceError: as `list`, or the file is not what was listed.
        """
        return file

    def at_version(self, source: S, file: RemoteFile, version: str) -> RemoteFile:  # noqa: ARG002
        """Return a file with what its source says of it at a version, for kinds that keep them.

        Raises:
            SourceError: as `list`, or the version is gone.
        """
        return file

    def check_access(
        self,
        source: S,  # noqa: ARG002 - for others
        file: RemoteFile,  # noqa: ARG002 - for others
    ) -> SourceError | None:
        """Return why `file` of a gated source is known to be refused, None if it is not."""
        return None

    def allowance(self, source: S) -> Allowance | None:  # noqa: ARG002 - for others
        """Return the limit on requests for files that a token raises, None if there is none."""
        return None

    def ignore_cache(self) -> None:
        """Ask servers for everything, also for what the user's cache has; before all questions."""

    def close(self) -> None:
        """Close connections; nothing is asked of it after that."""
