"""Comparing what has arrived with what was listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.digests import Verifier, hex_to_sri, new_hash
from aimodels_fetcher.errors import ContentError, SizeError
from aimodels_fetcher.published import other_algorithms, part_checksums, response_checksums, text
from aimodels_fetcher.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.published import Checksum
    from aimodels_fetcher.response import Response
    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstream

MIXED = "expected one file, received parts of several"
"""What `mismatch` returns of content that came from several files."""

_DISCARD_BYTES = 16 << 20  # at a time


class PublishedChecksums:
    """What the answers that bring a file say of its content. Safe to use from several threads."""

    def __init__(self) -> None:
        # Its keys, in their order: messages name the first.
        self._whole: dict[tuple[Upstream, Checksum], None] = {}
        self._wrong_parts: dict[Upstream, str] = {}

    @property
    def algorithms(self) -> Collection[str]:
        """What else to hash with, to compare the content with them."""
        by_sender: dict[Upstream, list[Checksum]] = {}
        for sender, checksum in tuple(self._whole):
            by_sender.setdefault(sender, []).append(checksum)
        return set().union(*map(other_algorithms, by_sender.values()))

    def note(self, upstream: Upstream, response: Response) -> None:
        """Note what an answer says; what it says of its own bytes is compared as they are read."""
        self._whole.update({(upstream, one): None for one in response_checksums(response)})
        parts = part_checksums(response.headers) if response.partial else ()
        if parts:
            self._watch(upstream, response, parts[0])

    def difference(self, got: Verifier, upstream: Upstream) -> str | None:
        """Return how the content differs from what a server says of it, or None."""
        for sender, checksum in tuple(self._whole):
            digest = got.hexdigest(checksum.algorithm)
            if sender is upstream and digest not in {None, checksum.digest}:
                return _published(checksum, digest or "")
        return self._wrong_parts.get(upstream)

    def _watch(self, upstream: Upstream, response: Response, checksum: Checksum) -> None:
        hashed = new_hash(checksum.algorithm)

        def watch(data: memoryview) -> None:
            hashed.update(data)
            if response.capped and hashed.hexdigest() != checksum.digest:
                self._wrong_parts[upstream] = _published(checksum, hashed.hexdigest())

        response.watch = watch


def hash_behind(
    file: PartialFile,
    buffer: memoryview,
    *,
    git: bool,
    algorithms: Callable[[], Iterable[str]] = tuple,
    discarded: Callable[[], None] = lambda: None,
) -> Verifier:
    """Hash a file as far as it is there without gaps, until it is whole.

    Args:
        file: The file, which others still write.
        buffer: Memory to read into.
        git: Whether its git blob id is wanted.
        algorithms: Called once the first byte is there: what else to hash with.
        discarded: Called whenever the file has given up bytes that have been read.

    Returns:
        What has hashed all of it.

    Raises:
        StopWorker: The file was closed before it was whole.
        OSError: It cannot be read.
    """
    # Git hashes the size before the content.
    verifier = Verifier(file.parts.wait_for_size() if git else None)
    kept = 0
    with file.reading() as stream:
        while (ready := file.parts.wait_beyond(verifier.size)) > verifier.size:
            if not verifier.size:
                verifier.add(algorithms())
            while verifier.size < ready:
                count = stream.readinto(buffer[: ready - verifier.size])
                if not count:
                    raise OSError(f"a file in {file.target.directory} was cut while it was read")
                verifier.update(buffer[:count])
                if verifier.size - kept >= _DISCARD_BYTES:
                    file.discard(kept, verifier.size)
                    kept = verifier.size
                    discarded()
    return verifier


def mismatch(remote: RemoteFile, got: Verifier, validators: int) -> str | None:
    """Return how the content differs from what was listed, or None where it does not.

    Args:
        remote: What was listed.
        got: What has hashed the content.
        validators: How many ETags (or dates) of how many servers the parts came with: where nothing
            else identifies the content, they have to be of one.
    """
    if remote.size not in {None, got.size}:
        return f"expected {counted(remote.size, 'byte')}, received {got.size}"
    if remote.sha256 not in {None, got.sha256}:
        return f"expected {hex_to_sri(remote.sha256 or '')}, received {hex_to_sri(got.sha256)}"
    if remote.git_blob_id not in {None, got.git_blob_id}:
        return f"expected git blob {remote.git_blob_id}, received {got.git_blob_id}"
    if not (remote.sha256 or remote.git_blob_id) and validators > 1:
        return MIXED
    return None


def not_twice(attempt: Callable[[], None], path: str) -> Callable[[], None]:
    """Return an attempt that gives up where answers have the same wrong size twice.

    Args:
        attempt: May raise SizeError.
        path: Of the file, for the ContentError that is raised then.
    """
    sizes: set[int] = set()

    def attempt_again() -> None:
        try:
            attempt()
        except SizeError as error:
            if error.received in sizes:
                raise ContentError(
                    error.message, error.hint, path=path, received=error.received
                ) from error
            sizes.add(error.received)
            raise

    return attempt_again


def is_another(etag: str | None, headers: Mapping[str, str]) -> bool:
    """Return whether an answer is known to be of other content than was listed.

    Args:
        etag: What was listed: an ETag, with or without its quotes, or a date; None for nothing.
        headers: Of the answer.
    """
    if etag is None:
        return False
    date = etag.endswith(" GMT")
    now = headers.get("Last-Modified" if date else "ETag")
    return now is not None and now.strip('"') != etag.strip('"')


def _published(checksum: Checksum, digest: str) -> str:
    announced, received = (text(checksum.algorithm, one) for one in (checksum.digest, digest))
    return f"{checksum.header} announces {announced}, received {received}"
