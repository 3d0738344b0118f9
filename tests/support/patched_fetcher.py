"""The fetcher with less patience, so that tests of waiting do not wait.

    python patched_fetcher.py '{"retry._FIRST_WAIT": 0.02}' SPEC.json --out PATH

sets module constants, which must be there, and then runs the program as it is.
"""

import importlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "nix" / "fetcher"))

for name, value in json.loads(sys.argv[1]).items():
    path, _, constant = name.rpartition(".")
    module = importlib.import_module(f"aimodels_fetcher.{path}")
    if not hasattr(module, constant):
        sys.exit(f"the fetcher has no {name}")
    setattr(module, constant, value)

main = importlib.import_module("aimodels_fetcher.cli").main
status = main(sys.argv[2:])
sys.stderr.flush()
os._exit(status)  # as the program does
