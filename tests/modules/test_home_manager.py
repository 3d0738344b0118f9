"""The configuration that our module makes among the real modules of Home Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.environment import CHECKOUT
from support.modules import GENERATION, home_manager
from support.nix import NixError

if TYPE_CHECKING:
    from support.nix import NixEnv

ENABLED = "programs.ai-models.enable = true;"
REPORT = """config: {
  inherit (config) warnings;
  problems = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
  hub = config.programs.ai-models.integration.huggingface.hubDir;
}"""
SOURCE = 'source.huggingface.repo = "org/a";'
HUB = "/home/alice/.cache/huggingface/hub"
NOT_ABSOLUTE = (
    'programs.ai-models.integration.huggingface.hubDir = "{}" is not the path of a directory: '
    "write an absolute path, without variables"
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


def reports(store: NixEnv, *settings: str) -> list[dict[str, Any]]:
    """Evaluate many settings at once."""
    configs = "".join(f"({home_manager(f'{{ {ENABLED} {each} }}')})" for each in settings)
    values: list[dict[str, Any]] = store.eval(f"map ({REPORT}) [ {configs} ]")
    return values


def test_where_the_hub_is(store: NixEnv) -> None:
    found = reports(store, *PLACES)
    assert {s: report["hub"] for s, report in zip(PLACES, found, strict=True)} == PLACES
    assert all(report["problems"] == report["warnings"] == [] for report in found)


def test_where_the_hub_cannot_be(store: NixEnv) -> None:
    for settings, place in NO_PLACES.items():
        with pytest.raises(NixError) as caught:
            reports(store, settings)
        assert NOT_ABSOLUTE.format(place) in str(caught.value)


def test_session_variables_on_request(store: NixEnv) -> None:
    offline = "programs.ai-models.integration.huggingface.offline = true;"
    unlinked = f"{offline} programs.ai-models.integration.huggingface.enable = false;"
    ours = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    for settings, expected in (("", {}), (offline, ours), (unlinked, {})):
        config = home_manager(f"{{ {ENABLED} {settings} }}")
        found = store.eval(f"{config}.home.sessionVariables")
        assert {k: v for k, v in found.items() if k.startswith(("HF_", "TRANS"))} == expected


@pytest.mark.parametrize("platform", ["aarch64-darwin", "x86_64-darwin", "aarch64-linux"])
def test_other_platforms(store: NixEnv, platform: str) -> None:
    home = "/Users/alice" if platform.endswith("darwin") else "/home/alice"
    module = f"""{{
      {ENABLED}
      home.homeDirectory = "{home}";
      programs.ai-models.models.a = {{ {SOURCE} hash = ""; }};
    }}"""
    config = home_manager(module, GENERATION, platform=platform)
    found = store.eval(f"""
      let
        config = {config};
      in
      {{
        hub = config.programs.ai-models.integration.huggingface.hubDir;
        generation = config.home.activationPackage.drvPath;
        activation = config.home.activation.aiModels.data;
        inherit (config.programs.ai-models.models.a.package) system;
      }}
    """)
    assert found["hub"] == f"{home}/.cache/huggingface/hub"
    assert found["system"] == platform
    assert found["generation"].endswith("-home-manager-generation.drv")
    assert " link " in found["activation"]


def test_licences_are_those_of_nixpkgs(store: NixEnv) -> None:
    """Its settings are null by default."""
    enforced = f"""
      programs.ai-models.enforceLicenses = true;
      programs.ai-models.models.a = {{ {SOURCE} hash = ""; meta.license = "llama2"; }};
    """
    with pytest.raises(NixError, match=r"models\.a: its licence \(llama2\) is unfree"):
        reports(store, enforced)
    directory = CHECKOUT / "tests" / "modules" / "nixpkgs"
    (allowed,) = reports(store, f"{enforced} nixpkgs.config.allowUnfree = true;")
    assert allowed["problems"] == []
    # As if Home Manager were part of NixOS and used its packages.
    pkgs = f"import {directory} {{ inherit lib; }} // {{ config.allowUnfree = true; }}"
    module = f"{{ lib, ... }}: {{ _module.args.pkgs = lib.mkOverride 10 ({pkgs}); }}"
    config = home_manager(f"{{ {ENABLED} {enforced} }}", module)
    assert all(store.eval(f"map (each: each.assertion) {config}.assertions"))


def test_disabled_is_as_if_it_were_not_there(store: NixEnv) -> None:
    """Except for the step that removes the links of the generation before."""
    disabled = f"""{{
      programs.ai-models.models.a = {{ {SOURCE} hash = ""; }};
      programs.ai-models.integration.huggingface.offline = true;
    }}"""
    absent = f"{{ disabledModules = [ {CHECKOUT}/nix/modules/home-manager.nix ]; }}"
    made = """config: {
      inherit (config) assertions warnings;
      home = {
        inherit (config.home) extraBuilderCommands extraDependencies sessionVariables;
        activation = builtins.mapAttrs (_name: step: step.data) (
          builtins.removeAttrs config.home.activation [ "aiModels" ]
        );
      };
    }"""
    ours, none = (
        store.eval(f"({made}) {home_manager(module, GENERATION)}") for module in (disabled, absent)
    )
    assert ours == none
