"""What people copy keeps programs of root from writing through an entry into the store."""

from __future__ import annotations

import re

import pytest

from docs.session import DOCUMENTS, blocks
from support.environment import CHECKOUT

# A link to an entry, a cache of entries, or a container with them.
_USE = re.compile(
    r"ln -s\w* (?:[^\n]|(?<=\\)\n)*--|HF_(?:HUB_CACHE|HOME) ?=|"
    r"docker run|podman run|oci-containers\.|bindMounts|mkCache pkgs"
)
_HEADING = re.compile(r"^## .*$", re.MULTILINE)
# Each shows all arguments; its text has links to the pages with the examples.
_REFERENCE = {"docs/nix.md", "docs/options.md", "docs/architecture.md", "CONTRIBUTING.md"}
_FILES = sorted({*DOCUMENTS, "templates/project/flake.nix"} - _REFERENCE)


@pytest.mark.parametrize("file", _FILES)
def test_each_section_that_uses_an_entry_says_offline(file: str) -> None:
    for section in _HEADING.split((CHECKOUT / file).read_text()):
        if use := _USE.search(section):
            assert "HF_HUB_OFFLINE" in section or "offline = true" in section, use[0]


@pytest.mark.parametrize("file", DOCUMENTS)
def test_mounts_are_read_only(file: str) -> None:
    for block in blocks(file):
        for volume in re.findall(r"(?:-v|--volume) (\S+:/\S+)", block.text):
            assert volume.endswith(":ro"), volume
        assert block.text.count("hostPath =") == block.text.count("isReadOnly = true")


def test_there_are_examples() -> None:
    """Otherwise the tests above would prove nothing."""
    using = {file for file in _FILES if _USE.search((CHECKOUT / file).read_text())}
    guides = {"huggingface", "containers", "shells", "air-gap", "libraries", "nixos"}
    assert {"README.md", *(f"docs/{guide}.md" for guide in guides)} <= using
