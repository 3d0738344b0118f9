"""What the fetcher says, in whole lines on stderr: Nix shows and keeps them as the build log."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Print a line at once; threads do not tear each other's.

    What a terminal would take for more than text is escaped: some of it is what servers said.
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
