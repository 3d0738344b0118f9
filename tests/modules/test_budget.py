"""What models cost to evaluate in a NixOS configuration; see tests/nix/test_budget.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.modules import nixos
from support.nix import check_budget

if TYPE_CHECKING:
    from support.nix import NixEnv

# Thunks and calls of functions for each model without its files, and for each file.
COSTS = {
    "files": {"model": (378, 261), "file": (27, 23)},
    "bundle": {"model": (378, 262), "file": (8, 14)},
}
MODULE = """
  {
    services.ai-models = {
      enable = true;
      models = builtins.listToAttrs (
        builtins.genList (number: rec {
          name = "model-${toString number}";
          value = {
            source.huggingface = {
              repo = "org/${name}";
              rev = "01c7f73d771dfac7d292323805ebc428287df4f9";
            };
            meta.license = "mit";
            PIN = builtins.listToAttrs (
              builtins.genList (number: {
                name = "model-${toString number}.json";
                value = {
                  hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
                  size = 609;
                };
              }) FILES
            );
          };
        }) MODELS
      );
    };
    systemd.services.nix-daemon.environment.NIX_STATE_DIR = "/nix/var/nix";
  }
"""
PINS = {"files": "files", "bundle": 'bundle.hash = "";\n            bundle.files'}


def cost(nix: NixEnv, pin: str, models: int, files: int) -> tuple[int, int]:
    module = MODULE.replace("PIN", PINS[pin])
    module = module.replace("MODELS", str(models)).replace("FILES", str(files))
    config = nixos(f"{CHECKOUT}/tests/modules/machine.nix", module)
    return nix.counts(f"{config}.system.build.toplevel.drvPath")


@pytest.mark.parametrize("pin", COSTS)
def test_models_and_files(store: NixEnv, pin: str) -> None:
    one, models, files = (cost(store, pin, *size) for size in ((1, 1), (11, 1), (1, 101)))
    check_budget(COSTS[pin]["model"], one, models, 10)
    check_budget(COSTS[pin]["file"], one, files, 100)
