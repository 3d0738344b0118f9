"""Who downloads: our fetcher, builds with it, what others use, and two floors."""

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
OWN = {OURS, LINKED, TREE}


class Job(NamedTuple):
    """What to download.

    Args:
        model: As it is served.
        url: Of the server.
        files: The model's pin of that kind.
        tree: The other pin; none where there is no Nix to make it.
        folder: An empty one for the result.
    """

    model: Model
    url: str
    files: Pin
    tree: Pin | None
    folder: Path

    def urls(self) -> list[tuple[str, str]]:
        """Give the path of each file with its URL."""
        base = f"{self.url}/{self.model.repo}/resolve/{self.model.folder.name}"
        return [(path, f"{base}/{path}") for path in self.model.sizes]


@dataclass(frozen=True)
class Client:
    """A row of the tables.

    Args:
        name: Of the row.
        command: What is run.
        needs: Programs.
        store: Whether it gets a Nix store of its own, new each time.
        floor: Whether it downloads nothing, and shows what the machine can do.
        limited: Names of the models that it downloads over a limited line, too.
    """

    name: str
    command: Callable[[Job], Command]
    needs: Sequence[str] = ()
    store: bool = False
    floor: bool = False
    limited: Collection[str] = ("large", "small", "mixed")

    def lacks(self) -> list[str]:
        """Give the programs that are not installed."""
        return [program for program in self.needs if shutil.which(program) is None]


def _fetcher(job: Job) -> Command:
    return fetching(job.files, job.folder, mode="tree", integration=True)


def _linked(job: Job) -> Command:
    return _build({**job.files, "layout": "link"})


def _tree(job: Job) -> Command:
    return _build(job.tree or {})


def _build(pin: Pin) -> Command:
    return ("nix-build", "--no-out-link", "-E", fetch_model(pin))


def _hf(job: Job) -> Command:
    return (BIN / "hf", "download", job.model.repo, "--cache-dir", job.folder)


def _added(job: Job) -> Command:
    add = 'entry=$1 && shift && "$@" && nix-store --add-fixed --recursive sha256 "$entry"'
    return ("sh", "-c", add, "sh", job.folder / f"models--bench--{job.model.name}", *_hf(job))


def _curl(job: Job) -> Command:
    lines = (f'url = "{url}"\noutput = "{job.folder / path}"\n' for path, url in job.urls())
    (job.folder / "urls").write_text("".join(lines))
    options = ("--location", "--fail", "--silent", "--show-error", "--create-dirs")
    return ("curl", *options, "--config", job.folder / "urls")


def _aria2(job: Job) -> Command:
    (job.folder / "urls").write_text("".join(f"{url}\n out={p}\n" for p, url in job.urls()))
    options = ("-x8", "-s8", "-j8", "--quiet")
    return ("aria2c", *options, f"--dir={job.folder}", f"--input-file={job.folder / 'urls'}")


def _git(job: Job) -> Command:
    # What `git lfs install` would put into the user's settings.
    lfs = {
        "process": "git-lfs filter-process",
        "smudge": "git-lfs smudge -- %f",
        "required": "true",
    }
    settings = [word for key, value in lfs.items() for word in ("-c", f"filter.lfs.{key}={value}")]
    remote = f"{job.url}/{job.model.repo}.git"
    return ("git", *settings, "clone", "--quiet", remote, job.folder / "clone")


def _dd(job: Job) -> Command:
    copy = 'folder=$1 && shift && for file; do dd if="$file" of="$folder/${file##*/}" bs=1M; done'
    files = (job.model.folder / path for path in job.model.sizes)
    return ("sh", "-ec", copy, "sh", job.folder, *files)


def _openssl(job: Job) -> Command:
    return ("openssl", "dgst", "-sha256", *(job.model.folder / path for path in job.model.sizes))


CLIENTS = (
    Client(OURS, _fetcher),
    # A derivation for each of hundreds of files takes minutes, over whatever line.
    Client(LINKED, _linked, ("nix-build",), store=True, limited=("large",)),
    Client(TREE, _tree, ("nix-build",), store=True),
    Client(HF, _hf),
    Client(ADDED, _added, ("nix-store",), store=True, limited=("large",)),
    Client(CURL, _curl, ("curl",)),
    Client(ARIA2, _aria2, ("aria2c",)),
    Client("git clone, git-lfs", _git, ("git", "git-lfs")),
    Client(DD, _dd, floor=True, limited=()),
    Client("openssl dgst -sha256", _openssl, ("openssl",), floor=True, limited=()),
)
