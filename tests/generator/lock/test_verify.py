"""`verify`: the lock against its sources."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from generator.sources.buckets import INTEGRATION, write
from generator.sources.url.helpers import serving
from generator.stores import FILES, MANIFEST
from generator.verified import differences, report
from support.hub import Response
from support.remedies import cures
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.hub import Hub, Repo, Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy
    from support.s3 import Moto

OTHER = sri(b"something else")
ALTERED = (
    "a commit does not change: a mirror or proxy alters it, or the lock was edited; to pin what "
    "the source has now, delete … from models of the lock, and run `aimodels-gen lock`"
)
CHANGED = (
    "if it has changed since it was locked, pin what is there now: run `aimodels-gen update …`"
)


def edit(project: Project, change: Callable[[Any], object]) -> None:
    """Change the model of a lock as an editor would."""
    data = json.loads(project.lock_file.read_text(encoding="utf-8"))
    change(data["models"]["m"])
    project.lock_file.write_text(json.dumps(data), encoding="utf-8")


def forget(home: Path) -> None:
    """Remove the contents that the user's cache has."""
    shutil.rmtree(home / ".cache", ignore_errors=True)


def test_all_is_as_locked(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Two requests: the commit, and its files; no content."""
    hub_project.ok("lock")
    hub.clear()
    found = report(hub_project)
    assert len(hub.log) == 2
    (model,) = found["models"]
    (place,) = model["places"]
    assert (place["kind"], place["place"]) == ("source", f"org/name@{repo.sha[:7]}")
    assert place["compared"] == {"sha256": 3, "gitBlobId": 0, "etag": 0, "nothing": 0}
    done = hub_project.run("verify")
    assert (done.status, done.out) == (0, "")
    assert f"m  org/name@{repo.sha[:7]}: compared 3 files by sha256: no difference" in done.err
    assert hub_project.run("verify", "-q").err == ""


EDITS: dict[str, tuple[Callable[[Any], object], tuple[str, str | None]]] = {
    "size": (
        lambda m: m["files"]["model.safetensors"].update(size=1),
        ("changed", "model.safetensors"),
    ),
    "hash": (
        lambda m: m["files"]["model.safetensors"].update(hash=OTHER),
        ("changed", "model.safetensors"),
    ),
    "git id of the pointer": (
        lambda m: m["files"]["model.safetensors"].update(blobId="0" * 40),
        ("changed", "model.safetensors"),
    ),
    "not under LFS": (
        lambda m: m["files"]["model.safetensors"].update(lfs=False),
        ("changed", "model.safetensors"),
    ),
    "hash of a small file": (
        lambda m: m["bundle"]["files"]["config.json"].update(hash=OTHER),
        ("changed", "config.json"),
    ),
    "git id of a small file": (
        lambda m: m["bundle"]["files"]["config.json"].update(blobId="0" * 40),
        ("changed", "config.json"),
    ),
    "hash of the bundle": (lambda m: m["bundle"].update(hash=OTHER), ("changed", None)),
    "file that is not there": (
        lambda m: m["files"].update({"more.bin": m["files"]["model.safetensors"]}),
        ("missing", "more.bin"),
    ),
    "file that was left out": (lambda m: m["files"].clear(), ("extra", "model.safetensors")),
}


def test_what_was_edited_in_the_lock(hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.ok("lock")
    whole = hub_project.lock_file.read_bytes()
    for name, (change, expected) in EDITS.items():
        hub_project.lock_file.write_bytes(whole)
        edit(hub_project, change)
        assert differences(report(hub_project)) == [expected], name


def test_small_files_are_read_where_only_that_tells(
    hub: Hub, hub_project: Project, repo: Repo, home: Path
) -> None:
    assert repo
    hub_project.ok("lock")
    edit(hub_project, lambda m: m["bundle"]["files"]["config.json"].update(hash=OTHER))
    forget(home)
    found = report(hub_project)
    assert found["models"][0]["places"][0]["compared"]["gitBlobId"] == 2
    assert differences(found) == []
    hub.clear()
    assert differences(report(hub_project, "--download")) == [("changed", "config.json")]
    assert not any("/cdn/" in request.path for request in hub.log)


@cures(ALTERED)
def test_a_mirror_that_alters_files(hub_project: Project, repo: Repo, remedy: Remedy) -> None:
    hub_project.ok("lock")
    first = repo.commits[repo.sha]
    altered = dict(repo.commits[repo.commit({**FILES, "new.json": b"1", "config.json": b"[]"})])
    repo.commits[next(iter(repo.commits))] = {**altered, "README.md": first["README.md"]}
    done = hub_project.run("verify")
    assert done.status == 1
    assert "MODEL  PLACE" in done.out
    assert "m: extra: 'new.json'; changed: 'config.json'\n" in done.err
    assert remedy(done.err) == ("m",)
    edit_all = json.loads(hub_project.lock_file.read_text())
    del edit_all["models"]["m"]
    hub_project.lock_file.write_text(json.dumps(edit_all))
    hub_project.follow(done.err)
    assert report(hub_project)["ok"]


@cures("its history was rewritten; to pin what is there now, run `aimodels-gen update …`")
def test_a_commit_that_is_gone(hub_project: Project, repo: Repo, remedy: Remedy) -> None:
    hub_project.ok("lock")
    old = repo.sha
    repo.commit({**FILES, "new.json": b"1"})
    del repo.commits[old]
    assert differences(report(hub_project)) == [("gone", None)]
    done = hub_project.run("verify")
    assert f"org/name has no commit {old}" in done.err
    assert remedy(done.err) == ("m",)
    hub_project.follow(done.err)
    assert report(hub_project)["ok"]


def test_others_go_on_where_one_fails(hub: Hub, hub_project: Project, repo: Repo) -> None:
    hub.add_repo("org/other", {"a.json": b"1"})
    other = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
    hub_project.write(MANIFEST + other)
    hub_project.ok("lock")
    repo.private = True
    found = report(hub_project)
    assert differences(found) == [("gone", None)]
    assert found["models"][1]["places"][0]["compared"]["sha256"] == 1
    assert differences(report(hub_project, "other")) == []
    hub.faults = lambda request: Response(500) if "org/other" in request.path else None
    found = report(hub_project)
    assert differences(found) == [("gone", None), ("failed", None)]


def test_models_of_one_repository_are_listed_once(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    assert repo
    other = '[models.n]\nsource.huggingface = { repo = "org/name" }\n'
    hub_project.write(f'{MANIFEST}include = ["*.json"]\n{other}exclude = ["*.json"]\n')
    hub_project.ok("lock")
    hub.clear()
    assert report(hub_project)["ok"]
    assert len(hub.log) == 2


def test_the_users_cache_is_not_asked(hub_project: Project, repo: Repo) -> None:
    """It has the listing of the lock, and would say that nothing differs."""
    hub_project.ok("lock")
    old = repo.sha
    repo.commits[old] = repo.commits[repo.commit({**FILES, "new.json": b"1"})]
    assert differences(report(hub_project)) == [("extra", "new.json")]


@cures("bring … up to date, or remove it from the fallbacks")
def test_fallbacks_are_compared(
    hub: Hub, hub_project: Project, moto: Moto, bucket: str, remedy: Remedy
) -> None:
    hub.add_repo("org/name", {"a.bin": b"a" * 9, "b.json": b"{}"}, lfs=["*.bin"])
    files = {"a.bin": b"a" * 9, "b.json": b"{}", "more": b""}
    moto.put(bucket, files)
    hub_project.write(f'{MANIFEST}fallbacks = [{{ s3 = {{ bucket = "{bucket}" }} }}]\n')
    hub_project.ok("lock")
    assert report(hub_project)["ok"]
    moto.put(bucket, {"a.bin": b"b" * 9})
    moto.api.delete_object(Bucket=bucket, Key="b.json")
    found = report(hub_project)
    assert differences(found) == [("missing", "b.json"), ("changed", "a.bin")]
    first, fallback = found["models"][0]["places"]
    assert (first["differences"], fallback["kind"]) == ([], "fallback")
    assert remedy(hub_project.run("verify").err) == (f"s3://{bucket}/",)
    moto.put(bucket, files)
    assert report(hub_project)["ok"]


@pytest.mark.parametrize("checksum", [None, "SHA256"])
@cures(CHANGED)
def test_objects_that_were_replaced(
    moto: Moto, bucket: str, project: Project, checksum: str | None, remedy: Remedy
) -> None:
    moto.put(bucket, {"a.bin": b"old", "b.bin": b"same"}, checksum=checksum)
    write(project, bucket)
    project.ok("lock")
    proof = "etag" if checksum is None else "sha256"
    assert report(project)["models"][0]["places"][0]["compared"][proof] == 2
    moto.put(bucket, {"a.bin": b"new", "c.bin": b"more"}, checksum=checksum)
    assert differences(report(project)) == [("extra", "c.bin"), ("changed", "a.bin")]
    done = project.run("verify")
    assert remedy(done.err) == ("m",)
    project.follow(done.err)
    assert report(project)["ok"]


def test_versions_stay(moto: Moto, project: Project, recording_proxy: RecordingProxy) -> None:
    """What is pinned is a version: builds get it, whatever has been uploaded since."""
    assert recording_proxy.url
    moto.bucket("verify-versions", versions=True)
    moto.put("verify-versions", {"a.bin": b"old"})
    write(project, "verify-versions")
    project.ok("lock")
    moto.put("verify-versions", {"a.bin": b"new"})
    found = report(project)
    assert differences(found) == []
    assert found["models"][0]["places"][0]["compared"]["sha256"] == 1
    (version,) = project.lock["m"]["source"]["s3"]["versions"].values()
    moto.api.delete_object(Bucket="verify-versions", Key="a.bin", VersionId=version)
    assert differences(report(project)) == [("gone", "a.bin")]


def test_urls(project: Project) -> None:
    """A server that has ETags and no checksums."""
    there: dict[str, bytes | None] = {"/a.gguf": b"GGUF old", "/b.gguf": b"GGUF b"}

    def answer(request: Request) -> Response:
        content = there.get(request.path)
        if content is None:
            return Response(404)
        headers = {"ETag": f'"{sri(content)[7:20]}"', "Content-Type": "application/octet-stream"}
        return Response(200, headers, content)

    with serving(answer) as url:
        files = f'{{ "a.gguf" = "{url}/a.gguf", "b.gguf" = "{url}/b.gguf" }}'
        project.write(f"[models.m]\nsource.url.files = {files}\n{INTEGRATION}\n")
        project.ok("lock")
        found = report(project)
        assert differences(found) == []
        assert found["models"][0]["places"][0]["compared"]["etag"] == 2
        assert report(project, "--download")["models"][0]["places"][0]["compared"]["sha256"] == 2
        there.update({"/a.gguf": b"GGUF new", "/b.gguf": None})
        assert differences(report(project)) == [("changed", "a.gguf"), ("gone", "b.gguf")]


@cures("not compared: the content of … without a published checksum; `--download` reads …")
def test_what_nobody_publishes_is_counted(project: Project, remedy: Remedy) -> None:
    """Neither an ETag nor a checksum: only reading the file shows that it was replaced."""
    contents = [b"GGUF old"]
    with serving(lambda _: Response(200, {}, contents[0])) as url:
        project.write(
            f'[models.m]\nsource.url.files = {{ "a.gguf" = "{url}/a.gguf" }}\n{INTEGRATION}\n'
        )
        project.ok("lock")
        contents[0] = b"GGUF new"
        done = project.run("verify")
        assert done.status == 0
        assert "only the size of 1 file: no difference" in done.err
        assert remedy(done.err) == ("1 file", "it")
        done = project.run("verify", "--download")
        assert done.status == 1
        assert "not compared" not in done.err
        assert differences(report(project, "--download")) == [("changed", "a.gguf")]


def test_a_sha256_of_the_manifest_proves_nothing(project: Project) -> None:
    """It says what should be there, not what is."""
    contents = [b"GGUF old"]
    with serving(lambda _: Response(200, {}, contents[0])) as url:
        declared = f'{{ url = "{url}/a.gguf", sha256 = "{sri(contents[0])}" }}'
        files = f'{{ "a.gguf" = {declared} }}'
        project.write(f"[models.m]\nsource.url.files = {files}\n{INTEGRATION}\n")
        project.ok("lock")
        assert report(project)["models"][0]["places"][0]["compared"]["nothing"] == 1
        contents[0] = b"GGUF new"
        assert differences(report(project, "--download")) == [("changed", "a.gguf")]


def test_trees(hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.write(f'{MANIFEST}pin = "tree"\n')
    hub_project.ok("lock")
    found = report(hub_project)
    assert found["models"][0]["places"][0]["compared"]["nothing"] == 3
    assert differences(found) == []
    found = report(hub_project, "--download")
    assert found["models"][0]["places"][0]["compared"]["sha256"] == 3
    edit(hub_project, lambda m: m["tree"].update(hash=OTHER, count=4))
    assert differences(report(hub_project)) == [("changed", None)]
    assert differences(report(hub_project, "--download")) == [("changed", None)] * 2
