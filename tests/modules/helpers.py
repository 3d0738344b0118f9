"""Configurations for the tests of our modules, and the resulting content of a hub directory."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from support.modules import entry
from support.nix import NixError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.nix import NixEnv

DIRECTORY = 'integration.huggingface.mode = "directory";'


class Configurations:
    """Builds of modules, each built once.

    Args:
        options: The path of our options.
        build: Builds a module, which is a Nix expression.
    """

    def __init__(self, options: str, build: Callable[[str], Path]) -> None:
        self._options = options
        self.of = functools.lru_cache(maxsize=None)(build)

    def __call__(self, settings: str = "", **models: str) -> Path:
        """Build our module with these settings, and models: name -> content."""
        settings += "".join(
            f"models.{name}.package = {entry(name, content)};" for name, content in models.items()
        )
        return self.of(f"{{ {self._options} = {{ enable = true; {settings} }}; }}")


def found(hub: Path) -> dict[str, str]:
    """Return what programs find: the content of each model."""
    return {
        entry.name.removeprefix("models--org--"): content(entry) for entry in hub.glob("models--*")
    }


def content(entry: Path) -> str:
    return (entry / "snapshots" / (entry / "refs/main").read_text() / "config.json").read_text()


def download(entry: Path) -> None:
    """Lay a model out as huggingface_hub does."""
    for path, text in {"refs/main": "0" * 40, f"snapshots/{'0' * 40}/config.json": "mine"}.items():
        (entry / path).parent.mkdir(parents=True)
        (entry / path).write_text(text)


def problems(nix: NixEnv, config: str) -> list[str]:
    """Return the messages of the assertions that fail."""
    try:
        found: list[str] = nix.eval(
            f"let c = {config}; in map (a: a.message)"
            " (builtins.filter (a: !a.assertion) c.assertions)"
        )
    except NixError as error:
        # Home Manager itself checks them first.
        text = str(error).partition("Failed assertions:\n")[2]
        found = [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()]
        if not found:
            raise
    return found
