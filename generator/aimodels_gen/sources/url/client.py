"""Plain files on web servers: requests are the fetcher's, and made without credentials.

Importing this module is slow: only `connect` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.http_client import HttpClient
from aimodels_fetcher.retry import INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.sources.url import Url as Urls
from aimodels_fetcher.sources.url import read
from aimodels_fetcher.upstreams import Upstream
from aimodels_fetcher.urls import public
from aimodels_gen.errors import SourceError
from aimodels_gen.net.once import Answers
from aimodels_gen.sources.base import Listing, SourceClient
from aimodels_gen.sources.url import sums
from aimodels_gen.sources.url.facts import MANIFEST, SUMS, Answer, Facts, ask, ask_more, compare
from aimodels_gen.sources.url.failures import explain
from aimodels_gen.sources.url.mirrors import Mirrors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aimodels_fetcher.filters import Filters
    from aimodels_gen.sources.base import Warn
    from aimodels_gen.sources.url import Url

_CONNECTIONS = 64  # the most that `--jobs` may be
_HEADERS = {
    # RFC 9530, 4; and RFC 3230, 4.3.1, before it.
    "Want-Repr-Digest": "sha-256=10",
    "Want-Digest": "SHA-256",
}


class UrlClient(SourceClient["Url"]):
    """Asks servers about files; one object serves all threads."""

    describes = True
    has_details = True

    def __init__(self, warn: Warn) -> None:
        """Use the proxies of the environment, and no credentials; `warn`: see `connect`."""
        self._client = HttpClient("", connections=_CONNECTIONS, headers=_HEADERS)
        self._client.tries, self._client.patience = INTERACTIVE_TRIES, LONGEST_ASKED_WAIT
        # Of HEAD requests nothing depends.
        self._heads = HttpClient("", connections=_CONNECTIONS, headers=_HEADERS)
        self._heads.tries, self._heads.patience = 1, 0
        self._warn = warn
        self._asked: Answers[tuple[str, str], Answer] = Answers()
        self._answers: dict[str, Answer] = {}
        self._more: Answers[str, Facts] = Answers()
        self._documents: Answers[str, sums.SumsFile] = Answers()

    def list(self, source: Url, filters: Filters) -> Listing:
        """Return what is taken, with what the sums files say of it; see `SourceClient.list`."""
        known = [self._sums(source, url) for url in source.sums or ()]
        files = (
            RemoteFile(path, sha256=sums.find(known, path, file.urls) or file.sha256)
            for path, file in source.files.items()
        )
        return Listing(source, filters.take(files))

    def describe(self, source: Url, file: RemoteFile) -> RemoteFile:
        """Return a file with what its servers say of it; see `SourceClient.describe`.

        All its URLs are asked, of which one is enough, and have to agree with each other, with the
        sums file and with the manifest.
        """
        answers: list[Answer] = []
        failures: list[SourceError] = []
        for url in source.urls(file.path):
            try:
                answers.append(self._ask(file.path, url))
            except SourceError as error:  # noqa: PERF203 - there are few
                failures.append(error)
        if not answers:
            raise failures[0]
        first = answers[0].facts.url
        for failure in failures:
            self._warn(f"{failure.message}; {public(first)} has answered instead")
        self._answers.update((answer.facts.url, answer) for answer in answers)
        if source.sha256(file.path) is not None:
            # It is not asked about again, and a server may contradict it.
            return self._agreed(source, file, [self._ask_more(one) for one in answers])
        return self._agreed(source, file, [answer.facts for answer in answers])

    def _ask(self, path: str, url: str) -> Answer:
        return self._asked.get((path, url), lambda: ask(path, url, self._client))

    def _ask_more(self, answer: Answer) -> Facts:
        return self._more.get(answer.facts.url, lambda: ask_more(answer, self._heads))

    def details(self, source: Url, file: RemoteFile) -> RemoteFile:
        """Return a file with what HEAD adds; see `SourceClient.details`."""
        urls = source.urls(file.path)
        answers = [self._answers[url] for url in urls if url in self._answers]
        return self._agreed(source, file, [self._ask_more(one) for one in answers])

    @staticmethod
    def _agreed(source: Url, file: RemoteFile, heads: Sequence[Facts]) -> RemoteFile:
        """Return a file with what is said of it.

        Raises:
            SourceError: something contradicts it.
        """
        declared = source.sha256(file.path)
        said = [] if declared is None else [Facts(MANIFEST, sha256=declared)]
        if file.sha256 not in {declared, *(head.sha256 for head in heads)}:
            said.append(Facts(SUMS, sha256=file.sha256))
        facts = [*said, *heads]
        for head in facts[1:]:
            compare(file.path, facts, head)
        return replace(
            file,
            size=next((head.size for head in heads if head.size is not None), None),
            sha256=next((one.sha256 for one in facts if one.sha256), file.sha256),
            # Of the first URL only: others may call it otherwise.
            etag=heads[0].etag if heads[0].url == source.urls(file.path)[0] else None,
            most=max((head.most for head in heads if head.most), default=None),
        )

    def sources(
        self,
        source: Url,
        versions: Mapping[str, str],  # noqa: ARG002 - there are none
    ) -> tuple[Urls, ...]:
        """Return the first URLs of all files, then the second ones; see `SourceClient.sources`."""
        declared = frozenset(path for path in source.files if source.sha256(path))
        urls = (one for one in read(source.to_spec()) if isinstance(one, Urls))
        return tuple(replace(one, declared=declared) for one in urls)

    def upstreams(self, source: Url, versions: Mapping[str, str]) -> Mirrors:
        """Return the same with connections; see `SourceClient.upstreams`."""
        urls = self.sources(source, versions)
        return Mirrors([Upstream(one, _CONNECTIONS, self._client) for one in urls], self._warn)

    def explain(self, source: Url, file: RemoteFile, error: AimodelsError) -> SourceError:
        """Return in words why a file could not be read; see `SourceClient.explain`."""
        declared = source.sha256(file.path) is not None
        return explain(error, source.urls(file.path)[-1], file, declared=declared)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._heads.close()

    def _sums(self, source: Url, url: str) -> sums.SumsFile:
        """Return what a sums file says.

        Raises:
            SourceError: it cannot be read, or is about none of the files.
        """

        def read() -> sums.SumsFile:
            try:
                body = self._client.get_document(url, bytes, "text").content
            except AimodelsError as error:
                raise explain(error, url) from error
            return sums.read(body, url)

        found = self._documents.get(url, read)
        found.check_about({path: file.urls for path, file in source.files.items()})
        return found


CLIENT = UrlClient
