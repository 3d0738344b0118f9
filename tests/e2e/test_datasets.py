"""`datasets` and `kernels` as in docs/libraries.md, offline and from read-only stores."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.session import blocks
from support import program_repos
from support.expressions import files_pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Runner
    from support.hub import Hub
    from support.nix import NixEnv

PAGE = list(blocks("docs/libraries.md"))
(COUNT,) = (block.text for block in PAGE if block.name == "count.py")
(KERNEL,) = (block.text for block in PAGE if "get_kernel" in block.text)
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
CSV = b"id\n1\n2\n3\n"
TO_PARQUET = "import sys, pandas; pandas.DataFrame({'id': [1, 2, 3]}).to_parquet(sys.argv[1])"

FIND = """
import sys
from huggingface_hub import snapshot_download
sys.argv[1] = snapshot_download(sys.argv[1], repo_type="dataset")
"""
# Counts the rows of a file at a path that leads to one version of it, and then to the next.
FILES = """
import os
from datasets import load_dataset
for version in range(2):
    os.symlink(f"store-{version}", "new")
    os.replace("new", "result")
    for path in ("result/train.csv", os.path.realpath("result/train.csv")):
        print(load_dataset("csv", data_files=path)["train"].num_rows)
"""


@pytest.fixture(params=["configurations", "csv", "json", "parquet"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Mapping[str, bytes]:
    """A repository whose split `train` has three rows."""
    if request.param == "configurations":
        return program_repos.dataset()
    if request.param == "csv":
        return {"README.md": b"# Rows\n", "data/train.csv": CSV, "data/test.csv": b"id\n4\n"}
    if request.param == "json":
        return {"train.jsonl": b'{"id": 1}\n{"id": 2}\n{"id": 3}\n'}
    table = tmp_path / "table"
    subprocess.run([sys.executable, "-c", TO_PARQUET, table], check=True)
    return {"data/train-00000-of-00001.parquet": table.read_bytes()}


def build(nix: NixEnv, hub: Hub, files: Mapping[str, bytes]) -> Path:
    """The entry of a dataset, in the layout that has links to other store paths."""
    repo = hub.add_repo("org/rows", files, repo_type="dataset")
    source = 'repoType = "dataset"; endpoint = "'
    return nix.build(f"({files_pin(hub, repo)}).linked".replace('endpoint = "', source))


def whole(nix: NixEnv, entry: Path) -> bool:
    return nix.run("nix-store", "--verify-path", entry, check=False).returncode == 0


@dataclass(frozen=True)
class Counter:
    """Runs the page's program as another user, with a cache that has the dataset."""

    run: Runner
    cache: Path
    writable: Path

    def __call__(
        self, dataset: str | Path, *more: str, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return self.execute(COUNT, dataset, *more, **env)

    def execute(
        self, code: str, *arguments: str | Path, **env: str
    ) -> subprocess.CompletedProcess[str]:
        arrow = {"HF_HUB_CACHE": str(self.cache), "HF_DATASETS_CACHE": str(self.writable)}
        return self.run(sys.executable, "-c", code, *arguments, env={**OFFLINE, **arrow, **env})


@pytest.fixture
def count(unprivileged: Runner, tmp_path: Path) -> Counter:
    (tmp_path / "hub").mkdir()
    (tmp_path / "arrow").mkdir()
    (tmp_path / "arrow").chmod(0o777)
    return Counter(unprivileged, tmp_path / "hub", tmp_path / "arrow")


def test_datasets(host_nix: NixEnv, hub: Hub, files: Mapping[str, bytes], count: Counter) -> None:
    entry = build(host_nix, hub, files)
    (snapshot,) = (entry / "snapshots").iterdir()
    done = count(snapshot)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    assert whole(host_nix, entry)


def test_what_datasets_needs(host_nix: NixEnv, hub: Hub, count: Counter) -> None:
    """A path, of any configuration, and a directory to write to; a name in the cache fails."""
    entry = build(host_nix, hub, program_repos.dataset())
    (count.cache / "datasets--org--rows").symlink_to(entry)
    (snapshot,) = (entry / "snapshots").iterdir()
    assert count(snapshot, "short").stdout == "1\n"
    assert "Couldn't reach 'org/rows' on the Hub" in count("org/rows").stderr
    assert count.execute(f"{FIND}\n{COUNT}", "org/rows").stdout == "3\n"
    unwritable = count(snapshot, HF_DATASETS_CACHE=str(count.cache / "datasets"))
    assert "PermissionError" in unwritable.stderr


def test_datasets_keeps_the_rows_of_a_link_to_a_file(tmp_path: Path) -> None:
    """What the page warns of: all files in the store have the same time stamp."""
    for version, content in enumerate((CSV, CSV + b"4\n")):
        directory = tmp_path / f"store-{version}"
        directory.mkdir()
        (directory / "train.csv").write_bytes(content)
        os.utime(directory / "train.csv", (1, 1))
    env = {**os.environ, **OFFLINE, "HF_DATASETS_CACHE": str(tmp_path / "arrow")}
    command = (sys.executable, "-c", FILES)
    done = subprocess.run(
        command, check=True, cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.stdout.split() == ["3", "3", "3", "4"]


@pytest.fixture
def kernel(host_nix: NixEnv, hub: Hub, tmp_path: Path) -> Path:
    """The entry of a kernel, in the cache below `tmp_path`."""
    files = program_repos.kernel()
    repo = hub.add_repo("kernels-community/relu", files, repo_type="kernel")
    repo.branch("v1", repo.sha)
    source = 'repoType = "kernel"; ref = "v1"; endpoint = "'
    entry = host_nix.build(files_pin(hub, repo).replace('endpoint = "', source))
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "kernels--kernels-community--relu").symlink_to(entry)
    return entry


def test_kernels(kernel: Path, tmp_path: Path, unprivileged: Runner) -> None:
    code = f"{KERNEL}\nimport torch; print(relu.twice(torch.ones(1)).item(), relu.__file__)"
    env = {**OFFLINE, "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = unprivileged(sys.executable, "-c", code, env=env)
    assert done.returncode == 0, done.stderr
    assert "Skipping publisher trust check" in done.stderr
    result, file = done.stdout.split()
    assert result == "2.0"
    assert Path(file).resolve().is_relative_to(kernel / "blobs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to the store")
@pytest.mark.parametrize("setting", ["", "1"])
def test_kernels_as_root(host_nix: NixEnv, kernel: Path, tmp_path: Path, setting: str) -> None:
    """What the page warns of: Python puts compiled code next to the kernel's."""
    env = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPYCACHEPREFIX"},
        **OFFLINE,
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "PYTHONDONTWRITEBYTECODE": setting,
    }
    subprocess.run([sys.executable, "-c", KERNEL], check=True, env=env, capture_output=True)
    assert whole(host_nix, kernel) is bool(setting)
