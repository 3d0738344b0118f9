"""The command line: a spec in, an output path made, one clear message if not."""

from __future__ import annotations

import argparse
import errno
import os
import signal
from pathlib import Path

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.log import say
from aimodels_fetcher.spec import AssembleSpec, FileSpec, read_spec


def main(argv: list[str]) -> int:
    """Make what the spec says; give the exit status: 0, or 1 after a message on stderr."""
    parser = argparse.ArgumentParser(prog="fetcher", description=__doc__)
    parser.add_argument("spec", type=Path, help="JSON file (modes: see aimodels_fetcher/spec.py)")
    parser.add_argument("--out", type=Path, help="path to make (default: $out)")
    arguments = parser.parse_args(argv)
    out = arguments.out or (Path(os.environ["out"]) if os.environ.get("out") else None)  # noqa: SIM112 (Nix spells it so)
    if out is None:
        parser.error("no --out, and $out is not set")
    # Die at once on Ctrl-C, whatever threads wait for: what is half made is the caller's.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        _run(arguments.spec, out)
    except FetchError as error:
        say(f"error: {error}")
        if error.hint:
            say(f"hint: {error.hint}")
        return 1
    except OSError as error:
        say(f"error: {error}")
        if error.errno == errno.ENOSPC:
            say("hint: free some space (nix-collect-garbage -d)")
        return 1
    return 0


def _run(spec_file: Path, out: Path) -> None:
    spec = read_spec(spec_file)
    if isinstance(spec, AssembleSpec):
        from aimodels_fetcher.assemble import assemble  # noqa: PLC0415 (needs no requests)

        assemble(spec, out)
        return
    from aimodels_fetcher.fetch import fetch_file, fetch_tree  # noqa: PLC0415 (imports requests)

    if isinstance(spec, FileSpec):
        fetch_file(spec, out)
    else:
        fetch_tree(spec, out)
