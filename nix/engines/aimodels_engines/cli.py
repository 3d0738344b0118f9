"""The program that builds run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from aimodels_engines.errors import EngineError
from aimodels_engines.view import make_view


def main(argv: list[str]) -> int:
    """Make the view that a spec describes, at `$out`; return the exit status, 0 or 1."""
    (path,) = argv
    try:
        make_view(json.loads(Path(path).read_bytes()), Path(os.environ["out"]))  # noqa: SIM112 (Nix's)
    except EngineError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        sys.stderr.write(f"error: {error.message}{hint}\n")
        return 1
    return 0
