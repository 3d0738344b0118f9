"""What rich writes over at the end of a terminal: how far a command is, and why it waits.

Of rich.progress, nothing is used: its columns cut numbers where a terminal is narrow. Only
`Console` imports this module, when there is something to show: rich takes its time.
"""

from __future__ import annotations

import math
import sys
import time
from typing import IO, TYPE_CHECKING, cast

import rich.console
import rich.live
from rich.cells import cell_len
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aimodels_fetcher.wording import duration_text
from aimodels_gen.amounts import Amount
from aimodels_gen.cli.stderr import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

_SHORTEST, _LONGEST = 8, 40  # columns of a bar
_REFRESHES = 10  # a second


class Live:
    """The lines that show what is under way. Threads may print meanwhile."""

    def __init__(self, clean: Callable[[str], str]) -> None:
        """Show nothing yet.

        Args:
            clean: Makes a text harmless for terminals.
        """
        self._clean = clean
        # Whether it is a terminal has been decided.
        self._console = _Console(file=cast("IO[str]", _Stderr()), force_terminal=True)
        self._live: rich.live.Live | None = None
        self._shown: str | Amount = ""
        self._until = 0.0

    def show(self, what: str | Amount) -> None:
        """Show something in the place of the last one.

        A thread draws it: an interrupt of what rich does would leave rich unable to erase.
        """
        self._shown = what
        if self._live is None:
            self._live = rich.live.Live(
                console=self._console,
                get_renderable=self._lines,
                refresh_per_second=_REFRESHES,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def clear(self) -> None:
        """Remove what is shown."""
        if self._live:
            self._live.stop()
        self._live, self._until = None, 0.0

    def print(self, line: str) -> None:
        """Write a line that stays, above what is shown."""
        self._console.print(Text(self._writable(line)), soft_wrap=True)

    def count_down(self, seconds: float) -> None:
        """Show for how long servers have asked to wait, besides what is shown."""
        self._until = time.monotonic() + seconds

    def _lines(self) -> Group:
        what = self._shown
        if isinstance(what, str):
            what = self._writable(what)
        else:
            what = Amount(self._writable(what.label), what.done, what.total, what.rate)
        lines = layout(what, self._console.width)
        if (left := self._until - time.monotonic()) > 0:
            waiting = f"waiting {duration_text(math.ceil(left))}: the server's rate limit"
            lines.append(_line(waiting))
        return Group(*lines)

    def _writable(self, text: str) -> str:
        """Return a text with nothing that steers the terminal, or that has no bytes there."""
        encoding = self._console.encoding
        return self._clean(text).encode(encoding, "backslashreplace").decode(encoding)


def layout(what: str | Amount, width: int) -> list[RenderableType]:
    """Return the lines that show something on a terminal of some width. Numbers are never cut."""
    if isinstance(what, str):
        return [_line(what)]
    room = width - cell_len(what.label) - len(what.numbers) - 2
    if room >= _SHORTEST:
        return [_row(_line(what.label), _bar(what, room), _line(what.numbers))]
    if room >= -1:
        return [_line(str(what))]
    room = width - len(what.numbers) - 1
    numbers = Text(what.numbers, no_wrap=False, overflow="fold")
    return [_line(what.label), _row(_bar(what, room), numbers) if room >= _SHORTEST else numbers]


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="crop")


def _row(*cells: RenderableType) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_row(*cells)
    return row


def _bar(amount: Amount, room: int) -> ProgressBar:
    return ProgressBar(
        amount.total,
        amount.done,
        width=min(room, _LONGEST),
        style="bright_black",
        complete_style="cyan",
        finished_style="green",
    )


class _Console(rich.console.Console):
    """A console that leaves the cursor as it is: whoever kills us would have none."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - of rich
        """Do nothing."""
        return False


class _Stderr:
    """Stderr for rich, which ends programs where it cannot write."""

    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what can be."""
        write(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` has."""
