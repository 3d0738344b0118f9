"""`prefetch` and `lock` of a user whose store belongs to a daemon, as on NixOS."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.remedies import cure
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.fake_repo import Content
    from support.hub import Hub
    from support.nix import NixEnv
    from support.remedies import Remedy

FILES: dict[str, Content] = {
    "README.md": b"# A model\n",
    "config.json": b"{}",
    "model.safetensors": b"w" * 50_000,
}
MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
NOBODY = 65534
PATIENCE = 20  # seconds; a daemon starts in a tenth of one


@dataclass
class User:
    """A user of the machine whom the daemon does not trust."""

    home: Path
    nix: NixEnv
    environment: dict[str, str]

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*prefix(), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.home,
            env={**os.environ, **self.environment},
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def generator(self, *arguments: str, check: bool = True) -> str:
        """Run our program; return what it says."""
        return self.run(sys.executable, "-m", "aimodels_gen", *arguments, check=check).stderr

    @property
    def model(self) -> str:
        """Return the model in models.nix, as an expression."""
        return (
            f"(import {self.home}/models.nix {{"
            f' pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }};'
            f" inherit (import {CHECKOUT}/nix) fetchModel; }}).m"
        )

    def paths(self) -> list[str]:
        """Return the store paths that the pin of the model fixes."""
        found: list[str] = self.nix.eval(
            f"let model = {self.model}; in map (each: each.outPath)"
            " (if model ? blobs then [ model.bundle ]"
            " ++ builtins.filter (blob: blob ? outputHash) (builtins.attrValues model.blobs)"
            " else [ model ])"
        )
        return found

    def has(self, paths: list[str]) -> bool:
        """Return whether the store has these paths."""
        return not self.run("nix-store", "--check-validity", *paths, check=False).returncode

    def freeable(self) -> int:
        """Return how many bytes `du` says garbage collection would free."""
        done = self.run(sys.executable, "-m", "aimodels_gen", "du", "--json")
        return int(json.loads(done.stdout)["total"]["freeable"])

    def build(self) -> None:
        """Build the model into `result`."""
        self.run("nix-build", "-E", self.model)


@pytest.fixture
def user(host_nix: NixEnv, hub: Hub) -> Iterator[User]:
    if os.geteuid() != 0:
        pytest.skip("a daemon for other users has to be root's")
    hub.add_repo("org/name", FILES, lfs=["*.safetensors"])
    socket = host_nix.dir / "var/daemon-socket/socket"
    with daemon(host_nix, socket), tempfile.TemporaryDirectory(prefix="aimodels-user-") as home:
        os.chown(home, NOBODY, NOBODY)
        yield User(
            Path(home),
            host_nix,
            {
                **host_nix.variables(),
                "NIX_REMOTE": "daemon",
                "HOME": home,
                "TMPDIR": home,
                "XDG_CACHE_HOME": f"{home}/.cache",
                "HF_ENDPOINT": hub.url,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
        )


@contextlib.contextmanager
def daemon(nix: NixEnv, socket: Path, *option: str) -> Iterator[None]:
    """Run a daemon for a store, with an option."""
    options = ["--option", *option] if option else []
    process = nix.start("nix-daemon", *options, env={"NIX_DAEMON_SOCKET_PATH": str(socket)})
    try:
        deadline = time.monotonic() + PATIENCE
        while not socket.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.communicate()
        socket.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("pin", "said"),
    [("files", "2 paths: 1 downloaded, 1 there already"), ("tree", "1 path: 1 there already")],
)
def test_prefetch(user: User, hub: Hub, pin: str, said: str) -> None:
    (user.home / "models.toml").write_text(f'{MANIFEST}pin = "{pin}"\n')
    user.generator("lock", "-o", "models.nix")
    assert said in user.generator("prefetch", "--root", "roots")
    paths = user.paths()
    user.nix.run("nix-store", "--gc")
    assert user.has(paths)
    assert user.freeable() == 0
    # Nobody but the daemon can change it.
    stored = user.nix.path(paths[0])
    assert user.run("chmod", "-R", "u+w", stored, check=False).returncode
    hub.clear()
    assert "there already" in user.generator("prefetch", "--root", "roots")
    assert hub.log == []
    user.run("rm", "-r", "roots")
    assert user.freeable() == sum(map(len, FILES.values()))
    user.nix.run("nix-store", "--gc")
    assert not user.has(paths)


def test_prefetching_while_locking(user: User) -> None:
    (user.home / "models.toml").write_text(MANIFEST)
    user.generator("lock", "--prefetch", "-o", "models.nix")
    assert user.has(user.paths())


def test_files_of_an_entry_are_taken_from_it(user: User, hub: Hub) -> None:
    (user.home / "models.toml").write_text(MANIFEST)
    user.generator("lock", "--prefetch", "-o", "models.nix")
    user.build()
    user.nix.run("nix-store", "--gc")
    paths = user.paths()
    assert not user.has(paths)
    user.run("rm", "-r", user.environment["XDG_CACHE_HOME"])
    hub.clear()
    assert "2 taken from other paths in the store" in user.generator("prefetch")
    assert hub.log == []
    assert user.has(paths)


@pytest.mark.parametrize(
    "allowed",
    [
        cure("start the Nix daemon: `sudo systemctl start nix-daemon`", None),
        cure(
            "look at the log of nix-daemon, which closed the connection: it serves only users in "
            "the setting `allowed-users`",
            "root",
        ),
    ],
)
def test_a_daemon_that_does_not_serve(user: User, allowed: str | None, remedy: Remedy) -> None:
    """The hint is for this reason: once a daemon runs that serves all users, this one has files."""
    (user.home / "models.toml").write_text(MANIFEST)
    user.generator("lock", "-o", "models.nix")
    socket = user.home / "socket"
    user.environment["NIX_DAEMON_SOCKET_PATH"] = str(socket)
    with contextlib.ExitStack() as stack:
        if allowed:
            stack.enter_context(daemon(user.nix, socket, "allowed-users", allowed))
        said = user.generator("prefetch", check=False)
    assert said.startswith("error: nix-store does not answer: cannot ")
    remedy(said)
    with daemon(user.nix, socket):
        assert "1 downloaded, 1 there already" in user.generator("prefetch")
