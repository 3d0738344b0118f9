"""Every snippet of the documentation is run, evaluated or compared, in reading order.

A comment before a block says what it is: `<!-- file: NAME -->` is written for the blocks after it,
`<!-- expression -->` and `<!-- bindings -->` are evaluated as Nix, `<!-- nixos -->` and
`<!-- home-manager -->` as configurations (`<!-- nixos: NAME -->` is written, too), and
`<!-- help: COMMAND -->` is what the command line prints (`AIMODELS_UPDATE_DOCS=1` writes it). The
language says the rest; `text` is a picture, and is not checked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_gen import manifest
from support import registry, tinyllama
from support.environment import CHECKOUT, ORIGINAL
from support.nix import NixEnv, available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.hub import Hub

UPDATE = bool(ORIGINAL.get("AIMODELS_UPDATE_DOCS"))
DOCUMENTS = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for path in (CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *CHECKOUT.glob("docs/*.md"))
)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>[\w-]+)(?:: (?P<name>.+?))? -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

_REPOS = (
    tinyllama.REPO,
    "google-bert/bert-base-uncased",
    "sentence-transformers/all-MiniLM-L6-v2",
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
        # huggingface_hub's cache is to be where the documents say, below the home.
        nix = {k: v for k, v in self.nix.variables().items() if k != "XDG_CACHE_HOME"}
        done = subprocess.run(
            command,
            check=False,
            cwd=self.directory,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                **nix,
                "HOME": str(self.home),
                "HF_ENDPOINT": self.endpoint,
                "PATH": f"{self.home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "DOCKER_ENV": "\n".join(f"{k}={v}" for k, v in self.container.items()),
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def evaluate(self, expression: str) -> object:
        """Evaluate with everything that a flake's author has at hand."""
        scope = (
            f'let system = "x86_64-linux"; checkout = {CHECKOUT};'
            " pkgs = import (checkout + /tests/nix/pkgs) { inherit system; };"
            " nix-ai-models = { lib = import (checkout + /nix);"
            " nixosModules.default = import (checkout + /nix/modules/nixos.nix);"
            " homeManagerModules.default = import (checkout + /nix/modules/home-manager.nix); };"
            " inherit (nix-ai-models.lib) fetchModel;"
            ' llama-2-7b = fetchModel pkgs { name = "llama-2-7b";'
            ' source.huggingface.repo = "meta-llama/Llama-2-7b-hf"; hash = ""; };'
            " self.packages.${system} = { inherit llama-2-7b; };"
            f" in import (checkout + /tests/docs/force.nix) ({expression})"
        )
        command = ("nix-instantiate", "--eval", "--strict", "--json", "-E", scope)
        return json.loads(self.nix.run(*command, cwd=self.directory).stdout)


@pytest.fixture
def session(hub: Hub, tmp_path: Path) -> Iterator[Session]:
    """A machine with the newest Nix that can be had, and a Hub that has the documents' models."""
    for repo in _REPOS:
        hub.add_repo(repo, tinyllama.files(), lfs=["*.safetensors"])
    directory, home = tmp_path / "project", tmp_path / "home"
    directory.mkdir()
    (home / "bin").mkdir(parents=True)
    try:
        with available("forky") as nix:
            yield _session(nix, directory, home, hub.url)
    except pytest.skip.Exception:
        with available("host") as nix:
            yield _session(nix, directory, home, hub.url)


def _session(nix: NixEnv, directory: Path, home: Path, endpoint: str) -> Session:
    shims = Path(__file__).parent / "shims"
    for name, shim in {"nix": "nix", "nix-store": "nix", "docker": "docker"}.items():
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


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document(document: str, session: Session) -> None:
    """Fails with the document's name and line, as an editor would jump to it."""
    for block in blocks(document):
        with _located(f"{document}:{block.line}"):
            _check(document, block, session)
    if session.unchecked:
        pytest.skip("; ".join(dict.fromkeys(session.unchecked)) + " (all else was checked)")


@contextmanager
def _located(place: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{place}: {error}") from error


def test_there_are_snippets() -> None:
    languages = {block.language for document in DOCUMENTS for block in blocks(document)}
    assert languages == {"bash", "dockerfile", "nix", "python", "text", "toml"}


def _check(document: str, block: Block, session: Session) -> None:
    if block.kind == "help":
        _check_help(document, block, session)
    elif block.kind == "file":
        assert block.name is not None
        (session.directory / block.name).write_text(block.text)
    elif block.kind in {"nixos", "home-manager"}:
        _check_configuration(block, block.kind, session)
    elif block.language == "nix":
        braces = ("{", "}") if block.kind == "bindings" else ("(", ")")
        assert block.kind in {"bindings", "expression"}
        value = session.evaluate(f"{braces[0]} {block.text} {braces[1]}")
        assert value
    elif block.language == "toml":
        assert manifest.parse(block.text).entries
    elif block.language == "python":
        _check_python(block, session)
    elif block.language == "dockerfile":
        session.container = dict(
            line.removeprefix("ENV ").split("=", 1)
            for line in block.text.splitlines()
            if line.startswith("ENV ")
        )
        assert session.container
    elif block.language == "bash":
        _check_bash(block, session)
    else:
        assert block.language == "text", "no way to check this language"


def _check_bash(block: Block, session: Session) -> None:
    lines = []
    for line in block.text.splitlines():
        if line.startswith(("bench/", "script/")):
            # These run this very test, or are run by one of their own.
            assert os.access(CHECKOUT / line.split()[0], os.X_OK)
        else:
            lines.append(line)
    session.run("bash", "-euo", "pipefail", "-c", "\n".join(lines))


def _check_configuration(block: Block, kind: str, session: Session) -> None:
    """With the real module systems, of which this machine may have none."""
    file = session.directory / (block.name or "snippet.nix")
    file.write_text(block.text)
    function = "flake" if file.name == "flake.nix" else kind
    try:
        arguments = f"lib = import {registry.flake('nixpkgs')}/lib;"
        if "home-manager" in block.text or kind == "home-manager":
            arguments += f" home-manager = {registry.flake('home-manager')};"
    except pytest.skip.Exception as missing:
        session.unchecked.append(str(missing))
        return
    configurations = f"import {CHECKOUT}/tests/docs/configurations.nix {{ {arguments} }}"
    with available("host") as nix:
        found = nix.eval(f"({configurations}).{function} {file}")
    assert found["enabled"] is True
    assert (found["problems"], found["warnings"]) == ([], [])


def _check_python(block: Block, session: Session) -> None:
    """Without the Hub: what the snippet loads must come from the cache."""
    session.endpoint, endpoint = "http://127.0.0.1:9", session.endpoint
    session.run(sys.executable, "-W", "ignore", "-c", block.text)
    session.endpoint = endpoint


def _check_help(document: str, block: Block, session: Session) -> None:
    command = ["aimodels-gen", *([block.name] if block.name else []), "--help"]
    text = f"$ {' '.join(command)}\n{session.run(*command)}"
    if UPDATE and block.text != text:
        path = CHECKOUT / document
        old = path.read_text()
        path.write_text(
            old.replace(f"-->\n```text\n{block.text}```", f"-->\n```text\n{text}```", 1)
        )
        return
    assert block.text == text, "run `AIMODELS_UPDATE_DOCS=1 script/test tests/docs`"
