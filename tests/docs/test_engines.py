"""The files that docs/engines.md has for other programs name what its models.toml puts there."""

from __future__ import annotations

from typing import Any

import tomlkit
import yaml

from docs.session import blocks

PAGE = [block for block in blocks("docs/engines.md") if block.kind != "engine"]
FILES = {block.name: block.text for block in PAGE if block.kind == "file"}
MODELS: dict[str, Any] = tomlkit.parse(FILES["models.toml"]).unwrap()["models"]
COMMANDS = [line for block in PAGE if block.language == "bash" for line in block.text.splitlines()]


def test_models_of_the_sections_are_those_to_paste() -> None:
    """A section may show one integration of a model, which the end of the page joins."""
    shown = [block for block in PAGE if block.language == "toml" and block.kind is None]
    for block in shown:
        for name, model in tomlkit.parse(block.text).unwrap()["models"].items():
            assert model["source"] == MODELS[name]["source"], block.line
            assert model.get("include") == MODELS[name].get("include"), block.line


def test_tabbyapi() -> None:
    config = yaml.safe_load(FILES["config.yml"])["model"]
    paths = MODELS["llama-2-7b"]["integration"]["directory"]["tabbyapi"]
    assert f"{config['model_name']}/" in paths
    build = "nix build .#llama-2-7b.integration.directory.tabbyapi"
    assert f"{build} --out-link {config['model_dir']}" in COMMANDS


def test_comfyui() -> None:
    config = yaml.safe_load(FILES["extra_model_paths.yaml"])["nix"]
    build = f"nix build .#sdxl.integration.comfyui --out-link {config.pop('base_path')}"
    assert build in COMMANDS
    assert config == {kind: kind for kind in MODELS["sdxl"]["integration"]["comfyui"]}
