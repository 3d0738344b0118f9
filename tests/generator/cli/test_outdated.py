"""`outdated`, and what `update` has for bots: what each asks, says and writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from support.loopback import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.remedies import Remedy
    from support.s3 import Moto

OUTPUT = '[output]\nfile = "models.nix"\n'
MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
FILES = {"config.json": b"{}", "README.md": b"# A\n", "w.safetensors": b"x" * 2048}
PLAIN = "integration.huggingface.enable = false"
MOVED = {"config.json": b"{}", "w.safetensors": b"y" * 4096, "new.txt": b"new"}


def model(name: str, repo: str, more: str = "") -> str:
    return f'[models.{name}]\nsource.huggingface = {{ repo = "{repo}"{more} }}\n'


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    """A model that is locked, with an output."""
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"], card={"license": "mit"})
    hub_project.write(OUTPUT + MODEL)
    hub_project.ok("lock")
    hub.clear()
    return repo


def contents(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.dir.iterdir() if path.is_file()}


def outdated(project: Project, *args: str, status: int = 0) -> dict[str, Any]:
    """Return the models of the report by their names; nothing is written."""
    before = contents(project)
    done = project.run("outdated", "--json", *args)
    assert done.status == status, done.err
    assert contents(project) == before
    data = json.loads(done.out)
    Draft202012Validator(json.loads(project.ok("schema", "outdated"))).validate(data)
    return {model["name"]: model for model in data["models"]}


def test_one_request_for_each_repository_that_has_not_moved(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    """Two models of one repository are one question, whatever their filters and pins are."""
    hub.add_repo("org/gated", FILES, gated="auto", lfs=["*"])
    models = (
        model("m", "org/name"),
        model("n", "org/name") + 'include = ["*.json"]\n',
        model("fixed", "org/name", f', rev = "{repo.sha}"'),
        model("g", "org/gated") + 'include = ["*.safetensors"]\n',
    )
    hub_project.write(OUTPUT + "".join(models))
    hub_project.ok("lock")
    hub.clear()
    assert hub_project.ok("outdated", "--exit-code").splitlines() == [
        "* fixed: pinned to an exact revision in the manifest",
        "= 3 up to date",
    ]
    assert len(hub.log) == 2
    hub.clear()
    assert "= 4 unchanged" in hub_project.run("update").err
    assert len(hub.log) == 3, "and the exact commit"
    hub.clear()
    assert {n: m["status"] for n, m in outdated(hub_project, "fixed", "m").items()} == {
        "fixed": "pinned",
        "m": "current",
    }
    assert len(hub.log) == 1


def test_what_moved(hub: Hub, hub_project: Project, repo: Repo) -> None:
    old = repo.sha
    repo.card["license"], repo.gated = "apache-2.0", "manual"
    repo.commit(MOVED)
    done = hub_project.run("outdated")
    assert (done.status, done.err) == (0, "")
    moved = f"~ m  org/name main {old[:7]} -> {repo.sha[:7]}  3 files  4.0 KiB"
    assert done.out.splitlines() == [
        f"{moved}  mit -> apache-2.0 (1 changed, 1 new, 1 gone)",
        "    date: 2024-01-01 -> 2024-01-01",
        "    licence: mit -> apache-2.0",
        "    access: became gated (manual): ask for access on its page",
        f"    {hub.url}/org/name/compare/{old}..{repo.sha}",
        (
            "    org/name is gated, and access to its files is refused; ask for access at "
            f"{hub.url}/org/name, then set HF_TOKEN or run `hf auth login`"
        ),
        "    - README.md  4 B",
        "    + new.txt  3 B",
        "    ~ w.safetensors  4.0 KiB",
    ]
    read = [request.method for request in hub.log if "/resolve/" in request.path]
    assert read == ["HEAD"], "nothing is read"
    assert hub_project.run("outdated", "--exit-code").status == 3
    change = outdated(hub_project, "--exit-code", status=3)["m"]["change"]
    assert (change["old"]["commit"], change["new"]["commit"]) == (old, repo.sha)
    assert change["download"] == 4096 + 3
    assert [file["path"] for file in change["files"]] == ["README.md", "new.txt", "w.safetensors"]
    assert change["compare"].endswith(f"/org/name/compare/{old}..{repo.sha}")


def test_only_the_gate_changed(hub_project: Project, repo: Repo) -> None:
    repo.gated = "auto"
    said = hub_project.ok("outdated")
    assert "access: became gated (auto)" in said
    assert "access to its files is refused; ask for access at " in said
    assert "access to its files is refused" in hub_project.run("update", "--dry-run").err
    assert hub_project.run("outdated", "--exit-code").status == 3
    repo.gated = False
    assert hub_project.ok("outdated") == "= 1 up to date\n"


def test_datasets_have_their_own_pages(hub: Hub, hub_project: Project) -> None:
    repo = hub.add_repo("org/data", FILES, repo_type="dataset")
    hub_project.write(model("d", "org/data", ', repo_type = "dataset"'))
    hub_project.ok("lock")
    old = repo.sha
    repo.commit(MOVED)
    page = f"{hub.url}/datasets/org/data/compare/{old}..{repo.sha}"
    assert outdated(hub_project)["d"]["change"]["compare"] == page


def test_what_became_of_repositories(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """Each is told apart; the others go on, and the exit status is 1 at the end."""
    names = ("deleted", "private", "renamed", "forced", "limited")
    repos = {name: hub.add_repo(f"org/{name}", FILES) for name in names}
    more = "".join(model(name, f"org/{name}") for name in names)
    hub_project.write(OUTPUT + MODEL + more)
    hub_project.ok("lock")
    forced = repos["forced"].sha
    repos["private"].private = True
    hub.rename("org/renamed", "org/other")
    repos["forced"].commit(MOVED)
    del repos["forced"].commits[forced]
    deleted = ("/org/deleted/",)
    hub.faults = lambda request: (
        Response(404, {"X-Error-Code": "RepoNotFound"})
        if any(part in request.path for part in deleted)
        else Response(429, {"Retry-After": "0"})
        if "/org/limited/" in request.path
        else None
    )
    repo.commit(MOVED)
    models = outdated(hub_project, status=1)
    assert {name: found["status"] for name, found in models.items()} == {
        "deleted": "failed",
        "forced": "outdated",
        "limited": "failed",
        "m": "outdated",
        "private": "failed",
        "renamed": "current",
    }
    assert models["renamed"]["notes"] == ["org/renamed is called org/other on its server now"]
    assert f"the pinned commit {forced[:7]} is gone" in models["forced"]["notes"][0]
    done = hub_project.run("outdated", "--exit-code")
    assert done.status == 1
    assert "! private: the pin stays: " in done.out
    assert "no org/private, or it is private" in done.err
    assert "~ m       org/name main" in done.out
    assert set(hub_project.lock) == {"m", *names}


def test_what_lock_pins_anew_is_named(hub: Hub, hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.write(OUTPUT + MODEL + 'include = ["*.json"]\n' + model("new", "org/new"))
    assert hub_project.ok("outdated").splitlines() == [
        "* new: not locked yet: run `aimodels-gen lock`",
        "* m: edited since it was locked: run `aimodels-gen lock`",
    ]
    assert hub.log == []


def test_a_tree(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are those of the pinned commit, as long as that is there."""
    monkeypatch.setenv("NIX_STORE_DIR", str(hub_project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(hub_project.dir / "var"))
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    hub_project.write(MODEL + 'pin = "tree"\n')
    hub_project.ok("lock")
    old = repo.sha
    hub.clear()
    assert outdated(hub_project)["m"]["status"] == "current"
    assert len(hub.log) == 1
    repo.commit(MOVED)
    files = outdated(hub_project)["m"]["change"]["files"]
    assert [file["change"] for file in files] == ["removed", "added", "changed"]
    del repo.commits[old]
    found = outdated(hub_project)["m"]
    assert "files" not in found["change"]
    assert "its tree is one hash: no file can be compared" in found["notes"]


def test_a_tree_of_a_bucket(
    hub_project: Project,
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its ETags tell."""
    assert recording_proxy.url
    monkeypatch.setenv("NIX_STORE_DIR", str(hub_project.dir / "store"))
    monkeypatch.setenv("NIX_STATE_DIR", str(hub_project.dir / "var"))
    moto.put(bucket, {"a/w.bin": b"x" * 99, "a/c.json": b"{}"})
    source = f'source.s3 = {{ bucket = "{bucket}", prefix = "a" }}'
    hub_project.write(f'[models.b]\n{source}\n{PLAIN}\npin = "tree"\n')
    hub_project.ok("lock")
    assert outdated(hub_project)["b"]["status"] == "current"
    moto.put(bucket, {"a/w.bin": b"y" * 99, "a/new.txt": b"n"})
    found = outdated(hub_project)["b"]
    assert found["status"] == "outdated"
    assert [file["path"] for file in found["change"]["files"]] == ["new.txt", "w.bin"]


def test_buckets_and_urls(
    hub: Hub,
    hub_project: Project,
    moto: Moto,
    recording_proxy: RecordingProxy,
    bucket: str,
) -> None:
    """ETags tell; where there is none, only reading would."""
    moto.put(bucket, {"a/w.bin": b"x" * 99, "a/c.json": b"{}"}, checksum=None)
    url = f"{hub.url}/file"
    tag = ['"1"']
    hub.faults = lambda request: (
        Response(200, {"Content-Length": "3", **({"ETag": tag[0]} if tag else {})}, b"abc")
        if request.path.startswith("/file")
        else None
    )
    hub_project.write(
        f'[defaults]\n{PLAIN}\n[models.b]\nsource.s3 = {{ bucket = "{bucket}", prefix = "a" }}\n'
        f'[models.u]\nsource.url.files."w.bin" = "{url}"\n'
        f'[models.v]\nsource.url.files."w.bin" = {{ url = "{url}", sha256 = "{"0" * 64}" }}\n'
    )
    hub_project.ok("lock", "b", "u")
    recording_proxy.clear()
    hub.clear()
    assert {name: one["status"] for name, one in outdated(hub_project, "b", "u").items()} == {
        "b": "current",
        "u": "current",
    }
    assert (len(recording_proxy.log), len(hub.log)) == (1, 1)
    moto.put(bucket, {"a/w.bin": b"y" * 99}, checksum=None)
    tag[0] = '"2"'
    found = outdated(hub_project, "b", "u")
    assert found["b"]["change"]["files"] == [
        {"path": "w.bin", "change": "changed", "oldSize": 99, "size": 99}
    ]
    assert found["u"]["status"] == "outdated"
    tag.clear()
    assert outdated(hub_project, "u")["u"]["status"] == "unknown"
    assert "? u: only `aimodels-gen update` can tell" in hub_project.ok("outdated", "u")


def test_a_pin_of_ones_own_choice(hub: Hub, hub_project: Project, repo: Repo) -> None:
    """It stays through `lock`, and the next update follows the ref again."""
    first = repo.sha
    second = repo.commit(MOVED)
    third = repo.commit({**MOVED, "third.txt": b"3"})
    repo.tag("v1", first)
    repo.branch("dev", second)
    manifest = (hub_project.dir / "models.toml").read_text()
    for revision, commit in (("dev", second), ("v1", first), (third, third), (first, first)):
        hub_project.ok("update", "m", "--to", revision)
        source = hub_project.lock["m"]["source"]["huggingface"]
        assert source == {"repo": "org/name", "rev": commit}, "and the ref of models.toml"
        hub.clear()
        assert "= 1 unchanged" in hub_project.run("lock").err
        assert hub_project.run("lock", "--check").status == 0
        assert hub.log == []
    assert outdated(hub_project)["m"]["change"]["new"]["commit"] == third
    assert (hub_project.dir / "models.toml").read_text() == manifest
    hub_project.ok("update")
    assert hub_project.lock["m"]["source"]["huggingface"]["rev"] == third


@cures(
    "change it in … of models.toml, or set ref there instead, and lock again",
    "leave out --to: an update takes what is there now",
    "write all 40 digits of a commit: …/commits/main has them",
)
def test_what_cannot_be_pinned_so(
    hub: Hub, hub_project: Project, repo: Repo, remedy: Remedy
) -> None:
    where = f"{hub.url}/org/name/resolve/main/config.json"
    url = f'[models.u]\n{PLAIN}\nsource.url.files."config.json" = "{where}"\n'
    hub_project.write(OUTPUT + MODEL + model("f", "org/name", f', rev = "{repo.sha}"') + url)
    hub_project.ok("lock")
    before = hub_project.lock
    assert hub_project.run("update", "--to", "v1").status == 2
    assert hub_project.run("update", "m", "--to", "").status == 2
    said = hub_project.fails("update", "f", "--to", "main")
    assert "f: models.toml sets its exact revision" in said
    remedy(said)
    said = hub_project.fails("update", "u", "--to", "main")
    remedy(said)
    hub_project.ok("update", "u")
    assert "no branch or tag 'nope'" in hub_project.fails("update", "m", "--to", "nope")
    said = hub_project.fails("update", "m", "--to", repo.sha[:9])
    remedy(said)
    assert "/org/name/commits/main has them" in said
    hub_project.ok("update", "m", "--to", repo.sha)
    assert f"no commit {'0' * 40}" in hub_project.fails("update", "m", "--to", "0" * 40)
    assert hub_project.lock == before
    hub_project.write(OUTPUT + MODEL + model("f", "org/name", ', ref = "main"') + url)
    hub_project.ok("lock")
    hub_project.ok("update", "f", "--to", "main")


def test_a_dry_run_and_the_body_of_a_pull_request(
    hub: Hub, hub_project: Project, repo: Repo
) -> None:
    assert hub_project.ok("update", "--markdown") == ""
    old = repo.sha
    repo.commit(MOVED)
    before = contents(hub_project)
    hub.clear()
    done = hub_project.run("update", "--dry-run", "--markdown")
    assert done.status == 0
    assert done.err.endswith("nothing was written: this was a dry run\n")
    assert all("/resolve/" not in request.path for request in hub.log), "nothing is read"
    assert contents(hub_project) == before
    link = f"[`{old[:7]}` → `{repo.sha[:7]}`]({hub.url}/org/name/compare/{old}..{repo.sha})"
    assert link in done.out
    assert "| 1 changed, 1 new, 1 gone | 4.0 KiB |" in done.out
    assert done.out == hub_project.ok("update", "--markdown")
    assert repo.sha in (hub_project.dir / "models.nix").read_text()
    assert hub_project.run("update", "--markdown", "-o", "-").status == 2
    with (hub_project.dir / "body.md").open("wb") as body:
        assert hub_project.run_into(body, "update", "--markdown").returncode == 0
    assert (hub_project.dir / "body.md").read_text() == ""
