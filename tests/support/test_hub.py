"""The real huggingface_hub takes our Hub for the real one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from support.fake_repo import Content, File, tree_ids
from support.hub import BigFile, Hub, Request, Response

ODD = "odd/a 'b' \"c\" ${d} é\n#?%.txt"
FILES: dict[str, Content] = {
    "config.json": b"{}",
    "sub/deep/big.safetensors": BigFile(3 << 20, 7),
    ODD: b"odd\n",
}


def api(hub: Hub, token: str | None = None) -> HfApi:
    return HfApi(endpoint=hub.url, token=token or False)


def test_snapshot_download(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    root = Path(snapshot_download("org/name", endpoint=hub.url, cache_dir=tmp_path, token=False))
    assert root.name == repo.sha
    assert (root / ODD).read_bytes() == b"odd\n"
    digest = hashlib.sha256((root / "sub/deep/big.safetensors").read_bytes()).hexdigest()
    assert (root / "sub/deep/big.safetensors").resolve().name == digest


def test_refs_and_repo_types(hub: Hub, tmp_path: Path) -> None:
    repo = hub.add_repo("data", {"f": b"one"}, repo_type="dataset")
    first = repo.sha
    second = repo.commit({"f": b"two"}, "second")
    repo.ref("refs/pr/1", first)
    repo.tag("v1.0", first)
    for revision, expected in (("main", second), ("refs/pr/1", first), ("v1.0", first)):
        info = api(hub).repo_info("data", repo_type="dataset", revision=revision)
        assert info.sha == expected
    path = hf_hub_download(
        "data", "f", repo_type="dataset", revision=first, endpoint=hub.url, cache_dir=tmp_path
    )
    assert Path(path).read_bytes() == b"one"


def test_listing_has_pages_directories_and_lfs_rows() -> None:
    with Hub(page_size=2) as hub:
        repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"], xet=True)
        rows = {row.path: row for row in api(hub).list_repo_tree("org/name", recursive=True)}
        assert set(rows) == {*FILES, "sub", "sub/deep", "odd"}
        assert len(hub.log) == 3
        big = rows["sub/deep/big.safetensors"]
        assert isinstance(big, RepoFile)
        assert big.lfs is not None
        assert big.lfs.sha256 == repo.commits[repo.sha][big.path].etag
        assert big.xet_hash is not None
        info = api(hub).model_info("org/name", files_metadata=True)
        assert {file.rfilename: file.size for file in info.siblings or ()}[big.path] == 3 << 20


def test_ids_are_those_of_git() -> None:
    # `git mktree` and `git hash-object` of the same files say so.
    files = {"a/x": File(b"x\n", lfs=False), "a.b": File(b"y\n", lfs=False)}
    assert files["a/x"].oid == "587be6b4c3f93f93c489c0111bba5596147a26cb"
    assert tree_ids(files)[""] == "43f7f6f6418cacf7c2194cf002bc87a8299e22f9"


def test_errors(hub: Hub) -> None:
    hub.add_repo("org/open", {"f": b"x"}, card={"license": "mit"})
    hub.add_repo("org/private", {"f": b"x"}, private=True)
    hub.add_repo("org/gated", {"f": b"x"}, gated="manual")
    hub.allow("hf_good", "org/private", "org/gated")
    hub.allow("hf_other")
    card = api(hub).model_info("org/open").card_data
    assert card is not None
    assert card.license == "mit"
    assert api(hub, "hf_good").repo_info("org/private").private
    assert api(hub).repo_info("org/gated").gated == "manual"
    for repo, token in (("org/none", None), ("org/private", "hf_other"), ("org/private", None)):
        with pytest.raises(RepositoryNotFoundError):
            api(hub, token).repo_info(repo)
    with pytest.raises(RevisionNotFoundError):
        api(hub).repo_info("org/open", revision="none")
    with pytest.raises(HfHubHTTPError, match="401"):
        api(hub, "hf_bad").repo_info("org/open")
    for token in (None, "hf_other"):
        with pytest.raises(GatedRepoError):
            api(hub, token).hf_hub_download("org/gated", "f")
    with pytest.raises(EntryNotFoundError):
        api(hub).hf_hub_download("org/open", "none")


def test_ranges(hub: Hub) -> None:
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    url = f"{hub.url}/org/name/resolve/{repo.sha}/sub/deep/big.safetensors"
    whole = requests.get(url, timeout=9).content
    part = requests.get(url, headers={"Range": "bytes=1048570-1048585"}, timeout=9)
    assert part.status_code == 206
    assert part.headers["Content-Range"] == "bytes 1048570-1048585/3145728"
    assert part.content == whole[1048570:1048586]
    assert requests.get(url, headers={"Range": "bytes=-3"}, timeout=9).content == whole[-3:]
    assert requests.get(url, headers={"Range": "bytes=3145728-"}, timeout=9).status_code == 416


def test_redirects_and_log(hub: Hub) -> None:
    hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    head = requests.head(f"{hub.url}/org/name/resolve/main/config.json", timeout=9)
    assert (head.status_code, head.headers["Location"][0]) == (307, "/")
    head = requests.head(f"{hub.url}/org/name/resolve/main/sub/deep/big.safetensors", timeout=9)
    assert head.status_code == 302
    assert head.headers["Location"].startswith(hub.cdn_url)
    assert head.headers["X-Linked-Size"] == "3145728"
    assert (hub.sent_bytes, [request.method for request in hub.log]) == (0, ["HEAD", "HEAD"])


def test_faults(hub: Hub) -> None:
    hub.add_repo("org/name", {"f": b"x"})

    def short(request: Request) -> Response | None:
        if request.path.startswith("/api/resolve-cache/"):
            return Response(200, {"Content-Length": "9"}, b"cut")
        return None

    hub.faults = short
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{hub.url}/org/name/resolve/main/f", timeout=9)
