"""The line that says how far a run is."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.cli.console import Console
from aimodels_gen.cli.live import Rates, layout
from aimodels_gen.columns import width_of
from aimodels_gen.lock.progress import RunProgress, clock_text, share_text
from generator.cli.terminals import shown
from support.fake_repo import BigFile
from support.hub import Response

if TYPE_CHECKING:
    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project

GIB = 1 << 30


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (0, 0, "0 of 0 B"),
        (3, 609, "3 of 609 B"),
        (GIB * 11 // 10, GIB * 12 // 10, "1.1 of 1.2 GiB"),
        (0, 5000 * GIB, "0.0 of 4.9 TiB"),
        (None, 82 << 20, "82.0 MiB"),
    ],
)
def test_shares(done: int | None, total: int, text: str) -> None:
    assert share_text(done, total) == text


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "0:03"), (83, "1:23"), (3723, "1:02:03")])
def test_clocks(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    said: list[str] = []
    progress = RunProgress(12 * GIB // 10, {"big": 4}, said.append)
    with progress:
        assert said == ["big 0/4 0.0 of 1.2 GiB"]
        progress.skip(GIB)
        progress.add(82 << 20)
        progress.complete(Path("a"))
        progress.complete(Path("b"))
        now += 1
        assert progress.line() == "big 2/4 1.1 of 1.2 GiB 82.0 MiB/s 0:01"
    assert said[-1].startswith("big 2/4 1.1 of 1.2 GiB")


def test_several_models() -> None:
    names = {Path("1"): "a", Path("2"): "b", Path("3"): "b"}
    progress = RunProgress(9, {"a": 1, "b": 2}, lambda _: None, names.__getitem__)
    assert progress.line() == "a (model 1 of 2) 0/3 0 of 9 B"
    progress.complete(Path("3"))
    assert progress.line() == "a (model 1 of 2) 1/3 0 of 9 B"
    progress.complete(Path("1"))
    assert progress.line() == "b (model 2 of 2) 2/3 0 of 9 B"
    progress.complete(Path("2"))
    assert progress.line() == "b (model 2 of 2) 3/3 0 of 9 B"


@pytest.mark.parametrize("quiet", [False, True])
def test_lines_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    now = 0.0
    monkeypatch.setattr("aimodels_gen.cli.console.time.monotonic", lambda: now)
    out = Console(quiet=quiet)
    for _ in range(25):
        out.progress(f"after {now:.0f} s")
        now += 1
    assert capsys.readouterr().err == ("" if quiet else "after 10 s\nafter 20 s\n")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("locking m", 80, ["locking m"]),
        (
            "hashed 0 of 1 file, 512 B of 1.0 KiB",
            45,
            ["hashed 0 of 1 file, ━━━━──── 512 B of 1.0 KiB"],
        ),
        ("locking a-long-name", 9, ["locking a"]),
        ("m 1/2 1.0 of 4.0 GiB", 39, ["m 1/2 ━━━━────────────── 1.0 of 4.0 GiB"]),
        ("m 1/2 1.0 of 4.0 GiB 9.0 MiB/s 0:09", 39, ["m 1/2 1.0 of 4.0 GiB 9.0 MiB/s 0:09"]),
        (
            "a-model-with-a-long-name 1/2 1.0 of 4.0 GiB 9.0 MiB/s 0:09",
            39,
            ["a-model-with-a-long-name 1/2", "━━─────── 1.0 of 4.0 GiB 9.0 MiB/s 0:09"],
        ),
        ("模型 1/2 0 of 0 B", 30, ["模型 1/2 ━━━━━━━━━━━━ 0 of 0 B"]),
    ],
)
def test_numbers_and_bars_fit(text: str, width: int, lines: list[str]) -> None:
    assert layout(text, width) == lines
    assert all(width_of(line) <= width for line in lines)


def test_rates_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("aimodels_gen.cli.live.time.monotonic", lambda: now)
    rates = Rates()
    assert rates.added("hashed 0.0 of 4.0 GiB") == "hashed 0.0 of 4.0 GiB"
    now += 2
    assert rates.added("hashed 1.0 of 4.0 GiB") == "hashed 1.0 of 4.0 GiB 512.0 MiB/s 0:06"
    assert rates.added("hashed 0.1 of 4.0 GiB") == "hashed 0.1 of 4.0 GiB"  # of other files
    for text in ("locking", "m 1/2 1.0 of 4.0 GiB 9.0 MiB/s 0:09"):
        assert rates.added(text) == text


def test_nothing_is_written_over_on_a_dumb_terminal(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a": b"a"})
    hub_project.write('[models.m]\nsource.huggingface = { repo = "org/name" }\n')
    seen = shown(hub_project, "lock", environment={"TERM": "dumb"})
    assert "\x1b" not in seen
    assert "\r" not in seen
    assert "wrote models.lock" in seen


def test_a_wait_is_counted_down(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a": b"a"})
    hub_project.write('[models.m]\nsource.huggingface = { repo = "org/name" }\n')
    refusals = iter([Response(429, headers={"Retry-After": "3"})])
    hub.faults = lambda _: next(refusals, None)
    seen = shown(hub_project, "lock", columns=60)
    assert "warning: rate limited by 127.0.0.1; waiting 3 s (" in seen
    for seconds in (3, 2, 1):
        assert f"waiting {seconds} s: the server's rate limit" in seen
    assert "wrote models.lock" in seen.rpartition("rate limit")[2]


def test_a_terminal(
    hub: Hub, hub_project: Project, host_nix: NixEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in host_nix.variables().items():
        monkeypatch.setenv(variable, value)
    hub.add_repo(
        "org/name", {"model.safetensors": BigFile(40 << 20, seed=1)}, lfs=["*.safetensors"]
    )
    hub_project.write('[models.big]\nsource.huggingface = { repo = "org/name" }\n')
    hub_project.ok("lock")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "prefetch"],
        env={**hub_project.environment(), "COLUMNS": "80"},
        cwd=hub_project.dir,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        shown = b""
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.2)[0]:
                shown += os.read(ours, 1 << 16)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    states = shown.decode().replace("\r\n", "\n").split("\r\x1b[K")
    assert f"big 0/1 {'─' * 40} 0.0 of 40.0 MiB" in states
    whole = r"big 1/1 ━{20,40} 40\.0 of 40\.0 MiB \d+\.\d MiB/s 0:00"
    assert any(re.match(whole, one) for one in states)
    assert "big  1 path: 1 downloaded\n" in states
