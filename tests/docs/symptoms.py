"""docs/troubleshooting.md, and a machine on which its symptoms are brought about."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docs.session import blocks
from support import tinyllama
from support.environment import CHECKOUT
from support.options import anchor
from support.unprivileged import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from docs.session import Session
    from support.hub import Hub, Repo
    from support.linker import Linker, Run

PAGE = "docs/troubleshooting.md"
LOCK = "aimodels-gen lock models.toml -o models.nix"
BUILD = "nix build .#llama-2-7b"
CACHE_NAME = "models--meta-llama--Llama-2-7b-hf"
LOAD = (
    "from transformers import AutoModelForCausalLM;"
    f" AutoModelForCausalLM.from_pretrained({tinyllama.REPO!r})"
)


@dataclass
class Symptom:
    """A section of the page.

    Args:
        quotes: What people see, line by line; `…` stands for anything.
        remedy: What they are told to type.
        found: Which quotes somebody has seen.
        tried: Whether somebody has typed that.
    """

    quotes: list[str] = field(default_factory=list)
    remedy: str = ""
    found: set[str] = field(default_factory=set)
    tried: bool = False

    def seen(self, output: str, shown: Mapping[object, str] | None = None) -> None:
        """Look for quotes in what was printed, with what the page calls things on this machine."""
        for real, name in (shown or {}).items():
            output = output.replace(str(real), name)
        found = {quote for quote in self.quotes if re.search(_pattern(quote), output)}
        assert found, f"none of {self.quotes} is in:\n{output}"
        self.found |= found

    def typed(self) -> str:
        self.tried = True
        return self.remedy

    def check(self) -> None:
        """Fail if the page says what nobody has seen or tried."""
        assert self.quotes
        assert [quote for quote in self.quotes if quote not in self.found] == []
        assert self.tried == bool(self.remedy)


def _pattern(quote: str) -> str:
    return ".*".join(map(re.escape, quote.split("…")))


def symptoms() -> dict[str, Symptom]:
    """Return the sections by the names of their tests."""
    text = (CHECKOUT / PAGE).read_text()
    headings = [(each.start(), each[1]) for each in re.finditer(r"^### (.+)$", text, re.MULTILINE)]
    found = {_name(heading): Symptom() for _, heading in headings}
    assert len(found) == len(headings)
    for block in blocks(PAGE):
        symptom = found[_name([heading for at, heading in headings if at < block.span[0]][-1])]
        if block.language == "text":
            symptom.quotes += [line.strip() for line in block.text.splitlines()]
        elif block.kind == "remedy":
            symptom.remedy += block.text
    return found


def _name(heading: str) -> str:
    return "test_" + anchor(heading).replace("-", "_")


@dataclass
class Machine:
    """A system with a cache in which the linker works, and programs of another user than root."""

    hub: Hub
    linker: Linker
    repo: Repo

    @property
    def cache(self) -> Path:
        return self.linker.hub.parent

    @property
    def shown(self) -> dict[object, str]:
        """What the page calls things."""
        return {
            self.cache: "/var/cache/huggingface",
            self.hub.url: "https://huggingface.co",
            f"{self.linker.root}/data": "/data",
            "'Llama-2-7b-hf'": "'llama-2-7b'",
        }

    def link(self, *files: str, linker: Linker | None = None) -> Run:
        """Link the newest commit, or some of its files."""
        entry = self.linker.entry(self.repo, files or None)
        return (linker or self.linker).link({CACHE_NAME: entry})

    def moves(self) -> None:
        """Let `main` move on the Hub: the weights are as before, a file is new."""
        self.repo.commit({**self.repo.files, "README.md": b"new"}, "second")

    def program(self, *command: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program with the variables that services have, and others."""
        home = {"HF_HOME": str(self.cache), "HF_ENDPOINT": self.hub.url}
        return run(*map(str, command), env={**home, **variables})

    def python(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.program(sys.executable, "-W", "ignore", "-c", code, **variables)

    def python_after(self, remedy: str, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python in a shell in which something has been typed before."""
        line = f'{remedy}\n"$0" -W ignore -c "$1"'
        return self.program("bash", "-euc", line, sys.executable, code)


def type_all(session: Session, *lines: str) -> None:
    for line in lines:
        session.run("bash", "-euc", line)


SYMPTOMS = symptoms()
