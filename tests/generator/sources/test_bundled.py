"""Small files of sources without git: which are bundled, and what an update reads."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.cache import cache_directory
from aimodels_gen.lock.model import MOST_BUNDLED
from aimodels_gen.nix import store
from generator.sources.buckets import INTEGRATION, content_requests, hashes, write
from generator.sources.url.helpers import SHA256, reads
from support.specs import sri

if TYPE_CHECKING:
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto

SMALL = {f"{number}.json": b"an object: %d" % number for number in range(5)}
LARGE = {"large.bin": bytes(MOST_BUNDLED + 1)}


def bundled(project: Project) -> set[str]:
    return set(project.lock["m"].get("bundle", {}).get("files", {}))


def read(recording_proxy: RecordingProxy) -> list[str]:
    """Return the names of the objects that were read since the last time."""
    names = sorted(
        r.path.partition("?")[0].rpartition("/")[2] for r in content_requests(recording_proxy)
    )
    recording_proxy.clear()
    return names


@pytest.fixture
def locked(
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A bucket with objects with and without a sha256, on a machine without Nix."""
    monkeypatch.setattr(store, "have_nix", lambda: False)
    moto.put(bucket, {**SMALL, **LARGE}, checksum=None)
    moto.put(bucket, {"published.json": b"{}"})
    write(project, bucket)
    project.ok("lock")
    assert recording_proxy.log
    recording_proxy.clear()
    return bucket


def test_what_a_bucket_publishes_no_sha256_of(locked: str, project: Project) -> None:
    assert locked
    assert bundled(project) == set(SMALL)
    assert set(project.lock["m"]["files"]) == {"large.bin", "published.json"}
    files = {**SMALL, **LARGE, "published.json": b"{}"}
    assert hashes(project) == {path: sri(content) for path, content in files.items()}


@pytest.mark.parametrize("cached", [True, False])
def test_an_update_of_a_bucket(
    moto: Moto, recording_proxy: RecordingProxy, locked: str, project: Project, *, cached: bool
) -> None:
    """What has not changed is in the cache, or has to be read again for the new bundle."""
    if not cached:
        shutil.rmtree(cache_directory())
    assert "= 1 unchanged" in project.run("update").err
    assert len(recording_proxy.log) == 1
    recording_proxy.clear()
    moto.put(locked, {"3.json": b"changed"}, checksum=None)
    project.ok("update")
    assert read(recording_proxy) == (["3.json"] if cached else sorted(SMALL))
    made = project.lock_file.read_bytes()
    project.lock_file.unlink()
    project.ok("lock")
    assert project.lock_file.read_bytes() == made


def test_a_bucket_in_a_lock_of_version_1(
    recording_proxy: RecordingProxy, locked: str, project: Project
) -> None:
    """It is asked which objects have a sha256; what is cached is not read."""
    assert locked
    new = project.lock_file.read_text()
    old: Any = json.loads(new)
    model = old["models"]["m"]
    del model["integrity"]
    for path, file in model.pop("bundle")["files"].items():
        model["files"][path] = {**file, "lfs": False}
    project.lock_file.write_text(json.dumps({**old, "version": 1}))
    project.ok("lock")
    assert recording_proxy.log == []
    project.ok("update")
    assert len([r for r in recording_proxy.log if r.method == "HEAD"]) == len(SMALL) + 1
    assert read(recording_proxy) == []
    assert project.lock_file.read_text() == new
    assert "= 1 unchanged" in project.run("update").err
    assert len(recording_proxy.log) == 1


def test_urls(moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project) -> None:
    """A file whose sha256 somebody says has a store path of its own."""
    files = {"read.json": b"{}", "said.json": b"content of the model", **LARGE}
    moto.put(bucket, files, checksum=None, ACL="public-read")
    lines = [f'"{path}" = "{recording_proxy.url}/{bucket}/{path}"' for path in files]
    said = f'{{ url = "{recording_proxy.url}/{bucket}/said.json", sha256 = "{SHA256}" }}'
    lines[1] = f'"said.json" = {said}'
    project.write(f"[models.m.source.url.files]\n{chr(10).join(lines)}\n[models.m]\n{INTEGRATION}")
    project.ok("lock")
    assert bundled(project) == {"read.json"}
    assert set(project.lock["m"]["files"]) == {"said.json", "large.bin"}
    made = project.lock_file.read_bytes()
    recording_proxy.clear()
    assert "= 1 unchanged" in project.run("update").err
    assert reads(recording_proxy) == []
    assert project.lock_file.read_bytes() == made
