"""`aimodels-gen init` beside a flake.nix: the lines that it prints, pasted where it says."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.manifest import scaffold
from support.environment import CHECKOUT
from support.locks import aimodels_gen

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.nix import NixEnv

NAME = "all-MiniLM-L6-v2"
INPUTS = (
    *("--override-input", "nixpkgs", f"path:{CHECKOUT}/tests/nix/pkgs"),
    *("--override-input", "nix-ai-models", f"git+file://{CHECKOUT}"),
)
PLAIN = """{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs = { self, nixpkgs }: {
    devShells.x86_64-linux.default = nixpkgs.legacyPackages.x86_64-linux.mkShell { };
  };
}
"""
WITH_PACKAGES = """{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  };

  outputs =
    { nixpkgs, ... }:
    let
      pkgs = nixpkgs.legacyPackages.x86_64-linux;
    in
    {
      packages.x86_64-linux = { mine = pkgs.mkShell { }; };
    };
}
"""


def pasted(flake: str, lines: list[str]) -> str:
    """Return a flake.nix with the three lines where a person puts them."""
    to_inputs, to_arguments, packages = lines
    if "inputs = {" in flake:
        flake = flake.replace("inputs = {\n", f"inputs = {{\n    {to_inputs}\n")
    else:
        flake = flake.replace("  inputs.", f"  inputs.{to_inputs}\n  inputs.", 1)
    flake = re.sub(r"\{ ([^{}]*nixpkgs[^{}]*\}:)", rf"{{ {to_arguments} \1", flake, count=1)
    if "packages." in flake:
        models = packages.partition(" = ")[2]
        return flake.replace("mkShell { }; };", f"mkShell {{ }}; }} // {models}")
    return flake.replace("{\n    devShells", f"{{\n    {packages}\n    devShells")


@pytest.mark.parametrize("flake", [PLAIN, WITH_PACKAGES], ids=["plain", "packages"])
def test_the_lines_make_packages(
    nix: NixEnv, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flake: str
) -> None:
    card = {"license": "llama2"}  # unfree
    hub.add_repo(f"sentence-transformers/{NAME}", {"config.json": b"{}"}, card=card)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    (tmp_path / "flake.nix").write_text(flake)
    said = aimodels_gen("init", cwd=tmp_path).stderr
    assert said.endswith(scaffold.paste())
    assert (tmp_path / "flake.nix").read_text() == flake
    lines = [
        line.strip() for line in said.splitlines() if re.match(" {4}(?!aimodels|git|nix )", line)
    ]
    (tmp_path / "flake.nix").write_text(pasted(flake, lines))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    aimodels_gen("lock", cwd=tmp_path)
    files = ("models.toml", "models.lock", "models.nix", "flake.nix")
    subprocess.run(["git", "add", *files], cwd=tmp_path, check=True)
    nix.run("nix", "build", f".#{NAME}", *INPUTS, cwd=tmp_path)
    model = nix.path((tmp_path / "result").readlink())
    assert (model / "refs/main").is_file()
    assert "llama2" in (tmp_path / "models.nix").read_text()
