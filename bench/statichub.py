"""Models as static files, with the responses of a Hub and of a git remote."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import WEIGHTS, run
from report import size
from support.fake_repo import BigFile, chunks, lfs_pointer
from support.hub import Hub, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from support.fake_repo import Repo

_SMALL = 20_000  # bytes of a small file
_MANY = 500  # small files
_EACH = 128 << 10  # bytes of --size for each of those: fewer for a small one
_MEDIUM = 8  # files
FILES_OF_EACH = 12
"""Files of one of many models."""
SMALL_OF_FIVE = 36
"""Small files of five models together."""
_FIVE = 5
_MIX = 4  # parts of --size: one is a file, one the medium files


@dataclass(frozen=True)
class Model:
    """A model to download, with its files on disk.

    Args:
        name: Of the repository, below `bench`.
        what: A description.
        directory: The directory of the files.
        sizes: Path -> size in bytes.
    """

    name: str
    what: str
    directory: Path
    sizes: Mapping[str, int]

    @property
    def repo(self) -> str:
        """The repository's name on the Hub."""
        return f"bench/{self.name}"

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())


def make(root: Path, total: int) -> list[Model]:
    """Write files, listings and git repositories for `nginx.Nginx` to serve.

    Args:
        root: An empty directory.
        total: Bytes of the largest model.
    """
    models, etags = [], []
    with Hub() as hub:
        for number, (name, what, sizes) in enumerate(_contents(total)):
            repo = _add(root, hub, name, sizes, number)
            directory = root / "www" / repo.id / "resolve" / repo.sha
            etags += _etags(repo)
            _make_git(root / "www" / f"{repo.id}.git", repo)
            models.append(Model(name, what, directory, dict(sizes)))
    (root / "etags").write_text("".join(etags))
    return models


def make_many(root: Path, count: int) -> dict[str, str]:
    """Write the files and listings of so many small models; return their repositories by name."""
    weights = [(f"model-{n:05}-of-00002.safetensors", _SMALL) for n in (1, 2)]
    small = [(f"data/{n}.json", _SMALL // 10) for n in range(FILES_OF_EACH - len(weights))]
    repos, etags = {}, []
    with Hub() as hub:
        for number in range(count):
            repo = _add(root, hub, f"model-{number:03}", weights + small, number)
            etags += _etags(repo)
            repos[f"model-{number:03}"] = repo.id
    (root / "etags").write_text("".join(etags))
    return repos


def make_five(root: Path, total: int) -> dict[str, str]:
    """Write the files and listings of five models; return their repositories by name.

    Args:
        root: An empty directory.
        total: Bytes of all their large files.
    """
    repos, etags = {}, []
    with Hub() as hub:
        for number in range(_FIVE):
            small = len(range(number, SMALL_OF_FIVE, _FIVE))
            weights = [(f"model-{n:05}-of-00002.safetensors", total // _FIVE // 2) for n in (1, 2)]
            sizes = [*weights, *((f"data/{n}.json", _SMALL) for n in range(small))]
            repo = _add(root, hub, f"model-{number}", sizes, number)
            etags += _etags(repo)
            repos[f"model-{number}"] = repo.id
    (root / "etags").write_text("".join(etags))
    return repos


def _add(root: Path, hub: Hub, name: str, sizes: Sequence[tuple[str, int]], number: int) -> Repo:
    """Write a repository with files that no other one has: equal ones would be fetched once."""
    files = {path: BigFile(n, 1000 * number + i) for i, (path, n) in enumerate(sizes)}
    repo = hub.add_repo(f"bench/{name}", files, lfs=[WEIGHTS])
    for path, file in repo.commits[repo.sha].items():
        _write(root / "www" / repo.id / "resolve" / repo.sha / path, chunks(file.content))
    for call in ("revision/main", f"tree/{repo.sha}"):
        api = f"/api/models/{repo.id}/{call}"
        asked = Request("GET", f"{api}?recursive=true", {})
        _write(root / "www" / api[1:], hub.answer(asked).body)
    return repo


def _etags(repo: Repo) -> list[str]:
    files = repo.commits[repo.sha].items()
    return [f"/{repo.id}/resolve/{repo.sha}/{path} {file.etag};\n" for path, file in files]


def _contents(total: int) -> Iterator[tuple[str, str, list[tuple[str, int]]]]:
    """Return names, descriptions, and the paths and sizes of files."""
    many = max(1, min(_MANY, total // _EACH))
    few = max(1, many // 2)
    large = [(f"model-{n:05}-of-00002.safetensors", total // 2) for n in (1, 2)]
    one = [("model.safetensors", total // _MIX)]
    medium = [(f"experts/{n}.safetensors", total // _MIX // _MEDIUM) for n in range(_MEDIUM)]
    small = [(f"data/{n:05}.json", _SMALL) for n in range(many)]
    yield "large", f"2 files of {size(total // 2)}", large
    yield "small", f"{many} files of 20 kB", small
    what = f"{size(one[0][1])}, {_MEDIUM} of {size(medium[0][1])}, {few} of 20 kB"
    yield "mixed", what, one + medium + small[:few]


def _write(path: Path, content: bytes | Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines([content] if isinstance(content, bytes) else content)


def _make_git(directory: Path, repo: Repo) -> None:
    """Make a git repository of the newest commit, for a server that only hands out files."""
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", directory)
    files = {
        path: lfs_pointer(file.content) if file.lfs else b"".join(chunks(file.content))
        for path, file in repo.commits[repo.sha].items()
    }
    files[".gitattributes"] = f"{WEIGHTS} filter=lfs diff=lfs merge=lfs -text\n".encode()
    stream = [b"commit refs/heads/main\ncommitter bench <bench@example.invalid> 0 +0000\ndata 0\n"]
    stream += [
        b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
        for path, content in files.items()
    ]
    git = ("git", f"--git-dir={directory}", "-c", "fastimport.unpackLimit=0")
    subprocess.run([*git, "fast-import", "--quiet"], check=True, input=b"".join(stream))
    run(*git, "update-server-info")
