"""Models with several sources: proven to agree when they are locked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.errors import LockError, ManifestError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.manifest.parse import parse
from support.fake_repo import BigFile
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto

FILES: dict[str, Content] = {
    "config.json": b"{}",
    "sub/vocab.txt": b"a\n",
    "model.safetensors": BigFile(1 << 20, 4),
}
MANIFEST = """[models.m]
source.huggingface = {{ repo = "org/name" }}
{more}
fallbacks = [{fallbacks}]
"""
BUCKET = '{ s3 = { bucket = "mirror", prefix = "name" } }'


@pytest.fixture
def repo(hub: Hub, hub_project: Project, moto: Moto, recording_proxy: RecordingProxy) -> Repo:
    """A model on the Hub, and the same in the bucket, which has more than that."""
    assert recording_proxy.url
    write(hub_project)
    moto.bucket("mirror")
    fill(moto, {**FILES, "more.txt": b"more"})
    return hub.add_repo("org/name", FILES, lfs=["*.safetensors"])


def fill(moto: Moto, files: Mapping[str, Content], checksum: str | None = "SHA256") -> None:
    for row in moto.api.list_objects_v2(Bucket="mirror").get("Contents", ()):
        moto.api.delete_object(Bucket="mirror", Key=row["Key"])
    moto.put("mirror", {f"name/{p}": content for p, content in files.items()}, checksum=checksum)


def write(project: Project, fallbacks: str = BUCKET, more: str = "") -> None:
    project.write(MANIFEST.format(fallbacks=fallbacks, more=more))


def test_sources_that_agree(
    hub: Hub, hub_project: Project, repo: Repo, recording_proxy: RecordingProxy, moto: Moto
) -> None:
    assert repo
    result = hub_project.run("lock")
    assert result.status == 0
    assert "3 files  1.0 MiB  1 fallback" in result.err
    model = hub_project.lock["m"]
    assert {p: f["hash"] for p, f in hub_project.files().items()} == {
        path: sri(content) for path, content in FILES.items()
    }
    (fallback,) = model["fallbacks"]
    assert set(fallback["s3"]["etags"]) == set(FILES), "of what the model has"
    assert [r.method for r in recording_proxy.log] == ["GET", *["HEAD"] * 3], (
        "a listing, and one for each"
    )
    assert hub.sent_bytes < 5000
    assert moto


def test_they_are_rendered_in_order(
    hub_project: Project, repo: Repo, recording_proxy: RecordingProxy
) -> None:
    assert repo
    again = '{ huggingface = { repo = "org/name", endpoint = "http://127.0.0.1:1" } }'
    text = hub_project.ok("lock")
    assert (
        f"""
    fallbacks = [
      {{
        s3 = {{
          bucket = "mirror";
          prefix = "name/";
          endpoint = "{recording_proxy.url}";
        }};
      }}
    ];
"""
        in text
    )
    write(hub_project, f"{BUCKET}, {again}")
    assert "127.0.0.1:1" in hub_project.fails("lock")


@pytest.mark.parametrize("checksum", ["SHA256", None])
def test_other_bytes(hub_project: Project, repo: Repo, moto: Moto, checksum: str | None) -> None:
    assert repo
    fill(moto, {**FILES, "config.json": b"[]"}, checksum)
    result = hub_project.run("lock")
    assert result.status == 1
    assert "m: 'config.json' is not the same everywhere: org/name has sha256-" in result.err
    assert f"the fallback s3://mirror/name/ {sri(b'[]')}" in result.err
    assert not hub_project.lock_file.exists()


def test_another_size(
    hub_project: Project, repo: Repo, moto: Moto, recording_proxy: RecordingProxy
) -> None:
    """Nothing has to be read to see it."""
    assert repo
    fill(moto, {**FILES, "model.safetensors": b"short"}, None)
    said = hub_project.fails("lock")
    assert "org/name has 1048576 bytes, the fallback s3://mirror/name/ 5 bytes" in said
    assert len(recording_proxy.log) == 1


def test_files_that_are_not_there(hub_project: Project, repo: Repo, moto: Moto) -> None:
    assert repo
    fill(moto, {"model.safetensors": FILES["model.safetensors"]})
    said = hub_project.fails("lock")
    assert "the fallback s3://mirror/name/ lacks 2 of 3 files that org/name has" in said
    assert "'config.json', 'sub/vocab.txt'" in said
    write(hub_project, more='include = ["*.safetensors"]')
    hub_project.ok("lock")


def test_a_fallback_that_cannot_be_reached(
    hub_project: Project, repo: Repo, recording_proxy: RecordingProxy
) -> None:
    """The proof is missing: better no lock than one that promises too much."""
    assert repo
    recording_proxy.faults = lambda _: Response(403)
    assert "s3://mirror/name/ is refused" in hub_project.fails("lock")
    assert not hub_project.lock_file.exists()


def test_a_fallback_that_is_new_moves_no_pin(
    hub_project: Project, repo: Repo, hub: Hub, moto: Moto
) -> None:
    assert moto
    write(hub_project, "")
    hub_project.ok("lock")
    before, files = hub_project.lock["m"], hub_project.files()
    repo.commit({**FILES, "config.json": b'{"new": 1}'})
    write(hub_project)
    hub_project.ok("lock")
    after = hub_project.lock["m"]
    assert (after["source"], hub_project.files()) == (before["source"], files)
    assert after["fallbacks"]
    hub.clear()
    assert "= 1 unchanged" in hub_project.run("lock").err
    assert not hub.log
    write(hub_project, "")
    hub_project.ok("lock")
    assert "fallbacks" not in hub_project.lock["m"]
    assert hub_project.lock["m"] == before


def test_what_was_read_is_remembered(
    hub_project: Project, repo: Repo, moto: Moto, recording_proxy: RecordingProxy
) -> None:
    assert repo
    fill(moto, FILES, None)
    result = hub_project.run("lock")
    said = "m: s3://mirror/name/ publishes no sha256 for 3 files; reading 1.0 MiB once"
    assert said in result.err
    recording_proxy.clear()
    repo.commit(FILES)
    assert f"-> {repo.sha[:7]}" in hub_project.run("lock", "-U").err
    assert len(recording_proxy.log) == 1


def test_an_update_that_finds_nothing_asks_once(
    hub: Hub, hub_project: Project, repo: Repo, recording_proxy: RecordingProxy
) -> None:
    """The fallbacks have been proven to have what is pinned."""
    assert repo
    hub_project.ok("lock")
    hub.clear()
    recording_proxy.clear()
    assert "= 1 unchanged" in hub_project.run("update").err
    assert (len(hub.log), recording_proxy.log) == (1, [])


def test_an_upgrade_proves_again(hub_project: Project, repo: Repo, moto: Moto) -> None:
    hub_project.ok("lock")
    repo.commit({**FILES, "config.json": b'{"new": 1}'})
    said = hub_project.fails("lock", "-U")
    assert "the fallback s3://mirror/name/ 2 bytes" in said
    fill(moto, {**FILES, "config.json": b'{"new": 1}'})
    hub_project.ok("lock", "-U")


def test_several(hub_project: Project, repo: Repo, hub: Hub) -> None:
    """Of any kinds, the Hub among them."""
    hub.add_repo("org/copy", FILES, lfs=["*"])
    copy = '{ huggingface = { repo = "org/copy" } }'
    urls = ", ".join(f'"{path}" = "{hub.url}/org/name/resolve/{repo.sha}/{path}"' for path in FILES)
    write(hub_project, f"{BUCKET}, {copy}, {{ url = {{ files = {{ {urls} }} }} }}")
    hub_project.ok("lock")
    kinds = [next(iter(item)) for item in hub_project.lock["m"]["fallbacks"]]
    assert kinds == ["s3", "huggingface", "url"]
    assert "rev" in hub_project.lock["m"]["fallbacks"][1]["huggingface"]


def test_a_tree(
    hub_project: Project, repo: Repo, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_STORE_DIR", str(hub_project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(hub_project.dir / "var"))
    write(hub_project, "", 'pin = "tree"')
    hub_project.ok("lock")
    alone = hub_project.lock["m"]["tree"]
    write(hub_project, more='pin = "tree"')
    hub_project.ok("lock")
    assert hub_project.lock["m"]["tree"] == alone, "fallbacks are no part of it"
    assert "= 1 unchanged" in hub_project.run("lock", "-U").err
    fill(moto, {**FILES, "config.json": b"[]"})
    repo.commit(FILES)
    assert "is not the same everywhere" in hub_project.fails("lock", "-U")


def test_a_lock_with_them_is_read_again(hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.ok("lock")
    text = hub_project.lock_file.read_text()
    lock = lock_file.read(hub_project.lock_file)
    assert lock is not None
    assert lock_file.dumps(lock) == text


BAD = [
    ('fallbacks = { s3 = { bucket = "b-1" } }', "models.m.fallbacks is a table"),
    ("fallbacks = [1]", "models.m.fallbacks holds 1"),
    ("fallbacks = [{}]", "models.m.fallbacks[1] names no source"),
    (f"fallbacks = [{BUCKET}, {{ s3 = {{}} }}]", "models.m.fallbacks[2].s3 has no bucket"),
    ("fallbacks = [{ s4 = {} }]", "models.m.fallbacks[1].s4 is not a known key"),
    (
        'source.s3 = { bucket = "b-1" }',
        "models.m.source names several sources\nname one, and list those that have the same files",
    ),
]


@pytest.mark.parametrize(("more", "expected"), BAD)
def test_mistakes_are_named(more: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(f'[models.m]\nsource.huggingface.repo = "org/name"\n{more}\n')
    assert expected in f"{caught.value.message}\n{caught.value.hint}"


@pytest.mark.parametrize("fallbacks", [{}, [{}], [{"s4": {}}], [{"s3": {}}], [{"s3": {"x": 1}}]])
def test_a_broken_lock(hub_project: Project, repo: Repo, tmp_path: Path, fallbacks: Any) -> None:
    assert repo
    hub_project.ok("lock")
    data = json.loads(hub_project.lock_file.read_text())
    data["models"]["m"]["fallbacks"] = fallbacks
    path = tmp_path / "broken.lock"
    path.write_text(json.dumps(data))
    if fallbacks == {}:
        fallbacks = "a table"
    with pytest.raises(LockError, match="fallbacks"):
        lock_file.read(path)
