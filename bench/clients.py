"""The clients: our fetcher, builds with it, other programs, and two lower bounds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from harness import BIN
from pins import Pin, fetch_model, fetching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from statichub import Model

Command: TypeAlias = "Sequence[str | Path]"

OURS = "our fetcher"
LINKED = "nix-build, files pin, link"
TREE = "nix-build, tree pin"
HF = "hf download"
ADDED = "hf download, nix-store --add-fixed"
CURL = "curl"
ARIA2 = "aria2c -x8 -s8 -j8"
DD = "dd"
OPENSSL = "openssl dgst -sha256"
PREFETCH = "aimodels-gen prefetch"
OWN = {OURS, LINKED, TREE, PREFETCH}


class Job(NamedTuple):
    """A model to download.

    Args:
        model: The model.
        url: The URL of the server.
        project: Has a lock with the model.
        files: The model's files pin.
        tree: Its tree pin, or None if there is no Nix to make it.
        directory: An empty directory for the result.
    """

    model: Model
    url: str
    project: Path
    files: Pin
    tree: Pin | None
    directory: Path

    def urls(self) -> list[tuple[str, str]]:
        """Return the path of each file with its URL."""
        base = f"{self.url}/{self.model.repo}/resolve/{self.model.directory.name}"
        return [(path, f"{base}/{path}") for path in self.model.sizes]


@dataclass(frozen=True)
class Client:
    """A row of the tables.

    Args:
        name: The name of the row.
        command: The command to run.
        needs: The programs that have to be installed.
        store: Whether it needs a Nix store, a new one for each run.
        floor: Whether it downloads nothing, and shows the limits of the machine.
        limited: Names of the models that it also downloads at a limited rate.
    """

    name: str
    command: Callable[[Job], Command]
    needs: Sequence[str] = ()
    store: bool = False
    floor: bool = False
    limited: Collection[str] = ("large", "small", "mixed")

    def lacks(self) -> list[str]:
        """Return the programs that are not installed."""
        return [program for program in self.needs if shutil.which(program) is None]


def _fetcher(job: Job) -> Command:
    return fetching(job.files, job.directory)


def _linked(job: Job) -> Command:
    return _build({**job.files, "layout": "link"})


def _tree(job: Job) -> Command:
    return _build(job.tree or {})


def _prefetch(job: Job) -> Command:
    # Without the small files that locking has read, which it would take from the user's cache.
    cache = f"XDG_CACHE_HOME={job.directory}"
    manifest = job.project / "models.toml"
    return ("env", cache, BIN / "aimodels-gen", "prefetch", job.model.name, "-m", manifest)


def _build(pin: Pin) -> Command:
    return ("nix-build", "--no-out-link", "-E", fetch_model(pin))


def _hf(job: Job) -> Command:
    return (BIN / "hf", "download", job.model.repo, "--cache-dir", job.directory)


def _added(job: Job) -> Command:
    add = 'entry=$1 && shift && "$@" && nix-store --add-fixed --recursive sha256 "$entry"'
    return ("sh", "-c", add, "sh", job.directory / f"models--bench--{job.model.name}", *_hf(job))


def _curl(job: Job) -> Command:
    lines = (f'url = "{url}"\noutput = "{job.directory / path}"\n' for path, url in job.urls())
    (job.directory / "urls").write_text("".join(lines))
    options = ("--location", "--fail", "--silent", "--show-error", "--create-dirs")
    return ("curl", *options, "--config", job.directory / "urls")


def _aria2(job: Job) -> Command:
    (job.directory / "urls").write_text("".join(f"{url}\n out={p}\n" for p, url in job.urls()))
    options = ("-x8", "-s8", "-j8", "--quiet")
    return ("aria2c", *options, f"--dir={job.directory}", f"--input-file={job.directory / 'urls'}")


def _git(job: Job) -> Command:
    # What `git lfs install` would put into the user's settings.
    lfs = {
        "process": "git-lfs filter-process",
        "smudge": "git-lfs smudge -- %f",
        "required": "true",
    }
    settings = [word for key, value in lfs.items() for word in ("-c", f"filter.lfs.{key}={value}")]
    remote = f"{job.url}/{job.model.repo}.git"
    return ("git", *settings, "clone", "--quiet", remote, job.directory / "clone")


def _dd(job: Job) -> Command:
    copy = 'out=$1 && shift && for file; do dd if="$file" of="$out/${file##*/}" bs=1M; done'
    files = (job.model.directory / path for path in job.model.sizes)
    return ("sh", "-ec", copy, "sh", job.directory, *files)


def _openssl(job: Job) -> Command:
    return ("openssl", "dgst", "-sha256", *(job.model.directory / path for path in job.model.sizes))


CLIENTS = (
    Client(OURS, _fetcher),
    Client(LINKED, _linked, ("nix-build",), store=True, limited=("large",)),
    Client(TREE, _tree, ("nix-build",), store=True),
    Client(PREFETCH, _prefetch, ("nix-store",), store=True, limited=("large",)),
    Client(HF, _hf),
    Client(ADDED, _added, ("nix-store",), store=True, limited=("large",)),
    Client(CURL, _curl, ("curl",)),
    Client(ARIA2, _aria2, ("aria2c",)),
    Client("git clone, git-lfs", _git, ("git", "git-lfs")),
    Client(DD, _dd, floor=True, limited=()),
    Client(OPENSSL, _openssl, ("openssl",), floor=True, limited=()),
)
