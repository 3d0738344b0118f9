"""docs/architecture.md names files that exist, and every part of the code."""

from __future__ import annotations

import re

import pytest

from support.environment import CHECKOUT

PAGE = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`([\w.-]+/[\w./-]*)`")
_PLACEHOLDER = re.compile(r"\b(?:KIND|NAME)\b")
_REPO_ID = "meta-llama/Llama-2-7b-hf"

PATHS = sorted({*_PATH.findall(_FENCED.sub("", PAGE))} - {_REPO_ID})
# Packages and directories, by a file that each of them has, and the files of the Nix library.
PARTS = sorted(
    {
        f"{path.parent.relative_to(CHECKOUT).as_posix()}/"
        for pattern in ("generator/aimodels_gen/*/*.py", "nix/*/*.nix", "nix/*/__main__.py")
        for path in CHECKOUT.glob(pattern)
    }
    | {f"nix/{path.name}" for path in CHECKOUT.glob("nix/*.nix") if path.name != "default.nix"}
)


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path: str) -> None:
    """`KIND` and `NAME` stand for any name."""
    assert any(CHECKOUT.glob(_PLACEHOLDER.sub("*", path))), path


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_code_is_on_the_page(part: str) -> None:
    assert any(path.startswith(part) for path in PATHS), f"add {part} to docs/architecture.md"
