"""Entry point: `python3 nix/images SPEC.json`, or `python3 nix/images run DIR COMMAND…`."""

import sys

from aimodels_images.main import main

sys.exit(main(sys.argv[1:]))
