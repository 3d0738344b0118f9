"""Builds that fail print a command: after it has been run, they succeed."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.lock.model import FilesPin
from generator.sources.buckets import write
from support.loopback import LoopbackServer, Response
from support.remedies import cures
from support.s3 import ENV, Moto

if TYPE_CHECKING:
    from support.fake_repo import Repo
    from support.fetcher import Fetch, Run
    from support.hub import Hub
    from support.loopback import Request
    from support.project import Project
    from support.remedies import Remedy

CONFIG = b'{"a": 1}\n'


def build(project: Project, fetch: Fetch, **environment: str) -> Run:
    """Build the only file of the model as it is locked."""
    pinned = project.locked().source
    pin = project.locked().pin
    assert isinstance(pin, FilesPin)
    ((path, file),) = pin.all_files.items()
    wanted = {"path": path, "hash": file.hash, "size": file.size}
    source = {pinned.source.kind: pinned.to_spec()}
    return fetch("file", source, env=environment, **wanted)


@pytest.fixture
def repo(hub: Hub, project: Project) -> Repo:
    """A repository, locked and built once."""
    repo = hub.add_repo("org/m", {"config.json": CONFIG})
    source = f'{{ repo = "org/m", endpoint = "{hub.url}" }}'
    project.write(f"[models.m]\nsource.huggingface = {source}\n")
    project.ok("lock")
    return repo


@cures("…, or set rev to a commit of …/commits/main")
def test_the_commit_was_removed(repo: Repo, project: Project, fetch: Fetch, remedy: Remedy) -> None:
    old = repo.sha
    repo.commit({"config.json": b'{"a": 2}\n'})
    del repo.commits[old]
    failed = build(project, fetch)
    assert "HTTP 404 (RevisionNotFound)" in failed.log
    project.ok("lock")
    assert build(project, fetch).status == 1  # as locking alone keeps the pin
    remedy(failed.log)
    project.follow(failed.log)
    assert build(project, fetch).status == 0


def test_the_file_was_removed(repo: Repo, project: Project, fetch: Fetch) -> None:
    old = repo.sha
    repo.commit({"other.json": CONFIG})
    repo.commits[old] = {}
    failed = build(project, fetch)
    assert "HTTP 404 (EntryNotFound)" in failed.log
    project.follow(failed.log)
    assert build(project, fetch).status == 0


@cures(
    "it has been removed or moved: write its new address into models.toml, and run `aimodels-gen lock`"
)
def test_the_address_has_moved(project: Project, fetch: Fetch, remedy: Remedy) -> None:
    def answer(request: Request) -> Response:
        return Response(200, {}, CONFIG) if moved in request.path else Response(404)

    moved = "/old.json"
    with LoopbackServer(answer) as server:
        project.write(manifest(f"{server.url}/old.json"))
        project.ok("lock")
        moved = "/new.json"
        failed = build(project, fetch)
        assert "HTTP 404" in failed.log
        remedy(failed.log)
        project.write(manifest(f"{server.url}/new.json"))
        project.follow(failed.log)
        assert build(project, fetch).status == 0


@pytest.mark.parametrize(
    "broken", ["{", "[]", '{"version": 9}', '{"version": 1, "models": {"m": {}}}']
)
@pytest.mark.parametrize("name", ["models", "my other"])
def test_the_lock_is_broken(repo: Repo, project: Project, broken: str, name: str) -> None:
    (project.dir / "models.toml").rename(project.dir / f"{name}.toml")
    lock = project.dir / f"{name}.lock"
    (project.dir / "models.lock").rename(lock)
    text = lock.read_text()
    repo.commit({"config.json": b'{"a": 2}\n'})
    for command in ("lock", "update", "prefetch", "render"):
        lock.write_text(broken)
        said = project.fails(command, *(["-m", f"{name}.toml"] if name != "models" else []))
        assert "delete" in said
        lock.unlink()
        project.follow(said)
        assert lock.read_text() != text


@cures("keep one side, such as with `…`, and run …")
def test_a_merge_conflict(repo: Repo, project: Project, remedy: Remedy) -> None:
    """Two branches have updated the same pin."""

    def git(*args: str) -> int:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        return subprocess.run(
            ["git", *who, *args], cwd=project.dir, check=False, capture_output=True
        ).returncode

    git("init", "--quiet", "--initial-branch=main")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    for branch in ("theirs", "main"):
        git("checkout", "--quiet", *(["-b"] if branch == "theirs" else []), branch)
        repo.commit({"config.json": f'{{"a": "{branch}"}}\n'.encode()})
        project.ok("update")
        git("commit", "--quiet", "--all", f"--message={branch}")
    ours = project.lock_file.read_text()
    assert git("merge", "theirs") == 1
    said = project.fails("lock")
    assert "models.lock has a merge conflict" in said
    command, _ = remedy(said)
    program, *arguments = shlex.split(command)
    assert program == "git"
    assert git(*arguments) == 0
    project.follow(said)
    assert project.lock_file.read_text() == ours


@cures("run `aimodels-gen update NAME` with the name of the model")
def test_the_version_was_removed(
    project: Project,
    fetch: Fetch,
    remedy: Remedy,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        for variable, value in ENV.items():
            monkeypatch.setenv(variable, value)
        moto.bucket("my-models", versions=True)
        moto.put("my-models", {"config.json": CONFIG})
        write(project, "my-models", f', endpoint = "{moto.url}"')
        project.ok("lock")
        moto.put("my-models", {"config.json": b"[]"})
        ((_, version),) = project.lock["m"]["source"]["s3"]["versions"].items()
        moto.api.delete_object(Bucket="my-models", Key="config.json", VersionId=version)
        failed = build(project, fetch, **ENV)
        remedy(failed.log)
        project.ok("lock")
        assert build(project, fetch, **ENV).status == 1  # as locking alone keeps the pin
        project.follow(failed.log)
        assert build(project, fetch, **ENV).status == 0


def manifest(url: str) -> str:
    organisation = 'integration.huggingface = { org = "org", model = "m" }'
    return f'[models.m]\nsource.url.files."config.json" = "{url}"\n{organisation}\n'


@pytest.mark.parametrize("shell", ["", "pure", "impure"])
def test_what_builds_lack(hub: Hub, project: Project, fetch: Fetch, shell: str) -> None:
    """Nix sets NIX_BUILD_TOP in development shells, too, whose programs have the user's token."""
    repo = hub.add_repo("org/m", {"config.json": CONFIG}, gated="manual")
    hub.allow("hf_token", repo.id)
    source = f'{{ repo = "org/m", endpoint = "{hub.url}" }}'
    project.write(f"[models.m]\nsource.huggingface = {source}\n")
    result = project.spawn("lock", HF_TOKEN="hf_token")
    assert result.returncode == 0, result.stderr
    failed = build(project, fetch, NIX_BUILD_TOP="/build", IN_NIX_SHELL=shell)
    assert failed.status == 1
    assert ("run `aimodels-gen prefetch NAME`" in failed.log) == (not shell)
    assert ("set HF_TOKEN or run `hf auth login`" in failed.log) == bool(shell)
