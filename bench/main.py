"""The front door: asks the questions that it is given, or all, and prints a table for each."""

from __future__ import annotations

import argparse
import os
import signal
import sys

import fetcher
import lock
import report
import startup
import store
from lab import Settings, scratch
from support.environment import hermetic

QUESTIONS = {
    "lock": lock.measure,
    "startup": startup.measure,
    "fetcher": fetcher.measure,
    "store": store.measure,
}
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _size(text: str) -> int:
    number, unit = text[:-3], text[-3:]
    if not number.isdigit() or unit not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 64MiB or 2GiB")
    return int(number) * _UNITS[unit]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument(
        "questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}"
    )
    parser.add_argument("--size", type=_size, default="2GiB", help="of the model [2GiB]")
    parser.add_argument("--runs", type=int, default=3, help="of which to take the median [3]")
    return parser


def main() -> None:
    """Ask and print; temporary files go even when we are told to stop."""
    parser = _parser()
    arguments = parser.parse_args()
    for name in arguments.questions:
        if name not in QUESTIONS:
            parser.error(f"no question {name!r}; there is {', '.join(QUESTIONS)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    settings = Settings(arguments.size, arguments.runs)
    with scratch() as home:
        environment = hermetic(home)
        os.environ.clear()
        os.environ.update(environment)
        for name in arguments.questions or QUESTIONS:
            title = f"{name}: {report.size(settings.size)}, medians of {settings.runs}"
            sys.stdout.write(report.heading(title))
            sys.stdout.flush()
            sys.stdout.write(report.table(list(QUESTIONS[name](settings))))
    sys.stdout.write(report.LEGEND)


if __name__ == "__main__":
    main()
