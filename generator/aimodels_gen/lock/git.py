"""What models.lock was at a revision of the git repository that it is in; git is not needed."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from aimodels_gen.errors import LockError

HEAD = "HEAD"
_ANCESTORS = re.compile(r"(?:[~^][0-9]*)*\Z")
_NAME_A_FILE = "name a lock file to compare with: `aimodels-gen diff FILE`"


def text_at(path: Path, revision: str = HEAD) -> str | None:
    """Return the text of a file at a commit, branch or tag, None if it was not there.

    As in git, `main...` is where HEAD has left main, and `HEAD:old.lock` is another file. A
    repository without commits has no file at HEAD.

    Raises:
        LockError: the file is not in a repository, or that has no such revision.
    """
    from dulwich.errors import NotGitRepository  # noqa: PLC0415 - slow to import
    from dulwich.repo import Repo  # noqa: PLC0415

    directory = Path(os.path.realpath(path.parent))
    try:
        repo = Repo.discover(str(directory))
    except NotGitRepository:
        raise LockError(f"{path} is not in a git repository", _NAME_A_FILE) from None
    except Exception as error:  # what dulwich raises for formats that it does not know
        raise LockError(
            f"cannot read the git repository of {path}: {error}", _NAME_A_FILE
        ) from error
    with closing(repo):
        root = Path(os.path.realpath(repo.path))
        revision, _, other = revision.partition(":")
        commit = _commit(repo, path, revision)
        if commit is None:
            return None
        file = root / other if other else directory / path.name
        if other.startswith(("./", "../")):
            file = Path(os.path.normpath(directory / other))
        try:
            return _text_in(repo, commit, os.path.relpath(file, root))
        except _MissingObjectError as error:
            raise LockError(
                f"the git repository of {path} lacks a part of the commit {revision!r}",
                f"fetch it with `git fetch --refetch`, or {_NAME_A_FILE}",
            ) from error


class _MissingObjectError(Exception):
    """A clone has only a part of the objects."""


def _commit(repo: Any, path: Path, revision: str) -> Any:  # noqa: ANN401 - types of dulwich
    """Return a commit, None for the HEAD of a repository that has no commits."""
    from dulwich.objectspec import parse_commit  # noqa: PLC0415

    branch, dots, other = revision.partition("...")
    if dots:
        return _merge_base(repo, path, branch or HEAD, other or HEAD)
    ancestors = _ANCESTORS.search(revision)
    steps = ancestors[0] if ancestors else ""
    name = revision.removesuffix(steps) if steps else revision
    try:
        commit = parse_commit(repo, os.fsencode(HEAD if name == "@" else name))
        for sign, digits in re.findall("([~^])([0-9]*)", steps):
            number = int(digits or 1)
            if sign == "^":
                commit = repo[commit.parents[number - 1]] if number else commit
            else:
                for _ in range(number):
                    commit = repo[commit.parents[0]]
    except Exception as error:  # dulwich has many kinds, for names that no repository has
        if revision == HEAD and not _has_commits(repo):
            return None
        hint = "name a lock file, or a commit, branch or tag that `git log` shows here"
        if repo.get_shallow():
            hint = "this clone has a part of the history: get the rest with `git fetch --unshallow`"
        raise LockError(
            f"{revision!r} is neither a file nor a revision of the git repository of {path}", hint
        ) from error
    return commit


def _merge_base(repo: Any, path: Path, one: str, other: str) -> Any:  # noqa: ANN401 - as above
    from dulwich.graph import find_merge_base  # noqa: PLC0415

    ends = [commit.id for name in (one, other) if (commit := _commit(repo, path, name))]
    try:
        return repo[find_merge_base(repo, ends)[0]]
    except (IndexError, KeyError) as error:
        raise LockError(
            f"{one} and {other} have no commit in common here",
            f"get the history with `git fetch --unshallow` if it is a part, or {_NAME_A_FILE}",
        ) from error


def _text_in(repo: Any, commit: Any, path: str) -> str | None:  # noqa: ANN401 - as above
    from dulwich.errors import NotTreeError  # noqa: PLC0415

    def look_up(sha: bytes) -> Any:  # noqa: ANN401 - as above
        try:
            return repo[sha]
        except KeyError as error:
            raise _MissingObjectError from error

    try:
        _, sha = look_up(commit.tree).lookup_path(look_up, os.fsencode(path))
    except (KeyError, NotTreeError):
        return None
    found = look_up(sha)
    data: bytes = found.data if found.type_name == b"blob" else b""
    return data.decode("utf-8-sig", "replace") or None


def _has_commits(repo: Any) -> bool:  # noqa: ANN401 - as above
    try:
        return bool(repo.head())
    except KeyError:
        return False
