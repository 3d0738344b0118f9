"""How much memory a repository with very many files takes, of which two are wanted."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from harness import BIN, Settings, scratch
from process import cost
from report import Figure, Row, row, size
from support.environment import CHECKOUT
from support.huge_hub import SHA, HugeHub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_EACH = 2 << 10  # bytes of --size for each file
_MOST = 1_000_000
_FETCHER = 100 << 20
_LOCK = 300 << 20


def measure(settings: Settings) -> Iterator[Row]:
    """Lock and fetch from listings of three lengths."""
    most = max(1000, min(_MOST, settings.size // _EACH))
    for files in (most // 100, most // 10, most):
        with HugeHub(files) as hub, scratch() as directory:
            for name, command, limit in (
                ("lock", _lock(hub.url, directory), _LOCK),
                ("our fetcher", _fetch(hub.url, directory), _FETCHER),
            ):
                memory = Figure([cost(*command).memory], size)
                yield row(f"{files:,} files listed: {name}, memory", memory, under=limit)


def _lock(url: str, directory: Path) -> tuple[str | Path, ...]:
    source = f'source.huggingface = {{ repo = "org/huge", endpoint = "{url}" }}'
    manifest = directory / "models.toml"
    manifest.write_text(f'[models.m]\n{source}\ninclude = ["*.json"]\n', encoding="utf-8")
    return (BIN / "aimodels-gen", "lock", "-q", "-m", manifest)


def _fetch(url: str, directory: Path) -> tuple[str | Path, ...]:
    source = {"repo": "org/huge", "rev": SHA, "ref": "main", "repoType": "model", "endpoint": url}
    spec = {"mode": "tree", "include": ["*.json"], "exclude": [], "integration": True}
    file = directory / "spec.json"
    file.write_text(json.dumps({**spec, "sources": [{"huggingface": source}]}), encoding="utf-8")
    return (sys.executable, "-B", CHECKOUT / "nix/fetcher", file, "--out", directory / "out")
