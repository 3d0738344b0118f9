"""Comparing what has arrived with what was listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.digests import Verifier, hex_to_sri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aimodels_fetcher.partial_file import PartialFile
    from aimodels_fetcher.sources.base import RemoteFile

_DISCARD_BYTES = 16 << 20  # at a time


def hash_behind(
    file: PartialFile,
    buffer: memoryview,
    *,
    git: bool,
    discarded: Callable[[], None] = lambda: None,
) -> Verifier:
    """Hash a file as far as it is there without gaps, until it is whole.

    Args:
        file: The file, which others still write.
        buffer: Memory to read into.
        git: Whether its git blob id is wanted.
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
        return f"expected {remote.size} bytes, received {got.size}"
    if remote.sha256 not in {None, got.sha256}:
        return f"expected {hex_to_sri(remote.sha256 or '')}, received {hex_to_sri(got.sha256)}"
    if remote.git_blob_id not in {None, got.git_blob_id}:
        return f"expected git blob {remote.git_blob_id}, received {got.git_blob_id}"
    if not (remote.sha256 or remote.git_blob_id) and validators > 1:
        return "expected one file, received parts of several"
    return None


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
