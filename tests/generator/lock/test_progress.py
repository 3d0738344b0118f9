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
import rich.console
from rich.console import Group

from aimodels_gen.amounts import Amount, Speed, clock_text, share_text
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.live import layout
from aimodels_gen.columns import width_of
from aimodels_gen.lock.progress import RunProgress
from generator.cli.terminals import shown
from support.fake_repo import BigFile
from support.hub import Response

if TYPE_CHECKING:
    from support.hub import Hub
    from support.nix import NixEnv
    from support.project import Project

GIB = 1 << 30
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def amount(label: str, done: int = GIB, total: int = 4 * GIB, rate: float = 0) -> Amount:
    return Amount(label, done, total, rate)


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
    progress = RunProgress(12 * GIB // 10, {"big": 4}, lambda one: said.append(str(one)))
    with progress:
        assert said == ["big 0/4 0.0 of 1.2 GiB"]
        progress.skip(GIB)
        progress.add(82 << 20)
        progress.complete(Path("a"))
        progress.complete(Path("b"))
        now += 1
        assert str(progress.amount()) == "big 2/4 1.1 of 1.2 GiB 82.0 MiB/s 0:01"
    assert said[-1].startswith("big 2/4 1.1 of 1.2 GiB")


def test_several_models() -> None:
    names = {Path("1"): "a", Path("2"): "b", Path("3"): "b"}
    progress = RunProgress(9, {"a": 1, "b": 2}, lambda _: None, names.__getitem__)
    assert str(progress.amount()) == "a (model 1 of 2) 0/3 0 of 9 B"
    progress.complete(Path("3"))
    assert str(progress.amount()) == "a (model 1 of 2) 1/3 0 of 9 B"
    progress.complete(Path("1"))
    assert str(progress.amount()) == "b (model 2 of 2) 2/3 0 of 9 B"
    progress.complete(Path("2"))
    assert str(progress.amount()) == "b (model 2 of 2) 3/3 0 of 9 B"


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
    ("what", "width", "lines"),
    [
        ("locking m", 80, ["locking m"]),
        ("locking [bold]:smile: a-long-name", 20, ["locking [bold]:smile"]),
        ("aa模型模型", 9, ["aa模型模"]),
        ("模型.gguf", 8, ["模型.ggu"]),
        ("e\u0301" * 9, 8, ["e\u0301" * 8]),
        (amount("hashed 0/1", 512, 1 << 10), 34, ["hashed 0/1 ━━━━╺─── 0.5 of 1.0 KiB"]),
        (amount("m 1/2"), 39, ["m 1/2 ━━━━╸───────────── 1.0 of 4.0 GiB"]),
        (amount("m 1/2", rate=9 << 20), 39, ["m 1/2 1.0 of 4.0 GiB 9.0 MiB/s 5:41"]),
        (
            amount("a-model-with-a-long-name 1/2", rate=9 << 20),
            39,
            ["a-model-with-a-long-name 1/2", "━━╺────── 1.0 of 4.0 GiB 9.0 MiB/s 5:41"],
        ),
        (
            amount("a-long-name", rate=9 << 20),
            20,
            ["a-long-name", "1.0 of 4.0 GiB 9.0", "MiB/s 5:41"],
        ),
        (amount("模型 1/2", 0, 0), 30, ["模型 1/2 ━━━━━━━━━━━━ 0 of 0 B"]),
    ],
)
def test_numbers_and_bars_fit(what: str | Amount, width: int, lines: list[str]) -> None:
    assert drawn(what, width) == lines
    assert all(width_of(line) <= width for line in lines)


def drawn(what: str | Amount, width: int) -> list[str]:
    """Return the lines of a terminal, with `─` where a bar is not full yet."""
    terminal = rich.console.Console(width=width, force_terminal=True, color_system="standard")
    with terminal.capture() as captured:
        terminal.print(Group(*layout(what, width)))
    text = re.sub("\x1b\\[90m(━+)", lambda rest: "─" * len(rest[1]), captured.get())
    return [line.rstrip() for line in _STYLE.sub("", text).splitlines()]


def test_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("aimodels_gen.amounts.time.monotonic", lambda: now)
    speed = Speed()
    assert speed.at(0) == 0
    now += 2
    assert speed.at(GIB) == GIB / 2
    now += 8
    assert speed.at(GIB) == 0  # nothing in the last seconds
    now += 1
    assert speed.at(2 * GIB) == GIB / 9
    assert str(Amount("hashed", GIB, 4 * GIB, GIB / 2)) == "hashed 1.0 of 4.0 GiB 512.0 MiB/s 0:06"


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
    states = states_of(shown.decode())
    assert f"big 0/1 {'━' * 40} 0.0 of 40.0 MiB" in states
    whole = r"big 1/1 ━{20,40} 40\.0 of 40\.0 MiB \d+\.\d MiB/s 0:00\n"
    assert any(re.match(whole, one) for one in states)
    assert states[-1].startswith("big  1 path: 1 downloaded\n")


def states_of(seen: str) -> list[str]:
    """Return what a terminal showed, without styles, from one line that was erased to the next."""
    text = _STYLE.sub("", seen.replace("\r\n", "\n"))
    return re.split(r"\r(?:\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)*", text)
