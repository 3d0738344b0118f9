"""The Hugging Face Hub and its mirrors (HTTP API: https://huggingface.co/docs/hub/api)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from aimodels_fetcher.environment import in_build
from aimodels_fetcher.errors import PREFETCH, UPDATE, FetchError
from aimodels_fetcher.http_errors import lasting_status
from aimodels_fetcher.json_types import matching, one_of, optional, path, record, text, texts
from aimodels_fetcher.pages import files_of
from aimodels_fetcher.paths import check_path
from aimodels_fetcher.redaction import learn
from aimodels_fetcher.sources.base import Source
from aimodels_fetcher.sources.huggingface.listing import (
    ODD,
    SHA1,
    check_commit,
    next_page,
    odd_answer,
    read_commit,
    read_page,
)
from aimodels_fetcher.urls import origin, public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from aimodels_fetcher.errors import StatusError
    from aimodels_fetcher.http_client import HttpClient
    from aimodels_fetcher.sources.base import RemoteFile

DEFAULT_ENDPOINT = "https://huggingface.co"
DOCUMENT_BYTES = 8 << 20
"""The most of a document: 1,000 files have 0.3 MiB, and mirrors without pages list 30,000."""


def read(data: object) -> list[Source]:
    """Read the `source.huggingface` of a spec: the same repository at each endpoint.

    HF_ENDPOINT, which may hold several with white space in between, stands in for a null.

    Raises:
        ValueError: A value is of the wrong type.
        FetchError: An endpoint is not a valid URL.
    """
    values = record(
        data,
        "huggingface",
        repo=text,
        rev=optional(matching(SHA1, "a commit")),
        ref=path,
        repoType=one_of("model", "dataset", "space", "kernel"),
        endpoint=optional(_one_or_more),
    )
    urls = endpoints(values["endpoint"] or ())
    trusted = origin(trusted_endpoint(urls))
    repo = (values["repo"], values["rev"], values["ref"], values["repoType"])
    return [HuggingFace(*repo, url, origin(url) == trusted) for url in urls]


def _one_or_more(value: object, where: str) -> tuple[str, ...]:
    return (text(value, where),) if isinstance(value, str) else texts(value, where)


def endpoints(given: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the URLs of the Hubs to ask, each once and without a trailing slash.

    Args:
        given: Those of a source; if there are none, those of HF_ENDPOINT, or the Hub itself.
    """
    urls = tuple(given) or os.environ.get("HF_ENDPOINT", "").split() or [DEFAULT_ENDPOINT]
    return tuple(dict.fromkeys(url.rstrip("/") for url in urls))


def trusted_endpoint(urls: Sequence[str]) -> str:
    """Return the one of `endpoints` that may see the token: the Hub itself, or else the first.

    Any other is a mirror, which anybody may run.

    Raises:
        FetchError: One of them is not a valid URL.
    """
    origins = {url: origin(url) for url in urls}
    return next((url for url in urls if origins[url] == origin(DEFAULT_ENDPOINT)), urls[0])


def environment_token() -> str | None:
    """Read the token as huggingface_hub does: HF_TOKEN, then the file that HF_TOKEN_PATH names.

    Raises:
        FetchError: It cannot be read, or is not a token.
    """
    token = os.environ.get("HF_TOKEN")
    file = os.environ.get("HF_TOKEN_PATH")
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise FetchError(
                f"cannot read the token file {file}: {error.strerror}",
                "it must be readable in the build sandbox: see extra-sandbox-paths in nix.conf",
            ) from error
    token = (token or "").strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise FetchError(
            f"what {'HF_TOKEN' if os.environ.get('HF_TOKEN') else file} holds is not a token",
            "it must be one line, as copied from https://huggingface.co/settings/tokens",
        )
    learn(token)
    return token or None


@dataclass(frozen=True)
class HuggingFace(Source):
    """A repository on the Hub.

    Args:
        repo: `org/name`, or `name` for the few old ones without an organisation.
        rev: Commit, 40 hex digits, or None to resolve `ref` when fetching.
        ref: Branch, tag or `refs/pr/N` that the commit stands for.
        repo_type: `model`, `dataset`, `space` or `kernel`.
        endpoint: Base URL without a trailing slash.
        trusted: Whether the token is meant for this endpoint.
        token: Returns the token, if there is one.
    """

    has_tree_listing: ClassVar[bool] = True

    repo: str
    rev: str | None
    ref: str
    repo_type: str
    endpoint: str
    trusted: bool
    token: Callable[[], str | None] = field(default=environment_token, compare=False, repr=False)

    @property
    def label(self) -> str:
        """Name for messages, such as `org/name@01c7f73`."""
        return f"{self.repo}@{self.rev[:7] if self.rev else self.ref}"

    @property
    def location(self) -> str:
        """The endpoint."""
        return public(self.endpoint)

    @property
    def refs(self) -> tuple[str, ...]:
        """`main`, so that a load without a revision finds the snapshot, and the ref itself."""
        return tuple(dict.fromkeys(["main", check_path(self.ref)]))

    def at(self, resolved: Source) -> HuggingFace:
        """Return the repository at the commit that another endpoint has for its ref."""
        if isinstance(resolved, HuggingFace) and resolved.repo == self.repo and self.rev is None:
            return replace(self, rev=resolved.rev)
        return self

    def commit(self, files: Mapping[str, str]) -> str:  # noqa: ARG002 (the Hub has commits)
        """Return the pinned commit.

        Raises:
            FetchError: There is none.
        """
        if self.rev is None:
            raise FetchError(f"{self.label} has no rev", "pin the commit: rev = <40 hex digits>")
        return self.rev

    @property
    def revision_url(self) -> str:
        """URL of what the Hub knows of the revision: its commit, card and gate."""
        return f"{self._api}/revision/{quote(self.rev or self.ref, safe='')}"

    @property
    def refs_url(self) -> str:
        """URL of the names of branches and tags."""
        return f"{self._api}/refs"

    @property
    def page(self) -> str:
        """URL of the repository's page."""
        prefix = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"{self.endpoint}/{prefix}{self.repo}"

    def client(self, connections: int) -> HttpClient:
        """Return a client; the token goes to the endpoint's own host only."""
        from aimodels_fetcher.http_client import (  # noqa: PLC0415 (slow to import)
            HttpClient,
        )

        token = self.token() if self.trusted else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = HttpClient(self.endpoint, lambda _method, _url: headers, connections)
        if self.trusted and not token:
            client.hint_at_limits(_limit_hint())
        return client

    def listing(self, client: HttpClient) -> tuple[HuggingFace, Iterator[RemoteFile]]:
        """Resolve the ref where no commit is pinned, and list recursively, page by page.

        Raises:
            FetchError: The answers are not those of a Hub, or do not end.
        """
        commit = self.rev
        if commit is None:
            try:
                commit = client.get_document(
                    self.revision_url, read_commit, "JSON", DOCUMENT_BYTES
                ).content
            except ODD as error:
                raise odd_answer(self.location) from error
        source = replace(self, rev=commit)
        first = f"{self._api}/tree/{commit}?recursive=True"
        return source, files_of(first, lambda url: source.files_on(client, url), source.label)

    def files_on(self, client: HttpClient, url: str) -> tuple[list[RemoteFile], str | None]:
        """Return the files on a page of the listing, and the URL of the next page or None."""
        location = self.location
        try:
            page = client.get_document(
                url, lambda body: read_page(body, location), "JSON", DOCUMENT_BYTES
            )
        except ODD as error:
            raise odd_answer(location) from error
        check_commit(page.headers, self.rev or "", location)
        api = f"/api/{self.repo_type}s/"
        link = page.next_page
        return page.content, link and next_page(link, self.endpoint, api, location)

    def url(self, path: str) -> str:
        """Return the `resolve` URL, which redirects to wherever the bytes are."""
        return f"{self.page}/resolve/{self.rev or self.ref}/{quote(path)}"

    def explain(self, error: StatusError) -> FetchError:
        """Tell gated, private, missing and withdrawn repositories and revisions apart."""
        page = public(self.page)
        hint = f"compare with {page}: the endpoint is not a Hub, or a proxy interferes"
        if error.code == "GatedRepo":
            hint = f"the repository is gated: ask for access at {page}; {_token_hint()}"
        elif error.code == "RevisionNotFound":
            hint = f"{UPDATE}, or set rev to a commit of {page}/commits/main"
        elif error.status in {410, 451}:
            hint = f"it has been withdrawn: {page} may say why; pin another repository or commit"
        elif error.code == "EntryNotFound":
            hint = f"{UPDATE}, or correct the pin, if you wrote it"
        elif error.code == "RepoNotFound" or error.status in {401, 403, 404}:
            hint = f"missing, renamed or private (see {page}), or a bad token; {_token_hint()}"
        return FetchError(str(error), hint)

    def advise(self, error: FetchError) -> FetchError:
        """Say what raises the Hub's rate limit (https://huggingface.co/docs/hub/rate-limits)."""
        if lasting_status(error) != HTTPStatus.TOO_MANY_REQUESTS:
            return error
        hint = "wait five minutes, or use fewer connections: AIMODELS_MAX_CONNECTIONS=4"
        if self.trusted and not self.token():
            hint = f"wait five minutes; {_limit_hint()}"
        return FetchError(str(error), hint)

    @property
    def _api(self) -> str:
        return f"{self.endpoint}/api/{self.repo_type}s/{self.repo}"


def _limit_hint() -> str:
    return f"a token raises the limit: {_token_hint()}"


def _token_hint() -> str:
    if not in_build():
        return "set HF_TOKEN or run `hf auth login`"
    return (
        f"builds do not have your token: {PREFETCH}, or set HF_TOKEN (or HF_TOKEN_PATH, a file "
        "that the sandbox may read) in the environment of nix-daemon"
    )
