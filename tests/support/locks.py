"""Locking the real model with the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support import minilm
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Pin:
    """A pin of MiniLM: how it is asked for in the manifest, and where its models.nix is."""

    name: str
    manifest: str

    def expression(self, directory: Path) -> str:
        return f"""
          let
            pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = builtins.currentSystem; }};
            inherit (import {CHECKOUT}/nix) fetchModel;
          in
          (import {directory}/models.nix {{ inherit pkgs fetchModel; }}).minilm
        """


PINS = (
    Pin("copy", ""),
    Pin("link", 'layout = "link"'),
    Pin("tree", 'pin = "tree"'),
)


def aimodels_gen(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "aimodels-gen", *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )


def write_manifest(directory: Path, endpoint: str, settings: str = "") -> None:
    source = f'source.huggingface = {{ repo = "{minilm.REPO}", endpoint = "{endpoint}" }}'
    (directory / "models.toml").write_text(f"[models.minilm]\n{source}\n{settings}\n")
