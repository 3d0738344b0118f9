"""What models have in common is asked once, and what never changes is not asked again."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cache import cache_directory
from aimodels_gen.sources.huggingface import listings
from support.loopback import Response

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.hub import Hub, Repo, Request
    from support.project import Project

FILES = {"README.md": b"# A model\n", "config.json": b"{}", "model.safetensors": b"weights"}
LFS = ["*.safetensors"]


def model(name: str, *lines: str, repo: str = "org/name") -> str:
    rest = "".join(f"{line}\n" for line in lines)
    return f'[models.{name}]\nsource.huggingface.repo = "{repo}"\n{rest}'


def asked(hub: Hub, *, content: bool = False) -> list[str]:
    """What has been asked since the last time: `revision`, `tree`; and files, if they count."""
    paths = [request.path for request in hub.log if request.status != 307]
    hub.clear()
    return sorted(
        path.split("/")[5] if path.startswith("/api/models/") else path.split("?")[0].split("/")[-1]
        for path in paths
        if content or path.startswith("/api/models/")
    )


def kept() -> list[Path]:
    directory = cache_directory() / "listings-1"
    return sorted(directory.iterdir()) if directory.is_dir() else []


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    assert hub_project
    return hub.add_repo("org/name", FILES, lfs=LFS)


def test_models_of_one_repository(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Also with other filters: one revision, one listing, each small file once."""
    one = 'include = ["*.json", "*.safetensors"]'
    hub_project.write(model("a") + model("b") + model("c", one))
    hub_project.ok("lock", "-o", "m.nix")
    assert asked(hub, content=True) == ["README.md", "config.json", "revision", "tree"]
    assert hub_project.files("a") == hub_project.files("b")
    assert sorted(hub_project.files("c")) == ["config.json", "model.safetensors"]

    hub_project.ok("update", "-o", "m.nix")
    assert asked(hub, content=True) == ["revision"]
    repo.commit({**FILES, "README.md": b"# Changed\n"})
    hub_project.ok("update", "-o", "m.nix")
    assert asked(hub, content=True) == ["README.md", "revision", "tree"]


def test_models_that_fail_together(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Of what failed, too, is asked once."""
    assert repo
    hub_project.write("".join(model(name, repo="org/gone") for name in "abcdef"))
    assert "a, b, c, d, e, f: " in hub_project.fails("lock")
    # The others are of the search for a repository of another type.
    assert asked(hub) == ["revision"]


def test_a_listing_that_fails(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """It is not kept, and neither is a half of it."""
    assert repo

    def broken(request: Request) -> Response | None:
        return Response(404, {}, b"") if "/tree/" in request.path else None

    hub_project.write("".join(map(model, "abcdef")))
    hub.faults = broken
    hub_project.fails("lock")
    assert asked(hub) == ["revision", "tree"]
    assert kept() == []
    hub.faults = lambda _: None
    hub_project.ok("lock")


def test_a_listing_is_asked_for_once_in_a_lifetime(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    """Only a new lock, other filters or `--upgrade` of them would ask again."""
    assert repo
    hub_project.write(model("a"))
    hub_project.ok("lock")
    assert asked(hub, content=True) == ["README.md", "config.json", "revision", "tree"]
    first = hub_project.lock
    hub_project.lock_file.unlink()
    hub_project.ok("lock")
    assert hub_project.lock == first
    assert asked(hub, content=True) == ["revision"]
    hub_project.write(model("a", 'exclude = ["README.md"]'))
    hub_project.ok("lock")
    assert asked(hub, content=True) == ["revision"]
    hub_project.ok("lock")
    assert asked(hub, content=True) == []


def damages(content: bytes) -> Sequence[bytes]:
    lines = content.splitlines(keepends=True)
    other = content.replace(b"README.md", b"README.mD")
    return (
        b"",
        content[:-1],
        content[: len(content) // 2],
        other,
        b"".join(lines[:1] + lines[2:]),
        content + b"\n",
        lines[-1],
        b"\0" * len(content),
    )


def test_a_damaged_listing_is_none(hub: Hub, hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.write(model("a"))
    hub_project.ok("lock")
    (file,) = kept()
    whole, lock = file.read_bytes(), hub_project.lock
    for damaged in damages(whole):
        file.write_bytes(damaged)
        hub_project.lock_file.unlink()
        asked(hub)
        hub_project.ok("lock")
        assert asked(hub) == ["revision", "tree"], damaged
        assert hub_project.lock == lock
        assert file.read_bytes() == whole


def test_a_listing_of_another_repository_is_none(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    """Whoever swaps files of the cache changes nothing."""
    assert repo
    hub.add_repo("org/other", {"other": b""})
    hub_project.write(model("a") + model("b", repo="org/other"))
    hub_project.ok("lock")
    lock = hub_project.lock
    first, second = kept()
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    hub_project.lock_file.unlink()
    hub_project.ok("lock")
    assert hub_project.lock == lock
    assert {first.read_bytes(), second.read_bytes()} == {one, two}


def test_a_listing_needs_the_token_that_it_was_made_with(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run has to show that it may read the repository; only the user may read the cache."""
    hub.add_repo("org/name", FILES, lfs=LFS, private=True)
    hub.allow("hf_secret", "org/name")
    hub_project.write(model("a"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    before = os.umask(0)
    try:
        hub_project.ok("lock")
    finally:
        os.umask(before)
    (file,) = kept()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert b"hf_secret" not in file.read_bytes()
    monkeypatch.delenv("HF_TOKEN")
    rev = hub_project.lock["a"]["source"]["huggingface"]["rev"]
    for line in ([], [f'source.huggingface.rev = "{rev}"']):
        hub_project.write(model("a", *line))
        hub_project.lock_file.unlink(missing_ok=True)
        hub_project.fails("lock")
        assert not hub_project.lock_file.exists()


def test_the_cache_is_capped(
    hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not used for longest goes first."""
    monkeypatch.setattr(listings, "_MOST", 2 * 4096)
    for number, name in enumerate("abc"):
        hub.add_repo(f"org/{name}", {name: b""})
        hub_project.write(model(name, repo=f"org/{name}"))
        hub_project.ok("lock")
        for file in kept():
            if file.stat().st_mtime > len("abc"):
                os.utime(file, (number, number))
    assert len(kept()) == 2
    assert sorted(json.loads(file.read_bytes().splitlines()[0])["repo"] for file in kept()) == [
        "org/b",
        "org/c",
    ]


def test_listings_that_are_too_large_are_not_kept(
    hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo
    monkeypatch.setattr(listings, "_MOST_EACH", 200)
    hub_project.write(model("a"))
    hub_project.ok("lock")
    assert kept() == []


def test_a_cache_that_cannot_be_written(
    hub: Hub, hub_project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo
    monkeypatch.setenv("HF_HOME", str(hub_project.dir))
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    hub_project.write(model("a"))
    hub_project.ok("lock")
    hub_project.lock_file.unlink()
    asked(hub)
    hub_project.ok("lock")
    assert asked(hub) == ["revision", "tree"]


def test_windows_line_ends(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """They are read in all files; what is written has those of Unix."""
    assert repo
    hub_project.write(f'[output]\nfile = "models.nix"\n{model("a")}')
    hub_project.ok("lock")
    files = [hub_project.dir / name for name in ("models.lock", "models.nix", "models.toml")]
    before = [file.read_bytes() for file in files]
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content.replace(b"\n", b"\r\n"))
    hub.clear()
    hub_project.ok("lock")
    assert [file.read_bytes() for file in files[:2]] == before[:2]
    assert b"\r\n" in files[2].read_bytes()
    assert hub.log == []


def test_a_commit_that_is_gone(hub_project: Project, repo: Repo) -> None:
    """After a force push the pin stays until an update."""
    hub_project.write(model("a"))
    hub_project.ok("lock")
    lock = hub_project.lock
    old = repo.sha
    repo.commit({**FILES, "README.md": b"# Pushed\n"})
    del repo.commits[old]
    hub_project.ok("lock")
    assert hub_project.lock == lock
    hub_project.ok("update")
    assert hub_project.lock["a"]["source"]["huggingface"]["rev"] == repo.sha
