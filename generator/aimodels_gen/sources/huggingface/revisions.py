"""What refs of repositories are at: one request each in a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.sources.huggingface import DOCUMENT_BYTES
from aimodels_fetcher.sources.huggingface.listing import ODD
from aimodels_gen.errors import SourceError
from aimodels_gen.net.faults import causes
from aimodels_gen.net.once import Answers
from aimodels_gen.sources.huggingface import DEFAULT_REF, HuggingFace, RepoType
from aimodels_gen.sources.huggingface.failures import MissingRepoError, OddAnswerError, one_line
from aimodels_gen.sources.huggingface.info import commit_in, gguf_in, read_info

if TYPE_CHECKING:
    from aimodels_fetcher.sources.huggingface import HuggingFace as RepoAtEndpoint
    from aimodels_gen.engines.gguf import Gguf
    from aimodels_gen.sources.base import Card
    from aimodels_gen.sources.huggingface.endpoints import Endpoints
    from aimodels_gen.sources.huggingface.info import RepoNames


@dataclass(frozen=True)
class Revision:
    """What the Hub says of a revision.

    Attributes:
        name: what it calls the repository, which may be anything.
    """

    commit: str
    card: Card
    name: object
    gguf: Gguf | None = None

    def other_name(self, source: HuggingFace) -> str | None:
        """Return the name if it is not that of a source, None if it is."""
        return self.name if isinstance(self.name, str) and self.name != source.repo else None


class Revisions:
    """Asks for revisions, and remembers the answers; one object serves all threads."""

    def __init__(
        self,
        library: Any,  # noqa: ANN401 - a module
        endpoints: Endpoints,
        names: RepoNames,
    ) -> None:
        """Read cards with huggingface_hub, which is slow to import; tell `names` what it says."""
        self._names = names
        self._library = library
        self._endpoints = endpoints
        self._known: dict[RepoAtEndpoint, Revision] = {}
        self._answers: Answers[tuple[RepoAtEndpoint, int], Revision] = Answers()

    def of(self, source: HuggingFace, repo: RepoAtEndpoint, tries: int) -> Revision:
        """Return what the ref of a source is at, at one of its endpoints.

        Raises:
            AimodelsError: the endpoint does not say it.
        """
        revision = self._of(source, repo, tries)
        self._names.compare(source, revision.name)
        return revision

    def _of(self, source: HuggingFace, repo: RepoAtEndpoint, tries: int) -> Revision:
        if repo not in self._known:
            # With fewer tries it may have failed for a reason that passes.
            found = self._answers.get((repo, tries), lambda: self._ask(source, repo, tries))
            self._known.setdefault(repo, found)
        return self._known[repo]

    def _ask(self, source: HuggingFace, repo: RepoAtEndpoint, tries: int) -> Revision:
        client = self._endpoints.client(repo, tries)
        try:
            info = client.get_document(repo.revision_url, read_info, "JSON", DOCUMENT_BYTES).content
            card = self._library.card(info, source.repo_type)
            return Revision(commit_in(info, source), card, info["id"], gguf_in(info))
        except ODD as error:
            raise OddAnswerError(one_line(error)) from error

    def better_hint(self, source: HuggingFace, error: SourceError) -> SourceError:
        """Return the error, with the type to write if only that of the repository is wrong."""
        missing = any(isinstance(one, MissingRepoError) for one in causes(error))
        other = self._other_type(source) if missing else None
        if other is None:
            return error
        hint = f'there is a {other} of that name: set repo_type = "{other}"'
        hint += f", or add it with --type {other}"
        return SourceError(error.message, hint)

    def _other_type(self, source: HuggingFace) -> str | None:
        """Return of which other type there is a repository of that name, None if of none.

        Only the endpoint that may see the token is asked, once for each type.
        """
        repo = next(one for one in self._endpoints.of(source) if one.trusted)
        for repo_type in get_args(RepoType):
            if repo_type == source.repo_type:
                continue
            other = replace(repo, repo_type=repo_type, ref=DEFAULT_REF, rev=None)
            try:
                self._of(HuggingFace(source.repo, repo_type=repo_type), other, 1)
            except AimodelsError:
                continue
            return str(repo_type)
        return None
