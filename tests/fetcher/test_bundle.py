"""Small files of a pin, fetched together into one directory, and taken from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.fake_repo import sha256
from support.loopback import Response
from support.remedies import cures
from support.specs import file_pin, source, sri

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.fetcher import Fetch
    from support.hub import Hub, Repo, Request
    from support.remedies import Remedy

FILES = {"config.json": b"{}", "same.json": b"{}", "a b/ü": b"weird", "empty": b""}
OTHER = 'its `bundle.hash` is that of other files: remove the model from models.lock and run `aimodels-gen lock`, or, if you wrote the pin, set `bundle.hash = ""`, and Nix reports the right one'  # noqa: E501


def pin(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The `files` of a bundle, of which one has no size."""
    rows = {path: {"hash": sri(content), "size": len(content)} for path, content in files.items()}
    del rows["config.json"]["size"]
    return rows


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", {**FILES, "unwanted": b"x"})


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


CONTENTS = {sha256(content): content for content in FILES.values()}


def test_it_has_each_content_once(hub: Hub, repo: Repo, fetch: Fetch) -> None:
    run = fetch("bundle", source(hub, repo), files=pin(FILES))
    assert run.status == 0, run.log
    assert contents(run.out) == CONTENTS
    assert not any("same.json" in request.path for request in hub.log)
    assert run.log.startswith("fetched org/model@")
    assert ", 3 files: " in run.log


def test_it_survives_what_a_file_survives(hub: Hub, repo: Repo, fetch: Fetch) -> None:
    seen: set[str] = set()

    def once(request: Request) -> Response | None:
        if request.path in seen:
            return None
        seen.add(request.path)
        return Response(503, {"Retry-After": "0"})

    hub.faults = once
    run = fetch("bundle", source(hub, repo), files=pin(FILES))
    assert run.status == 0, run.log
    assert contents(run.out) == CONTENTS


def test_a_fallback_has_what_the_first_source_lacks(hub: Hub, repo: Repo, fetch: Fetch) -> None:
    other = {path: [f"{hub.url}/org/model/raw/main/{path}"] for path in ("config.json", "empty")}
    sources = {**source(hub, repo), "url": {"files": other}}
    hub.faults = lambda r: (
        Response(404)
        if "/resolve/" in r.path and r.path.endswith("config.json")
        else Response(200, {}, b"{}")
        if "/raw/" in r.path
        else None
    )
    run = fetch("bundle", sources, files=pin(FILES))
    assert run.status == 0, run.log
    assert contents(run.out) == CONTENTS


def test_wrong_content_leaves_nothing(hub: Hub, repo: Repo, fetch: Fetch) -> None:
    files = {**pin(FILES), "a b/ü": {"hash": sri(b"x")}}
    run = fetch("bundle", source(hub, repo), files=files)
    assert run.status == 1
    assert "/resolve/" in run.log
    assert f"a b/ü: expected {sri(b'x')}, received {sri(b'weird')}" in run.log
    assert not run.out.exists()


def test_a_private_repository_needs_the_token(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/private", FILES, private=True)
    hub.allow("hf_s3cret", repo.id)
    refused = fetch("bundle", source(hub, repo), files=pin(FILES))
    assert refused.status == 1
    assert "HF_TOKEN" in refused.log
    run = fetch("bundle", source(hub, repo), files=pin(FILES), env={"HF_TOKEN": "hf_s3cret"})
    assert contents(run.out) == CONTENTS
    assert "hf_s3cret" not in run.log


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A bundle in the store."""
    stored = tmp_path / "store/bundle"
    stored.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (stored / name).write_bytes(content)
    return stored


@pytest.mark.parametrize("layout", ["copy", "link"])
@pytest.mark.parametrize("integration", [True, False])
def test_entries_are_the_same(  # noqa: PLR0913 (what there is, and how it is laid out)
    hub: Hub, repo: Repo, fetch: Fetch, stored: Path, layout: str, *, integration: bool
) -> None:
    single = {
        path: {
            "store": str(stored / sha256(content)),
            "hash": sri(content),
            "size": None,
            "lfs": False,
        }
        for path, content in FILES.items()
    }
    common = {"integration": integration, "layout": layout}
    bundle = {"store": str(stored), "files": pin(FILES)}
    runs = [
        fetch("assemble", source(hub, repo), files=single, **common),
        fetch("assemble", source(hub, repo), files={}, bundle=bundle, **common),
    ]
    found = []
    for run in runs:
        assert run.status == 0, run.log
        found.append(
            {
                path.relative_to(run.out): path.readlink()
                if path.is_symlink()
                else path.read_bytes()
                for path in run.out.rglob("*")
                if path.is_symlink() or path.is_file()
            }
        )
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("change", "integration"), [("missing", True), ("replaced", True), ("replaced", False)]
)
@cures(OTHER)
def test_a_bundle_of_other_files(  # noqa: PLR0913 (what there is, and what is wrong with it)
    hub: Hub,
    repo: Repo,
    fetch: Fetch,
    stored: Path,
    remedy: Remedy,
    *,
    change: str,
    integration: bool,
) -> None:
    """Nix takes a path that has this hash, whatever the pin says of its files."""
    file = stored / sha256(b"weird")
    if change == "missing":
        file.unlink()
    else:
        file.write_bytes(b"wrong")
    spec = {"integration": integration, "layout": "copy", "files": {}}
    bundle = {"store": str(stored), "files": pin(FILES)}
    run = fetch("assemble", source(hub, repo), bundle=bundle, **spec)
    assert run.status == 1
    assert "'a b/ü' is" in run.log
    assert not run.out.exists()
    remedy(run.log)
    # With the hash that Nix reports, it is the directory that the fetcher makes of these files.
    made = fetch("bundle", source(hub, repo), files=pin(FILES))
    bundle["store"] = str(made.out)
    run = fetch("assemble", source(hub, repo), bundle=bundle, **spec)
    assert run.status == 0, run.log


def test_a_size_that_is_wrong(hub: Hub, repo: Repo, fetch: Fetch, stored: Path) -> None:
    files = {**pin(FILES), "same.json": {**file_pin("", b"{}"), "size": 3}}
    del files["same.json"]["path"]
    bundle = {"store": str(stored), "files": files}
    run = fetch(
        "assemble", source(hub, repo), bundle=bundle, files={}, integration=True, layout="copy"
    )
    assert run.status == 1
    assert "'same.json' has 2 bytes, but its pin says 3" in run.log
