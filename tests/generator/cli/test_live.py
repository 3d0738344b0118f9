"""What is written over at the end of terminals, of any kind."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.amounts import Amount
from aimodels_gen.cli import console, live
from aimodels_gen.cli.console import Console
from generator.cli.terminals import screen, shown
from support.hub import Response

if TYPE_CHECKING:
    from support.hub import Hub, Repo, Request
    from support.project import Project

LABEL = "模 [red]a\x1b[2J 1/2"
AMOUNT = Amount(LABEL, 1 << 20, 4 << 20, 1 << 19)


class Terminal:
    """A terminal of which nothing is read before it is closed."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    @property
    def seen(self) -> str:
        return "".join(self.parts)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(console, "can_write_over", lambda: True)
    for module in (console, live):
        monkeypatch.setattr(module, "write", made.parts.append)
    monkeypatch.setattr(live._Stderr, "encoding", "utf-8")  # noqa: SLF001 - pytest has its own
    for variable in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    return made


def use() -> None:
    out = Console()
    with out.under_way():
        out.progress(AMOUNT)
        out.warn("b [red]\x1b[2Jc")
    out.note("end")


def test_messages_stay_and_progress_goes(terminal: Terminal) -> None:
    use()
    assert screen(terminal.seen)[:3] == ["warning: b [red]?[2Jc", "end", ""]
    assert "模 [red]a?[2J 1/2 " in terminal.seen
    assert re.search("\x1b\\[36m━{7}", terminal.seen)
    assert "1.0 of 4.0 MiB 512.0 KiB/s 0:06" in terminal.seen
    assert "\x1b[?25l" not in terminal.seen  # the cursor stays, also if we are killed


def test_no_colour(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    use()
    assert "━" in terminal.seen
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.seen)


def test_terminals_without_utf_8(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live._Stderr, "encoding", "ascii")  # noqa: SLF001 - pytest has its own
    use()
    assert terminal.seen.isascii()
    assert r"\u6a21 [red]a?[2J 1/2 " in terminal.seen
    assert re.search("-{9}", terminal.seen)


@pytest.mark.parametrize("columns", ["40", "30"])
def test_numbers_are_whole_on_narrow_terminals(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    use()
    assert "1.0 of 4.0 MiB 512.0 KiB/s" in terminal.seen
    assert "0:06" in terminal.seen
    assert screen(terminal.seen)[:3] == ["warning: b [red]?[2Jc", "end", ""]


def test_little_is_drawn_of_much(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_REFRESHES", 1e-9)
    out = Console()
    with out.under_way():
        for number in range(10_000):
            out.progress(Amount("m", number, 10_000))
    assert len(terminal.parts) < 5
    assert "9.8 of 9.8 KiB" in terminal.seen  # the last one


def test_nothing_is_drawn_before_and_after(terminal: Terminal) -> None:
    before = {*threading.enumerate()}
    out = Console()
    out.progress(AMOUNT)
    assert terminal.seen == ""
    with out.under_way():
        pass
    assert terminal.seen == ""
    with out.under_way():
        out.status("m")
        assert len({*threading.enumerate()} - before) == 1
    for thread in threading.enumerate():
        if type(thread).__module__.startswith("rich"):
            thread.join()
    length = len(terminal.seen)
    out.progress(AMOUNT)
    assert len(terminal.seen) == length
    assert {*threading.enumerate()} <= before


def test_quiet(terminal: Terminal) -> None:
    out = Console(quiet=True)
    with out.under_way():
        out.progress(AMOUNT)
        out.warn("w")
    assert terminal.seen == "warning: w\n"


def test_an_interrupt_leaves_a_clean_screen(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a": b"a"})
    hub_project.write('[models.m]\nsource.huggingface = { repo = "org/name" }\n')
    finished = threading.Event()

    def stall(request: Request) -> Response | None:
        if "/resolve/" not in request.path:
            return None
        finished.wait(20)
        return Response(500)

    hub.faults = stall
    try:
        seen = shown(hub_project, "lock", interrupt="\r\x1b[2K")
    finally:
        finished.set()
    assert [line for line in screen(seen) if line] == ["error: interrupted"]


def test_a_run_leaves_only_messages(repo: Repo, hub_project: Project) -> None:
    repo.commit({"config.json": b"{1}"})
    left = [line for line in screen(shown(hub_project, "update", columns=40)) if line]
    assert "wrote models.lock" in left
    assert not any("locking" in line or "listing" in line for line in left)
