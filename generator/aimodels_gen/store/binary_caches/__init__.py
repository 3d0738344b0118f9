"""Binary caches: directories, web servers and buckets, behind one interface.

`open_cache` returns a `BinaryCache`: `info_of` asks for a store path, `put_path` and `publish`
write one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.nix import store_url

if TYPE_CHECKING:
    from aimodels_gen.store.binary_caches.base import BinaryCache


def open_cache(url: store_url.BinaryCache, connections: int) -> BinaryCache:
    """Return the cache at a URL; nothing is asked yet.

    Args:
        url: Of a directory, a web server or a bucket.
        connections: The most at a time.

    Raises:
        AimodelsError: A setting of the environment cannot be used.
    """
    # Each may be slow to import.
    if isinstance(url, store_url.Directory):
        from aimodels_gen.store.binary_caches.directory import DirectoryCache  # noqa: PLC0415

        return DirectoryCache(url)
    if isinstance(url, store_url.Bucket):
        from aimodels_gen.store.binary_caches.bucket import BucketCache  # noqa: PLC0415

        return BucketCache(url, connections)
    from aimodels_gen.store.binary_caches.web import WebCache  # noqa: PLC0415

    return WebCache(url, connections)
