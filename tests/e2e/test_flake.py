"""The starter that `init` writes, built as a flake; the inputs come from the checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.locks import aimodels_gen

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv
    from support.olah import Olah

NAME = "all-MiniLM-L6-v2"
INPUTS = (
    *("--override-input", "nixpkgs", f"path:{CHECKOUT}/tests/nix/pkgs"),
    *("--override-input", "nix-ai-models", f"git+file://{CHECKOUT}"),
)


@pytest.fixture
def project(minilm_hub: Olah, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that begins as the README says."""
    monkeypatch.setenv("HF_ENDPOINT", minilm_hub.url)
    project = tmp_path / "project"
    aimodels_gen("init", project, cwd=tmp_path)
    aimodels_gen("lock", "models.toml", cwd=project)
    return project


def test_nix_build(nix: NixEnv, project: Path) -> None:
    nix.run("nix", "build", f".#{NAME}", *INPUTS, cwd=project)
    entry = nix.path((project / "result").readlink())
    assert entry.name.endswith(f"-{NAME}")
    assert {path.name for path in entry.iterdir()} == {"blobs", "refs", "snapshots", "trees"}
    if nix.kind == "forky":
        # Nix 2.8 has no --print-out-paths.
        printed = nix.run("nix", "build", f".#{NAME}", "--print-out-paths", *INPUTS, cwd=project)
        assert printed.stdout.splitlines() == [str(entry)]
