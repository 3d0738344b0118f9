"""The directories of Ollama, ComfyUI and other engines that our NixOS module puts models into."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from modules.test_units import MOST, SCORE, analyze, verify
from support import ggufs
from support.environment import CHECKOUT
from support.fake_repo import sha256
from support.modules import nixos, pinned, system

if TYPE_CHECKING:
    from pathlib import Path

    from modules.conftest import Install
    from support.hub import Hub, Repo
    from support.nix import NixEnv

OLLAMA = f"{CHECKOUT}/tests/modules/nixpkgs/nixos/modules/services/misc/ollama.nix"
MODELS = "/var/lib/ollama/models"
MANIFEST = "manifests/registry.ollama.ai/library/llama3.2/1b"
WEIGHTS = ggufs.llama()
BLOB = f"blobs/sha256-{sha256(WEIGHTS)}"
REV = "01c7f73d771dfac7d292323805ebc428287df4f9"


def ollama(option: str = "modelsDir", settings: str = "") -> tuple[str, ...]:
    """Return NixOS's module of Ollama, with either name of the option for the directory."""
    declared = f"""{{ config, lib, ... }}: {{
      options.services.ollama.{option} = lib.mkOption {{
        type = lib.types.str;
        default = "${{config.services.ollama.home}}/models";
      }};
      config.services.ollama = {{ directoryOption = "{option}"; enable = true; {settings} }};
    }}"""
    return (OLLAMA, declared)


def evaluated(models: str, settings: str = "") -> str:
    """Return our module with models that are not built: name -> their integration."""
    return f"""{{
      services.ai-models = {{
        enable = true;
        models = builtins.mapAttrs (name: integration: {{
          inherit integration;
          source.huggingface = {{ repo = "org/${{name}}"; rev = "{REV}"; }};
          files."m.gguf" = {{
            hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
            size = 1;
          }};
        }}) {{ {models} }};
        {settings}
      }};
    }}"""


ONE = 'a.ollama.name = "llama3.2:1b";'


@pytest.mark.parametrize("option", ["models", "modelsDir"])
def test_the_directory_of_ollama(store: NixEnv, option: str) -> None:
    """By either name of its option, and with the settings that NixOS has for the unit."""
    for settings, directory in (("", MODELS), (f'{option} = "/srv/o";', "/srv/o")):
        config = nixos(evaluated(ONE), *ollama(option, settings))
        found = store.eval(f"""let c = {config}; in {{
          inherit (c.services.ai-models.integration.ollama) modelsDir;
          units = builtins.attrNames c.systemd.services;
          unit = c.systemd.services.ollama.serviceConfig;
        }}""")
        assert found["modelsDir"] == directory
        assert "ai-models-ollama" not in found["units"]
        (link,), (unlink,) = found["unit"]["ExecStartPre"], found["unit"]["ExecStopPost"]
        assert link.startswith("-/")
        assert " link /" in link
        assert " unlink /" in unlink


def test_a_directory_that_is_not_the_services_has_a_unit(store: NixEnv) -> None:
    settings = 'integration.ollama = { modelsDir = "/srv/o"; user = "hf"; group = "hf"; };'
    for more in (ollama(), ()):
        config = nixos(evaluated(ONE, settings), f"{CHECKOUT}/tests/modules/machine.nix", *more)
        found = store.eval(f"""let c = {config}; in {{
          failed = map (a: a.message) (builtins.filter (a: !a.assertion) c.assertions);
          unit = c.systemd.services.ai-models-ollama.serviceConfig;
          ours = c.systemd.services.ollama.serviceConfig.ExecStartPre or null;
          rules = c.systemd.tmpfiles.rules;
        }}""")
        assert found["failed"] == []
        assert found["unit"]["User"] == "hf"
        assert found["ours"] is None
        assert 'd "/srv/o" :2775 :hf :hf - -' in found["rules"]


def test_nothing_is_added_for_models_without_integrations(store: NixEnv) -> None:
    config = nixos(evaluated("a = { };"), *ollama())
    found = store.eval(f"let c = {config}; in [ c.systemd.services c.assertions ]")
    assert found[0].keys() >= {"ai-models", "ollama"}
    assert not any(name.startswith("ai-models-") for name in found[0])
    assert not found[0]["ollama"]["serviceConfig"].get("ExecStartPre")
    assert [each for each in found[1] if not each["assertion"]] == []


def test_a_directory_on_a_mount(store: NixEnv) -> None:
    """Units that put models there wait for it."""
    mount = '{ fileSystems."/mnt/a b" = { mountPoint = "/mnt/a b"; fsType = "ext4"; }; }'
    models = evaluated(
        f'{ONE} a.comfyui.loras = "*";', 'integration.comfyui.modelsDir = "/mnt/a b/./c/";'
    )
    config = nixos(models, mount, *ollama(settings='modelsDir = "/mnt/a b/o";'))
    found = store.eval(f"""let c = {config}; in {{
      units = map (name: c.systemd.services.${{name}}.unitConfig.RequiresMountsFor) [
        "ollama"
        "ai-models-comfyui"
      ];
      rules = c.systemd.tmpfiles.rules;
    }}""")
    assert found["units"] == [['"/mnt/a b"']] * 2
    assert 'd "/mnt/a b/c" :2775 :root :root - -' in found["rules"]


def test_files_of_models(store: NixEnv) -> None:
    config = nixos(evaluated("a = { };"))
    found = store.eval(f"""let inherit ({config}.services.ai-models) modelFiles models; in {{
      ours = modelFiles.a."m.gguf";
      theirs = models.a.package.modelFiles."m.gguf";
    }}""")
    assert found["ours"] == found["theirs"]
    assert found["ours"].endswith("-m.gguf")


@pytest.fixture(scope="module")
def model(models_hub: Hub) -> Repo:
    return models_hub.add_repo("org/llama", {"m.gguf": WEIGHTS}, lfs=["*.gguf"])


def configured(hub: Hub, model: Repo, settings: str) -> str:
    integrations = """
      ollama = { name = "llama3.2:1b"; system = "Be brief."; };
      comfyui.text_encoders = "*.gguf";
    """
    given = pinned(hub, model).removesuffix("}") + f" integration = {{ {integrations} }}; }}"
    return f"{{ services.ai-models = {{ enable = true; models.a = {given}; {settings} }}; }}"


COMFY = 'integration.comfyui = { modelsDir = "/var/lib/comfy/models"; user = "hf"; group = "hf"; };'


@pytest.mark.parametrize(
    ("settings", "directory"),
    [("", MODELS), ('user = "hf"; home = "/srv/ollama";', "/srv/ollama/models")],
    ids=["dynamic user", "user"],
)
def test_a_machine(  # noqa: PLR0913, PLR0917 (fixtures)
    install: Install, store: NixEnv, models_hub: Hub, model: Repo, settings: str, directory: str
) -> None:
    """The hardened service finds its models beside those of the user, which stay."""
    built = system(store, configured(models_hub, model, COMFY), *ollama(settings=settings))
    machine = install(built)
    if settings:
        machine.path(directory).mkdir(parents=True)
        for path in ("/srv/ollama", directory):
            os.chown(machine.path(path), 500, 500)
    mine = "manifests/registry.ollama.ai/library/mine/latest"
    with machine.booted():
        said = machine.log("ollama")
        assert f"./{MANIFEST}\n" in said
        assert f"./{BLOB}\n" in said
        real = machine.path(directory.replace("/lib/ollama", "/lib/private/ollama"))
        assert (real / BLOB).is_symlink()
        # Ollama follows no links to its manifests.
        assert (real / MANIFEST).is_file()
        assert not (real / MANIFEST).is_symlink()
        comfy = machine.path("/var/lib/comfy/models")
        assert (comfy / "text_encoders/m.gguf").is_symlink()
        assert comfy.stat().st_uid == 500
        assert machine.run("systemctl", "--failed", "--quiet").stdout == ""

        # A model that the user has pulled stays, and ours return.
        (real / mine).parent.mkdir(parents=True)
        (real / mine).write_text("{}")
        (real / MANIFEST).unlink()
        machine.run("systemctl", "stop", "ollama", "ai-models-comfyui")
        assert not (real / "blobs").exists()
        assert (real / mine).read_text() == "{}"
        assert not (real / MANIFEST).exists()
        assert list(comfy.iterdir()) == []
        machine.run("systemctl", "start", "ollama")
        assert (real / MANIFEST).is_file()

        machine.switch(system(store, *ollama(settings=settings)))
        assert machine.state("ollama") == "active"
        assert sorted(p.name for p in real.rglob("*") if p.is_file()) == ["latest"]
        shutil.rmtree(real)


def test_a_machine_with_one_link(
    install: Install, store: NixEnv, models_hub: Hub, model: Repo
) -> None:
    settings = """
      integration.ollama.mode = "link";
      integration.comfyui = { modelsDir = "/var/lib/comfy/models"; mode = "link"; };
    """
    machine = install(system(store, configured(models_hub, model, settings), *ollama()))
    real = machine.path("/var/lib/private/ollama/models")
    with machine.booted():
        for _ in range(2):
            said = machine.log("ollama")
            assert "noprune=1\n" in said
            assert f"./{MANIFEST}\n" in said
            assert real.is_symlink()
            machine.run("systemctl", "restart", "ollama")
        assert machine.path("/var/lib/comfy/models").is_symlink()
        machine.run("systemctl", "stop", "ollama", "ai-models-comfyui")
        assert not os.path.lexists(real)
        assert not os.path.lexists(machine.path("/var/lib/comfy/models"))


def test_ollama_starts_without_our_models(
    install: Install, store: NixEnv, models_hub: Hub, model: Repo
) -> None:
    built = system(store, configured(models_hub, model, COMFY), *ollama(settings='user = "hf";'))
    machine = install(built)
    real = machine.path(MODELS)
    real.mkdir(parents=True)
    os.chown(real.parent, 500, 500)
    with machine.booted():
        assert machine.state("ollama") == "active"
        said = machine.log("ollama")
        assert "Permission denied" in said
        assert "change the owner (sudo chown -R hf -- " in said


def test_exposure(store: NixEnv, models_hub: Hub, model: Repo, tmp_path: Path) -> None:
    """The unit of Ollama is as it was, and ours have only the rights that they need."""
    with_ours = system(store, configured(models_hub, model, COMFY), *ollama())
    scores = [
        float(SCORE.findall(analyze("security", "--offline=true", str(unit)))[0])
        for unit in (
            _unit(with_ours, "ollama"),
            _unit(system(store, *ollama()), "ollama"),
            _unit(with_ours, "ai-models-comfyui"),
        )
    ]
    assert scores[0] == scores[1]
    assert scores[2] <= MOST
    assert verify(with_ours, tmp_path, []) == ""


def _unit(built: Path, name: str) -> Path:
    return built / f"systemd/system/{name}.service"
