"""The bench measures, prints and cleans up. What it measures is not for a test to judge."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from pathlib import Path

ROWS = {
    "lock": ["bytes sent by the Hub", "time", "computed: 140 GB at 100 MB/s"],
    "startup": [
        "--help",
        "lock of 100 models, unchanged",
        "the other checkout",
        "its packages beside",
        "its requests",
    ],
    "fetcher": ["one file of 4.0 MiB", "a tree of 4.0 MiB", "a tree of 32.0 KiB"],
    "store": ["lock --pin tree: written", "link form: time", "tree build: written"],
    "huge": ["2,048 files listed: lock, memory", "2,048 files listed: our fetcher, memory"],
    "second": ["link: a shard of 30", "copy: another model with the same files"],
    "many": ["2 models of 12 files: lock, requests", "2 models of 12 files: nix-build, time"],
    "daily": [
        "2 models of 12 files: lock, requests a model",
        "2 models of 12 files: outdated, time",
    ],
    "prefetch": ["5 repositories, 36 small files, 3.1 MiB: prefetch, time"],
    "push": ["file: memory", "http: a shard of 30, sent", "s3: a shard of 30, sent"],
    "imports": ["import of 46 files", "requests"],
    "modules": [],  # nixpkgs' lib may be missing, and is said to be
    "s3": ["lock: bytes of content", "shards from nginx", "small files from hadro"],
    "fleet": ["2 x 100 GB", "rack caches; the origin sends 1 x", "in network namespaces"],
    "cuts": ["5 cuts: received", "1 cut, and a cache without ranges"],
    "links": ["link, 200 models: time", "directory, 50 models, unchanged: written"],
}


def bench(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    # It cleans the environment itself, and looks in the original one for the newer Nix.
    return subprocess.run(
        [sys.executable, "bench/main.py", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**ORIGINAL, "PYTHONPATH": "tests", **env},
    )


@pytest.mark.parametrize("question", ROWS)
def test_a_question(question: str, tmp_path: Path) -> None:
    more = {"startup": [f"--against={CHECKOUT}"], "fleet": ["--nodes=2"]}.get(question, [])
    done = bench(question, "--size=4MiB", "--runs=1", *more, TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert f"== {question}: " in done.stdout
    assert [row for row in ROWS[question] if row not in done.stdout] == []
    assert list(tmp_path.iterdir()) == []


def test_downloads(tmp_path: Path) -> None:
    docs, scratch = tmp_path / "docs", tmp_path / "scratch"
    docs.mkdir()
    scratch.mkdir()
    page = docs / "benchmarks.md"
    shutil.copy(CHECKOUT / "docs" / "benchmarks.md", page)
    by_hand, marker, _ = page.read_text().partition("<!-- made by bench/run -->\n")
    arguments = ("download", "--size=1MiB", "--runs=1", f"--docs={docs}")
    done = bench(*arguments, TMPDIR=str(scratch))
    assert (done.returncode, done.stderr, list(scratch.iterdir())) == (0, "", [])
    if shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"])) is None:
        assert "nginx is not installed" in done.stdout
        return
    models = ["2 files of 512.0 KiB", "8 files of 20 kB", "256.0 KiB, 8 of 32.0 KiB, 4 of 20 kB"]
    comparisons = [f"{m}, {line}" for line in ("no limit", "50 MB/s a connection") for m in models]
    written = page.read_text()
    assert written.startswith(f"{by_hand}{marker}\n{os.cpu_count()} CPUs")
    assert [comparison for comparison in comparisons if f"### {comparison}\n" not in written] == []
    assert [
        comparison for comparison in comparisons if f"\n{comparison}\n" not in done.stdout
    ] == []
    chart = (docs / "benchmarks.svg").read_text()
    assert [
        comparison
        for comparison in comparisons
        if f'class="title">{comparison}</text>' not in chart
    ] == []
    assert "| our fetcher |" in written
    assert f"| {'curl' if shutil.which('curl') else 'no curl'} |" in written


def test_a_checkout_to_compare_with(tmp_path: Path) -> None:
    done = bench("startup", f"--against={tmp_path}")
    assert done.returncode == 2
    assert f"'{tmp_path}' is not a checkout of this project" in done.stderr


def test_usage() -> None:
    done = bench("loc")
    assert done.returncode == 2
    assert (
        "no question 'loc'; there is lock, startup, fetcher, huge, store, second, modules, many,"
        " daily, prefetch, push, imports, links, s3, download, fleet, cuts" in done.stderr
    )


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_options_of_a_site(value: str) -> None:
    done = bench("fleet", f"--nic={value}")
    assert done.returncode == 2
    assert f"argument --nic: {value!r} is not a number above 0" in done.stderr
