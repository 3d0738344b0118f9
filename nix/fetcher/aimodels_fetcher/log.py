"""What the fetcher says, in whole lines on stderr: Nix shows and keeps them as the build log."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Print a line at once; threads do not tear each other's."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
