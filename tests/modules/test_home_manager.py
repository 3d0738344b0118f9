"""What our module makes of a configuration, among the real ones of Home Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.modules import entry, home_manager

if TYPE_CHECKING:
    from support.nix import NixEnv

ENABLED = "{ programs.ai-models.enable = true; }"
REPORT = """
  let config = CONFIG; in {
    inherit (config) warnings;
    hub = config.programs.ai-models.integration.huggingface.hubDir;
    problems = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
    variables = config.home.sessionVariables;
  }
"""
HUB = "/home/alice/.cache/huggingface/hub"
NOT_ABSOLUTE = (
    'programs.ai-models.integration.huggingface.hubDir = "{}" is no absolute path: write it out, '
    "without variables"
)


def variables(**values: str) -> str:
    return "".join(f"home.sessionVariables.{name} = {value};" for name, value in values.items())


PLACES = {
    "": HUB,
    'xdg.cacheHome = "/home/alice/c";': "/home/alice/c/huggingface/hub",
    'home.homeDirectory = "/data/alice";': "/data/alice/.cache/huggingface/hub",
    variables(HF_HOME='"$HOME/hf"'): "/home/alice/hf/hub",
    variables(HF_HOME='"\\${HOME}/hf"'): "/home/alice/hf/hub",
    variables(HF_HOME='"~/hf"'): "/home/alice/hf/hub",
    variables(HF_HOME='"~"'): "/home/alice/hub",
    variables(HF_HOME='"/scratch/$USER"'): "/scratch/alice/hub",
    variables(HF_HOME="/srv/hf"): "/srv/hf/hub",
    variables(HF_HOME="null", HF_HUB_CACHE="null"): HUB,
    variables(HF_HOME='"$XDG_CACHE_HOME/hf"'): "/home/alice/.cache/hf/hub",
    variables(HF_HOME='"/a"', HF_HUB_CACHE='"/srv/a b/$HOME"'): "/srv/a b//home/alice",
    'programs.ai-models.integration.huggingface.hubDir = "/srv/hub";': "/srv/hub",
}

NO_PLACES = {
    variables(HF_HOME='"$SCRATCH/hf"'): "$SCRATCH/hf/hub",
    variables(HF_HOME='"$HOMES/hf"'): "$HOMES/hf/hub",
    variables(HF_HOME='"${HOME:-/srv}/hf"'.replace("${", "\\${")): "${HOME:-/srv}/hf/hub",
    variables(HF_HUB_CACHE='"relative"'): "relative",
    variables(HF_HUB_CACHE='""'): "",
    'programs.ai-models.integration.huggingface.hubDir = "$HOME/hub";': "$HOME/hub",
}


@pytest.fixture(scope="module")
def found(store: NixEnv) -> dict[str, Any]:
    """What comes of all the settings."""
    reports = "".join(
        f"{number} = {REPORT.replace('CONFIG', home_manager(ENABLED, f'{{ {settings} }}'))};"
        for number, settings in enumerate([*PLACES, *NO_PLACES])
    )
    return {}


def test_where_the_hub_is(store: NixEnv) -> None:
    for settings, place in PLACES.items():
        pass
