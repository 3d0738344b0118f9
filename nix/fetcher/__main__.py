"""Entry point of `python3 nix/fetcher SPEC.json [--out PATH]`."""

import os
import sys

from aimodels_fetcher.cli import main

status = main(sys.argv[1:])
sys.stderr.flush()
# Not sys.exit: after a failure, other threads may be waiting for servers for a while yet.
os._exit(status)
