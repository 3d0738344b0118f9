"""Models on remote builders, which are reached over SSH: who downloads, and with whose token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from support.expressions import bundle_pin, files_pin
from support.nix import NixError, available
from support.sshd import Sshd, running_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.hub import Hub
    from support.nix import NixEnv

OURS, THEIRS = "hf_ours", "hf_theirs"
FILES = {"bundle", "model.safetensors"}


@dataclass(frozen=True)
class Machines:
    """Two machines with tokens of their own, and a gated model that both may download."""

    ours: NixEnv
    theirs: NixEnv
    sshd: Sshd
    hub: Hub
    expression: str

    def run(self, *command: str) -> str:
        """Run a command of Nix on our machine; return the path that it prints."""
        env = {**self.sshd.ssh_options, "HF_TOKEN": OURS}
        return self.ours.run(*command, env=env).stdout.strip()

    def tokens(self) -> set[str | None]:
        """Return the tokens with which files were downloaded since the last call."""
        found = {request.token for request in self.hub.log if "/resolve/" in request.path}
        self.hub.clear()
        return found


@pytest.fixture
def machines(nix: NixEnv, hub: Hub, tmp_path: Path) -> Iterator[Machines]:
    """Return each Nix with the other one as its builder."""
    content = {"config.json": b"{}", "model.safetensors": b"weights"}
    repo = hub.add_repo("org/gated", content, lfs=["*.safetensors"], gated=True)
    for token in (OURS, THEIRS):
        hub.allow(token, repo.id)
    kind = "forky" if nix.kind == "host" else "host"
    with (
        available(kind, seen_at=nix.dir) as theirs,
        Sshd(theirs, tmp_path, {"HF_TOKEN": THEIRS}) as sshd,
    ):
        yield Machines(nix, theirs, sshd, hub, bundle_pin(hub, repo, 'layout = "link";'))


def names(nix: NixEnv) -> set[str]:
    """Return the names of what is in a store, which may not exist yet."""
    return {path.name[33:] for path in nix.path(nix.store).glob("*")}


def test_what_is_built_where(machines: Machines) -> None:
    build = ("nix-build", "--no-out-link", "-E", machines.expression)
    builders = ("--builders", "ssh-ng://builder x86_64-linux - 4")
    # Models prefer to be built where they are wanted.
    entry = machines.run(*build, *builders)
    assert machines.tokens() == {OURS}
    assert not FILES & names(machines.theirs)
    machines.run("nix-store", "--gc")
    assert machines.run(*build, *builders, "--max-jobs", "0") == entry
    assert machines.tokens() == {THEIRS}
    assert (machines.ours.path(entry) / "refs/main").is_file()
    for nix in (machines.ours, machines.theirs):
        assert names(nix) >= FILES


def test_a_store_on_another_machine(machines: Machines) -> None:
    store = ("--store", "ssh-ng://builder", "--eval-store", "auto")
    machines.run("nix", "build", "--impure", "--no-link", "--expr", machines.expression, *store)
    assert machines.tokens() == {THEIRS}
    assert names(machines.theirs) >= FILES
    assert not FILES & names(machines.ours)
    # The entry comes back without a signature only for those whom Nix trusts.
    (entry,) = (p for p in machines.theirs.path(machines.ours.store).glob("*-m") if p.is_dir())
    wanted = str(machines.ours.store / entry.name)
    copy = ("nix", "copy", "--from", "ssh-ng://builder", wanted, "--option", "require-sigs", "true")
    with pytest.raises(NixError, match=r"lacks a (valid )?signature"):
        machines.run(*copy)
    machines.run(*copy, "--no-check-sigs")
    assert (machines.ours.path(wanted) / "refs/main").is_file()


def test_the_token_of_a_builder(host_nix: NixEnv, hub: Hub, tmp_path: Path) -> None:
    """Root needs no daemon, and has that of the session. For others it is that of the daemon."""
    repo = hub.add_repo("org/gated", {"config.json": b"{}"}, gated=True)
    hub.allow(THEIRS, repo.id)
    build = ("nix", "build", "--impure", "--no-link", "--expr", files_pin(hub, repo))
    store = ("--store", "ssh-ng://builder", "--eval-store", "auto")
    with (
        available("forky", seen_at=host_nix.dir) as theirs,
        running_daemon(theirs, {"HF_TOKEN": THEIRS}),
    ):
        for name, env in (("root", {}), ("others", {"NIX_REMOTE": "daemon"})):
            (tmp_path / name).mkdir()
            with Sshd(theirs, tmp_path / name, env) as sshd:
                ours = {**sshd.ssh_options, "HF_TOKEN": OURS}
                done = host_nix.run(*build, *store, env=ours, check=False)
            assert ("HF_TOKEN" in done.stderr, done.returncode) == (name == "root", name == "root")
    assert {request.token for request in hub.log if "/resolve/" in request.path} == {None, THEIRS}
