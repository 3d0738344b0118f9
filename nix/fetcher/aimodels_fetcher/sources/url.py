"""Files at addresses of their own, each maybe with mirrors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.sources.base import RemoteFile, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_fetcher.errors import StatusError
    from aimodels_fetcher.http_client import Client


def read(data: Mapping[str, Any]) -> list[Source]:
    """Read the `source.url` of a spec: the first addresses of all files, then the second ones."""
    files: Mapping[str, Sequence[str]] = data["files"]
    return [
        Url({path: urls[place] for path, urls in files.items() if place < len(urls)})
        for place in range(max(map(len, files.values()), default=1))
    ]


@dataclass(frozen=True)
class Url(Source):
    """Files by their addresses.

    Args:
        urls: Path -> address; none where no address is wanted.
    """

    urls: Mapping[str, str]

    @property
    def label(self) -> str:
        """The servers."""
        return self.place

    @property
    def place(self) -> str:
        """The servers."""
        hosts = (urlsplit(url).netloc.rpartition("@")[2] for url in self.urls.values())
        return ", ".join(dict.fromkeys(hosts))

    def client(self, connections: int) -> Client:
        """Get ready to connect, without credentials."""
        from aimodels_fetcher.http_client import Client  # noqa: PLC0415 (requests is slow to import)

        return Client(next(iter(self.urls.values()), ""), lambda _: {}, connections)

    def listing(self, client: Client) -> tuple[Source, list[RemoteFile]]:  # noqa: ARG002 (none)
        """Give the files that have an address; what they are shows when they are fetched."""
        return self, [RemoteFile(path) for path in self.urls]

    def url(self, path: str) -> str | None:
        """Give a file's address."""
        return self.urls.get(path)

    def explain(self, error: StatusError) -> FetchError:
        """Tell what is gone from what is refused."""
        hint = "look at the address in a browser: it may want a login, which builds do not have"
        if error.status in {404, 410}:
            hint = "it has been removed or moved: write its new address, then lock again"
        return FetchError(str(error), hint)
