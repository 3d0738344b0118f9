"""Models whose names and tables are written otherwise: the message shows the lines to write."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

import re

import pytest

from aimodels_gen.manifest.parse import parse
from generator.manifest.mending import GOOD, MODEL, WRONG, mended, refused


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"[models.qwen2.5-7b]{WRONG}\n{GOOD}", ["qwen2.5-7b"]),
        (f"[models.a.b.c]{WRONG}\n{GOOD}", ["a.b.c"]),
        (f"[models.qwen2]\n{GOOD}[models.qwen2.5-7b]{WRONG}\n{GOOD}", ["qwen2", "qwen2.5-7b"]),
        (f"[models.qwen2.5-7b]{WRONG}\n{GOOD}[models.qwen2]\n{GOOD}", ["qwen2.5-7b", "qwen2"]),
        (f'[models.a.source.huggingface]\nrepo = "org/name"\n[models.qwen2.5.source.huggingface]{WRONG}\nrepo = "org/name"', ["a", "qwen2.5"]),
        (f'models.qwen2.5-7b.source.huggingface.repo = "org/name"{WRONG}', ["qwen2.5-7b"]),
        (f'[models]\nqwen2.5-7b.source.huggingface.repo = "org/name"{WRONG}', ["qwen2.5-7b"]),
        (f'[models]\nqwen2.5-7b = {{ source.huggingface.repo = "org/name" }}{WRONG}', ["qwen2.5-7b"]),
        (f"[model.m]{WRONG}\n{GOOD}", ["m"]),
        (f"[m]{WRONG}\n{GOOD}", ["m"]),
        (f"[qwen2.5]{WRONG}\n{GOOD}", ["qwen2.5"]),
        (f'["models.m"]{WRONG}\n{GOOD}', ["m"]),
        (f'[models."org/name"]{WRONG}\n{GOOD}', ["org-name"]),
        (f'[models."my model"]\n{GOOD}'.replace("]", f"]{WRONG}"), ["my-model"]),
        (f'[models."q:7b".source.huggingface]{WRONG}\nrepo = "org/name"', ["q-7b"]),
        (f'[models]\n"a@b" = {{ source.huggingface.repo = "org/name" }}{WRONG}', ["a-b"]),
        (f"[[models.m]]{WRONG}\n{GOOD}", ["m"]),
        (f'models = "org/name"{WRONG}', ["name"]),
        (f'models = ["org/name", "https://hf.co/org/b"]{WRONG}', ["name", "b"]),
        (f'models = [{{ name = "a", repo = "org/a" }}]{WRONG}', ["a"]),
        (f'repo = "org/name"{WRONG}', ["name"]),
        (f"{GOOD}".replace("\n", WRONG), ["name"]),
        (f'[models.phi.3]{WRONG}\n{GOOD}[models.phi.3.integration.huggingface]{WRONG}\norg = "o"', ["phi.3"]),
    ],
)  # fmt: skip
def test_a_dot_in_a_name(text: str, names: list[str]) -> None:
    lines = text.splitlines()
    if sum(line.endswith(WRONG) for line in lines) == 1:
        assert [entry.name for entry in mended(text)] == names
    else:
        shown = refused(text.replace(WRONG, "")).hint or ""
        assert '`[models."phi.3"]` and `[models."phi.3".integration.huggingface]`' in shown


def test_a_line_with_a_dot_in_its_name_shows_no_secret() -> None:
    error = refused('models.a.b = { source.huggingface = { repo = "o/n", token = "hunter2" } }')
    assert 'write `models."a.b" = …`' in (error.hint or "")
    for text in (
        'models."http://me:hunter2/x@h".b.source.huggingface.repo = "o/n"',
        'models."http://me:hunter2/x@h".source.huggingface.repo = "datasets/o/n"',
        'models."http://me:hunter2/x@h" = "o/n"',
        'models.m = { source = "o/n", "http://me:hunter2/x@h" = 1 }',
        '[[models]]\nname = "http://me:hunter2/x@h"',
    ):
        refused(text)


def test_several_dots_in_names() -> None:
    assert 'write `"llama3.2" = …`' in (refused('[models]\nllama3.2 = "org/name"').hint or "")
    error = refused(f"[models.a.b]\n{GOOD}[models.fine]\n{GOOD}[models.c.d.e]\n{GOOD}")
    assert error.message.startswith("models.toml: models.a.b and models.c.d.e name models")
    assert error.hint == 'put the name in quotes: write `[models."a.b"]` and `[models."c.d.e"]`'


@pytest.mark.parametrize(
    ("before", "wrong", "after"),
    [
        ("{ ", 'a = "org/name"', " }"),
        ("{ ", "a = { source.huggingface.repo = 'hf://org/name' }", f", b = {{ {GOOD[:-1]} }} }}"),
        ("{ ", 'a = { source.huggingface.repo = "org/name", revision = "main" }', " }"),
        ("{ ", f'"a/b" = {{ {GOOD[:-1]} }}', " }"),
        ("{ ", f"qwen2.5 = {{ {GOOD[:-1]} }}", " }"),
    ],
)
def test_an_inline_table_of_models(before: str, wrong: str, after: str) -> None:
    hint = refused(f"models = {before}{wrong}{after}").hint or ""
    found = re.search("write `([^`]*)` in the inline table of models", hint)
    assert found, hint
    entries = parse(f"models = {before}{found[1]}{after}").entries
    assert entries[0].source == MODEL
