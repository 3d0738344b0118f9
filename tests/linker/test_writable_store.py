"""Programs that run as root can write through links into a store that is not read-only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from linker.helpers import A
from support.linker import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Runner
    from support.linker import Linker

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to it")


def test_it_is_a_warning_with_what_to_set(linker: Linker, entry: Callable[..., Path]) -> None:
    run = linker.but(offline=False).link({A: entry()})
    assert (run.status, run.out) == (0, [f"ai-models: linked 1 in {linker.hub}"])
    (warning,) = run.err
    assert warning.startswith(f"warning: {linker.store} is not mounted read-only. ")
    settings = "services.ai-models.integration.huggingface"
    assert warning.endswith(f'Set `{settings}.offline = true`, or `{settings}.mode = "directory"`')


@pytest.mark.parametrize(("offline", "mode"), [(True, "link"), (False, "directory")])
def test_what_it_says_cures(
    linker: Linker, entry: Callable[..., Path], *, offline: bool, mode: str
) -> None:
    assert linker.but(offline=offline, mode=mode).link({A: entry()}).err == []


def test_without_models_there_is_nothing_to_warn_of(linker: Linker) -> None:
    assert linker.but(offline=False).link({}).err == []
    assert linker.but(offline=False).unlink().err == []


def test_a_store_that_is_mounted_read_only(linker: Linker, entry: Callable[..., Path]) -> None:
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    mounted = ("unshare", "--mount", "sh", "-euc", script, str(linker.store))
    run = linker.but(offline=False).link({A: entry()}, launcher=mounted)
    assert (run.status, run.err) == (0, [])


def test_another_user(linker: Linker, entry: Callable[..., Path], unprivileged: Runner) -> None:
    os.chown(linker.root / "cache", 65534, 65534)
    spec = linker.but(offline=False).spec({A: entry()})
    done = unprivileged(sys.executable, PROGRAM, "link", spec, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
