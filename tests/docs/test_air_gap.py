"""What docs/air-gap.md puts on a disk is enough for a machine without network and models."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from docs.session import blocks
from support import unprivileged
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


def run(session: Session, *headings: str) -> None:
    """Run the commands below headings."""
    for heading in headings:
        for commands in section(heading):
            session.run("bash", "-euo", "pipefail", "-c", commands)


def forget(session: Session) -> None:
    """Become the other machine: the store has nothing, the disk is all there is of the project."""
    project = session.directory
    for link in (*project.glob("result*"), *session.home.glob("models/*")):
        link.unlink()
    for path in project.iterdir():
        if path.is_file() or path.is_symlink():
            path.unlink()
        elif path.name != "disk":
            shutil.rmtree(path)
    shutil.rmtree(session.home / ".local", ignore_errors=True)
    shutil.rmtree(session.home / ".cache", ignore_errors=True)
    session.run("nix-store", "--gc")
    assert not list(session.nix.path(session.nix.store).glob("*-model.safetensors"))
    session.endpoint = "http://127.0.0.1:9"


def test_the_disk_is_enough(session: Session) -> None:
    run(session, "Write the disk")
    build, use = section("Entries that Nix builds")
    session.run("bash", "-euo", "pipefail", "-c", build)
    entry = session.nix.path((session.directory / "result").readlink())
    forget(session)
    run(session, "On the other machine", "Link the models")
    model = "meta-llama/Llama-2-7b-hf"
    # It is read by another user, who may write nowhere.
    program = f"from huggingface_hub import snapshot_download; snapshot_download({model!r})"
    cache = str(session.home / ".cache" / "huggingface" / "hub")
    variables = {**session.environment(), "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": cache}
    done = unprivileged.run(sys.executable, "-c", program, env=variables)
    assert done.returncode == 0, done.stderr
    assert not entry.exists()
    session.run("bash", "-euo", "pipefail", "-c", use)
    assert (entry / "refs/main").is_file()


def test_a_cache_is_enough(session: Session) -> None:
    session.run("mkdir", "disk")
    session.run("aimodels-gen", "lock")
    commands = section("Systems and programs")
    number = next(n for n, text in enumerate(commands) if "nix copy --all" in text)
    for text in commands[:number]:
        session.run("bash", "-euo", "pipefail", "-c", text)
    entry = (session.directory / "result").readlink()
    forget(session)
    for text in commands[number : number + 4]:
        session.run("bash", "-euo", "pipefail", "-c", text)
    assert (session.nix.path(entry) / "refs/main").is_file()
