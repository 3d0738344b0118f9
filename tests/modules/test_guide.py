"""The guide's configurations, letter by letter: pasted, completed with hashes, built and used."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from support.expressions import fetch_model, got
from support.modules import PROBE, generation, system
from support.nix import NixError

if TYPE_CHECKING:
    from modules.conftest import Install
    from support.hub import Hub
    from support.nix import NixEnv

NIXOS = """
# configuration.nix
{
  services.ai-models = {
    enable = true;

    models = {
      llama-2-7b = {
        source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
        hash = "sha256-...";
      };
      mistral-7b = {
        source.huggingface.repo = "mistralai/Mistral-7B-v0.1";
        hash = "sha256-...";
      };
    };

    # Create cache links for all users
    integration.huggingface.enable = true;
  };
}
"""

HOME_MANAGER = """
# home.nix
{
  programs.ai-models = {
    enable = true;

    models = {
      bert = {
        source.huggingface.repo = "google-bert/bert-base-uncased";
        hash = "sha256-...";
      };
    };

    integration.huggingface = {
      enable = true;
      # Automatically links to ~/.cache/huggingface/hub/
    };
  };
}
"""

NO_HASH = (
    '`hash = "sha256-..."` is not an SRI hash: write sha256-<44 characters>, or "" to have Nix '
    "report it"
)


@pytest.fixture
def told(store: NixEnv, models_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Repository -> the hash that a build reports, from a Hub with the guide's models."""
    monkeypatch.setenv("HF_ENDPOINT", models_hub.url)
    names = re.findall('repo = "(.*)"', NIXOS + HOME_MANAGER)
    repos = [models_hub.add_repo(name, {"config.json": name.encode()}) for name in names]
    return {repo.id: got(store, fetch_model(models_hub, repo, 'hash = "";')) for repo in repos}


def filled_in(snippet: str, told: dict[str, str]) -> str:
    pattern = r'(repo = "(.*)";\s+hash = )"sha256-\.\.\."'
    text, count = re.subn(pattern, lambda match: f'{match[1]}"{told[match[2]]}"', snippet)
    assert count == snippet.count("repo = ")
    return text


def test_nixos(install: Install, store: NixEnv, told: dict[str, str]) -> None:
    with pytest.raises(NixError, match=re.escape(f'model "llama-2-7b": {NO_HASH}')):
        system(store, NIXOS)
    machine = install(system(store, filled_in(NIXOS, told), PROBE))
    with machine.booted():
        assert "HF_HOME=/var/cache/huggingface\n" in machine.log("probe")
        for repo in ("meta-llama/Llama-2-7b-hf", "mistralai/Mistral-7B-v0.1"):
            asked = (
                "from huggingface_hub import hf_hub_download as get;"
                f" print(open(get('{repo}', 'config.json')).read())"
            )
            environment = ("env", "HF_HOME=/var/cache/huggingface", "HF_HUB_OFFLINE=1")
            assert machine.run(*environment, sys.executable, "-c", asked).stdout == f"{repo}\n"


def test_home_manager(install: Install, store: NixEnv, told: dict[str, str]) -> None:
    with pytest.raises(NixError, match=re.escape(f'model "bert": {NO_HASH}')):
        generation(store, HOME_MANAGER)
    made = generation(store, filled_in(HOME_MANAGER, told))
    machine = install(system(store))
    with machine.booted():
        machine.login(f"{made}/activate")
        found = machine.login("cat ~/.cache/huggingface/hub/*/snapshots/*/config.json")
        assert found.stdout == "google-bert/bert-base-uncased"
