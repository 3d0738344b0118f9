"""The documentation's blocks, and somebody who types what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv

DOCUMENTS = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for path in (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *CHECKOUT.glob("docs/*.md"))
)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>[\w-]+)(?:: (?P<name>.+?))? -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where its text starts, and what is to be done with it."""

    line: int
    span: tuple[int, int]
    kind: str | None
    name: str | None
    language: str
    text: str


def blocks(document: str) -> Iterator[Block]:
    text = (CHECKOUT / document).read_text()
    assert text.count("\n```") % 2 == 0
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        yield Block(
            line, match.span("text"), match["kind"], match["name"], match["language"], match["text"]
        )


@dataclass
class Session:
    """A person who types what a document says, in a directory and a home of their own."""

    nix: NixEnv
    directory: Path
    home: Path
    endpoint: str
    unchecked: list[str] = field(default_factory=list)
    container: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str) -> str:
        """Run a command that must succeed; return its output."""
        done = self.attempt(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command, with these variables beside what the person has."""
        return subprocess.run(
            command,
            check=False,
            cwd=self.directory,
            capture_output=True,
            text=True,
            env={**self.environment(), **variables},
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command whose messages are read while it runs."""
        return subprocess.Popen(
            command,
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )

    def environment(self) -> dict[str, str]:
        """Return what the person has."""
        # huggingface_hub's cache is to be where the documents say, below the home.
        nix = {k: v for k, v in self.nix.variables().items() if k != "XDG_CACHE_HOME"}
        return {
            **os.environ,
            **nix,
            "HOME": str(self.home),
            "TMPDIR": tempfile.gettempdir(),  # the newer Nix sees no other
            "HF_ENDPOINT": self.endpoint,
            "PATH": f"{self.home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DOCKER_ENV": "\n".join(f"{k}={v}" for k, v in self.container.items()),
        }

    def evaluate(self, expression: str) -> object:
        """Evaluate with everything that a flake's author has at hand."""
        scope = (
            f'let system = "x86_64-linux"; checkout = {CHECKOUT};'
            " nixpkgs = checkout + /tests/nix/pkgs; pkgs = import nixpkgs {"
            " inherit system; config.allowUnfree = true; };"
            " fetchTarball = _url: toString checkout;"
            " nix-ai-models = { lib = import (checkout + /nix);"
            " inherit ((import (checkout + /flake.nix)).outputs {"
            " self = nix-ai-models; inherit nixpkgs; }) overlays;"
            " nixosModules.default = import (checkout + /nix/modules/nixos.nix);"
            " homeModules.default = import (checkout + /nix/modules/home-manager.nix); };"
            " inherit (nix-ai-models.lib) fetchModel;"
            ' llama-2-7b = fetchModel pkgs { name = "llama-2-7b";'
            ' source.huggingface.repo = "meta-llama/Llama-2-7b-hf"; hash = ""; };'
            " comfyui = name: directory: fetchModel pkgs { inherit name;"
            ' source.huggingface.repo = "org/${name}"; hash = "";'
            ' integration.comfyui.${directory} = "*.safetensors"; };'
            " self.packages.${system} = { inherit llama-2-7b;"
            ' sdxl = comfyui "sdxl" "checkpoints"; detail-lora = comfyui "detail-lora" "loras"; };'
            f" in import (checkout + /tests/docs/force.nix) ({expression})"
        )
        command = ("nix-instantiate", "--eval", "--strict", "--json", "-E", scope)
        return json.loads(self.nix.run(*command, cwd=self.directory).stdout)


def start(nix: NixEnv, directory: Path, home: Path, endpoint: str) -> Session:
    shims = Path(__file__).parent / "shims"
    programs = {
        **dict.fromkeys(("nix", "nix-store", "nix-instantiate", "nix-collect-garbage"), "nix"),
        **dict.fromkeys(("sglang", "text-generation-launcher", "vllm"), "server"),
        "docker": "docker",
        "ollama": "ollama",
    }
    for name, shim in programs.items():
        shutil.copy(shims / shim, home / "bin" / name)
    # The project of the guide is what the README's first lines are about, too.
    for block in blocks("docs/huggingface.md"):
        if block.kind == "file" and block.name:
            (directory / block.name).write_text(block.text)
    for key, value in {
        "NIX_ENTRY": "\n".join(nix.entry()),
        "CHECKOUT": str(CHECKOUT),
        "PYTHON": sys.executable,
    }.items():
        os.environ[key] = value
    return Session(nix, directory, home, endpoint)
