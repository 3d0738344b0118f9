"""What docs/air-gap.md puts on a disk is enough for a machine without network and models."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from docs.session import blocks
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from docs.session import Session

PAGE = "docs/air-gap.md"


def section(heading: str) -> list[str]:
    """Return the commands below a heading of the page."""
    text = (CHECKOUT / PAGE).read_text()
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 1)
    return [b.text for b in blocks(PAGE) if b.language == "bash" and start < b.span[0] < end]


def test_the_disk_is_enough(session: Session) -> None:
    for commands in section("On the connected machine"):
        session.run("bash", "-euo", "pipefail", "-c", commands)
    project = session.directory
    entry = session.nix.path((project / "result").readlink())
    paths = session.run("nix-store", "--query", "--requisites", str(project / "result")).split()
    assert len(paths) > 1, "the entry and its files"
    # The other machine: the store has nothing, the disk is all there is of the project.
    (project / "result").unlink()
    session.run("nix-store", "--delete", *paths)
    assert not entry.exists()
    for path in project.iterdir():
        if path.is_file() or path.is_symlink():
            path.unlink()
        elif path.name != "disk":
            shutil.rmtree(path)
    session.endpoint = "http://127.0.0.1:9"
    for heading in ("On the other machine", "Verify"):
        for commands in section(heading):
            session.run("bash", "-euo", "pipefail", "-c", commands)
    assert (entry / "refs/main").is_file()
