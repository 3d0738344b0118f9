"""Entry point of `python3 nix/linker link|unlink SPEC.json [--dry-run]`."""

import signal
import sys

from aimodels_linker.cli import main

# Whenever it is ended, the next run mends what it has left: there is nothing to tidy up, or to say.
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.exit(main(sys.argv[1:]))
