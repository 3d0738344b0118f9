"""What `push` refuses of what is built, of keys and of machines: the hint is followed."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from generator.store.test_push_closures import entry, keys
from support.nix import available
from support.remedies import cure, cures
from support.sshd import Sshd, running_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

CREATE = (
    "create a pair of keys: "
    "`nix-store --generate-binary-cache-key cache.example.org-1 secret.key public.key`"
)
SIGN = "sign it with `--secret-key-file FILE`, and add the public key to trusted-public-keys of …"
TRUSTED = (
    "run this command as root, or as a user in the setting `trusted-users`; or push to a binary "
    "cache"
)


@pytest.fixture
def project(hub_project: Project, host_store: NixEnv, repo: Repo) -> Project:
    assert repo
    assert host_store
    hub_project.ok("lock", "-o", "models.nix")
    return hub_project


@pytest.fixture
def builder(host_store: NixEnv) -> Iterator[NixEnv]:
    with available("forky", seen_at=host_store.dir) as builder:
        yield builder


def connect(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in sshd.ssh_options.items():
        monkeypatch.setenv(variable, value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        cure(CREATE, None, "cannot be read"),
        cure(CREATE, "cache-1:c2hvcnQ=", "has no secret key"),
        cure("name the file of the secret key", "public", "has a public key"),
    ],
)
def test_keys_are_read_first(
    project: Project, remedy: Remedy, content: str | None, message: str
) -> None:
    key = project.dir / "key"
    secret, public = keys(project.dir)
    if content:
        key.write_text(public if content == "public" else content)
    push = ("push", "./cache", "--installable", "path:/nonexistent#x", "--secret-key-file")
    done = project.run(*push, str(key))
    assert done.status == 1
    assert message in done.err
    remedy(done.err)
    for command in remedy.commands:
        subprocess.run(shlex.split(command), check=True)
        secret = "secret.key"
    path = subprocess.run(
        ("nix-store", "--add", "models.toml"), check=True, capture_output=True, text=True
    ).stdout.strip()
    project.ok("push", "./cache", "--installable", path, "--secret-key-file", secret)


@cures("name a package of a flake, such as .#cache, or a path in the store")
def test_what_is_not_to_be_built(project: Project, remedy: Remedy, tmp_path: Path) -> None:
    done = project.run("push", str(tmp_path / "cache"), "--installable", "--impure")
    assert done.status == 1
    remedy(done.err)
    file = ("nix-store", "--add", "models.toml")
    path = subprocess.run(file, check=True, capture_output=True, text=True).stdout.strip()
    assert project.ok("push", str(tmp_path / "cache"), "--installable", path).split() == [path]


@cures("run `nix build …` for the whole log")
def test_a_build_that_fails(project: Project, remedy: Remedy) -> None:
    (project.dir / "flake").mkdir()
    (project.dir / "flake/flake.nix").write_text(
        """{ outputs = _: { x = derivation { name = "x"; system = "x86_64-linux";
        builder = "/bin/bash"; args = [ "-c" "echo it is broken >&2; exit 1" ]; }; }; }"""
    )
    installable = f"path:{project.dir}/flake#x"
    done = project.run("push", "./cache", "--installable", installable, "--quiet")
    assert done.status == 1
    assert f"{installable} was not built: " in done.err
    assert not (project.dir / "cache").exists()
    remedy(done.err)
    log = subprocess.run(
        shlex.split(remedy.commands[0]), check=False, capture_output=True, text=True
    )
    assert "it is broken" in log.stderr
    # Without --quiet, it has been seen before.
    done = project.run("push", "./cache", "--installable", installable)
    assert f"{installable} was not built: see above" in done.err


@cures(SIGN)
def test_a_machine_that_trusts_nobody(  # noqa: PLR0913, PLR0917 (one fixture for each thing)
    project: Project,
    host_store: NixEnv,
    builder: NixEnv,
    remedy: Remedy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = entry(project, host_store)
    key, public = keys(tmp_path)
    settings = "trusted-users = nobody"
    session = {"NIX_REMOTE": "daemon"}
    with Sshd(builder, tmp_path, session) as sshd:
        connect(sshd, monkeypatch)
        push = ("push", "ssh-ng://builder", "--installable", path)
        with running_daemon(builder, {"NIX_CONFIG": settings}):
            done = project.run(*push)
        assert done.status == 1
        # Its files were not refused.
        assert f"{path}  3 paths: 2 sent" in done.err
        assert remedy(done.err) == ("builder",)
        settings += f"\ntrusted-public-keys = {public}"
        with running_daemon(builder, {"NIX_CONFIG": settings}):
            assert project.ok(*push, "--secret-key-file", key).split() == [path]


@cures(TRUSTED)
def test_signing_as_somebody_whom_nix_does_not_trust(  # noqa: PLR0913, PLR0917 (as above)
    project: Project,
    host_store: NixEnv,
    builder: NixEnv,
    remedy: Remedy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = entry(project, host_store)
    key, _ = keys(tmp_path)
    push = ("--installable", path, "--secret-key-file", key)
    with (
        Sshd(builder, tmp_path) as sshd,
        running_daemon(host_store, {"NIX_CONFIG": "trusted-users = nobody"}),
        monkeypatch.context() as patch,
    ):
        connect(sshd, patch)
        patch.setenv("NIX_REMOTE", "daemon")
        done = project.run("push", "ssh-ng://builder", *push)
        assert done.status == 1
        remedy(done.err)
        assert len(project.ok("push", str(tmp_path / "cache"), *push).split()) == 3
        patch.delenv("NIX_REMOTE")
        assert len(project.ok("push", "ssh-ng://builder", *push).split()) == 3


@cures("check that `ssh … nix-store --version` works")
def test_a_machine_that_does_not_answer(
    project: Project,
    builder: NixEnv,
    remedy: Remedy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        host, *command = shlex.split(remedy.commands[0])[1:]
        ssh = ("ssh", *os.environ["NIX_SSHOPTS"].split(), host, *command)
        return subprocess.run(ssh, check=False, capture_output=True, text=True)

    with Sshd(builder, tmp_path) as sshd:
        monkeypatch.setenv("NIX_SSHOPTS", f"{sshd.ssh_options['NIX_SSHOPTS']} -l nobody")
        done = project.run("push", "ssh://builder")
        assert done.status == 1
        assert "Permission denied" in done.err
        assert remedy(done.err) == ("builder",)
        assert "Permission denied" in check().stderr
        connect(sshd, monkeypatch)
        assert "nix-store (Nix)" in check().stdout
        assert len(project.ok("push", "ssh://builder").split()) == 2


@cures("write `Port …` for this host into ~/.ssh/config, and ssh-ng://…")
def test_a_port_that_nix_does_not_take(
    project: Project,
    builder: NixEnv,
    remedy: Remedy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nix 2.8 hands it to ssh with the name of the host."""
    with Sshd(builder, tmp_path) as sshd:
        connect(sshd, monkeypatch)
        config = tmp_path / "ssh_config"
        (port,) = (line for line in config.read_text().splitlines() if "Port " in line)
        config.write_text(config.read_text().replace(port, ""))
        done = project.run("push", f"ssh-ng://builder:{port.split()[1]}")
        assert done.status == 1
        assert remedy(done.err) == (port.split()[1], "builder")
        with config.open("a") as file:  # in the section of the host
            file.write(f"{remedy.commands[0]}\n")
        assert len(project.ok("push", "ssh-ng://builder").split()) == 2


@cures("free some space there (`ssh … nix-collect-garbage`), then try again")
def test_a_machine_that_is_full(
    project: Project,
    builder: NixEnv,
    remedy: Remedy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a file system of 2 MiB for its store, until it has more."""
    store = builder.path(builder.store)
    store.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", store)
    subprocess.run(mount, check=True)
    try:
        with Sshd(builder, tmp_path) as sshd:
            connect(sshd, monkeypatch)
            done = project.run("push", "ssh-ng://builder")
            assert done.status == 1
            assert remedy(done.err) == ("builder",)
            subprocess.run(("mount", "-o", "remount,size=20M", store), check=True)
            assert project.ok("push", "ssh-ng://builder")
    finally:
        subprocess.run(("umount", store), check=True)
