"""Measure speed and size, and print a table for each question (by default for all)."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import cuts
import daily
import download
import fetcher
import fleet
import huge
import imports
import links
import lock
import many
import modules
import prefetch
import push
import report
import s3
import second
import startup
import store
from harness import Settings, scratch
from support.environment import hermetic

QUESTIONS = {
    module.__name__: module
    for module in (
        lock,
        startup,
        fetcher,
        huge,
        store,
        second,
        modules,
        many,
        daily,
        prefetch,
        push,
        imports,
        links,
        s3,
        download,
        fleet,
        cuts,
    )
}
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def _size(text: str) -> int:
    number, unit = text[:-3], text[-3:]
    if unit not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 64MiB or 2GiB")
    return _count(number) * _UNITS[unit]


def _checkout(text: str) -> Path:
    path = Path(text).absolute()
    if not (path / "generator/aimodels_gen").is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a checkout of this project")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument(
        "questions", nargs="*", metavar="QUESTION", help=f"one of {', '.join(QUESTIONS)}"
    )
    parser.add_argument("--size", type=_size, default="2GiB", help="size of the model [2GiB]")
    parser.add_argument(
        "--runs", type=_count, default=3, help="number of runs; the median is printed [3]"
    )
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="directory in which download rewrites benchmarks.md and .svg",
    )
    parser.add_argument(
        "--against",
        type=_checkout,
        metavar="DIR",
        help="another checkout for startup to compare with",
    )
    fleet.add_arguments(parser)
    return parser


def main() -> None:
    """Measure and print; temporary files are removed on SIGINT and SIGTERM, too."""
    parser = _parser()
    arguments = parser.parse_args()
    for name in arguments.questions:
        if name not in QUESTIONS:
            parser.error(f"no question {name!r}; there is {', '.join(QUESTIONS)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    settings = Settings(
        arguments.size, arguments.runs, arguments.docs, arguments.against, fleet.site(arguments)
    )
    with scratch() as home:
        environment = hermetic(home)
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout.write(f"A model of {report.size(settings.size)}, medians of {settings.runs}.\n")
        for name in arguments.questions or QUESTIONS:
            sys.stdout.write(report.heading(f"{name}: {QUESTIONS[name].__doc__}"))
            sys.stdout.flush()
            sys.stdout.write(report.table(list(QUESTIONS[name].measure(settings))))
    sys.stdout.write(report.LEGEND)


if __name__ == "__main__":
    main()
