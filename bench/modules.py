"""How long a configuration with many models takes to evaluate, with and without modules."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from evaluation import count as count_text
from evaluation import evaluate
from harness import Meter, Settings, run, scratch
from report import Figure, Row, absent, row, seconds
from support import registry
from support.environment import CHECKOUT
from support.modules import nixos, toplevel
from support.nix import available

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.nix import NixEnv

_COUNTS = (50, 100, 200)
_FILES = 20
_LONGEST = 5  # seconds that it may take
# Of 200 models of 20 files: a third of what they took with the nixpkgs of 2020, whose
# `python3.withPackages` costs 550 thunks a call.
_THUNKS = 1_242_500
_TOPLEVEL = 1.6  # the ratio of thunks of a system with models to one without
_GROWTH = 2.5  # of the time, where the models are twice as many
_PEER = "mapAttrs (_: fetchModel pkgs)"

_MODELS = """count:
let
  hash = text: "sha256-${builtins.substring 0 43 (builtins.hashString "sha256" text)}=";
in
builtins.listToAttrs (
  builtins.genList (number: {
    name = "model-${toString number}";
    value = {
      source.huggingface = {
        repo = "org/model-${toString number}";
        rev = builtins.hashString "sha1" (toString number);
      };
      files = builtins.listToAttrs (
        builtins.genList (file: {
          name = "part-${toString file}.safetensors";
          value = {
            hash = hash "${toString number}/${toString file}";
            size = 1000000;
            lfs = true;
          };
        }) FILES
      );
    };
  }) count
)
"""

# All outputs of the module in a system.
_OUTPUTS = """
let
  config = CONFIG;
in
{
  inherit (config) assertions warnings;
  inherit (config.services.ai-models) modelPaths;
  inherit (config.systemd.services.ai-models.serviceConfig) ExecStart ExecReload ExecStop;
}
"""

_ALONE = """
let
  pkgs = import CHECKOUT/tests/modules/nixpkgs { lib = import LIB; };
  fetchModel = (import CHECKOUT/nix).fetchModel pkgs;
in
builtins.mapAttrs (name: model: (fetchModel (model // { inherit name; })).linked.snapshotPath) (
  import MODELS COUNT
)
"""


_NIXOS = """
(import NIXPKGS/nixos/lib/eval-config.nix {
  system = builtins.currentSystem;
  modules = [
    CHECKOUT/nix/modules/nixos.nix
    {
      boot.loader.grub.enable = false;
      fileSystems."/".device = "none";
      system.stateVersion = "25.05";
    }
    MODULE
  ];
}).config.system.build.toplevel.drvPath
"""


def measure(settings: Settings) -> Iterator[Row]:
    """Alternate between evaluating the outputs of the module and the models alone."""
    try:
        lib = registry.flake("nixpkgs") / "lib"
    except pytest.skip.Exception as reason:
        yield absent("not measured", [str(reason)])
        return
    times = []
    with scratch() as directory, available("host") as nix:
        models = directory / "models.nix"
        models.write_text(_MODELS.replace("FILES", str(_FILES)))
        for count in _COUNTS:
            config = f"enable = true; models = import {models} {count};"
            module = f"{{ services.ai-models = {{ {config} }}; }}"
            ours = _OUTPUTS.replace("CONFIG", nixos(module))
            alone = _ALONE.replace("CHECKOUT", str(CHECKOUT)).replace("LIB", str(lib))
            alone = alone.replace("MODELS", str(models)).replace("COUNT", str(count))
            with_module, without = Meter(), Meter()
            for _ in range(settings.runs):
                for meter, expression in ((with_module, ours), (without, alone)):
                    with meter:
                        _evaluate(nix, expression, directory)
            figure = Figure(with_module.seconds, seconds)
            peer = Figure(without.seconds, seconds)
            yield row(f"{count} models of {_FILES} files", figure, peer, _PEER, under=_LONGEST)
            times.append(figure.median)
            yield from _counts(nix, directory, count, ours, alone)
        yield _toplevel(nix, directory, models)
    for count, (before, after) in zip(_COUNTS[1:], itertools.pairwise(times), strict=True):
        growth = Figure([after / before], "{:.2f} x".format)
        yield row(f"{count} models, of the time for half as many", growth, under=_GROWTH)


def _counts(nix: NixEnv, directory: Path, models: int, ours: str, alone: str) -> Iterator[Row]:
    found = Figure([_thunks(nix, alone, directory)], count_text)
    with_module = Figure([_thunks(nix, ours, directory)], count_text)
    what = f"{models} models of {_FILES} files"
    yield row(f"{what}: thunks", with_module, found, _PEER)
    yield row(f"{what}: thunks of {_PEER}", found, under=_THUNKS * models / max(_COUNTS))
    each = Figure([found.median / models / _FILES], count_text)
    yield row(f"{what}: thunks of {_PEER}, a file", each)


def _toplevel(nix: NixEnv, directory: Path, models: Path) -> Row:
    """Compare a system of the tests, or a real one where the registry has all of nixpkgs."""
    config = f"enable = true; models = import {models} {max(_COUNTS)};"
    module = f"{{ services.ai-models = {{ {config} }}; }}"
    counts = [_thunks(nix, _system(nix, each), directory) for each in (module, "{ }")]
    with_models, without = (Figure([each], count_text) for each in counts)
    real = "NixOS" if _real_nixos() else "the stand-in for NixOS"
    what = f"{real} with {max(_COUNTS)} models: thunks"
    bound = _TOPLEVEL if _real_nixos() else None
    return row(what, with_models, without, "without models", ratio_under=bound)


def _real_nixos() -> bool:
    return (registry.flake("nixpkgs") / "nixos/lib/eval-config.nix").is_file()


def _system(nix: NixEnv, module: str) -> str:
    if not _real_nixos():
        return f"{toplevel(nix, module)}.drvPath"
    nixpkgs = registry.flake("nixpkgs")
    return (
        _NIXOS.replace("NIXPKGS", str(nixpkgs))
        .replace("CHECKOUT", str(CHECKOUT))
        .replace("MODULE", module)
    )


def _thunks(nix: NixEnv, expression: str, directory: Path) -> int:
    file = directory / "expression.nix"
    file.write_text(expression)
    command = ("nix-instantiate", "--eval", "--strict", "--json", file)
    return evaluate(nix, directory, *command).thunks


def _evaluate(nix: NixEnv, expression: str, directory: Path) -> None:
    file = directory / "expression.nix"
    file.write_text(expression)
    command = ("nix-instantiate", "--eval", "--strict", "--json", file)
    run(*nix.entry(), *command, env=nix.variables())
