"""What commands refuse: what the hint says is typed, and the command does what it should."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_gen import atomic, resources
from generator.sources.buckets import INTEGRATION
from support.loopback import LoopbackServer, Response
from support.remedies import cure, cures

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.fake_repo import Repo
    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    hub_project.write(MODEL)
    return hub.add_repo("org/name", {"config.json": b"{}"})


def named(project: Project) -> list[str]:
    (project.dir / "models.toml").rename(project.dir / "other.toml")
    return ["-m", "other.toml"]


@pytest.mark.usefixtures("repo")
@cures(
    "run `aimodels-gen init` to write one, or name the manifest: -m FILE",
    "run `aimodels-gen init` to write one, or name the manifest",
    "run `aimodels-gen init` to write a manifest, or name the one that is there",
)
def test_there_is_no_manifest(hub_project: Project, remedy: Remedy) -> None:
    option = named(hub_project)
    remedy(hub_project.fails("lock"))
    remedy(hub_project.fails("lock", "-m", "models.toml"))
    remedy(hub_project.fails("render", "-m", "models.toml"))
    hub_project.ok("lock", *option)
    hub_project.ok("render", *option)
    hub_project.follow(f"`{remedy.commands[0]}`")
    (hub_project.dir / "models.toml").write_text(MODEL)
    hub_project.ok("lock")


@pytest.mark.usefixtures("repo")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
@cures("if you trust it, name it: -m …")
def test_a_manifest_of_another_user(
    hub_project: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(hub_project.dir / "models.toml", 65534, 65534)
    (hub_project.dir / "below").mkdir()
    monkeypatch.chdir(hub_project.dir / "below")
    (path,) = remedy(hub_project.fails("lock"))
    hub_project.ok("lock", "-m", path)


OUT = ["lock", "-o", "out"]
NEW = ["lock", "-o", "new.nix"]
TWO = '[[output]]\nfile = "a.nix"\n[[output]]\nfile = "b/a.nix"\n'


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("broken", "refused", "follows"),
    [
        cure(
            "name a file in it: …",
            lambda p: ((p.dir / "out").mkdir(), p.write(f'output.file = "out"\n{MODEL}')),
            ["lock"],
            'sed -i s:"out":"out/models.nix": models.toml',
        ),
        cure(
            "write `-o -` and redirect standard output, or name a file",
            lambda p: os.mkfifo(p.dir / "out"),
            OUT,
            ["lock", "-o", "-"],
        ),
        cure(
            "name another file, or move this one away if you do not need it",
            lambda p: (p.dir / "out").write_text("{ }"),
            OUT,
            NEW,
        ),
        cure(
            "name another file, or move this one away if you do not need it",
            lambda p: (p.dir / "out").write_text("{ }"),
            OUT,
            "mv out away",
        ),
        cure(
            "remove it and run this again: all of it is made from the lock",
            lambda p: (p.dir / "out").write_text(f"<<<<<<< HEAD\n{p.ok('lock')}=======\n>>>>>>> b"),
            OUT,
            "rm out",
        ),
        cure(
            "remove one of them, or name another file",
            lambda p: ((p.dir / "b").symlink_to("."), p.write(TWO + MODEL)),
            ["lock"],
            NEW,
        ),
        cure("did you mean …?", lambda _: None, ["lock", "mm"], ["lock", "0"]),
        cure("it has …", lambda _: None, ["lock", "zzzz"], ["lock", "0"]),
        cure(
            "move it away, or name another directory",
            lambda p: (p.dir / "models.nix").write_text("{ }"),
            ["init"],
            "mv models.nix away",
        ),
        cure(
            "move it away, or name another directory",
            lambda p: (p.dir / "models.nix").write_text("{ }"),
            ["init"],
            ["init", "elsewhere"],
        ),
        cure(
            "run `aimodels-gen lock`, or name another directory",
            lambda p: (p.ok("init"), p.write(MODEL)),
            ["init"],
            ["lock"],
        ),
        cure(
            "make the directory first, or name another path",
            lambda _: None,
            ["lock", "-o", "nix/out"],
            "mkdir nix",
        ),
        cure(
            "name another path: a part of this one is a file",
            lambda _: None,
            ["lock", "-o", "models.toml/out"],
            NEW,
        ),
        cure(
            "remove the link, which leads back to itself, or name another path",
            lambda p: (p.dir / "out").symlink_to("out"),
            OUT,
            "rm out",
        ),
        cure("use a shorter name", lambda _: None, ["lock", "-o", "o" * 300], NEW),
    ],
)  # fmt: skip
def test_a_command_line(
    hub_project: Project,
    remedy: Remedy,
    broken: Callable[[Project], object],
    refused: list[str],
    follows: list[str] | str,
) -> None:
    """0 is what the hint fills in; a line for the shell is followed by the same command."""
    broken(hub_project)
    groups = remedy(hub_project.fails(*refused))
    if isinstance(follows, str):
        subprocess.run(follows.split(), check=True)
        follows = refused
    hub_project.ok(*(groups[0] if word == "0" else word for word in follows))


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("redirection", "follows"),
    [
        cure("write > instead of >>, or `-o FILE`", "lock >> models.nix", "lock > models.nix"),
        cure("write > instead of >>, or `-o FILE`", "lock >> models.nix", "lock -o models.nix"),
        cure(
            "restore … from version control if it is empty now, and name another file",
            "lock > models.toml",
            "lock > models.nix",
        ),
    ],
)
def test_a_redirection(
    hub_project: Project, remedy: Remedy, redirection: str, follows: str
) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        command = f'exec "$0" -m aimodels_gen {line}'
        return subprocess.run(
            ["bash", "-euc", command, sys.executable],
            cwd=hub_project.dir,
            env=hub_project.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    hub_project.ok("lock", "-o", "models.nix")
    remedy(shell(redirection).stderr)
    hub_project.write(MODEL)
    done = shell(follows)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("repo")
@cures("wait for it, then run this again")
def test_another_program_is_writing(
    hub_project: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_LONGEST_WAIT", 0.1)
    descriptor = os.open(hub_project.dir, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    remedy(hub_project.run("lock").err)
    os.close(descriptor)
    hub_project.ok("lock")


@cures("run this again: what the other one has pinned stays")
def test_another_program_has_locked(
    hub_project: Project, remedy: Remedy, repo: Repo, hub: Hub
) -> None:
    hub_project.ok("lock")
    theirs = hub_project.lock_file.read_bytes()
    hub_project.lock_file.unlink()
    first = repo.sha

    def meanwhile(_: object) -> None:
        hub_project.lock_file.write_bytes(theirs)

    hub.faults = meanwhile
    repo.commit({"config.json": b"[]"})
    remedy(hub_project.fails("lock"))
    hub.faults = lambda _: None
    hub_project.ok("lock")
    assert first in hub_project.lock_file.read_text()


@pytest.mark.usefixtures("repo")
@cures("run `…` first")
@pytest.mark.parametrize("manifest", ["models.toml", "my models.toml"])
def test_there_is_no_lock(hub_project: Project, remedy: Remedy, manifest: str) -> None:
    (hub_project.dir / "models.toml").rename(hub_project.dir / manifest)
    option = [] if manifest == "models.toml" else ["-m", manifest]
    for command in (["render"], ["prefetch", "m"]):
        said = hub_project.fails(*command, *option)
        remedy(said)
        hub_project.follow(said)
        assert hub_project.run(*command, *option).err != said
        (hub_project.dir / manifest).with_suffix(".lock").unlink()


@pytest.mark.usefixtures("repo")
@cures("upgrade aimodels-gen, or …")
@pytest.mark.parametrize("option", [[], ["-m", "other.toml"]])
def test_a_lock_of_a_newer_version(hub_project: Project, remedy: Remedy, option: list[str]) -> None:
    """Upgrading cannot be tried; the rest of the hint is that of damaged locks."""
    hub_project.ok("lock")
    lock = json.loads(hub_project.lock_file.read_text())
    lock["models"]["m"]["source"] = {"newer": {}}
    if option:
        named(hub_project)
    path = hub_project.dir / ("other.lock" if option else "models.lock")
    path.write_text(json.dumps(lock))
    said = hub_project.fails("render", *option)
    remedy(said)
    path.unlink()
    hub_project.follow(said)
    hub_project.ok("render", *option)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("option", [[], ["-m", "other.toml"]])
@pytest.mark.parametrize(
    "broken",
    [
        cure("upgrade aimodels-gen, or delete the lock and run …", '{"version": 9}'),
        cure("restore it from version control, or delete it and run …", "{"),
    ],
)
def test_a_damaged_lock(
    hub_project: Project, remedy: Remedy, broken: str, option: list[str]
) -> None:
    option = option and named(hub_project)
    path = hub_project.dir / ("other.lock" if option else "models.lock")
    path.write_text(broken)
    said = hub_project.fails("lock", *option)
    remedy(said)
    path.unlink()
    hub_project.follow(said)
    hub_project.ok("render", *option)


@cures(" in models.toml, and run `aimodels-gen lock`")
@pytest.mark.parametrize("option", [[], ["-m", "other.toml"]])
def test_a_lock_of_before_a_rule(hub_project: Project, remedy: Remedy, option: list[str]) -> None:
    with LoopbackServer(lambda _: Response(200, {}, b"GGUF")) as server:
        key = 'source.url.query = "public"\n'
        model = f'[models.m]\nsource.url.files."a.gguf" = "{server.url}/a?b=c"\n{INTEGRATION}'
        hub_project.write(model + key)
        option = option and named(hub_project)
        hub_project.ok("lock", *option)
        path = hub_project.dir / ("other.lock" if option else "models.lock")
        path.write_text(re.sub(r',\s*"query": "public"', "", path.read_text()))
        said = hub_project.fails("render", *option)
        remedy(said)
        hub_project.follow(said)
        hub_project.ok("render", *option)


@pytest.mark.usefixtures("repo")
@cures("install it again (looked in … and …)")
def test_an_installation_lacks_its_templates(
    hub_project: Project, remedy: Remedy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout = resources._CHECKOUT  # noqa: SLF001 (there is no other installation to break)
    monkeypatch.setattr(resources, "_CHECKOUT", tmp_path / "installation")
    _, place = remedy(hub_project.fails("init", "new"))
    shutil.copytree(checkout / "templates", Path(place) / "templates")
    hub_project.ok("init", "new")


@pytest.fixture
def nix_store(host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch) -> NixEnv:
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    return host_nix


@pytest.mark.usefixtures("repo", "nix_store")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        cure("install Nix, or add it to PATH", "PATH", "/nonexistent"),
        cure("start the Nix daemon: `sudo systemctl start nix-daemon`", "NIX_REMOTE", "daemon"),
        cure("check the Nix installation", "NIX_REMOTE", "nowhere://"),
    ],
)
def test_nix_does_not_answer(
    hub_project: Project,
    remedy: Remedy,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    hub_project.ok("lock")
    with monkeypatch.context() as broken:
        broken.setenv(variable, value)
        broken.setenv("NIX_DAEMON_SOCKET_PATH", "/nonexistent")
        remedy(hub_project.fails("prefetch"))
    hub_project.ok("prefetch")


@pytest.mark.usefixtures("nix_store")
@cures(
    "a commit does not change: a mirror or proxy alters it, or the lock was edited; to pin what the "
    "source has now, delete … from models of the lock, and run `aimodels-gen lock`"
)
@pytest.mark.parametrize("option", [[], ["-m", "other.toml"]])
def test_a_tree_has_changed(
    hub_project: Project, hub: Hub, repo: Repo, remedy: Remedy, option: list[str]
) -> None:
    hub_project.write(f'{MODEL}pin = "tree"\n')
    if option:
        named(hub_project)
    hub_project.ok("lock", *option)
    other = hub.add_repo("org/name", {"config.json": b"[ ]"})
    other.commits[repo.sha] = other.commits.pop(other.sha)
    other.refs["main"] = repo.sha
    subprocess.run(["nix-store", "--gc"], check=True, capture_output=True)
    said = hub_project.fails("prefetch", *option)
    (name,) = remedy(said)
    path = hub_project.dir / ("other.lock" if option else "models.lock")
    lock = json.loads(path.read_text())
    del lock["models"][name]
    path.write_text(json.dumps(lock))
    hub_project.follow(said)
    hub_project.ok("prefetch", *option)
