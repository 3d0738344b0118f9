"""What messages about integrations say to write is written, and locking succeeds."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.remedies import cure, cures

if TYPE_CHECKING:
    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy

M = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
N = '[models.n]\nsource.huggingface = { repo = "org/other" }\n'
I = "integration."  # noqa: E741
ONE = M + 'include = ["a.gguf"]\n'
SHARDS = {f"c-Q4_K_M-0000{n}-of-00002.gguf": b"c" for n in (1, 2)}
INSIDE = 'write a path inside of the directory, such as "dir/file"'


@pytest.fixture
def project(hub_project: Project, hub: Hub) -> Project:
    """The Hub has two models with files of the same names."""
    hub.add_repo("org/name", SHARDS | {"a.gguf": b"1", "b/a.gguf": b"2", "config.json": b"{}"})
    hub.add_repo("org/other", {"a.gguf": b"3", "config.json": b"{}"})
    return hub_project


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure('name a directory and its files, such as { checkpoints = ["*.safetensors"] }', f"{M}{I}comfyui = {{}}\n", f'{M}{I}comfyui = {{ checkpoints = ["*.json"] }}\n'),
        cure("use letters, digits, . _ and -, starting with a letter, a digit or _", f'{M}{I}directory."a b"."x" = "a.gguf"\n', f'{M}{I}directory.a-b."x" = "a.gguf"\n'),
        cure("use letters, digits, . _ and -, starting with a letter, a digit or _", f'{M}{I}triton.model = "a b"\n', f'{M}{I}triton = {{ model = "a-b", files = "a.gguf" }}\n'),
        cure('name a path and its file, such as … = { "dir/" = "*.bin" }', f"{M}{I}directory.d = {{}}\n", f'{M}{I}directory.d = {{ "dir/" = "*.json" }}\n'),
        cure('add integration.lmstudio = { org = "my-org", model = "my-model" }', f"{M.replace('org/name', 'gpt2')}{I}lmstudio = {{}}\n", f'{M.replace("org/name", "gpt2")}integration.lmstudio = {{ org = "my-org", model = "my-model" }}\n'),
        cure("write a table, such as { temperature = 0.7 }", f'{ONE}{I}ollama = {{ name = "x", params = 1 }}\n', f'{ONE}{I}ollama = {{ name = "x", params = {{ temperature = 0.7 }} }}\n'),
        cure("write a string, a number, true or false, or a list of these", f'{ONE}{I}ollama = {{ name = "x", params.stop = [["a"]] }}\n', f'{ONE}{I}ollama = {{ name = "x", params.stop = ["a"] }}\n'),
        cure("write a string, a number, true or false, or a list of these", f'{ONE}{I}ollama = {{ name = "x", params.temperature = nan }}\n', f'{ONE}{I}ollama = {{ name = "x", params.temperature = 0 }}\n'),
        cure("write a pattern of files, a list of patterns, or a table of files by their new names", f"{M}{I}comfyui.checkpoints = 1\n", f'{M}{I}comfyui.checkpoints = {{ "new.gguf" = "a.gguf" }}\n'),
        cure(INSIDE, f'{M}{I}comfyui."../checkpoints" = "a.gguf"\n', f'{M}{I}comfyui."dir/file" = "a.gguf"\n'),
        cure(INSIDE, f'{M}{I}directory.d."a/../../b" = "a.gguf"\n', f'{M}{I}directory.d."dir/file" = "a.gguf"\n'),
        cure(INSIDE, f'{M}{I}directory.d."/a" = "a.gguf"\n', f'{M}{I}directory.d."dir/file" = "a.gguf"\n'),
        cure(INSIDE, f'{M}{I}directory.d."" = "a.gguf"\n', f'{M}{I}directory.d."dir/file" = "a.gguf"\n'),
        cure(INSIDE, f'{M}{I}triton.files."a\\nb" = "a.gguf"\n', f'{M}{I}triton.files."dir/file" = "a.gguf"\n'),
        cure("write one file, or the path of a directory, which ends in /: …/", f'{M}{I}directory.d.a = ["a.gguf", "config.json"]\n', f'{M}{I}directory.d."0/" = ["a.gguf", "config.json"]\n'),
        cure('write "…/" = "…"', f'{M}{I}directory.d.a = "b/"\n', f'{M}{I}directory.d."0/" = "b/"\n'),
        cure("write one file, or the path of a directory, which ends in /: …/", f'{M}{I}comfyui.loras.a = "*.gguf"\n', f'{M}include = ["a.gguf"]\n{I}comfyui.loras."0/" = "*.gguf"\n'),
        cure("write one of the files of the model, such as …", f'{M}{I}lmstudio.files = "*.bin"\n', f"{M}{I}lmstudio.files = 0\n"),
        cure("leave integration.lmstudio out, or name a repository with GGUF files", f'{M}include = ["*.json"]\n{I}lmstudio = {{}}\n', f"{ONE}{I}lmstudio = {{}}\n"),
        cure('write a table, such as { "dir/" = "*.bin" }', f"{M}{I}directory.d = 1\n", f'{M}{I}directory.d = {{ "dir/" = "*.json" }}\n'),
        cure("write a number of at least 1", f"{M}{I}triton = {{ version = 0, files = 'a.gguf' }}\n", f"{M}{I}triton = {{ version = 1, files = 'a.gguf' }}\n"),
        cure("write it below [models.NAME], in integration.ollama", f'[defaults]\n{I}ollama.name = "x"\n{ONE}', f'{ONE}{I}ollama.name = "x"\n'),
        cure("did you mean …?", f'{M}{I}ollama = {{ name = "x", file = "a.ggfu" }}\n', f'{M}{I}ollama = {{ name = "x", file = "0" }}\n'),
        cure("did you mean …?", f'{M}{I}directory.d.x = "c/a.gguf"\n', f'{M}{I}directory.d.x = "0"\n'),
        cure("write one of the files of the model, such as …", f'{M}{I}comfyui.checkpoints = "*.safetensors"\n', f"{M}{I}comfyui.checkpoints = 0\n"),
        cure('add file = "…" to integration.ollama', f'{M}{I}ollama = {{ name = "x" }}\n', f'{M}{I}ollama = {{ name = "x", file = "0" }}\n'),
        cure("choose a quantisation that is one file, or leave integration.ollama out", f'{M}include = ["c-*"]\n{I}ollama = {{ name = "x" }}\n', f'{M}include = ["a.gguf"]\n{I}ollama = {{ name = "x" }}\n'),
        cure("choose a quantisation that is one file, or leave integration.ollama out", f'{M}{I}ollama = {{ name = "x", file = "c-Q4_K_M-00001-of-00002.gguf" }}\n', M),
        cure("leave integration.ollama out, or name a repository with GGUF files", f'{M}include = ["*.json"]\n{I}ollama = {{ name = "x" }}\n', f'{M}include = ["*.json"]\n'),
        cure("choose another name", f'{M}{I}directory.ollama.x = "a.gguf"\n', f'{M}{I}directory.mine.x = "a.gguf"\n'),
        cure('give each file a path of its own, as in a table { "new-name" = "file" }', f'{M}{I}comfyui.checkpoints = "*.gguf"\n', f'{M}{I}comfyui.checkpoints = {{ "x.gguf" = "a.gguf", "y.gguf" = "b/a.gguf" }}\n'),
    ],
)  # fmt: skip
def test_a_mistake(project: Project, hub: Hub, remedy: Remedy, broken: str, mended: str) -> None:
    """In what is mended, 0 stands for what the hint names first."""
    hub.add_repo("gpt2", {"a.gguf": b"1"})
    project.write(broken)
    groups = remedy(project.fails("lock"))
    if "0" in mended and groups:
        mended = mended.replace("0", groups[0].partition(", ")[0])
    project.write(mended)
    project.ok("lock")


@cures("write … to give … another name")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f'{I}ollama.name = "llama3.2:1b"\n', f'{I}ollama.name = "library/Llama3.2:1B"\n'),
        (f'{I}ollama = {{ name = "x", params = {{ seed = 1 }} }}\n', f'{I}ollama = {{ name = "x" }}\n'),
        ('[models.m.integration.ollama]\nname = "x"\n', '[models.n.integration.ollama]\nname = "x:latest"\n'),
    ],
)  # fmt: skip
def test_one_name_in_ollama(project: Project, remedy: Remedy, first: str, second: str) -> None:
    project.write(ONE + first + N + second)
    said = project.fails("lock")
    assert "m and n are both" in said
    remedy(said)
    assert remedy.commands[0].startswith(("integration.ollama", "name = "))
    header = second.partition("\n")[0] + "\n" if second.startswith("[") else ""
    project.write(f"{ONE}{first}{N}{header}{remedy.commands[0]}\n")
    project.ok("lock")
    assert len({model["views"]["ollama"]["name"] for model in project.lock.values()}) == 2


@cures("write … to give … another place")
@pytest.mark.parametrize(
    "integration",
    [
        'comfyui.checkpoints = "a.gguf"',
        'comfyui = { checkpoints = ["a.*"] }',
        'comfyui.checkpoints = { "x/" = "a.gguf" }',
        'lmstudio = { org = "o", model = "p" }',
        'triton = { model = "t", files = "a.gguf" }',
        'directory.d = { "x/y" = "a.gguf" }',
        'directory.d = { "x/" = "a.gguf" }',
        'directory.d = { "x/" = ["./", "a.gguf"], "x/y/" = "./" }',
        'comfyui.checkpoints = "./"',
    ],
)
def test_one_place_in_a_directory(project: Project, remedy: Remedy, integration: str) -> None:
    first = M.replace("source", "include = ['a.gguf']\nsource") + f"{I}{integration}\n"
    project.write(f"{first}{N}{I}{integration}\n")
    said = project.fails("lock")
    assert re.search(r"m and n both have '[^']*a\.gguf'|m and n both have 'x/y'", said), said
    remedy(said)
    project.write(f"{first}{N}{remedy.commands[0]}\n")
    project.ok("lock")
