"""The Hub through huggingface_hub. Importing this module is slow: only `connect` does."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import GatedRepoError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from aimodels_gen.errors import SourceError
from aimodels_gen.filters import check_path
from aimodels_gen.hashing import git_blob_hasher, sri_from_hex
from aimodels_gen.pins import Card
from aimodels_gen.sources import ListedFile, Listing
from aimodels_gen.sources.huggingface import is_commit
from aimodels_gen.sources.huggingface.failures import EXPECTED, Request, explain
from aimodels_gen.sources.huggingface.session import origin, public, retrying, set_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.sources.huggingface import HuggingFace

T = TypeVar("T")

_DEFAULT_ENDPOINT = "https://huggingface.co"
# Without it the Hub compresses, which hides the length and costs both sides work.
_DOWNLOAD_HEADERS = {"Accept-Encoding": "identity"}


class HubClient:
    """Lists and reads repositories; one object serves all threads and endpoints."""

    def __init__(self) -> None:
        """Take the token from the usual places: HF_TOKEN, HF_TOKEN_PATH, `hf auth login`.

        Raises:
            SourceError: the token cannot be sent.
        """
        # Not huggingface_hub's constant: it is read at import, and an empty variable confuses it.
        self._endpoint = (os.environ.get("HF_ENDPOINT") or _DEFAULT_ENDPOINT).rstrip("/")
        self._token = get_token()
        if self._token is not None and not (self._token.isascii() and self._token.isprintable()):
            raise SourceError(
                "the Hugging Face token holds characters that no token has",
                "check HF_TOKEN and the token file",
            )
        self._token_origins: set[str] = set()
        set_up(self._token_origins)

    def list(self, source: HuggingFace) -> Listing:
        """Return every file at the commit that `source` means; see `Client.list`.

        Two requests and one for each further thousand entries: `repo_info` gives the commit, the
        card and the gate, `list_repo_tree` at that commit the files. LFS and Xet files come with
        their sha256; the others with their git blob id only.
        """
        return self._explained(source, lambda: self._list(source))

    def check_access(self, source: HuggingFace, file: ListedFile) -> SourceError | None:
        """Return why `file` may not be read; see `Client.check_access`.

        Listings of gated repositories are public, so only asking for a file shows it.
        """
        url = self._url(source, file.path)
        self._token_origins.add(origin(url))
        try:
            answer = get_session().head(url, headers=self._headers(), follow_redirects=False)
            hf_raise_for_status(answer)
        except GatedRepoError as error:
            return explain(error, self._request(source))
        except EXPECTED:
            pass  # no proof of a refusal: a file that is needed will tell
        return None

    def sha256(self, source: HuggingFace, file: ListedFile) -> str:
        """Return the sha256 of a file that the Hub keeps in git; see `Client.sha256`.

        The git blob id of the same bytes is compared with the listing's first, so that a
        hash is never pinned of bytes that are not the commit's.
        """
        return self._explained(source, lambda: retrying(lambda: self._sha256(source, file)))

    def environment(self) -> dict[str, str]:
        """Return the token for the bundled fetcher, wherever it was found."""
        return {} if self._token is None else {"HF_TOKEN": self._token}

    def _list(self, source: HuggingFace) -> Listing:
        api = self._api(source)
        repo: dict[str, Any] = {"repo_id": source.repo, "repo_type": source.repo_type}
        info = retrying(lambda: api.repo_info(**repo, revision=source.rev or source.ref))
        if not is_commit(info.sha or ""):
            raise ValueError(f"{info.sha!r} is no commit")
        # The library tries the pages again by itself, but not in all versions the first one.
        rows = retrying(
            lambda: list(api.list_repo_tree(**repo, revision=info.sha, recursive=True)), tries=2
        )
        files = tuple(_listed(row) for row in rows if isinstance(row, RepoFile))
        return Listing(source.at(info.sha), files, _card(info))

    def _sha256(self, source: HuggingFace, file: ListedFile) -> str:
        sha256, blob, size = hashlib.sha256(), git_blob_hasher(file.size), 0
        url = self._url(source, file.path)
        headers = {**self._headers(), **_DOWNLOAD_HEADERS}
        with get_session().stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()  # the body says why
            hf_raise_for_status(answer)
            for chunk in answer.iter_bytes():
                sha256.update(chunk)
                blob.update(chunk)
                size += len(chunk)
        if size != file.size or blob.hexdigest() != file.blob_id:
            raise SourceError(
                f"{source.label} sent {size} bytes for {file.path!r} that are not the listed "
                f"{file.size} bytes with git id {file.blob_id}",
                "try again; if it stays so, a proxy or the server alters the file",
            )
        return sha256.hexdigest()

    def _explained(self, source: HuggingFace, call: Callable[[], T]) -> T:
        self._token_origins.add(origin(self._endpoint_of(source)))
        try:
            return call()
        except EXPECTED as error:
            raise explain(error, self._request(source)) from error

    def _request(self, source: HuggingFace) -> Request:
        return Request(
            source,
            public(self._endpoint_of(source)),
            authenticated=self._token is not None,
            refs=lambda: self._refs(source),
        )

    def _refs(self, source: HuggingFace) -> tuple[str, ...]:
        """Return the names of branches and tags, none if the server does not tell."""
        try:
            refs = self._api(source).list_repo_refs(source.repo, repo_type=source.repo_type)
        except EXPECTED:
            return ()
        return tuple(ref.name for ref in (*refs.branches, *refs.tags))

    def _api(self, source: HuggingFace) -> HfApi:
        # False, where None would look for a token again.
        return HfApi(endpoint=self._endpoint_of(source), token=self._token or False)

    def _endpoint_of(self, source: HuggingFace) -> str:
        return source.endpoint or self._endpoint

    def _headers(self) -> dict[str, str]:
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}

    def _url(self, source: HuggingFace, path: str) -> str:
        return f"{self._endpoint_of(source)}/{source.label}/resolve/{source.rev}/{quote(path)}"


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
        sri_from_hex(row.lfs.sha256)
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
        gated="manual" if gate is True else gate or None,
        pipeline_tag=getattr(info, "pipeline_tag", None) or None,
        library=getattr(info, "library_name", None) or None,
    )


def _license(info: Any) -> str | None:  # noqa: ANN401 - as above
    """Return the card's licence; cards may list several, and mirrors may give only the tags."""
    declared = getattr(info.card_data, "license", None) if info.card_data else None
    if not declared:
        tags = [tag for tag in info.tags or () if tag.startswith("license:")]
        declared = [tag.removeprefix("license:") for tag in tags]
    return declared if isinstance(declared, str) else ", ".join(map(str, declared)) or None
