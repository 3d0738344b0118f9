"""Entry point: `python3 nix/engines SPEC.json`, which writes `$out`."""

import sys

from aimodels_engines.cli import main

sys.exit(main(sys.argv[1:]))
