"""Models whose cache entries have one name: told when locking, with lines that cure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.engines.huggingface import cache_name
from aimodels_gen.manifest.conflicts import conflicts
from aimodels_gen.manifest.parse import parse
from generator.helpers import evaluate
from support.environment import CHECKOUT
from support.remedies import cures

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.project import Project
    from support.remedies import Remedy

QUANTS = """
[models.small]
source.huggingface = { repo = "org/name" }
include = ["*Q4*"]

[models."big-1.5"]
source.huggingface = { repo = "org/name" }
include = ["*Q8*", "*.json"]
"""


def cured(text: str) -> str:
    """Return the manifest with the lines of its warnings, each below its header."""
    for line, header in re.findall(r"`(integration[^`]+)` below (\[[^ ]+\])", warning(text)):
        assert f"{header}\n" in text
        text = text.replace(f"{header}\n", f"{header}\n{line}\n")
    return text


def warning(text: str) -> str:
    (line,) = conflicts(parse(text))
    return line


@cures("`integration.huggingface = …` below […]…", "write … and load … by …")
def test_two_quants(remedy: Remedy) -> None:
    remedy(warning(QUANTS))
    assert warning(QUANTS) == (
        "small and big-1.5 are both models--org--name in a cache: shells, mkCache and the modules "
        'refuse them together; write `integration.huggingface = { org = "org", model = "big-1.5" }`'
        ' below [models."big-1.5"] and load it by this name, or keep one model with '
        '`include = ["*Q4*", "*Q8*", "*.json"]`'
    )
    small, big = parse(cured(QUANTS)).entries
    assert (small.cache_name, big.cache_name) == ("models--org--name", "models--org--big-1.5")
    assert not conflicts(parse(cured(QUANTS)))


def test_two_quants_by_their_names() -> None:
    text = QUANTS.replace('include = ["*Q4*"]', "").replace('include = ["*Q8*", "*.json"]', "")
    small, big = text.split("[models.", 2)[1:]
    text = f"[models.{small}[models.{big}"
    text = text.replace('"org/name"', '"org/name:Q4_K_M"', 1)
    text = text.replace('"org/name"', '"org/name", quant = ["Q8_0", "Q4_K_M"]', 1)
    end = 'or keep one model with `quant = ["Q4_K_M", "Q8_0"]` in its source'
    assert warning(text).endswith(end)
    with_mmproj = text.replace('Q4_K_M" }', 'Q4_K_M", mmproj = true }')
    assert "keep one model" not in warning(with_mmproj)


@pytest.mark.parametrize(
    "text",
    [
        QUANTS.replace('include = ["*Q4*"]\n', ""),
        QUANTS.replace('"org/name" }', '"org/name", ref = "v1" }', 1),
        QUANTS.replace('"org/name" }', '"gpt2" }'),
        QUANTS.replace('"org/name" }', '"org/name", repo_type = "dataset" }'),
        QUANTS + QUANTS.replace("small", "a").replace('"big-1.5"', "big"),
        QUANTS
        + '[models.third]\nsource.huggingface = { repo = "org/big-1.5" }\n'
        + '[models.fourth]\nsource.huggingface = { repo = "other/x" }\n',
        """
[models.a]
source.huggingface = { repo = "org/name" }
[models.b]
source.s3 = { bucket = "my-models" }
integration.huggingface.org = "org"
integration.huggingface.model = "name"
""",
    ],
)
def test_the_lines_cure(text: str) -> None:
    assert not conflicts(parse(cured(text)))


REPO = 'source.huggingface.repo = "org/name"\n'
Q4 = 'source.huggingface.repo = "org/name", include = ["*Q4*"]'
Q8 = 'source.huggingface.repo = "org/name", include = ["*Q8*"]'


@pytest.mark.parametrize(
    "text",
    [
        f"models.a.{REPO}models.b.{REPO}",
        f'models.a.{REPO}models.b.{REPO}[output]\nfile = "x"\n',
        f"[models]\na = {{ {Q4} }}\nb = {{ {Q8} }}\n",
        f"models = {{ a = {{ {Q4} }}, b = {{ {Q8} }} }}\n",
        f"[models]\na.{REPO}b.{REPO}",
    ],
)
def test_the_lines_fit_the_form_of_the_manifest(text: str) -> None:
    found = re.search(r"write `([^`]+)`(.*) and load", warning(text))
    assert found
    line, where = found[1], found[2]
    old = f"b = {{ {Q8} }}"
    if "in the inline table of models" in where or line.startswith("b = "):
        text = text.replace(old, line)
    elif where.startswith(" below"):
        text += f"{line}\n"
    else:
        assert where == (" above all [headers]" if "[output]" in text else "")
        text = f"{line}\n{text}"
    names = {entry.name: entry.cache_name for entry in parse(text).entries}
    assert names == {"a": "models--org--name", "b": "models--org--b"}


@pytest.mark.parametrize(
    "text",
    [
        QUANTS.replace('"org/name" }', '"org/other" }', 1),
        QUANTS.replace('"org/name" }', '"org/Name" }', 1),
        QUANTS.replace('"org/name" }', '"org/name", repo_type = "dataset" }', 1),
        QUANTS + "integration.huggingface.enable = false\n",
        QUANTS + 'integration.huggingface.model = "other"\n',
    ],
)
def test_entries_of_several_names(text: str) -> None:
    assert not conflicts(parse(text))


def test_one_model_of_several_refs_cannot_have_both() -> None:
    text = QUANTS.replace('"org/name" }', '"org/name", ref = "v1" }', 1)
    assert "keep one model" not in warning(text)


def test_it_is_told_before_anything_is_asked(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a.Q4.gguf": b"4", "a.Q8.gguf": b"8"}, lfs=["*.gguf"])
    hub_project.write(QUANTS.replace(', "*.json"', ""))
    for _ in range(2):
        result = hub_project.run("lock", "-q")
        assert result.status == 0
        assert result.err.startswith("warning: small and big-1.5 are both models--org--name")
        assert result.err.count("\n") == 1
        hub.clear()
    assert hub.log == []
    hub_project.write(cured(QUANTS.replace(', "*.json"', "")))
    assert hub_project.run("lock", "-q").err == ""


def test_names_are_those_of_nix(tmp_path: Path) -> None:
    for org, model, repo_type in (("o", "m", "model"), (None, "m", "dataset"), ("o", "m", "space")):
        arguments = json.dumps({"org": org, "model": model, "repoType": repo_type})
        (tmp_path / "arguments.json").write_text(arguments)
        expression = (
            f"(import {CHECKOUT}/nix/names.nix).mkCacheName "
            "(builtins.fromJSON (builtins.readFile ./arguments.json))"
        )
        assert evaluate(expression, tmp_path) == cache_name(org, model, repo_type)
