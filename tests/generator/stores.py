"""A model that is locked, built and collected in a store of a test's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.fake_repo import BigFile

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1 << 20
WEIGHTS = BigFile(3 * MIB, seed=1)
README = b"# Changed\n" * 7
FILES: dict[str, Content] = {
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
}
LFS = ["*.safetensors"]
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


def content(hub: Hub) -> int:
    """Bytes of files that the Hub has sent since the last time: no listings, no redirects."""
    sent = sum(
        r.sent_bytes
        for r in hub.log
        if not r.path.startswith("/api/models/") and r.status in {200, 206}
    )
    hub.clear()
    return sent


def model(project: Project, attribute: str = "m", bump: str = "") -> str:
    """The expression of a model of models.nix, over a nixpkgs whose stdenv has been changed."""
    return f"""
      let
        pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};
        stdenvNoCC = pkgs.stdenvNoCC // {{
          mkDerivation = attrs: pkgs.stdenvNoCC.mkDerivation (attrs // {{ stdenv = "{bump}"; }});
        }};
      in
      (import {project.dir}/models.nix {{
        pkgs = pkgs // {{
          inherit stdenvNoCC;
          buildPackages = pkgs.buildPackages // {{ inherit stdenvNoCC; }};
        }};
        inherit (import {CHECKOUT}/nix) fetchModel;
      }}).{attribute}
    """


def collect_garbage(nix: NixEnv) -> None:
    """Collect it; new releases fail over files that other programs have open."""
    for _ in range(5):
        if nix.run("nix-store", "--gc", env={"PATH": PATH}, check=False).returncode == 0:
            return
        time.sleep(1)
    pytest.fail("nix-store --gc failed five times")


def build(nix: NixEnv, project: Project, bump: str = "") -> Path:
    """Build the model behind the root `result`, and collect garbage."""
    command = ("nix-build", "-E", model(project, bump=bump), "-o", nix.dir / "result")
    out = nix.path(nix.run(*command, env={"PATH": PATH}).stdout.strip())
    collect_garbage(nix)
    return out
