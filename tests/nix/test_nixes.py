"""Each Nix builds in its sandbox and in its own store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from conftest import Runner
    from support.nix import NixEnv

DERIVATION = """
derivation {{
  name = "probe"; system = builtins.currentSystem;
  builder = "/bin/sh"; args = [ "-c" {script} ];
}}
"""


def probe(script: str) -> str:
    return DERIVATION.format(script=f"''PATH=/usr/bin; {script}''")


def test_sandbox_is_on(nix: NixEnv) -> None:
    out = nix.build(probe(f"test ! -e {CHECKOUT} && ls / /proc > $out"))
    assert out.is_relative_to(nix.real)
    assert "root" not in out.read_text().split()


def test_the_machines_own_environment_is_known(home: Path) -> None:
    """Caches, registries and settings are looked for below it, also by xdist's workers."""
    assert Path(os.environ["HOME"]) == home
    assert "aimodels-home-" not in ORIGINAL["HOME"]


def test_a_failed_build_says_why(nix: NixEnv) -> None:
    with pytest.raises(nixes.NixError, match="no such luck"):
        nix.build(probe("echo no such luck; exit 3"))


def test_eval(nix: NixEnv) -> None:
    assert nix.eval('{ a = [ 1 "x" ]; }') == {"a": [1, "x"]}
    assert nix.run("nix", "eval", "--raw", "--expr", "builtins.storeDir").stdout == str(nix.store)


def test_two_nixes_at_one_store_path(host_nix: NixEnv) -> None:
    with nixes.available("forky", seen_at=host_nix.dir) as forky:
        expression = probe("echo same > $out")
        ours, theirs = host_nix.build(expression), forky.build(expression)
        assert ours != theirs
        assert ours.name == theirs.name
        assert theirs.read_text() == "same\n"


def test_unprivileged_reads_but_does_not_write(host_nix: NixEnv, unprivileged: Runner) -> None:
    out = host_nix.build(probe("echo x > $out"))
    assert unprivileged("cat", out).stdout == "x\n"
    if os.geteuid() == 0:
        for command in (("touch", out), ("chmod", "u+w", out), ("touch", out.parent / "new")):
            assert unprivileged(*command).returncode != 0
