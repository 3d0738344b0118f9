"""The command line: a spec in, an output path made, one clear message if not."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.log import redirected, say, to_stderr
from aimodels_fetcher.machine_errors import explained
from aimodels_fetcher.output import removed_on_failure
from aimodels_fetcher.spec import AssembleSpec, BundleSpec, FileSpec, read_spec


def main(argv: list[str]) -> int:
    """Make what the spec describes; return the exit status: 0, or 1 after a message on stderr."""
    parser = argparse.ArgumentParser(prog="fetcher", description=__doc__)
    parser.add_argument("spec", type=Path, help="JSON file (modes: see aimodels_fetcher/spec.py)")
    parser.add_argument("--out", type=Path, help="path to make (default: $out)")
    arguments = parser.parse_args(argv)
    out = arguments.out or (Path(os.environ["out"]) if os.environ.get("out") else None)  # noqa: SIM112 (Nix spells it so)
    if out is None:
        parser.error("no --out, and $out is not set")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with redirected(to_stderr, to_stderr):
        try:
            with removed_on_failure([out]):
                _run(arguments.spec, out)
        except SystemExit as error:
            return int(error.code or 0)
        except Exception as error:  # noqa: BLE001 (builds show no traceback)
            return _explain(error)
    return 0


def _explain(error: Exception) -> int:
    """Print what is wrong and what to do, and return the exit status."""
    message: str
    hint: str | None
    if isinstance(error, AimodelsError):
        message, hint = error.message, error.hint
    else:
        message, hint = explained(error) or (
            f"unexpected {type(error).__name__}: {error}",
            "report this line, and the name of the model that was fetched",
        )
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    return 1


def _run(spec_file: Path, out: Path) -> None:
    spec = read_spec(spec_file)
    if isinstance(spec, AssembleSpec):
        from aimodels_fetcher.assemble import assemble  # noqa: PLC0415 (needs no requests)

        assemble(spec, out)
        return
    from aimodels_fetcher.caches import caches_of  # noqa: PLC0415 (assemblies lack it)
    from aimodels_fetcher.fetch import (  # noqa: PLC0415 (imports requests)
        BUNDLE,
        fetch_bundle,
        fetch_file,
        fetch_tree,
    )

    if isinstance(spec, FileSpec):
        fetch_file(spec, out, caches=caches_of(out, spec.path))
    elif isinstance(spec, BundleSpec):
        fetch_bundle(spec, out, caches=caches_of(out, BUNDLE, archives=True))
    else:
        fetch_tree(spec, out)
