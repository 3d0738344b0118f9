"""Entry point of `python3 nix/fetcher SPEC.json [--out PATH]`."""

import sys

from aimodels_fetcher.cli import main

sys.exit(main(sys.argv[1:]))
