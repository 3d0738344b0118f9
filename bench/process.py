"""What a program and all that it starts cost: time, CPU time and memory."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INTERVAL = 0.02  # seconds


class Cost(NamedTuple):
    """What a run cost.

    Args:
        seconds: Wall-clock time.
        cpu: CPU time in seconds, of the program and of the kernel for it.
        memory: Bytes resident at the peak. Of several processes, the marks of those that were there
            at the same time are summed, so what they share counts for each.
    """

    seconds: float
    cpu: float
    memory: int


def cost(*command: str | Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a program and return what it cost; exit with its output if it fails.

    The high-water mark of a process (VmHWM) is gone when the process is, so it is read until then.
    What wait4 reports (ru_maxrss) would not do: it starts from what we ourselves take.
    """
    peak, work = 0, _work()
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
        ended = os.pidfd_open(process.pid)
        over = False
        while not over:
            peak = max(peak, sum(map(_mark, _family(process.pid))))
            over = bool(select.select([ended], [], [], _INTERVAL)[0])
        seconds = time.perf_counter() - start
        os.close(ended)
        if process.wait() != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")
            sys.exit(f"{' '.join(map(str, command))}: exit {process.returncode}\n{said}")
    return Cost(seconds, _work() - work, peak)


def _work() -> float:
    """Return the CPU time in seconds of all processes that we, or they, have waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _family(pid: int) -> Iterator[int]:
    """Yield a process and its living descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text(encoding="ascii").split():
                    yield from _family(int(child))


def _mark(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0  # it has ended
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
