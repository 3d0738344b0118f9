"""The tables and the chart of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import chart
import nginx
from clients import CLIENTS, OWN
from comparison import RIGHT as FIGURES
from report import HEADER, LEGEND, RIGHT, markdown, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comparison import Comparison
    from report import Row

_NAME = "benchmarks"
_GENERATED = re.compile(r"(?<=<!-- made by bench/run -->\n).*(?=<!-- until here -->)", re.DOTALL)
# The argument by which a program prints its version.
_PROGRAMS = {
    "curl": "--version",
    "aria2c": "--version",
    "git": "--version",
    "git-lfs": "--version",
    "nix-build": "--version",
    "openssl": "version",
}
_PACKAGES = ("huggingface_hub", "hf_xet", "requests", "urllib3")


def write(docs: Path, comparisons: Sequence[Comparison], rows: Sequence[Row]) -> None:
    """Write the figures of a run between the markers of the page, and draw the chart."""
    titles = [
        f"\n### {comparison.title}\n\n{markdown(comparison.lines(), FIGURES)}"
        for comparison in comparisons
    ]
    targets = markdown([HEADER, *rows], RIGHT)
    made = f"\n{_machine()}\n\n{targets}{LEGEND}{''.join(titles)}\n"
    page = docs / f"{_NAME}.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(_GENERATED.sub(lambda _: made, text), encoding="utf-8")
    (docs / f"{_NAME}.svg").write_text(chart.draw(_panels(comparisons)), encoding="utf-8")


def _machine() -> str:
    """Return the machine and the versions of the programs."""
    cpu = re.search(r"^model name\s*: (.*)", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    machine = f"{os.cpu_count()} CPUs"
    machine += f" ({cpu[1]})" if cpu else ""
    machine += f", {size(int(memory[1]) * 1024)} of memory" if memory else ""
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    tools = [nginx.version(), f"Python {platform.python_version()}"]
    tools += [
        f"{name} {_version(name, ask)}" for name, ask in _PROGRAMS.items() if shutil.which(name)
    ]
    tools += [f"{name} {version(name)}" for name in _PACKAGES]
    return f"{machine}; {system}; {', '.join(tools)}."


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _version(program: str, ask: str) -> str:
    said = subprocess.run([program, ask], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "?"


def _panels(comparisons: Sequence[Comparison]) -> list[list[chart.Panel]]:
    """Return a row for each model, with a panel for each bandwidth."""
    rows: dict[str, list[chart.Panel]] = {}
    for comparison in comparisons:
        rows.setdefault(comparison.model.name, []).append(_panel(comparison))
    return list(rows.values())


def _panel(comparison: Comparison) -> chart.Panel:
    bars = [
        chart.Bar(c.name, time.median, str(time), c.name in OWN)
        for c in CLIENTS
        if c.name in comparison.runs
        for time in [comparison.time(c.name)]
    ]
    return chart.Panel(comparison.title, bars)
