"""A whole entry, compared with what huggingface_hub makes and reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub._tree_cache import read_tree_cache

from aimodels_fetcher import layout
from aimodels_fetcher.errors import FetchError
from support.fake_repo import blob_id, lfs_pointer, sha256
from support.hub import BigFile, Response
from support.specs import EVERYTHING, source, sri

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub, Request

WEIRD: dict[str, Content] = {
    "config.json": b"{}",
    "a b/ü 'quoted\" ${x} $y\\z.txt": b"weird",
    "line\nbreak": b"newline",
    ".hidden/.file": b"dot",
    "weights.drv": b"not a derivation",
    "%41/?query#fragment&amp;": b"url",
    "-dash": b"dash",
    "copy/of/config.json": b"{}",
    "empty": b"",
    "w/model.safetensors": BigFile(1 << 20, 1),
    "w/same.safetensors": BigFile(1 << 20, 1),
}


def contents(snapshot: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(snapshot)): path.read_bytes()
        for path in snapshot.rglob("*")
        if path.is_file()
    }


def links(entry: Path) -> set[str]:
    return {str(p.relative_to(entry)) for p in entry.rglob("*") if p.is_symlink()}


def test_the_entry_is_what_huggingface_hub_lays_out(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    run = fetch("tree", source(hub, repo, rev=None), **EVERYTHING)
    assert run.status == 0, run.log

    theirs = Path(snapshot_download(repo.id, endpoint=hub.url, cache_dir=tmp_path / "cache"))
    their_entry = theirs.parents[1]
    assert contents(run.snapshot) == contents(theirs)
    assert links(run.out) == links(their_entry)
    assert (run.out / "refs/main").read_bytes() == (their_entry / "refs/main").read_bytes()
    assert read_tree_cache(str(run.out), repo.sha) == read_tree_cache(str(their_entry), repo.sha)

    blobs = {p.name: p for p in (run.out / "blobs").iterdir()}
    assert set(blobs) == {sha256(content) for content in WEIRD.values()}
    assert {p.relative_to(run.out).parts[0] for p in run.out.rglob("*")} == {
        "blobs",
        "refs",
        "snapshots",
        "trees",
    }


def test_links_are_relative_and_lead_to_the_blobs(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    for path, content in WEIRD.items():
        up = "../" * (2 + path.count("/"))
        assert str((run.snapshot / path).readlink()) == f"{up}blobs/{sha256(content)}"


def test_the_listing_names_what_is_there(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    run = fetch(
        "tree",
        source(hub, repo),
        include=["*.json", "w/"],
        exclude=["*/same.*", "copy/*"],
        integration=True,
    )
    assert run.status == 0, run.log
    assert set(contents(run.snapshot)) == {"config.json", "w/model.safetensors"}
    weights = WEIRD["w/model.safetensors"]
    # Frozen byte for byte: the hashes of tree pins depend on it.
    small = f'{{"blob_id":"{blob_id(b"{}")}","size":2}}'
    pointer, digest = blob_id(lfs_pointer(weights)), sha256(weights)
    big = f'{{"blob_id":"{pointer}","lfs_sha256":"{digest}","lfs_size":1048576,"size":1048576}}'
    assert (run.out / f"trees/{repo.sha}.json").read_text() == (
        f'{{"files":{{"config.json":{small},"w/model.safetensors":{big}}},"format_version":1}}'
    )


def test_equal_content_is_fetched_once(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    fetch("tree", source(hub, repo), **EVERYTHING)
    assert sum(r.path.startswith("/cdn/") for r in hub.log) == 1


def test_plain_files(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    run = fetch("tree", source(hub, repo), **{**EVERYTHING, "integration": False})
    assert run.status == 0, run.log
    assert set(contents(run.out)) == set(WEIRD)
    assert not links(run.out)


@pytest.mark.parametrize("ref", ["v1.0", "feature/x y", "refs/pr/3"])
def test_a_ref_is_followed_and_named(hub: Hub, fetch: Fetch, tmp_path: Path, ref: str) -> None:
    repo = hub.add_repo("org/model", {"config.json": b"1"})
    old = repo.sha
    repo.ref(ref, old)
    repo.commit({"config.json": b"2"})
    run = fetch("tree", source(hub, repo, rev=None, ref=ref), **EVERYTHING)
    assert run.status == 0, run.log
    assert contents(run.snapshot) == {"config.json": b"1"}
    for name in ("main", ref):
        assert (run.out / "refs" / name).read_bytes() == old.encode()
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/models--org--model").symlink_to(run.out)
    hub.clear()
    for revision in (None, ref, old):
        found = snapshot_download(
            "org/model", revision=revision, cache_dir=tmp_path / "hub", local_files_only=True
        )
        assert Path(found).samefile(run.snapshot)
    assert not hub.log


def test_nothing_that_matches_is_an_error(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", {"config.json": b"1"})
    run = fetch("tree", source(hub, repo), include=["*.gguf"], exclude=[], integration=True)
    assert run.status == 1
    assert "none of 1 file matches" in run.log
    assert "*.gguf" in run.log


def test_small_files_are_checked_against_the_listing(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", {"config.json": b"good", "b": b"b"})

    def fault(request: Request) -> Response | None:
        return Response(200, {}, b"evil") if request.path.endswith("/config.json") else None

    hub.faults = fault
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    assert run.status == 1
    assert f"expected git blob {blob_id(b'good')}" in run.log


@pytest.mark.parametrize("layout", ["copy", "link"])
@pytest.mark.parametrize("integration", [True, False])
def test_assembling_gives_the_same_as_fetching(
    hub: Hub, fetch: Fetch, tmp_path: Path, layout: str, *, integration: bool
) -> None:
    repo = hub.add_repo("org/model", WEIRD, lfs=["*.safetensors"])
    fetched = fetch("tree", source(hub, repo), **{**EVERYTHING, "integration": integration})
    pins = {}
    for number, path in enumerate(WEIRD):
        store = tmp_path / f"store-{number}"
        store.write_bytes(contents(fetched.snapshot if integration else fetched.out)[path])
        pins[path] = {
            "store": str(store),
            "hash": sri(WEIRD[path]),
            "size": len(WEIRD[path]),
            "lfs": path.endswith(".safetensors"),
        }
    hub.clear()
    run = fetch("assemble", source(hub, repo), integration=integration, layout=layout, files=pins)
    assert run.status == 0, run.log
    assert not hub.log
    left, right = (r.snapshot if integration else r.out for r in (fetched, run))
    assert contents(left) == contents(right)
    for name in ("refs/main", f"trees/{repo.sha}.json") if integration else ():
        assert (fetched.out / name).read_bytes() == (run.out / name).read_bytes()
    blobs = run.out / "blobs" if integration else run.out
    linked = [p for p in blobs.rglob("*") if p.is_symlink()]
    assert bool(linked) == (layout == "link")


# Modules that nixpkgs' minimal Python is built without, and others that depend on more packages.
MISSING = (
    *("_bz2", "_ctypes", "_curses", "_dbm", "_gdbm", "_hashlib", "_lzma", "_sqlite3", "_ssl"),
    *("_tkinter", "pyexpat", "_uuid", "_zoneinfo", "_zstd", "readline"),
)


def test_assembling_needs_no_library(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    """Only what downloads gets a Python with requests (nix/fetcher.nix)."""
    repo = hub.add_repo("org/model", {"a": b"1"})
    for library in ("requests", "urllib3", *MISSING):
        (tmp_path / f"{library}.py").write_text(f"raise ImportError('{library}')")
    (tmp_path / "f").write_bytes(b"1")
    pin = {"store": str(tmp_path / "f"), "hash": sri(b"1"), "size": 1, "lfs": False}
    spec = {"integration": True, "layout": "copy", "files": {"a": pin}}
    run = fetch("assemble", source(hub, repo), env={"PYTHONPATH": str(tmp_path)}, **spec)
    assert run.status == 0, run.log


def test_assembling_checks_sizes_and_clashes(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {"a": b"1"})
    (tmp_path / "f").write_bytes(b"1")
    pin = {"store": str(tmp_path / "f"), "hash": sri(b"1"), "size": 1, "lfs": False}
    common = {"integration": True, "layout": "copy"}
    run = fetch("assemble", source(hub, repo), files={"a": {**pin, "size": 2}}, **common)
    assert run.status == 1
    assert "has 1 byte, but its pin says 2" in run.log
    run = fetch("assemble", source(hub, repo), files={"a": pin, "a/b": pin}, **common)
    assert run.status == 1
    assert "another path" in run.log
    run = fetch("assemble", source(hub, repo), files={"../a": pin}, **common)
    assert run.status == 1
    assert "would leave the output" in run.log


def test_an_entry_is_not_made_where_one_is(tmp_path: Path) -> None:
    layout.start(tmp_path / "out")
    with pytest.raises(FetchError, match="out exists already"):
        layout.start(tmp_path / "out")


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (("a/b", "a/b"), "'a/b' is listed twice"),
        (("a/b", "a"), "'a' is listed twice, or is a directory of another path"),
        (("a", "a/b"), "'a/b' needs a directory where another path has a file"),
    ],
)
def test_one_place_has_one_file(tmp_path: Path, paths: tuple[str, str], reason: str) -> None:
    layout.start(tmp_path / "out")
    layout.link(tmp_path / "out", paths[0], "0" * 64)
    with pytest.raises(FetchError, match=reason):
        layout.link(tmp_path / "out", paths[1], "1" * 64)
