"""The Hub through huggingface_hub. Importing this module is slow: only `connect` does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import GatedRepoError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from aimodels_fetcher.digests import Verifier, hex_to_sri
from aimodels_fetcher.paths import check_path
from aimodels_fetcher.urls import origin, public
from aimodels_gen.errors import SourceError
from aimodels_gen.lock.model import Card
from aimodels_gen.sources.base import Client, ListedFile, Listing
from aimodels_gen.sources.huggingface import HuggingFace, is_commit
from aimodels_gen.sources.huggingface.failover import Failover
from aimodels_gen.sources.huggingface.failures import EXPECTED, Request, explain
from aimodels_gen.sources.huggingface.session import retrying, set_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.sources.huggingface.endpoints import Endpoint
    from aimodels_gen.sources.huggingface.failover import Warn

T = TypeVar("T")


class HubClient(Client[HuggingFace]):
    """Lists and reads repositories; one object serves all threads and endpoints."""

    def __init__(self, default: tuple[Endpoint, ...], warn: Warn) -> None:
        """Take the token from the usual places: HF_TOKEN, HF_TOKEN_PATH, `hf auth login`.

        `default` are asked for sources that name no endpoint; for `warn` see `Source.connect`.

        Raises:
            SourceError: the token cannot be sent.
        """
        self._failover = Failover(default, warn)
        self._token = get_token()
        if self._token is not None and not (self._token.isascii() and self._token.isprintable()):
            raise SourceError(
                "the Hugging Face token holds characters that no token has",
                "check HF_TOKEN and the token file",
            )
        self._token_origins: set[tuple[str, str | None, int | None]] = set()
        set_up(self._token_origins)

    def list(self, source: HuggingFace) -> Listing:
        """Return every file at the commit that `source` means; see `Client.list`.

        Two requests and one for each further thousand entries: `repo_info` gives the commit, the
        card and the gate, `list_repo_tree` at that commit the files. LFS and Xet files come with
        their sha256; the others with their git blob id only.
        """
        return self._ask(source, lambda endpoint, tries: self._list(source, endpoint, tries))

    def check_access(self, source: HuggingFace, file: ListedFile) -> SourceError | None:
        """Return why `file` may not be read; see `Client.check_access`.

        Listings of gated repositories are public, so only asking for a file shows it. One endpoint
        that would give it is enough.
        """
        refusal = None
        for endpoint in self._failover.of(source):
            if self._failover.is_out(endpoint):
                continue
            url, headers = self._download(source, file, endpoint)
            try:
                hf_raise_for_status(
                    get_session().head(url, headers=headers, follow_redirects=False)
                )
            except GatedRepoError as error:
                if refusal is None or endpoint.trusted:
                    refusal = explain(error, self._request(source, endpoint))
            except EXPECTED:
                pass  # no proof of a refusal: a file that is needed will tell
            else:
                return None
        return refusal

    def read(
        self, source: HuggingFace, file: ListedFile, arrived: Callable[[int], None]
    ) -> ListedFile:
        """Return a file that the Hub keeps in git with its sha256; see `Client.read`.

        The git blob id of the same bytes is compared with the listing's first, so that a
        hash is never pinned of bytes that are not the commit's.
        """
        found = self._ask(
            source,
            lambda endpoint, tries: retrying(lambda: self._read(source, file, endpoint), tries),
        )
        arrived(file.size or 0)
        return found

    def environment(self) -> dict[str, str]:
        """Return the token for the bundled fetcher, wherever it was found."""
        return {} if self._token is None else {"HF_TOKEN": self._token}

    def _list(self, source: HuggingFace, endpoint: Endpoint, tries: int) -> Listing:
        api = self._api(endpoint)
        repo: dict[str, Any] = {"repo_id": source.repo, "repo_type": source.repo_type}
        info = retrying(lambda: api.repo_info(**repo, revision=source.rev or source.ref), tries)
        if not is_commit(info.sha or ""):
            raise ValueError(f"{info.sha!r} is no commit")
        if source.rev not in {None, info.sha}:
            raise ValueError(f"it gives {info.sha} for the commit {source.rev}")
        # The library tries the pages again by itself, but not in all versions the first one.
        rows = retrying(
            lambda: list(api.list_repo_tree(**repo, revision=info.sha, recursive=True)), tries=2
        )
        files = tuple(_listed(row) for row in rows if isinstance(row, RepoFile))
        return Listing(source.at(info.sha), files, _card(info))

    def _read(self, source: HuggingFace, file: ListedFile, endpoint: Endpoint) -> ListedFile:
        verifier = Verifier(file.size or 0)
        url, headers = self._download(source, file, endpoint)
        with get_session().stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()  # the body says why
            hf_raise_for_status(answer)
            for chunk in answer.iter_bytes():
                verifier.update(chunk)
        if verifier.size != file.size or verifier.git_blob_id != file.blob_id:
            raise SourceError(
                f"{source.label} sent {verifier.size} bytes for {file.path!r} that are not the "
                f"listed {file.size} bytes with git id {file.blob_id}",
                "try again; if it stays so, a proxy or the server alters the file",
            )
        return replace(file, sha256=verifier.sha256)

    def _ask(self, source: HuggingFace, call: Callable[[Endpoint, int], T]) -> T:
        return self._failover.ask(source, call, lambda endpoint: self._request(source, endpoint))

    def _request(self, source: HuggingFace, endpoint: Endpoint) -> Request:
        return Request(
            source,
            public(endpoint.url),
            authenticated=self._token_for(endpoint) is not None,
            # Only its next step is ever said.
            refs=(lambda: self._refs(source, endpoint)) if endpoint.trusted else tuple,
        )

    def _refs(self, source: HuggingFace, endpoint: Endpoint) -> tuple[str, ...]:
        """Return the names of branches and tags, none if the server does not tell."""
        try:
            refs = self._api(endpoint).list_repo_refs(source.repo, repo_type=source.repo_type)
        except EXPECTED:
            return ()
        return tuple(ref.name for ref in (*refs.branches, *refs.tags))

    def _token_for(self, endpoint: Endpoint) -> str | None:
        """Return the token if the endpoint may see it, and let it through to there from now on."""
        if not endpoint.trusted:
            return None
        self._token_origins.add(origin(endpoint.url))
        return self._token

    def _api(self, endpoint: Endpoint) -> HfApi:
        # False, where None would look for a token again.
        return HfApi(endpoint=endpoint.url, token=self._token_for(endpoint) or False)

    def _download(
        self, source: HuggingFace, file: ListedFile, endpoint: Endpoint
    ) -> tuple[str, dict[str, str]]:
        """Return the address of a file, and the headers to ask for it with."""
        url = f"{endpoint.url}/{source.label}/resolve/{source.rev}/{quote(file.path)}"
        # Without it the Hub compresses, which hides the length and costs both sides work.
        headers = {"Accept-Encoding": "identity"}
        token = self._token_for(endpoint)
        return url, headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


def _listed(row: RepoFile) -> ListedFile:
    """Return a row of a listing, having refused what no Hub would say.

    Raises:
        ValueError: a size or hash is none.
        SourceError: the path is hostile.
    """
    size = row.lfs.size if row.lfs else row.size
    if type(size) is not int or size < 0:
        raise ValueError(f"{size!r} is no size")
    if row.lfs:
        hex_to_sri(row.lfs.sha256)
    return ListedFile(
        path=check_path(row.path),
        size=size,
        sha256=row.lfs.sha256 if row.lfs else None,
        blob_id=row.blob_id,
        lfs=row.lfs is not None,
    )


def _card(info: Any) -> Card:  # noqa: ANN401 - ModelInfo, DatasetInfo or SpaceInfo
    gate = getattr(info, "gated", None)
    return Card(
        license=_license(info),
        gated="manual" if gate is True else _text(gate),
        pipeline_tag=_text(getattr(info, "pipeline_tag", None)),
        library=_text(getattr(info, "library_name", None)),
    )


def _license(info: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the card's licence; cards may list several, and mirrors may give only the tags."""
    declared = getattr(info.card_data, "license", None) if info.card_data else None
    if not declared:
        tags = [tag for tag in info.tags or () if tag.startswith("license:")]
        declared = [tag.removeprefix("license:") for tag in tags]
    return _text(", ".join(map(str, declared)) if isinstance(declared, list) else declared)


def _text(value: object) -> str | None:
    """Return a word of a card, None for what is none: anybody may have typed it."""
    return value if isinstance(value, str) and value and value.isprintable() else None
