"""Files at URLs of their own, each possibly with mirrors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import UPDATE, FetchError
from aimodels_fetcher.json_types import mapping, record, texts
from aimodels_fetcher.sources.base import RemoteFile, Source
from aimodels_fetcher.urls import server

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from aimodels_fetcher.errors import StatusError
    from aimodels_fetcher.http_client import HttpClient


def read(data: object) -> list[Source]:
    """Read the `source.url` of a spec: the first URLs of all files, then the second ones.

    Raises:
        ValueError: A value is of the wrong type.
    """
    files: Mapping[str, Sequence[str]] = record(data, "url", files=mapping(texts))["files"]
    return [
        Url({path: urls[place] for path, urls in files.items() if place < len(urls)})
        for place in range(max(map(len, files.values()), default=1))
    ]


@dataclass(frozen=True)
class Url(Source):
    """Files by their URLs.

    Args:
        urls: Path -> URL.
        declared: Paths of files whose sha256 the manifest sets; None in builds, which do not know.
    """

    urls: Mapping[str, str]
    declared: Collection[str] | None = field(default=None, kw_only=True)

    @property
    def label(self) -> str:
        """The servers."""
        return self.location

    @property
    def location(self) -> str:
        """The servers."""
        return ", ".join(dict.fromkeys(map(server, self.urls.values())))

    def client(self, connections: int) -> HttpClient:
        """Return a client without credentials."""
        from aimodels_fetcher.http_client import (  # noqa: PLC0415 (slow to import)
            HttpClient,
        )

        return HttpClient(next(iter(self.urls.values()), ""), connections=connections)

    def listing(self, client: HttpClient) -> tuple[Source, list[RemoteFile]]:  # noqa: ARG002 (none)
        """Return the files that have a URL; nothing more is known of them yet."""
        return self, [RemoteFile(path) for path in self.urls]

    def url(self, path: str) -> str | None:
        """Return a file's URL."""
        return self.urls.get(path)

    def explain(self, error: StatusError) -> FetchError:
        """Tell what is gone from what is refused."""
        hint = "look at the address in a browser: it may require a login, which builds do not have"
        if error.status in {404, 410}:
            hint = (
                "it has been removed or moved: write its new address into models.toml, and run "
                "`aimodels-gen lock`"
            )
        return FetchError(str(error), hint)

    def advise_mismatch(self, path: str, url: str, sha256: str) -> str:
        """Name the line of the manifest, where it may be what is wrong."""
        write = f'write `sha256 = "{sha256}"` for it in models.toml, and run `aimodels-gen lock`'
        if self.declared is None:
            return (
                f"compare with {url}: if the file has changed upstream, {UPDATE}, or, if "
                f"models.toml sets its sha256, {write}; otherwise a proxy on the way alters it"
            )
        if path not in self.declared:
            return super().advise_mismatch(path, url, sha256)
        return (
            f"the sha256 in models.toml is wrong, or the file has changed: compare with {url}; if "
            f"it is the right file, {write}"
        )
