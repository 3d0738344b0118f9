"""`diff`: models.lock against git, without the program git, and against other locks."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from support.remedies import cures

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.project import Project
    from support.remedies import Remedy

MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
FILES = {"config.json": b"{}", "README.md": b"# A model\n", "w.safetensors": b"x" * 2048}


@pytest.fixture
def repo(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A model that is locked, and may be read when it is gated."""
    hub.allow("hf_0123456789abcdef", "org/name")
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdef")
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"], card={"license": "mit"})
    hub_project.write(MANIFEST)
    hub_project.ok("lock", "-o", "models.nix")
    return repo


def git(directory: Path, *args: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.invalid")
    subprocess.run(["git", *identity, *args], cwd=directory, check=True, capture_output=True)


def commit(directory: Path) -> None:
    git(directory, "add", "-A")
    git(directory, "commit", "-m", "x")


def update(project: Project, repo: Repo) -> None:
    repo.card["license"] = "apache-2.0"
    repo.gated = "manual"
    repo.commit({"config.json": b"{}", "w.safetensors": b"y" * 4096, "new.txt": b"new"})
    project.ok("update", "-o", "models.nix")


def report(project: Project, *args: str) -> Any:
    data = json.loads(project.ok("diff", "--json", *args))
    schema = json.loads(project.ok("schema", "diff"))
    Draft202012Validator(schema).validate(data)
    return data


def test_against_head_and_its_parents(hub: Hub, hub_project: Project, repo: Repo) -> None:
    directory = hub_project.dir
    old = repo.sha
    git(directory, "init", "-b", "main")
    commit(directory)
    hub.clear()
    assert hub_project.ok("diff") == "= 1 unchanged\n"
    assert hub_project.ok("diff", "--markdown") == ""
    update(hub_project, repo)
    hub.clear()
    said = hub_project.ok("diff", "-v")
    moved = f"~ m  org/name main {old[:7]} -> {repo.sha[:7]}  3 files  4.0 KiB"
    assert said.splitlines() == [
        f"{moved}  mit -> apache-2.0 (1 changed, 1 new, 1 gone)",
        "    date: 2024-01-01 -> 2024-01-01",
        "    licence: mit -> apache-2.0",
        "    access: became gated (manual): ask for access on its page",
        f"    {hub.url}/org/name/compare/{old}..{repo.sha}",
        "    - README.md  10 B",
        "    + new.txt  3 B",
        "    ~ w.safetensors  4.0 KiB",
        "1 model, 3 files, 4.0 KiB, 4.0 KiB to fetch",
    ]
    (change,) = report(hub_project)["changes"]
    assert (change["old"]["commit"], change["new"]["commit"]) == (old, repo.sha)
    assert change["files"][0] == {"path": "README.md", "change": "removed", "oldSize": 10}
    assert change["download"] == 4099
    commit(directory)
    assert hub_project.ok("diff") == "= 1 unchanged\n"
    for revision in ("HEAD~1", "HEAD^", "HEAD~", "@^", "main~1", "HEAD^0~1"):
        assert hub_project.ok("diff", revision, "-v") == said
    assert hub.log == []


def test_markdown(hub: Hub, hub_project: Project, repo: Repo) -> None:
    shutil.copy(hub_project.lock_file, hub_project.dir / "old.lock")
    old = repo.sha
    repo.commit({**FILES, "a|b`c.txt": b"@everyone", "<b>.txt": b""})
    hub_project.ok("update", "-o", "models.nix")
    text = hub_project.ok("diff", "old.lock", "--markdown")
    assert f"[`{old[:7]}` → `{repo.sha[:7]}`]({hub.url}/org/name/compare/{old}..{repo.sha})" in text
    assert "| model | commits | date | files | download | licence |" in text
    assert "<details><summary>Files of m</summary>" in text
    assert "| `` a\\|b`c.txt `` new | 9 B |" in text
    assert "| `<b>.txt` new | 0 B |" in text
    assert "`mit`" in text


def test_many_changes_fit_into_a_pull_request(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {f"{n}" * 40: b"%d" % n for n in range(500)})
    models = "".join(MANIFEST.replace("models.m", f"models.m{n}") for n in range(9))
    hub_project.write(models)
    hub_project.ok("lock")
    shutil.copy(hub_project.lock_file, hub_project.dir / "old.lock")
    hub.add_repo("org/name", {f"{n}" * 40: b"%d!" % n for n in range(500)})
    hub_project.ok("update", "-q")
    text = hub_project.ok("diff", "old.lock", "--markdown")
    assert len(text) < 65_536
    assert text.count("compare/") == 9
    assert "models are left out here." in text


@pytest.mark.parametrize("place", ["subdirectory", "worktree", "submodule"])
def test_wherever_the_lock_is(hub_project: Project, repo: Repo, place: str, home: Path) -> None:
    """Below the top, in a second work tree, in a repository inside of another."""
    top = home / "top"
    inner = top / "deploy" / "models"
    shutil.copytree(hub_project.dir, inner)
    if place == "submodule":
        git(inner, "init", "-b", "main")
        commit(inner)
    git(top, "init", "-b", "main")
    if place == "submodule":
        git(top, "-c", "protocol.file.allow=always", "submodule", "add", "./deploy/models")
        git(top, "submodule", "absorbgitdirs")
    commit(top)
    if place == "worktree":
        git(top, "worktree", "add", "../second")
        inner = top.parent / "second" / "deploy" / "models"
    manifest = str(inner / "models.toml")
    assert hub_project.ok("diff", "-m", manifest) == "= 1 unchanged\n"
    update(hub_project, repo)
    shutil.copy(hub_project.lock_file, inner)
    assert hub_project.ok("diff", "-m", manifest).startswith("~ m  ")


def test_everything_is_new(hub_project: Project, repo: Repo) -> None:
    assert repo
    git(hub_project.dir, "init", "-b", "main")
    without_commits = hub_project.run("diff")
    git(hub_project.dir, "add", "models.toml")
    git(hub_project.dir, "commit", "-m", "without the lock")
    for done in (without_commits, hub_project.run("diff")):
        assert done.out.startswith("+ m  org/name main")
        assert "HEAD has no models.lock: all models are new" in done.err


def test_a_lock_of_version_1(hub_project: Project, repo: Repo) -> None:
    assert repo
    git(hub_project.dir, "init", "-b", "main")
    data = json.loads(hub_project.lock_file.read_text())
    model = data["models"]["m"]
    model["files"] |= model.pop("bundle")["files"]
    model.pop("integrity", None)
    now = hub_project.lock_file.read_text()
    hub_project.lock_file.write_text(json.dumps({"version": 1, "models": {"m": model}}))
    commit(hub_project.dir)
    hub_project.lock_file.write_text(now)
    assert "2 files bundled" in hub_project.ok("diff")


@cures(
    "name a lock file to compare with: `aimodels-gen diff FILE`",
    "name a lock file, or a commit, branch or tag that `git log` shows here",
    "name a lock file, or a revision of git",
    "compare with another commit, or with a lock file",
)
def test_what_cannot_be_compared(hub_project: Project, repo: Repo, remedy: Remedy) -> None:
    assert repo
    said = hub_project.fails("diff")
    assert "models.lock is not in a git repository" in said
    remedy(said)
    assert hub_project.ok("diff", "models.lock") == "= 1 unchanged\n"
    remedy(hub_project.fails("diff", "nothing.lock"))
    git(hub_project.dir, "init", "-b", "main")
    commit(hub_project.dir)
    said = hub_project.fails("diff", "nothing")
    assert "'nothing' is neither a file nor a revision of the git repository" in said
    remedy(said)
    for revision in ("HEAD~1", "HEAD^2", "", "main~9", "0" * 40, "HEAD:other.lock", "a b", "ü"):
        hub_project.fails("diff", revision)
    assert hub_project.ok("diff", "main") == "= 1 unchanged\n"
    now = hub_project.lock_file.read_text()
    hub_project.lock_file.write_text("{")
    commit(hub_project.dir)
    hub_project.lock_file.write_text(now)
    said = hub_project.fails("diff")
    assert "HEAD:models.lock is not JSON" in said
    remedy(said)
    assert hub_project.ok("diff", "HEAD~1") == "= 1 unchanged\n"
    assert hub_project.run("diff", "--json", "--markdown").status == 2


def test_another_name_and_where_a_branch_began(hub_project: Project, repo: Repo) -> None:
    git(hub_project.dir, "init", "-b", "main")
    commit(hub_project.dir)
    old = repo.sha
    git(hub_project.dir, "switch", "-c", "work")
    repo.commit({**FILES, "new.txt": b"new"})
    hub_project.ok("update", "-o", "models.nix")
    commit(hub_project.dir)
    new = repo.sha
    git(hub_project.dir, "switch", "main")
    repo.commit({**FILES, "other.txt": b"other"})
    hub_project.ok("update", "-o", "models.nix")
    commit(hub_project.dir)
    git(hub_project.dir, "switch", "work")
    assert f"main {old[:7]} -> {new[:7]}" in hub_project.ok("diff", "main...")
    assert f"main {old[:7]} -> {new[:7]}" in hub_project.ok("diff", "main...HEAD")
    assert f"main {repo.sha[:7]} -> {new[:7]}" in hub_project.ok("diff", "main")
    (hub_project.dir / "models.toml").rename(hub_project.dir / "ai.toml")
    hub_project.lock_file.rename(hub_project.dir / "ai.lock")
    named = ("-m", "ai.toml")
    assert hub_project.ok("diff", "HEAD:models.lock", *named) == "= 1 unchanged\n"
    assert hub_project.ok("diff", "work:./models.lock", *named) == "= 1 unchanged\n"
    assert "there is no HEAD:no.lock" in hub_project.fails("diff", "HEAD:no.lock", *named)


@cures(
    "this clone has a part of the history: get the rest with `git fetch --unshallow`",
    "get the history with `git fetch --unshallow` if it is a part, or …",
)
def test_a_clone_with_a_part_of_the_history(
    hub_project: Project, repo: Repo, home: Path, remedy: Remedy
) -> None:
    assert repo
    git(hub_project.dir, "init", "-b", "main")
    commit(hub_project.dir)
    git(hub_project.dir, "commit", "--allow-empty", "-m", "more")
    git(hub_project.dir, "switch", "-c", "work", "HEAD~1")
    git(hub_project.dir, "commit", "--allow-empty", "-m", "else")
    url, options = hub_project.dir.as_uri(), ("--no-single-branch", "--depth", "1")
    git(home, "clone", *options, url, "shallow")
    clone = ("-m", str(home / "shallow" / "models.toml"))
    for revision in ("HEAD~1", "origin/main..."):
        remedy(hub_project.fails("diff", revision, *clone))
    git(home / "shallow", "fetch", "--unshallow")
    for revision in ("HEAD~1", "origin/main..."):
        assert hub_project.ok("diff", revision, *clone) == "= 1 unchanged\n"


@cures("fetch it with `git fetch --refetch`, or …")
def test_a_clone_with_a_part_of_the_objects(
    hub_project: Project, repo: Repo, home: Path, remedy: Remedy
) -> None:
    assert repo
    git(hub_project.dir, "init", "-b", "main")
    commit(hub_project.dir)
    git(hub_project.dir, "config", "uploadpack.allowFilter", "true")
    url = hub_project.dir.as_uri()
    git(home, "clone", "--no-checkout", "--filter=blob:none", url, "partial")
    shutil.copy(hub_project.lock_file, home / "partial")
    said = hub_project.fails("diff", "-m", str(home / "partial" / "models.toml"))
    assert "lacks a part of the commit 'HEAD'" in said
    remedy(said)
    git(home / "partial", "config", "--unset", "remote.origin.partialclonefilter")
    git(home / "partial", "config", "--unset", "remote.origin.promisor")
    git(home / "partial", "fetch", "--refetch")
    hub_project.ok("diff", "-m", str(home / "partial" / "models.toml"))
