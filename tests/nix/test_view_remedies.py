"""What views refuse: what the message says is written, and there is a derivation."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support.nix import NixError
from support.remedies import cure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv
    from support.remedies import Remedy

# `plain name integration` is a model without names of its own, and with the files "m.gguf" and "a/b.bin".
SCOPE = (
    'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; library = import ./nix;'
    " inherit (library.integration) mkDirectory mkOllamaModels;"
    " plain = name: integration: library.fetchModel pkgs { inherit name;"
    ' source.url.files = { "m.gguf" = "http://127.0.0.1:1/m"; "a/b.bin" = "http://127.0.0.1:1/b"; };'
    ' files = { "m.gguf".hash = ""; "a/b.bin".hash = ""; };'
    " integration = { huggingface.enable = false; } // integration; };"
    ' model = plain "m"; ollama = name: plain name { ollama.name = "x"; };'
    " made = integration: builtins.mapAttrs (_name: view: view.drvPath or"
    " (builtins.mapAttrs (_name: each: each.drvPath) view)) (model integration).integration; in "
)
TREE = (
    'library.fetchModel pkgs { name = "m"; source.huggingface = { repo = "a/b"; rev ='
    ' "01c7f73d771dfac7d292323805ebc428287df4f9"; }; hash = ""; }'
)


@pytest.fixture(scope="module")
def nix() -> Iterator[NixEnv]:
    with nixes.available("host") as nix:
        yield nix


def fill(remedy: Remedy, said: str, right: str) -> str:
    """Fill in what the message says: %N stands for the code that it shows at this place."""
    remedy(said)
    for number, value in enumerate(remedy.commands):
        right = right.replace(f"%{number}", value.removeprefix("integration."))
    return right


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure("`….enable` is not known: remove it; without `…` there are no files for ComfyUI", "comfyui.enable = true;", 'comfyui.loras = "*";'),
        cure("`…` is not a directory of ComfyUI: write `…`", 'comfyui.lora = "*.bin";', '%1 = "*.bin";'),
        cure("`…` is not a directory of ComfyUI: write `…`", 'comfyui."Upscale-Models" = "*.bin";', '%1 = "*.bin";'),
        cure('`integration.comfyui` names no directory: write `integration.comfyui.checkpoints = [ "*.safetensors" ]`', "comfyui = { };", "%1;"),
        cure("`…` would be mistaken for `integration.…`: use another name", 'directory.comfyui.a = "m.gguf";', 'directory.comfy.a = "m.gguf";'),
        cure("`integration.directory` has a directory named …: use letters, digits, . _ and -", 'directory."a/b".a = "m.gguf";', 'directory.a-b.a = "m.gguf";'),
        cure('`…` is empty: write a path and a file, as in `…."dir/" = "*.bin"`', "directory.a = { };", "%1;"),
        cure('`integration.lmstudio.…` is missing, and the source has no such name: write `integration.lmstudio.… = "…"`', 'lmstudio.model = "m";', 'lmstudio.model = "m"; %1;'),
        cure('`integration.lmstudio.…` is missing, and the source has no such name: write `integration.lmstudio.… = "…"`', 'lmstudio.org = "o";', 'lmstudio.org = "o"; %1;'),
        cure("`integration.lmstudio.…` is …: use letters, digits, . _ and -", 'lmstudio = { org = ".."; model = "m"; };', 'lmstudio = { org = "o"; model = "m"; };'),
        cure('write the name for Ollama, as in name = "llama3.2:1b"', "ollama = { };", 'ollama.name = "llama3.2:1b";'),
        cure('`integration.ollama.name = …` is not a name for Ollama: write `[host/][namespace/]model[:tag]` with letters, digits, . _ and -, as in "llama3.2:1b"', 'ollama.name = "../x";', 'ollama.name = "host:5000/ns/x:1b";'),
        cure('`integration.ollama.name = …` is not a name for Ollama: write `[host/][namespace/]model[:tag]` with letters, digits, . _ and -, as in "llama3.2:1b"', 'ollama.name = "a:b:c";', 'ollama.name = "a:b";'),
        cure("…: … is an absolute path: write it without the first /", 'directory.a."/b" = "m.gguf";', 'directory.a."b" = "m.gguf";'),
        cure('…: … has a part …: write a path inside of the directory, such as "dir/file"', 'comfyui."../b" = "*.bin";', 'comfyui."b" = "*.bin";'),
        cure('…: … has a part …: write a path inside of the directory, such as "dir/file"', 'comfyui.loras."../../b" = "m.gguf";', 'comfyui.loras."b" = "m.gguf";'),
        cure('…: … has a part …: write a path inside of the directory, such as "dir/file"', 'directory.a."b//c" = "m.gguf";', 'directory.a."b/c" = "m.gguf";'),
        cure("…: … is too long or has control characters: write another path", 'directory.a."b\\nc" = "m.gguf";', 'directory.a."bc" = "m.gguf";'),
        cure("…: … has a part of more than 255 bytes: write a shorter path", f'directory.a."{"b" * 256}" = "m.gguf";', f'directory.a."{"b" * 255}" = "m.gguf";'),
        cure("`…` is empty: write the name of a file of the model", 'ollama = { name = "x"; file = ""; };', 'ollama = { name = "x"; file = "m.gguf"; };'),
        cure("`…` is empty: write the name of a file of the model", 'comfyui.loras = "";', 'comfyui.loras = "a/b.bin";'),
        cure("`…`: the model has no file …; write one of: …", 'comfyui.loras = [ "b.bin" ];', 'comfyui.loras = [ "a/b.bin" ];'),
        cure("`…`: the model has no file …; write one of: …", 'directory.x.y = "M.gguf";', 'directory.x.y = "m.gguf";'),
        cure("`…` is empty: write the name of a file of the model", "comfyui.loras = [ ];", 'comfyui.loras = [ "m.gguf" ];'),
        cure('`…` has an empty path: write a path inside of the directory, such as "dir/file"', 'directory.x."" = "m.gguf";', 'directory.x."dir/file" = "m.gguf";'),
        cure("`…` is one file, but has a list: write one file, or the path of a directory that ends in /, as in `….…`", 'directory.x.y = [ "m.gguf" ];', '%1 = [ "m.gguf" ];'),
        cure("`…` is one file, but … is a directory: write `….… = …`", 'directory.x.y = "a/";', "%1;"),
        cure("`…` is one file, but … is a directory: write `….… = …`", 'lmstudio = { org = "o"; model = "m"; files.x = "./"; };', 'lmstudio = { org = "o"; model = "m"; files."x/" = "./"; };'),
        cure("`integration.triton.version = …` is not a number of at least 1", "triton.version = 0;", "triton.version = 1;"),
        cure('`integration.triton.model` is …: use letters, digits, . _ and -, as in `integration.triton.model = "bert"`', 'triton.model = "a/b";', "%1;"),
    ],
)  # fmt: skip
def test_arguments(nix: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    with pytest.raises(NixError) as caught:
        nix.eval(f"{SCOPE} made {{ {wrong} }}")
    assert 'nix-ai-models: model "m": ' in str(caught.value)
    assert nix.eval(f"{SCOPE} made {{ {fill(remedy, str(caught.value), right)} }}")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        cure("… was not made by `fetchModel`: it has no `snapshotPath`", "mkOllamaModels pkgs [ pkgs.cacert ]", 'mkOllamaModels pkgs [ (ollama "a") ]'),
        cure("model … has no `…`: write it where the model is made, or leave the model out", "mkOllamaModels pkgs [ (model { }) ]", 'mkOllamaModels pkgs [ (model { %0.name = "x"; }) ]'),
        cure("model … has no `…`: write it where the model is made, or leave the model out", 'mkDirectory pkgs { models = [ (model { }) ]; directory = "a"; }', 'mkDirectory pkgs { models = [ (model { %0.b = "m.gguf"; }) ]; directory = "a"; }'),
        cure("nix-ai-models: the first argument of integration.… is nixpkgs: write `… pkgs …`", 'mkDirectory { models = [ ]; directory = "a"; }', 'mkDirectory pkgs { models = [ ]; directory = "a"; }'),
        cure("nix-ai-models: the first argument of integration.… is nixpkgs: write `… pkgs …`", "mkOllamaModels { }", "mkOllamaModels pkgs { }"),
        cure('… and … are both … for Ollama: keep one, or write `integration.ollama.name = "…"` with another name where … is made', 'mkOllamaModels pkgs [ (ollama "a") (ollama "b") ]', 'mkOllamaModels pkgs [ (ollama "a") (plain "b" { ollama.name = "y"; }) ]'),
        cure('… and … are both … for Ollama: keep one, or write `integration.ollama.name = "…"` with another name where … is made', 'mkOllamaModels pkgs [ (ollama "a") (plain "b" { ollama.name = "registry.ollama.ai/library/X:latest"; }) ]', 'mkOllamaModels pkgs [ (ollama "a") (plain "b" { ollama.name = "library/x:1b"; }) ]'),
        cure('write which, as in directory = "comfyui"', "mkDirectory pkgs { models = [ ]; }", 'mkDirectory pkgs { models = [ ]; directory = "comfyui"; }'),
        cure("a directory for Ollama is made by another function: write `integration.mkOllamaModels pkgs models`", 'mkDirectory pkgs { models = [ (ollama "a") ]; directory = "ollama"; }', 'let models = [ (ollama "a") ]; in %0'),
        cure("a cache is made by another function: write `integration.mkCache pkgs models`", 'mkDirectory pkgs { models = [ ]; directory = "huggingface"; }', "let models = [ ]; inherit (library.integration) mkCache; in %0"),
        cure('… and … both have …: write `integration.triton.model = "…"` with another name where … is made', '(mkDirectory pkgs { models = map (name: plain name { triton = { model = "t"; config = "x"; }; }) [ "a" "b" ]; directory = "triton"; })', '(mkDirectory pkgs { models = map (name: plain name { triton = { model = name; config = "x"; }; }) [ "a" "b" ]; directory = "triton"; })'),
    ],
)  # fmt: skip
def test_calls(nix: NixEnv, remedy: Remedy, wrong: str, right: str) -> None:
    with pytest.raises(NixError) as caught:
        nix.eval(f"{SCOPE} ({wrong}).drvPath")
    assert nix.eval(f"{SCOPE} ({fill(remedy, str(caught.value), right)}).drvPath")
