"""Binary caches: files that a cache of Nix has by their store paths, without compression.

The content of a file is a range of its archive. So it is downloaded as from everywhere else: in
parts, and from where it broke off. It is not a kind of source that a pin can name, because the hash
of the pin identifies the content.
"""

from __future__ import annotations

import math
import threading
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from aimodels_fetcher import narinfo
from aimodels_fetcher.archive import HEADER, LONGEST_END, archive_size, content_size
from aimodels_fetcher.errors import (
    ContentError,
    FetchError,
    SizeError,
    StatusError,
    TransientError,
)
from aimodels_fetcher.log import say
from aimodels_fetcher.sources.base import RemoteFile, Source
from aimodels_fetcher.urls import is_file, public
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aimodels_fetcher.http_client import HttpClient, ResolvedUrl
    from aimodels_fetcher.narinfo import NarInfo
    from aimodels_fetcher.response import Response

_GONE = frozenset({404, 410})
_ALTERED = (
    "check that the URL is that of a binary cache, and that no proxy alters its answers; whoever "
    "fills the cache can delete the .narinfo and the archive there, and push the model again"
)
# An answer has come, or might have: the server is there.
_ALIVE = (ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True)
class Directory(Source):
    """The files below a URL, without credentials.

    Args:
        base: An http(s) URL without a slash at its end.
        connect_seconds: What connecting may take; None for the usual time.
        read_seconds: What an answer may take; None for the usual time.
        patience: Seconds; if it asks for a longer wait, it is not asked again.
    """

    base: str
    connect_seconds: float | None = None
    read_seconds: float | None = None
    patience: float = math.inf

    @property
    def label(self) -> str:
        """The URL."""
        return self.location

    @property
    def location(self) -> str:
        """The URL."""
        return public(self.base)

    def client(self, connections: int) -> HttpClient:
        """Return a client without credentials."""
        from aimodels_fetcher.http_client import (  # noqa: PLC0415 (slow to import)
            HttpClient,
        )

        client = HttpClient(
            self.base,
            connections=connections,
            connect_seconds=self.connect_seconds,
            read_seconds=self.read_seconds,
        )
        client.patience = self.patience
        client.believe_absence()
        return client

    def listing(self, client: HttpClient) -> tuple[Source, list[RemoteFile]]:  # noqa: ARG002
        """Return nothing: servers of files have no listing."""
        return self, []

    def url(self, path: str) -> str | None:
        """Return the URL of a file, None for what is not a path."""
        url = f"{self.base}/{path}"
        return url if is_file(url) else None

    def explain(self, error: StatusError) -> FetchError:
        """Tell what is refused."""
        return FetchError(str(error), "check the URL of the cache, and whether it requires a login")


@dataclass
class _Archive:
    """The archive of a file, as far as it is known.

    Attributes:
        at: Where it is.
        info: What the cache says of it.
        size: Bytes of the file, None until the beginning of the archive has been read.
    """

    at: ResolvedUrl
    info: NarInfo
    size: int | None = None


@dataclass(frozen=True)
class BinaryCache(Source):
    """Files of a binary cache, by their store paths.

    Args:
        files: Has the files of the cache: a Directory, or a bucket.
        paths: Path of a file in the model -> store path, or its base name.
        archives: Whether the archives are wanted, such as those of directories, in place of what is
            in them.
        optional: Whether other sources are asked after it: then it is left at once when it cannot
            be reached.
        facts: Has the `.narinfo` files, where asking for them should take less time; None for
            `files`.
    """

    # A cache that starts again, or has too much to do, is back in seconds. Meanwhile, all machines
    # of a rack would ask the source.
    tries: ClassVar[int | None] = 4

    files: Source
    paths: Mapping[str, str]
    archives: bool = field(default=False, kw_only=True)
    optional: bool = field(default=False, kw_only=True)
    facts: Source | None = field(default=None, kw_only=True)
    _known: weakref.WeakKeyDictionary[ResolvedUrl, _Archive] = field(
        default_factory=weakref.WeakKeyDictionary, init=False, compare=False, repr=False
    )
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, compare=False, repr=False
    )

    @property
    def label(self) -> str:
        """Where the cache is."""
        return self.location

    @property
    def location(self) -> str:
        """Where the cache is."""
        return self.files.location

    def client(self, connections: int) -> HttpClient:
        """Return a client with the cache's credentials.

        Raises:
            FetchError: The environment makes it impossible.
        """
        return self.files.client(connections)

    def listing(self, client: HttpClient) -> tuple[Source, list[RemoteFile]]:  # noqa: ARG002
        """Return the files; nothing more is known of them yet."""
        return self, [RemoteFile(path) for path in self.paths]

    def url(self, path: str) -> str | None:
        """Return the URL of a file's `.narinfo`, which leads to its content."""
        store_path = self.paths.get(path)
        return self.files.url(narinfo.name_of(store_path)) if store_path else None

    @contextmanager
    def content(
        self,
        client: HttpClient,
        resolved: ResolvedUrl,
        wanted: tuple[int, int] | None = None,
        if_range: str | None = None,
    ) -> Iterator[Response]:
        """Ask for a file's content, as `Source.content`: what is around it is not seen.

        Raises:
            ContentError: The cache has something else than a file, or has it compressed.
        """
        archive = self._archive(client, resolved)
        # The beginning of the file comes with that of the archive, which says what it is.
        at_start = not wanted or not wanted[0]
        if wanted and not self.archives:
            wanted = (wanted[0] and wanted[0] + HEADER, wanted[1] + HEADER)
        try:
            with self.files.content(client, archive.at, wanted, if_range) as response:
                _check_size(response, archive.info)
                if self.archives:
                    response.total = archive.info.nar_size
                else:
                    _shift(response, archive, at_start=at_start)
                yield response
                if not response.partial:
                    _finish(response)
        except StatusError:
            with self._lock:  # it may have moved: its `.narinfo` says where
                self._known.pop(resolved, None)
            raise

    def delivered(self, path: str) -> None:
        """Report it in builds, whose log names the model's own source."""
        if self.optional:
            say(f"{self.label} {path}: found in this cache")

    def explain(self, error: StatusError) -> FetchError:
        """Tell what the cache lacks from what is refused."""
        if error.status not in _GONE:
            return self.files.explain(error)
        if error.url.endswith(".narinfo"):
            return FetchError(
                f"it is not in this cache (HTTP {error.status} from {error.url})",
                "push it there, for example with `aimodels-gen push`",
            )
        return FetchError(f"the cache lacks the archive that it names: {error}", _ALTERED)

    def advise(self, error: FetchError) -> FetchError:
        """Return a failure; where the size is wrong, the cache is, and not what is pinned."""
        if isinstance(error.__cause__, SizeError):
            return FetchError(error.message, _ALTERED)
        return self.files.advise(error)

    def advise_mismatch(self, path: str, url: str, sha256: str) -> str:  # noqa: ARG002
        """Return the next step for an archive with other content."""
        return _ALTERED

    def _archive(self, client: HttpClient, resolved: ResolvedUrl) -> _Archive:
        with self._lock:
            known = self._known.get(resolved)
        if known is None:
            # One connection for each file or bundle: builds have one of them.
            asked = self.facts.client(1) if self.facts else client
            known = _look_up(self.files, asked, resolved.url, optional=self.optional)
            with self._lock:
                self._known[resolved] = known
        return known


def _look_up(files: Source, client: HttpClient, url: str, *, optional: bool) -> _Archive:
    """Read a `.narinfo`, once: whoever asks for the content tries again.

    Args:
        files: Has the files of the cache.
        client: Of these.
        url: Of the `.narinfo`.
        optional: As of BinaryCache.

    Raises:
        ContentError: It is none, or leads to nothing that can be read.
        TransientError: Worth another try.
        StatusError, FetchError: As `Source.content`.
    """
    from aimodels_fetcher.documents import read_document  # noqa: PLC0415 (not in assemblies)
    from aimodels_fetcher.http_client import ResolvedUrl  # noqa: PLC0415 (as above)

    try:
        with files.content(client, ResolvedUrl(url)) as answer:
            read = read_document(url, answer, _text, "a .narinfo", narinfo.MOST_BYTES).content
    except TransientError as error:
        if optional and _is_dead(error):
            raise FetchError(error.message, error.hint) from error
        raise
    try:
        info = narinfo.parse(read, public(url))
    except FetchError as error:
        raise ContentError(error.message, error.hint) from error
    if info.compression != "none":
        raise ContentError(
            f"{public(url)} has it with {info.compression:.20} compression; files can "
            "only be read from archives without",
            "fill the cache with `aimodels-gen push`, or with `nix copy --to` and "
            "`compression=none`",
        )
    at = info.url if info.url.startswith(("http://", "https://")) else files.url(info.url)
    if at is None or ("://" in info.url and not is_file(at)):
        raise ContentError(f"{public(url)} names an archive that has no URL", _ALTERED)
    if info.nar_size < HEADER:  # those of directories have as many
        size = counted(info.nar_size, "byte")
        raise ContentError(f"{public(url)} names an archive of {size}, which is none", _ALTERED)
    return _Archive(ResolvedUrl(at), info)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")  # what is not text is not a `.narinfo` either


def _is_dead(error: TransientError) -> bool:
    """Return whether there was no connection, or no word on it: waiting is in vain."""
    cause = error.__cause__
    return isinstance(cause, OSError) and not isinstance(cause, _ALIVE)


def _check_size(response: Response, info: NarInfo) -> None:
    """Refuse an archive of another size.

    Raises:
        SizeError: It has one.
    """
    size = response.total
    if size not in {None, info.nar_size}:
        expected = counted(info.nar_size, "byte")
        raise SizeError(
            f"expected {expected}, but {response.url} has {size}", _ALTERED, received=size or 0
        )


def _shift(response: Response, archive: _Archive, *, at_start: bool) -> None:
    """Make the response for a range of an archive one for a range of its content.

    Args:
        response: Its body has not been read.
        archive: Whose it is.
        at_start: Whether the beginning of the archive was asked for.

    Raises:
        ContentError: It is not the archive of a file, or not as its `.narinfo` says.
        TransientError: The connection broke.
    """
    # What they say is said of the archive.
    response.headers, response.redirects = {}, ()
    if response.partial and not at_start:
        response.start = None if response.start is None else response.start - HEADER
    elif response.start == 0:
        archive.size = _read_header(response, archive.info)
    response.total = archive.size


def _read_header(response: Response, info: NarInfo) -> int:
    """Return the size of a file, having read what is before its content."""
    header = bytearray(HEADER)
    view, count = memoryview(header), 0
    while count < HEADER:
        got = response.readinto(view[count:])
        if not got:
            raise TransientError(f"{response.url}: the connection ended early")
        count += got
    try:
        size = content_size(bytes(header))
    except ValueError as error:
        what = f"{response.url} is not the archive of a file: {error}"
        raise ContentError(what, _ALTERED) from error
    if archive_size(size) != info.nar_size:
        raise ContentError(
            f"{response.url} has {counted(size, 'byte')}, which is not what its .narinfo says",
            _ALTERED,
        )
    return size


def _finish(response: Response) -> None:
    """Read what is after the content, if it ends: then the connection serves another request."""
    buffer, left = memoryview(bytearray(LONGEST_END + 1)), LONGEST_END + 1
    with suppress(TransientError):
        while left and (count := response.readinto(buffer[:left])):
            left -= count
