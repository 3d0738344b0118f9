"""What every kind of source offers the rest of the fetcher, and the generator."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from aimodels_fetcher.errors import UPDATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from aimodels_fetcher.errors import FetchError, StatusError
    from aimodels_fetcher.http_client import HttpClient, ResolvedUrl
    from aimodels_fetcher.response import Response

_SHA256 = 32  # bytes


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A row of a listing.

    Attributes:
        path: Path in the model, as the source spells it. It may be hostile.
        size: Bytes, or None where the source does not say.
        sha256: Hex digest of the content where the source publishes it.
        git_blob_id: Git's id of the content where it publishes that instead.
        lfs: Whether git holds a pointer in its place.
        etag: A name that the source changes with the content, for sources without git; None where
            it has none.
        version: Under which the source keeps this content when it is replaced; None if it does not.
        most: More bytes than it can have, where its size is not known; None for what the disk has
            room for.
    """

    path: str
    size: int | None = None
    sha256: str | None = None
    git_blob_id: str | None = None
    lfs: bool = False
    etag: str | None = None
    version: str | None = None
    most: int | None = None

    @property
    def is_identified(self) -> bool:
        """Whether its content is known by a hash."""
        return bool(self.sha256 or self.git_blob_id)


class Source(ABC):
    """One place that has a model, or some of its files.

    Attributes:
        has_tree_listing: Whether the entry gets huggingface_hub's `trees/<commit>.json`.
        tries: How often to ask it without progress for what others have, too; None for the usual.
    """

    has_tree_listing: ClassVar[bool] = False
    tries: ClassVar[int | None] = None

    @property
    @abstractmethod
    def label(self) -> str:
        """Name for messages, such as `org/name@01c7f73`."""

    @property
    @abstractmethod
    def location(self) -> str:
        """Name of where it is, for messages: a URL without secrets."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Names under `refs/` that lead to the commit: `main` is for loads without a revision."""
        return ("main",)

    def at(self, resolved: Source) -> Source:  # noqa: ARG002 (most sources have no commits)
        """Return this source at the commit of a resolved one, if that has the same commits."""
        return self

    def commit(self, files: Mapping[str, str]) -> str:
        """Return the commit that the snapshot is named after, 40 hex digits.

        For sources without commits it is made of the content.

        Args:
            files: Path -> sha256 hex digest.
        """
        # There may be 200,000 files: digests are kept short until they are written into a line.
        found = sorted(
            bytes.fromhex(digest) + f"{path}\n".encode() for path, digest in files.items()
        )
        lines = hashlib.sha1(usedforsecurity=False)
        for line in found:
            lines.update(f"{line[:_SHA256].hex()}  ".encode() + line[_SHA256:])
        return lines.hexdigest()

    @abstractmethod
    def client(self, connections: int) -> HttpClient:
        """Return a client with this source's credentials.

        Args:
            connections: How many to keep open.

        Raises:
            FetchError: The environment makes it impossible.
        """

    @abstractmethod
    def listing(self, client: HttpClient) -> tuple[Source, Iterable[RemoteFile]]:
        """List all files: the source at its exact revision, and a row a file.

        The rows may be read from the server while they are iterated over, once.

        Raises:
            FetchError, StatusError: It cannot; the rows may raise it, too.
        """

    @abstractmethod
    def url(self, path: str) -> str | None:
        """Return the URL of a file's content, or None where it is not here."""

    def content(
        self,
        client: HttpClient,
        resolved: ResolvedUrl,
        wanted: tuple[int, int] | None = None,
        if_range: str | None = None,
    ) -> AbstractContextManager[Response]:
        """Ask for the content of a URL, or a range of it, as `HttpClient.get`.

        Args:
            client: Of this source.
            resolved: A URL of this source.
            wanted: As there.
            if_range: As there.

        Raises:
            TransientError: Worth trying again.
            StatusError, FetchError: As there.
        """
        return client.get(resolved, wanted, if_range)

    def delivered(self, path: str) -> None:  # noqa: B027 (most sources have nothing to say)
        """Take notice that a file came from here, whole and right."""

    @abstractmethod
    def explain(self, error: StatusError) -> FetchError:
        """Turn an answer that refuses into a message with the next step."""

    def advise(self, error: FetchError) -> FetchError:
        """Return a failure that has lasted, with a better next step where this source knows one."""
        return error

    def advise_mismatch(self, path: str, url: str, sha256: str) -> str:  # noqa: ARG002 (for others)
        """Return the next step for a file whose content is not what was pinned.

        Args:
            path: Of the file in the model.
            url: Where it is, without secrets.
            sha256: Hex digest of what the server sends.
        """
        return (
            f"compare with {url}: if the file has changed upstream, {UPDATE}; otherwise a proxy on "
            "the way alters it"
        )
