"""With the lib of the real nixpkgs, because the small stand-in may hide mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.lock.nix_arguments import definition, render
from generator import samples
from support import registry

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.formats import Format
    from support.nix import NixEnv


@pytest.fixture(scope="module")
def lib() -> Path:
    return registry.flake("nixpkgs") / "lib"


def test_cases(host_nix: NixEnv, lib: Path) -> None:
    pkgs = f'import ./tests/nix/pkgs {{ system = "x86_64-linux"; lib = import {lib}; }}'
    report = host_nix.eval(f"import ./tests/nix/cases/report.nix {{ pkgs = {pkgs}; }}")
    assert report["failures"] == []
    assert report["count"] > 20


@pytest.mark.parametrize(("module", "root"), [("nixos", "services"), ("home-manager", "programs")])
def test_generated_files_are_for_our_modules(
    host_nix: NixEnv, lib: Path, tmp_path: Path, module: Format, root: str
) -> None:
    models = samples.lock().models
    (tmp_path / "models.nix").write_text(render(samples.lock(), module, "models.toml"))
    found = host_nix.eval(
        f'import ./tests/nix/generated.nix {{ lib = import {lib}; module = "{module}";'
        f' path = [ "{root}" "ai-models" ]; models = {tmp_path}/models.nix; }}'
    )
    for result in found.values():
        assert all(has(result["models"][name], definition(models[name])) for name in models)
    assert set(found["any"]["modelPaths"]) == set(models)
    # None of the samples' licences is a free one.
    problems = [problem.partition(" is unfree")[0] for problem in found["enforced"]["problems"]]
    assert problems == [
        f"{root}.ai-models.models.{name}: its licence ({model.card.license})"
        for name, model in sorted(models.items())
        if model.card.license
    ]
    assert found["any"]["problems"] == []


def has(values: dict[str, Any], given: dict[str, Any]) -> bool:
    """Return whether the given values are among the others, at any depth."""
    return all(
        has(values[key], value) if isinstance(value, dict) else values[key] == value
        for key, value in given.items()
    )
