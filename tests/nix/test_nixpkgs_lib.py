"""With the lib of the real nixpkgs: what our small stand-in for it must not hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen.render import arguments, render
from generator import samples
from support import registry

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.render import Format
    from support.nix import NixEnv


@pytest.fixture(scope="module")
def lib() -> Path:
    return registry.flake("nixpkgs") / "lib"


def test_cases(host_nix: NixEnv, lib: Path) -> None:
    pkgs = f'import ./tests/nix/pkgs {{ system = "x86_64-linux"; lib = import {lib}; }}'
    report = host_nix.eval(f"import ./tests/nix/cases/report.nix {{ pkgs = {pkgs}; }}")
    assert report["failures"] == []
    assert report["count"] > 20


@pytest.mark.parametrize(
    ("output_format", "option"),
    [("nixos", "services.ai-models.models"), ("home-manager", "programs.ai-models.models")],
)
def test_generated_modules_are_modules(
    host_nix: NixEnv, lib: Path, tmp_path: Path, output_format: Format, option: str
) -> None:
    (tmp_path / "models.nix").write_text(render(samples.lock(), output_format, "models.toml"))
    value = host_nix.eval(
        f"let lib = import {lib}; in (lib.evalModules {{ modules = [ {tmp_path}/models.nix"
        f" {{ options.{option} = lib.mkOption {{ type = with lib.types; attrsOf anything; }}; }}"
        f" ]; }}).config.{option}"
    )
    expected = {name: arguments(model) for name, model in samples.lock().models.items()}
    for model in expected.values():
        del model["name"]
    assert value == expected
