"""Copying to the store of another machine over SSH, with each Nix to the other one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import copying, store_url
from support.nix import available
from support.sshd import Sshd, running_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aimodels_gen.nix.store_url import SshStore
    from support.nix import NixEnv

ENTRY = (
    'derivation { name = "entry"; system = "x86_64-linux"; builder = "/bin/bash";'
    ' args = [ "-c" "echo FILE > $out" ]; }'
)


def target(scheme: str) -> SshStore:
    url = store_url.parse(f"{scheme}://builder")
    assert isinstance(url, store_url.SshStore)
    return url


@pytest.fixture
def builder(nix_store: NixEnv) -> Iterator[NixEnv]:
    kind = "forky" if nix_store.kind == "host" else "host"
    with available(kind, seen_at=nix_store.dir) as builder:
        yield builder


def connect(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in sshd.ssh_options.items():
        monkeypatch.setenv(variable, value)


def add(directory: Path, name: str, content: bytes) -> str:
    (directory / name).write_bytes(content)
    command = ("nix-store", "--add-fixed", "sha256", directory / name)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(nix: NixEnv, file: str) -> str:
    expression = ENTRY.replace("FILE", f"${{builtins.storePath {file}}}")
    return nix.run("nix-build", "--no-out-link", "-E", expression).stdout.strip()


# The other two pairs are those of test_push_closures.py.
@pytest.mark.parametrize(
    ("nix", "scheme"), [("host", "ssh"), ("forky", "ssh-ng")], indirect=["nix"]
)
def test_copying(
    nix_store: NixEnv,
    builder: NixEnv,
    scheme: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, other = add(tmp_path, "file", b"f" * 300_000), add(tmp_path, "other", b"o")
    entry = build(nix_store, file)
    with Sshd(builder, tmp_path) as sshd:
        connect(sshd, monkeypatch)
        there = target(scheme)
        assert copying.missing(there, [file, entry, other]) == {file, entry, other}
        told: list[tuple[str, int | None]] = []
        copying.copy(there, [other], lambda path, count: told.append((path, count)))
        assert copying.missing(there, [file, entry, other]) == {file, entry}
        copying.copy(there, [entry], lambda path, count: told.append((path, count)))
        assert copying.missing(there, [file, entry, other]) == set()
    if nix_store.kind == "forky":  # older releases do not tell
        assert sum(count for path, count in told if path == file and count) > 300_000
    assert [path for path, count in told if count is None] == [other, file, entry]
    for path in (file, entry, other):
        assert builder.path(path).read_bytes() == nix_store.path(path).read_bytes()


def test_a_machine_that_does_not_trust_us(
    host_store: NixEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = add(tmp_path, "file", b"f")
    entry = build(host_store, file)
    with (
        available("forky", seen_at=host_store.dir) as builder,
        running_daemon(builder, {"NIX_CONFIG": "trusted-users = nobody"}),
        Sshd(builder, tmp_path, {"NIX_REMOTE": "daemon"}) as sshd,
    ):
        connect(sshd, monkeypatch)
        with pytest.raises(StoreError, match="does not trust who built it") as caught:
            copying.copy(target("ssh-ng"), [entry], lambda *_: None)
        assert entry in str(caught.value)
        # A file needs nobody's trust.
        assert copying.missing(target("ssh-ng"), [file, entry]) == {entry}


def test_machines_that_do_not_answer(
    host_store: NixEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host_store
    monkeypatch.setenv("NIX_SSHOPTS", "-o ConnectTimeout=5 -p 1")
    here = store_url.parse("ssh-ng://127.0.0.1")
    assert isinstance(here, store_url.SshStore)
    file = add(tmp_path, "file", b"f")
    for call in (
        lambda: copying.missing(here, [file]),
        lambda: copying.copy(here, [file], lambda *_: None),
    ):
        with pytest.raises(StoreError, match=r"ssh-ng://127.0.0.1 .*Connection refused") as caught:
            call()
        assert "\n" not in str(caught.value)
