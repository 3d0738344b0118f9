"""Directories of engines that configurations are refused for, and what they claim in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.helpers import problems
from modules.test_places import ONE, evaluated, ollama
from support.modules import nixos

if TYPE_CHECKING:
    from support.nix import NixEnv

OFF = "services.ai-models.integration"
CONFLICTS = {
    "one name": (
        f'{ONE} b.ollama.name = "library/Llama3.2:1B";',
        'integration.ollama.modelsDir = "/srv/o";',
        (
            'services.ai-models.models: "a" and "b" are both the model library/Llama3.2:1B for '
            "Ollama: keep one, or write "
            '`services.ai-models.models.b.integration.ollama.name = "library/Llama3.2:1B-b"`'
        ),
    ),
    "one path": (
        (
            # Only the build knows what directories of models contain.
            'a.comfyui = { loras = "m.gguf"; vae = "./"; };'
            'b.comfyui = { loras."m.gguf" = "m.gguf"; vae = "./"; };'
        ),
        'integration.comfyui.modelsDir = "/srv/c";',
        (
            'services.ai-models.models: "a" and "b" are both loras/m.gguf for ComfyUI: keep one, '
            "or write `services.ai-models.models.b.integration.comfyui.loras = "
            '{ "b-m.gguf" = "m.gguf"; }`'
        ),
    ),
    "one directory": (
        'a.comfyui.loras = "*"; a.directory.x."y" = "m.gguf";',
        'integration.comfyui.modelsDir = "/srv/c"; integration.directory.x.modelsDir = "/srv/c/";',
        (
            f"{OFF}.comfyui.modelsDir and {OFF}.directory.x.modelsDir are the same directory, "
            "/srv/c: set another one for all but one of them"
        ),
    ),
    "inside of a link": (
        'a.comfyui.loras = "*"; a.directory.x."y" = "m.gguf";',
        (
            'integration.comfyui = { modelsDir = "/srv/c"; mode = "link"; };'
            'integration.directory.x.modelsDir = "/srv/c/x";'
        ),
        (
            f"{OFF}.directory.x.modelsDir is inside of {OFF}.comfyui.modelsDir, which is one link "
            f'to the store: set `{OFF}.comfyui.mode = "directory"`, or another directory'
        ),
    ),
    "the cache": (
        'a.comfyui.loras = "*"; a.directory.x."y" = "m.gguf";',
        (
            'integration.comfyui.modelsDir = "/var/cache/huggingface/.";'
            'integration.directory.x.modelsDir = "/var/cache/huggingface/x";'
        ),
        (
            f'{OFF}.comfyui.modelsDir = "/var/cache/huggingface" is where '
            f"{OFF}.huggingface.cacheDir has the Hugging Face cache: set another directory"
        ),
    ),
    "in the cache": (
        'a.comfyui.loras = "*";',
        'integration.comfyui.modelsDir = "/var/cache/huggingface/hub/x";',
        (
            f'{OFF}.comfyui.modelsDir = "/var/cache/huggingface/hub/x" is where '
            f"{OFF}.huggingface.cacheDir has the Hugging Face cache: set another directory"
        ),
    ),
    "around the cache": (
        'a.comfyui.loras = "*";',
        'integration.comfyui = { modelsDir = "/var/cache"; mode = "link"; };',
        (
            f"{OFF}.huggingface.cacheDir is inside of {OFF}.comfyui.modelsDir, which is one link "
            f'to the store: set `{OFF}.comfyui.mode = "directory"`, or another directory'
        ),
    ),
    "no directory": (
        'a.triton.model = "a";',
        "",
        (
            f'{OFF}.triton: "a" is for Triton, and the path of its directory is not set: set '
            f'`{OFF}.triton.modelsDir = "/var/lib/triton/models"`, or `{OFF}.triton.enable = false`'
        ),
    ),
    "no service": (
        ONE,
        "",
        (
            f'{OFF}.ollama: "a" is for Ollama, and the path of its directory is not set: set '
            f"`services.ollama.enable = true`, or `{OFF}.ollama.modelsDir = "
            '"/var/lib/ollama/models"`'
        ),
    ),
    "..": (
        "a.lmstudio = { };",
        'integration.lmstudio.modelsDir = "/srv/../x";',
        f'{OFF}.lmstudio.modelsDir = "/srv/../x" contains `..`: write the path without it',
    ),
    "relative": (
        "a.lmstudio = { };",
        'integration.lmstudio.modelsDir = "models";',
        (
            f'{OFF}.lmstudio.modelsDir = "models" is not the path of a directory: write an '
            "absolute path, without variables"
        ),
    ),
    "no user": (
        "a.lmstudio = { };",
        'integration.lmstudio = { modelsDir = "/srv/l"; user = "alice"; };',
        (
            f'{OFF}.lmstudio.user = "alice" is not a declared user: declare it with '
            '`users.users.alice = { isSystemUser = true; group = "alice"; }; '
            "users.groups.alice = { };`, or, if it exists outside of the configuration, set its "
            "number"
        ),
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_conflicts(store: NixEnv, case: str) -> None:
    models, settings, said = CONFLICTS[case]
    assert problems(store, nixos(evaluated(models, settings))) == [said]


def test_a_directory_in_the_store_is_refused(store: NixEnv) -> None:
    settings = 'integration.comfyui.modelsDir = "${builtins.storeDir}/x";'
    (said,) = problems(store, nixos(evaluated('a.comfyui.vae = "*";', settings)))
    assert "is inside the Nix store, which is read-only: set a directory outside" in said


def test_a_link_that_ollama_cannot_make_is_refused(store: NixEnv) -> None:
    linked = evaluated(ONE, 'integration.ollama.mode = "link";')
    elsewhere = nixos(linked, *ollama(settings='modelsDir = "/srv/o";'))
    assert problems(store, elsewhere) == [
        (
            f'{OFF}.ollama.mode = "link": ollama.service can make the link only below its home '
            f'/var/lib/ollama, and not at /srv/o: set `{OFF}.ollama.mode = "directory"`, or '
            "another directory"
        )
    ]
    for settings in ("", 'home = "/srv"; modelsDir = "/srv/o";'):
        assert problems(store, nixos(linked, *ollama(settings=settings))) == []


def test_a_service_that_would_change_the_models_is_refused(store: NixEnv) -> None:
    """By options of nixpkgs' module that ours does not have."""
    declared = """{ lib, ... }: {
      options.services.ollama = {
        syncModels = lib.mkOption { type = lib.types.bool; };
        loadModels = lib.mkOption { type = lib.types.listOf lib.types.str; };
      };
      config.services.ollama = { syncModels = SYNC; loadModels = [ "qwen3:8b" LOAD ]; };
    }"""
    for sync, load, said in (
        ("false", '"llama3.2:3b"', None),
        ("true", "", "services.ollama.syncModels = true removes all models but those of "),
        ("false", '"library/Llama3.2:1b"', "services.ollama.loadModels replaces the model llama"),
    ):
        service = declared.replace("SYNC", sync).replace("LOAD", load)
        found = problems(store, nixos(evaluated(ONE), *ollama(), service))
        assert len(found) == (said is not None)
        assert all(each.startswith(str(said)) for each in found)
        # Not of interest for another directory.
        elsewhere = evaluated(ONE, 'integration.ollama.modelsDir = "/srv/o";')
        assert problems(store, nixos(elsewhere, *ollama(), service)) == []
