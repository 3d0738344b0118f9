"""Manifests that are not TOML, or another file: the message shows what to write."""

from __future__ import annotations

import pytest

from generator.manifest.mending import GOOD, HEADER, MODEL, WRONG, mended, refused


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"[models.Qwen/Qwen2.5-7B]{WRONG}\n{GOOD}", ["Qwen2.5-7B"]),
        (f"[models.org/name]{WRONG}\n{GOOD}", ["name"]),
        (f"[models.qwen:7b]{WRONG}\n{GOOD}", ["qwen-7b"]),
        (f"[models.my model]{WRONG}\n{GOOD}", ["my-model"]),
        (f'[models.a/b.source.huggingface]{WRONG}\nrepo = "org/name"', ["b"]),
        (f"[models.m]\nsource.huggingface = {{ repo = org/name }}{WRONG}", ["m"]),
        (f"[models.m]\nsource.huggingface.repo = org/name{WRONG}", ["m"]),
        (f"[models.m]\nsource.huggingface = {{ repo = \u201corg/name\u201d }}{WRONG}", ["m"]),
        (f"[models.\u201cqwen2.5\u201d]{WRONG}\n{GOOD}", ["qwen2.5"]),
        (f"[models.m]\n{GOOD}include = [model.json, a]{WRONG}", ["m"]),
        (f"[models.m]\n{GOOD}include = [tokenizer.json]{WRONG}", ["m"]),
        (f"[models.\u6a21\u578b]{WRONG}\n{GOOD}", ["my-model"]),
        (f"[models.a@b]{WRONG}\n{GOOD}", ["a-b"]),
        (f"[models.m{WRONG}\n{GOOD}", ["m"]),
        (f"[models.m]\n\u00a0{GOOD[:-1]}{WRONG}", ["m"]),
        (f"// a model{WRONG}\n[models.m]\n{GOOD}", ["m"]),
        (f'[models.m]\nsource.huggingface.repo = "org/name" // it{WRONG}', ["m"]),
        (f'[models.m]\nsource.huggingface.repo = "org/name{WRONG}', ["m"]),
        (f'[models.m]\nsource.huggingface = {{ repo = "org/name"{WRONG}', ["m"]),
        (f'[models.m]\nsource.huggingface = {{ repo = "org/name", }}{WRONG}', ["m"]),
        (f'[models.m]\nsource.huggingface = {{ repo = "org/name" ref = "main" }}{WRONG}', ["m"]),
        (
            f'[models.m]\nsource.huggingface = {{{WRONG}\n  repo = "org/name",{WRONG}\n}}{WRONG}',
            ["m"],
        ),
        (f'[models.m]\n{GOOD}include = [{WRONG}\n  "a"{WRONG}\n  "b"{WRONG}\n]{WRONG}', ["m"]),
        (f"[models.m]\n{GOOD}integration.huggingface.enable = False{WRONG}", ["m"]),
        # Nix, JSON, YAML, Python
        (f'[models.m]\nsource.huggingface.repo = "org/name";{WRONG}', ["m"]),
        (f'models.m = {{ source.huggingface = {{ repo = "org/name"; }}; }};{WRONG}', ["m"]),
        (
            f'models.m = {{{WRONG}\n  source.huggingface.repo = "org/name";{WRONG}\n}};{WRONG}',
            ["m"],
        ),
        (f'[models.m]\n{GOOD}include = [ "a" "b" ];{WRONG}', ["m"]),
        (f'[models.m]\nsource.huggingface = {{"repo": "org/name"}}{WRONG}', ["m"]),
        (f"[models.m]\nsource.huggingface = {{'repo': 'org/name', 'ref': None}}{WRONG}", ["m"]),
        (f"[models.m]\nsource.huggingface: {{ repo: org/name }}{WRONG}", ["m"]),
        (f'[models.m]\nsource.huggingface.repo "org/name"{WRONG}', ["m"]),
        # Nothing but what names a model.
        (f"org/name{WRONG}", ["name"]),
        (f"- org/name{WRONG}", ["name"]),
        (f"1. https://huggingface.co/org/name{WRONG}", ["name"]),
        (f"FROM hf.co/org/name{WRONG}", ["name"]),
        (f"[models.m]\nhttps://huggingface.co/org/name{WRONG}", ["m"]),
        (f"hf download org/name --include '*.json'{WRONG}", ["name"]),
        (f'AutoModel.from_pretrained("org/name"){WRONG}', ["name"]),
    ],
)
def test_what_is_not_toml(text: str, names: list[str]) -> None:
    entries = mended(text)
    assert [entry.name for entry in entries] == names
    assert [entry.source for entry in entries] == [MODEL]


@pytest.mark.parametrize(
    "line",
    [
        "source.huggingface.repo = https://user:hunter2@huggingface.co/org/name",
        "source.huggingface = { repo = org/name, token = hunter2 }",
        "source.huggingface = { repo = ",
    ],
)
def test_what_is_not_toml_and_cannot_be_shown(line: str) -> None:
    assert refused(f"{HEADER}{line}").hint == "correct the TOML syntax there"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f"{HEADER}{GOOD}{GOOD}", "remove one"),
        (f"{HEADER}{GOOD}{HEADER}{GOOD}", "give one another name"),
        (f"<<<<<<< HEAD\n{HEADER}{GOOD}=======\n>>>>>>> main\n", "one side of the merge conflict"),
        ('{ "models": { "m": { "repo": "org/name" } } }', "write TOML: for each model `[models."),
        ('{\n  models.m.source.huggingface.repo = "org/name";\n}\n', "write TOML: for each model"),
        ("models:\n  m:\n    repo: org/name\n", "write TOML: for each model `[models."),
    ],
)
def test_what_is_another_file(text: str, hint: str) -> None:
    error = refused(text)
    assert hint in (error.hint or "")
    assert "(" not in error.message  # as Python shows a path of keys
