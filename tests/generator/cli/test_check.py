"""`lock --check`, `--offline` and `--dry-run`: what each finds, and the exit status."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from support.loopback import Response
from support.remedies import cures

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project
    from support.remedies import Remedy

OUTPUT = '[output]\nfile = "models.nix"\n'
MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
OTHER = '[models.other]\nsource.huggingface = { repo = "org/other" }\n'
FILES = {"config.json": b"{}", "w.safetensors": b"x" * 2048}


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    """A model that is locked, with an output."""
    repo = hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    hub_project.write(OUTPUT + MODEL)
    hub_project.ok("lock")
    hub.clear()
    return repo


def check(project: Project, *args: str) -> Any:
    """Return the problems that are found, having compared status, text and JSON."""
    before = {path: path.read_bytes() for path in project.dir.iterdir()}
    text, done = project.run("lock", "--check", *args), project.run("lock", "--check", "--json")
    data = json.loads(done.out)
    schema = json.loads(project.ok("schema", "check"))
    Draft202012Validator(schema).validate(data)
    assert text.status == (3 if text.out else 0)
    assert {path: path.read_bytes() for path in project.dir.iterdir()} == before
    for problem in data["problems"] if not args else ():
        assert f"{problem['message']}; run `{problem['command']}`" in text.out
    return data["problems"]


def mend(project: Project) -> None:
    """Run the commands that are named; then all files agree."""
    said = project.run("lock", "--check").out
    for command in dict.fromkeys(re.findall("`aimodels-gen ([^`]*)`", said)):
        project.ok(*shlex.split(command))
    assert project.run("lock", "--check").status == 0


def edit(project: Project, old: str, new: str) -> None:
    text = project.lock_file.read_text()
    assert old in text
    project.lock_file.write_text(text.replace(old, new))


def test_all_agree(hub: Hub, hub_project: Project, repo: Repo) -> None:
    assert repo
    assert check(hub_project) == []
    done = hub_project.run("lock", "--check")
    assert (done.status, done.out, done.err) == (0, "", "up to date: models.lock, models.nix\n")
    assert hub_project.run("lock", "--check", "-o", "models.nix").status == 0
    assert hub_project.run("lock", "--check", "-o", "other.nix").status == 3
    assert hub.log == []


def test_every_disagreement_is_named_and_mended(hub: Hub, hub_project: Project, repo: Repo) -> None:
    hub.add_repo("org/other", FILES)
    output = hub_project.dir / "models.nix"

    def found(*kinds: str) -> None:
        hub.clear()
        assert [problem["kind"] for problem in check(hub_project)] == [*kinds]
        assert hub.log == []
        mend(hub_project)

    hub_project.write(OUTPUT + MODEL + OTHER)
    found("unlocked")
    hub_project.write(OUTPUT + MODEL)
    found("removed")
    hub_project.write(OUTPUT + MODEL + 'include = ["*.json"]\n')
    found("changed")
    hub_project.write(OUTPUT + MODEL + 'include = ["*.json"]\nlayout = "link"\n')
    found("settings")
    output.unlink()
    found("output-missing")
    output.write_text(output.read_text().replace(repo.sha, "0" * 40))
    found("output")
    hub_project.write(OUTPUT + 'format = "nixos"\n' + MODEL + 'include = ["*.json"]\n')
    found("settings", "output-format")
    hub_project.lock_file.unlink()
    found("lock")
    edit(hub_project, "\n", "\n ")
    found("lock")


def test_names_limit_it(hub_project: Project, repo: Repo) -> None:
    assert repo
    hub_project.write(OUTPUT + MODEL + OTHER)
    assert hub_project.run("lock", "--check", "m").status == 0
    done = hub_project.run("lock", "--check", "other")
    assert (done.status, done.out) == (3, "other: it is not locked yet; run `aimodels-gen lock`\n")
    assert hub_project.run("lock", "--check", "nothing").status == 1


@pytest.mark.parametrize("where", ["bundle", "large file", "small file", "commit", "licence"])
def test_what_is_edited_by_hand_is_told_and_locked_again(
    hub: Hub, hub_project: Project, repo: Repo, where: str
) -> None:
    """Even where the output is edited in the same way; and no wrong hash is believed again."""
    model, right = hub_project.lock["m"], hub_project.lock_file.read_text()
    old = {
        "bundle": model["bundle"]["hash"],
        "large file": model["files"]["w.safetensors"]["hash"],
        "small file": model["bundle"]["files"]["config.json"]["hash"],
        "commit": repo.sha,
        "licence": '"card": {',
    }[where]
    first = repo.sha
    repo.commit({**FILES, "new.txt": b"new"})
    new = {"commit": repo.sha, "licence": '"card": {"license": "mit",'}.get(where)
    edit(hub_project, old, new or old[:20] + "A" * 20 + old[40:])
    hub_project.ok("render")
    (problem,) = check(hub_project)
    assert (problem["kind"], problem["model"]) == ("edited", "m")
    # A run that is about other models, or fails, does not make it right.
    hub_project.write(OUTPUT + MODEL + OTHER)
    hub.faults = lambda request: Response(500) if "/other" in request.path else None
    assert hub_project.run("lock", "other", "--keep-going").status == 1
    hub.faults = lambda _: None
    hub_project.write(OUTPUT + MODEL)
    assert [problem["kind"] for problem in check(hub_project)] == ["edited"]
    mend(hub_project)
    now = hub_project.lock_file.read_text()
    assert (repo.sha if where == "commit" else first) in now
    assert (now == right) == (where != "commit")


def test_a_lock_without_checksums_is_read(hub: Hub, hub_project: Project, repo: Repo) -> None:
    assert repo
    now = hub_project.lock_file.read_text()
    data = json.loads(now)
    del data["models"]["m"]["integrity"]
    hub_project.lock_file.write_text(json.dumps(data, indent=2) + "\n")
    assert [problem["kind"] for problem in check(hub_project)] == ["lock"]
    mend(hub_project)
    assert hub_project.lock_file.read_text() == now
    assert hub.log == []


def test_a_model_may_be_renamed_in_the_lock(hub: Hub, hub_project: Project, repo: Repo) -> None:
    assert repo
    edit(hub_project, '"m": {', '"n": {')
    hub_project.write(OUTPUT + MODEL.replace("models.m", "models.n"))
    hub_project.ok("lock")
    assert hub.log == []


@cures("run `aimodels-gen lock` without --offline where there is a network")
def test_offline(hub: Hub, hub_project: Project, repo: Repo, remedy: Remedy) -> None:
    assert repo
    hub.add_repo("org/other", FILES)
    hub_project.write(OUTPUT + MODEL + 'layout = "link"\n' + OTHER)
    said = hub_project.fails("lock", "--offline")
    assert "error: other: not pinned as models.toml asks, and --offline allows no requests" in said
    assert check(hub_project)
    done = hub_project.run("lock", "--offline", "--keep-going")
    assert (done.status, done.out) == (1, "")
    assert "wrote models.lock, models.nix" in done.err
    assert hub_project.lock["m"]["layout"] == "link"
    assert hub_project.run("lock", "--offline", "m").status == 0
    assert hub.log == []
    remedy(said)
    hub_project.follow(said)
    hub.clear()
    assert hub_project.run("lock", "--offline").status == 0
    assert hub.log == []


def test_a_dry_run_prints_what_lock_would(hub: Hub, hub_project: Project, repo: Repo) -> None:
    hub.add_repo("org/other", FILES, lfs=["*.safetensors"], card={"license": "mit"})
    hub_project.write(OUTPUT + MODEL + 'layout = "link"\n' + OTHER)
    before = {path: path.read_bytes() for path in hub_project.dir.iterdir()}
    done = hub_project.run("lock", "--dry-run")
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith("nothing was written: this was a dry run\n")
    assert {path: path.read_bytes() for path in hub_project.dir.iterdir()} == before
    assert all("/resolve/" not in request.path for request in hub.log), "nothing is read"
    shown = done.err.splitlines()[:-1]
    assert shown == hub_project.run("lock").err.splitlines()[:-1]
    assert f"+ other  org/other main {repo.sha[:7]}  2 files  2.0 KiB  mit" in shown

    hub_project.write(OUTPUT + MODEL + '[models.x]\nsource.huggingface = { repo = "org/x" }\n')
    failed = hub_project.run("lock", "--dry-run")
    assert (failed.status, "no org/x" in failed.err, "- other" in failed.err) == (1, True, False)
    going_on = hub_project.run("lock", "--dry-run", "--keep-going")
    assert (going_on.status, "- other" in going_on.err) == (1, True)
    offline = hub_project.run("lock", "--dry-run", "--offline")
    assert (offline.status, "x: not pinned" in offline.err) == (1, True)


@pytest.mark.parametrize(
    "args",
    [
        ("--check", "--dry-run"),
        ("--check", "-U"),
        ("--check", "--prefetch"),
        ("--json",),
        ("--dry-run", "--prefetch"),
        ("--offline", "-P", "m"),
        ("--offline", "--prefetch"),
    ],
)
def test_what_contradicts_itself_is_refused(project: Project, args: tuple[str, ...]) -> None:
    project.write("")
    assert project.run("lock", *args).status == 2


def test_a_redirected_check_is_no_rendering(hub_project: Project, repo: Repo) -> None:
    """Not even where it fails."""
    assert repo
    for args in (("lock", "--check"), ("lock", "--check", "--nope"), ("update", "--markdown")):
        with (hub_project.dir / "out").open("wb") as out:
            hub_project.run_into(out, *args)
        assert (hub_project.dir / "out").read_text() == ""
