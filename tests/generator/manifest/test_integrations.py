"""`integration` in models.toml: what is read, and the lines that messages show."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

from typing import Any

import pytest

from aimodels_gen.manifest.parse import parse
from generator.manifest.mending import GOOD, HEADER, WRONG, only, refused

MODEL = HEADER + GOOD
TEXT = "{{ .System }}${x}''\\n"


def nix_of(text: str) -> dict[str, Any]:
    (entry,) = parse(text).entries
    return entry.views.to_nix()


@pytest.mark.parametrize(
    ("lines", "nix"),
    [
        ("", {}),
        ("integration.lmstudio = {}", {"lmstudio": {}}),
        ("integration.lmstudio.enable = false", {"lmstudio": {"enable": False}}),
        (f'integration.ollama = {{ name = "x", template = "{TEXT}" }}', {"ollama": {"name": "x", "template": "{{ .System }}${x}''\n"}}),
        ('integration.ollama = { name = "x", enable = true, params = {} }', {"ollama": {"name": "x"}}),
        ('integration.ollama.name = "a/b:c"\nintegration.ollama.params.temperature = 0.7', {"ollama": {"name": "a/b:c", "params": {"temperature": 0.7}}}),
        ('integration.comfyui.loras = { "x" = "a", "b/" = ["*"] }', {"comfyui": {"loras": {"b/": "*", "x": "a"}}}),
        ('integration.triton = { version = 1, config = "x" }', {"triton": {"config": "x"}}),
        ('[models.m.integration.directory]\nd."x/" = ["a", "b"]', {"directory": {"d": {"x/": ["a", "b"]}}}),
    ],
)  # fmt: skip
def test_what_is_written_is_rendered(lines: str, nix: dict[str, Any]) -> None:
    assert nix_of(f"{MODEL}{lines}\n") == nix


@pytest.mark.parametrize(
    ("defaults", "lines", "nix"),
    [
        ("ollama.params.seed = 1", "", {}),
        ("ollama.params.seed = 1", 'ollama.name = "x"', {"ollama": {"name": "x", "params": {"seed": 1}}}),
        ("ollama.params.seed = 1", 'ollama = { name = "x", params = { top_k = 2 } }', {"ollama": {"name": "x", "params": {"top_k": 2}}}),
        ("lmstudio = {}", "", {"lmstudio": {}}),
        ('lmstudio.org = "o"', "lmstudio.enable = false", {"lmstudio": {"enable": False, "org": "o"}}),
        ('comfyui.vae = "*"', "", {"comfyui": {"vae": "*"}}),
        ('comfyui.vae = "*"', 'comfyui.loras = "*"', {"comfyui": {"loras": "*"}}),
        ('comfyui.vae = "*"', "comfyui = {}", {}),
        ('directory.d = { a = "b" }', "directory.d = {}", {}),
        ('directory.d = { a = "b" }', 'directory.e = { a = "c" }', {"directory": {"d": {"a": "b"}, "e": {"a": "c"}}}),
    ],
)  # fmt: skip
def test_defaults_are_for_models_without(defaults: str, lines: str, nix: dict[str, Any]) -> None:
    own = f"integration.{lines}\n" if lines else ""
    assert nix_of(f"[defaults]\nintegration.{defaults}\n{MODEL}{own}") == nix


def test_the_mistake_of_the_defaults_is_named_there() -> None:
    error = refused(f'[defaults]\nintegration.comfyui.checkpoint = "*"\n{MODEL}')
    assert "defaults.integration.comfyui.checkpoint is not" in error.message


MENDED = [
    ('integration.ollama = "llama3.2:1b"', {"ollama": {"name": "llama3.2:1b"}}),
    ('ollama = "llama3.2:1b"', {"ollama": {"name": "llama3.2:1b"}}),
    ('Ollama = { name = "x" }', {"ollama": {"name": "x"}}),
    ("integration.ollama = true", {"ollama": {"name": "m"}}),
    ('integration.Ollama = "x"', {"ollama": {"name": "x"}}),
    ('integration.ollama = { system = "s" }', {"ollama": {"name": "m", "system": "s"}}),
    ('integration.ollama = { model = "llama3.2", tag = "1b" }', {"ollama": {"name": "llama3.2:1b"}}),
    ('integration.ollama = { name = "x", temperature = 0.7 }', {"ollama": {"name": "x", "params": {"temperature": 0.7}}}),
    ('integration.ollama = { NAME = "x", SYSTEM = "s" }', {"ollama": {"name": "x", "system": "s"}}),
    ('integration.ollama = { name = "ollama run llama3.2:1b" }', {"ollama": {"name": "llama3.2:1b"}}),
    ('integration.ollama = { name = "https://ollama.com/library/llama3.2:1b" }', {"ollama": {"name": "llama3.2:1b"}}),
    ('integrations.ollama = "x"', {"ollama": {"name": "x"}}),
    ("lm-studio = true", {"lmstudio": {}}),
    ("integration.LMStudio = {}", {"lmstudio": {}}),
    ('integration.lmstudio = "a/b"', {"lmstudio": {"model": "b", "org": "a"}}),
    ('integration.lmstudio = { publisher = "a" }', {"lmstudio": {"org": "a"}}),
    ('integration.comfyui = ["*.safetensors"]', {"comfyui": {"checkpoints": "*.safetensors"}}),
    ('integration.ComfyUI = { lora = "*" }', {"comfyui": {"loras": "*"}}),
    ('integration.triton = "bert"', {"triton": {"model": "bert"}}),
    ('integration.triton = { name = "bert", version = "2" }', {"triton": {"model": "bert", "version": 2}}),
    ('integration.directory = { "a/" = "*" }', {"directory": {"my-directory": {"a/": "*"}}}),
    ("integration.vllm = true", {}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "nix"), MENDED)
def test_the_message_shows_what_to_write(line: str, nix: dict[str, Any]) -> None:
    assert only(f"{MODEL}{line}{WRONG}\n").views.to_nix() == nix


@pytest.mark.parametrize(
    "line", ["integration.ollama.nmae = 'x'", "integration.ollama = { name = 'x', zzz = 1 }"]
)
def test_what_is_misspelt_is_no_parameter(line: str) -> None:
    assert "params = " not in (refused(f"{MODEL}{line}\n").hint or "")


@pytest.mark.parametrize(
    "line", ['ollama = "x"', 'integration.ollama = "x"', '[ollama]\nname = "x"']
)
def test_one_outside_of_a_model_is_shown_below_it(line: str) -> None:
    hint = refused(f"{line}\n{MODEL}").hint
    assert hint == 'write `integration.ollama = { name = "x" }` below [models.m]'
    several = refused(f"{line}\n{MODEL}{MODEL.replace('.m]', '.n]')}").hint
    assert several == 'write `integration.ollama = { name = "x" }` below [models.NAME]'


MODELFILES = [
    ("PARAMETER temperature 0.7", {"name": "m", "params": {"temperature": 0.7}}),
    ('PARAMETER stop <|a|>\nPARAMETER stop "<|b|>"\n\nPARAMETER use_mmap true', {"name": "m", "params": {"stop": ["<|a|>", "<|b|>"], "use_mmap": True}}),
    ('TEMPLATE """{{ .System }}\n{{ .Prompt }}"""', {"name": "m", "template": "{{ .System }}\n{{ .Prompt }}"}),
    ('SYSTEM "You are a bot."', {"name": "m", "system": "You are a bot."}),
    ("SYSTEM You are a bot.\nLICENSE MIT", {"license": "MIT", "name": "m", "system": "You are a bot."}),
    ("FROM ./x.gguf\nPARAMETER num_ctx 8192", {"file": "x.gguf", "name": "m", "params": {"num_ctx": 8192}}),
    ("FROM llama3.2\nSYSTEM x\nADAPTER ./a\nMESSAGE user hi", {"name": "m", "system": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("modelfile", "ollama"), MODELFILES)
def test_the_lines_of_a_modelfile_are_shown(modelfile: str, ollama: dict[str, Any]) -> None:
    hint = refused(f"{MODEL}{modelfile}\n").hint or ""
    shown = hint.split("`")[1::2]
    assert nix_of(MODEL + "\n".join(shown) + "\n")["ollama"] == ollama
    last = modelfile.count("\n") + 3
    assert (f"instead of lines 3 to {last}" in hint) == (last > 3)


def test_a_modelfile_alone_is_a_model() -> None:
    hint = refused("FROM hf.co/org/name:Q4_K_M\nPARAMETER seed 1\n").hint or ""
    assert hint.split("`")[1::2] == [
        "[models.name]",
        'source.huggingface = { repo = "org/name", quant = "Q4_K_M" }',
        'integration.ollama.name = "name"',
        "integration.ollama.params = { seed = 1 }",
    ]


def test_a_long_template_is_not_shown() -> None:
    hint = refused(f'{MODEL}TEMPLATE """{"x" * 5000}"""\n').hint or ""
    assert len(hint) < 300
    assert "template is long: write it between ''' and '''" in hint
