"""What configurations are refused for: the options are set as the message says, and all is well."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.helpers import problems
from support.modules import entry, nixos
from support.remedies import cure

if TYPE_CHECKING:
    from support.nix import NixEnv
    from support.remedies import Remedy

HF = "services.ai-models.integration.huggingface"
MODEL = "services.ai-models.models"
GOOD = '{ source.huggingface.repo = "org/m"; hash = ""; }'
UNFREE = f'{MODEL}.a = {GOOD} // {{ meta.license = "llama2"; }}; services.ai-models.enforceLicenses = true;'
TOKEN = 'services.ai-models.tokenFile = "/run/token";'
PLAIN = "builtins.removeAttrs (" + "ENTRY" + ') [ "hfCachePath" ]'
PLACE = "services.ai-models.integration"
FILES = 'source.huggingface = { repo = "org/m"; rev = "01c7f73d771dfac7d292323805ebc428287df4f9"; }; files."m.gguf".hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";'
OLLAMA = f'{MODEL}.a = {{ {FILES} integration.ollama.name = "m"; }};'
OLLAMAS = f'{OLLAMA} {PLACE}.ollama.modelsDir = "/srv/o";'
COMFY = f'{MODEL}.a = {{ {FILES} integration.comfyui.vae = "*"; integration.directory.x."y" = "m.gguf"; }}; {PLACE}.comfyui.modelsDir = "/srv/c";'
SECOND = f'{MODEL}.b = {{ {FILES} integration.huggingface.model = "b";'
OLLAMA_AT = 'services.ollama = { enable = true; models = "/srv/o"; };'
UNIT = 'systemd.services."embed@" = { };'


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure('….… = "…" is not a declared …: declare it with `…`, or, if it exists outside of the configuration, set its number', f'{HF}.user = "models";', f'{HF}.user = "models"; $4'),
        cure('….… = "…" is not a declared …: declare it with `…`, or, if it exists outside of the configuration, set its number', f'{HF}.group = "models";', f'{HF}.group = "models"; $4'),
        cure('….… = "…" is not a declared …: declare it with `…`, or, if it exists outside of the configuration, set its number', f'{HF}.group = "models";', f'{HF}.group = "500";'),
        cure("its licence (…) is unfree: allow that with `nixpkgs.config.allowUnfree = true`, or set `….enforceLicenses = false`", UNFREE, f"{UNFREE} nixpkgs.config.allowUnfree = true;"),
        cure("its licence (…) is unfree: allow that with `nixpkgs.config.allowUnfree = true`, or set `….enforceLicenses = false`", UNFREE, UNFREE.replace("Licenses = true", "Licenses = false")),
        cure('… = "…" is inside the Nix store, which is read-only: set a directory outside, as a string', f"{HF}.cacheDir = builtins.storeDir;", f'{HF}.cacheDir = "/srv/models";'),
        cure('… = "…" is not the path of a directory: write an absolute path, without variables', f'{HF}.cacheDir = "/home/$USER/hf";', f'{HF}.cacheDir = "/srv/models";'),
        cure('… = "…" contains `..`: write the path without it', f'{HF}.cacheDir = "/srv/../hf";', f'{HF}.cacheDir = "/hf";'),
        cure('….integration.huggingface: `mode = "directory"` is for programs that go online, which `offline = true` prevents; remove one of them', f'{HF} = {{ mode = "directory"; offline = true; }};', f'{HF}.mode = "directory";'),
        cure("`package` is not a cache entry made by `fetchModel` (it has no `hfCachePath`): use one, or set `integration.huggingface.enable = false`", f"{MODEL}.a.package = {PLAIN};", f"{MODEL}.a = {{ package = {PLAIN}; integration.huggingface.enable = false; }};"),
        cure("`package` is not a cache entry made by `fetchModel` (it has no `hfCachePath`): use one, or set `integration.huggingface.enable = false`", f"{MODEL}.a.package = {PLAIN};", f"{MODEL}.a.package = ENTRY;"),
        cure('write "…", which is for all of its instances', f'{UNIT} {HF}.services = [ "embed@en" ];', f'{UNIT} {HF}.services = [ "$0" ];'),
        cure("correct the name; for a unit of `systemd.packages`, add `systemd.services.… = { };`", f'{HF}.services = [ "other" ];', f'{HF}.services = [ "other" ]; systemd.services.$0 = {{ }};'),
        cure('… contains "…", which no module defines in `systemd.services`: …', f'{UNIT} {HF}.services = [ "embd@" ];', f'{UNIT} {HF}.services = [ "embed@" ];'),
        cure("services.ai-models.tokenFile is for the nix-daemon of NixOS, and `nix.enable = false`: remove it, and set HF_TOKEN for the daemon that builds, or download with `aimodels-gen prefetch`", f"{TOKEN} nix.enable = false;", "nix.enable = false;"),
        cure('services.ai-models.tokenFile = "…" contains `..`: write the path without it', 'services.ai-models.tokenFile = "/run/../token";', TOKEN),
        cure("….models: … and … are both … for …: keep one, or write …", f'{OLLAMAS} {SECOND} integration.ollama.name = "m"; }};', f'{OLLAMAS} {SECOND} }}; {MODEL}.b.integration.ollama.name = "m:b";'),
        cure("… are the same directory, …: set another one for all but one of them", f'{COMFY} {PLACE}.directory.x.modelsDir = "/srv/c";', f'{COMFY} {PLACE}.directory.x.modelsDir = "/srv/d";'),
        cure('… is inside of ….modelsDir, which is one link to the store: set `….mode = "directory"`, or another directory', f'{COMFY} {PLACE}.directory.x.modelsDir = "/srv/c/x"; {PLACE}.comfyui.mode = "link";', f'{COMFY} {PLACE}.directory.x.modelsDir = "/srv/c/x"; {PLACE}.comfyui.mode = "directory";'),
        cure('….modelsDir = "…" is where … has the Hugging Face cache: set another directory', f'{COMFY.replace("/srv/c", "/var/cache/huggingface/hub")} {PLACE}.directory.x.modelsDir = "/srv/x";', f'{COMFY} {PLACE}.directory.x.modelsDir = "/srv/x";'),
        cure("`integration.…` has no effect on a `package`: write it in the `fetchModel` that makes the package", f"{MODEL}.a = {{ package = ENTRY; integration.lmstudio = {{ }}; }};", f"{MODEL}.a.package = ENTRY;"),
        cure("services.ollama.syncModels = true removes all models but those of `loadModels`, and so those of …: set `services.ollama.syncModels = false`", f"{OLLAMA} {OLLAMA_AT} services.ollama.syncModels = true;", f"{OLLAMA} {OLLAMA_AT} services.ollama.syncModels = false;"),
        cure("services.ollama.loadModels replaces the model … of … by the one that it pulls: remove it there, or give … another `integration.ollama.name`", f'{OLLAMA} {OLLAMA_AT} services.ollama.loadModels = [ "m" ];', f"{OLLAMA} {OLLAMA_AT} services.ollama.loadModels = [ ];"),
        cure("services.ollama.loadModels replaces the model … of … by the one that it pulls: remove it there, or give … another `integration.ollama.name`", f'{OLLAMA} {OLLAMA_AT} services.ollama.loadModels = [ "m" ];', f'{OLLAMA.replace(chr(34) + "m" + chr(34), chr(34) + "mine" + chr(34))} {OLLAMA_AT} services.ollama.loadModels = [ "m" ];'),
        cure('set `services.ollama.enable = true`, or `services.ai-models.integration.ollama.modelsDir = "/var/lib/ollama/models"`', OLLAMA, f'{OLLAMA} services.ollama = {{ enable = true; models = "/var/lib/ollama/models"; }};'),
        cure('set `services.ollama.enable = true`, or `services.ai-models.integration.ollama.modelsDir = "/var/lib/ollama/models"`', OLLAMA, f'{OLLAMA} {PLACE}.ollama.modelsDir = "/var/lib/ollama/models";'),
        cure('….mode = "link": ollama.service can make the link only below its home …, and not at …: set `….mode = "directory"`, or another directory', f'{OLLAMA} {OLLAMA_AT} {PLACE}.ollama.mode = "link";', f'{OLLAMA} {OLLAMA_AT} {PLACE}.ollama.mode = "directory";'),
    ],
)  # fmt: skip
def test_a_configuration(store: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    """$0 in what is right stands for what the message fills in first."""

    def said(settings: str) -> list[str]:
        enabled = "services.ai-models.enable = true;"
        config = nixos(f"{{ {enabled} {settings.replace('ENTRY', entry('x'))} }}")
        warnings: list[str] = store.eval(f"{config}.warnings")
        return problems(store, config) + warnings

    groups = remedy("\n".join(said(wrong)))
    for number, group in enumerate(groups):
        right = right.replace(f"${number}", group)
    assert said(right) == []
