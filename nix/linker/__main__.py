"""Entry point: `python3 nix/linker link|unlink SPEC.json [--dry-run]`."""

import signal
import sys

from aimodels_linker.cli import main

# The next run repairs what an interrupted one leaves, so there is nothing to clean up or to report.
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.exit(main(sys.argv[1:]))
