"""Names for Ollama: what it takes, and what finds each of several models."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from aimodels_engines.errors import EngineError
from aimodels_engines.ollama import names
from support import ggufs
from support.ollama_store import OllamaError, model_ref, parse_name
from support.ollama_views import Views
from support.remedies import cures

if TYPE_CHECKING:
    from pathlib import Path

    from support.remedies import Remedy

LLAMA = ggufs.llama("Q4_K_M")
ONE_FILE = {"tiny.gguf": LLAMA}


@pytest.fixture
def views(tmp_path: Path) -> Views:
    return Views(tmp_path)


@cures('write a name such as "\u2026" (\u2026)')
@pytest.mark.parametrize(
    ("name", "problem", "suggested"),
    [
        ("", "the model is missing", "m"),
        ("llama3.2:", "the tag is missing", "llama3.2"),
        (":1b", "the model is missing", "m:1b"),
        ("/llama", "the namespace is missing", "llama"),
        ("my models/llama:1b", "the namespace 'my models' has characters", "my-models/llama:1b"),
        ("hf.co/my.org/repo:Q4", "the namespace 'my.org' has characters", "hf.co/my-org/repo:Q4"),
        ("a/b/c/d", "the host 'a/b' has characters", "b/c/d"),
        ("../../x:1", "the host '..' has characters", "x:1"),
        (".hidden", "the model '.hidden' has characters", "hidden"),
        ("mod\u00e8le", "the model 'mod\\xe8le' has characters", "mod-le"),
        ("llama@sha256:abc", "the model 'llama@sha256' has characters", "llama-sha256:abc"),
        ("llama\n", "the model 'llama\\n' has characters", "llama"),
        ("https://ollama.com/library/llama", "it is an address", "ollama.com/library/llama"),
        ("x" * 81, "the model is longer than 80 characters", "x" * 80),
        (f"{'h' * 256}/b/c", "the host is longer than 255 characters", f"{'h' * 80}/b/c"),
        ("gpt-oss:120b-cloud", 'a model of the tag "120b-cloud" here', "gpt-oss:120b"),
        ("gpt-oss:cloud", 'a model of the tag "cloud" here', "gpt-oss"),
        ("mine:Local", 'a model of the tag "Local" here', "mine"),
    ],
)
def test_names(views: Views, remedy: Remedy, name: str, problem: str, suggested: str) -> None:
    views.model("m", ONE_FILE)
    said = views.refusal({"name": name})
    assert f'model "m": integration.ollama.name is {name!a}: ' in said
    assert problem in said.partition("\n")[0]
    assert remedy(said)[0] == suggested
    assert views.ollama({"name": suggested}).get_model(suggested).path


def test_names_are_read_as_ollama_reads_them() -> None:
    rng = random.Random(1)  # noqa: S311 (test data)
    pieces = [*"aB1_-.:/@ \u00e9", "/", "lib", "hf.co", "x" * 79, "latest", "local", "-cloud"]
    valid = 0
    for _ in range(3000):
        text = "".join(rng.choices(pieces, k=rng.randint(0, 8)))
        theirs = parse_name(text)
        try:
            is_theirs = model_ref(text) == theirs and text == text.strip()
        except OllamaError:
            is_theirs = False
        try:
            ours = names.parse(text, "m")
        except EngineError as error:
            assert not is_theirs, text
            suggested = (error.hint or "").split('"')[1]
            assert model_ref(suggested) == parse_name(suggested)
        else:
            assert is_theirs, text
            assert (ours.path, str(ours)) == (theirs.filepath, theirs.shortest)
            valid += 1
    assert valid > 200


@cures('write another `integration.ollama.name` where "\u2026" is made, such as "\u2026"')
@pytest.mark.parametrize(
    ("first", "second", "suggested"),
    [
        ("tiny", "tiny", "tiny:n"),
        ("tiny", "tiny:latest", "tiny:n"),
        ("tiny", "registry.ollama.ai/library/tiny", "tiny:n"),
        ("Tiny:1B", "tiny:1b", "tiny:n"),
        ("hf.co/org/tiny", "hf.co/ORG/tiny", "hf.co/ORG/tiny:n"),
        ("tiny:n", "tiny:n", "tiny:n-2"),
    ],
)
def test_two_models_with_one_name(
    views: Views, remedy: Remedy, first: str, second: str, suggested: str
) -> None:
    views.model("m", ONE_FILE)
    views.model("n", {"other.gguf": ggufs.llama("Q8_0", seed=1)})
    said = views.refusal({"name": first}, {"model": "n", "name": second})
    assert 'models "m" and "n" have one name for Ollama' in said
    assert remedy(said) == ("n", suggested)


@cures('write "\u2026" where "\u2026" is made')
@pytest.mark.parametrize(
    ("pair", "part", "suggested"),
    [
        (("tiny:Q4_K_M", "other:q4_k_m"), "tag", "other:Q4_K_M"),
        (("Me/tiny", "me/other"), "namespace", "Me/other:latest"),
        (("HF.co/org/tiny", "hf.co/org/tiny:q8"), "host", "HF.co/org/tiny:q8"),
        (("Tiny:1b", "tiny:3b"), "model", "Tiny:3b"),
    ],
)
def test_parts_in_different_case(
    views: Views, remedy: Remedy, pair: tuple[str, str], part: str, suggested: str
) -> None:
    """Ollama takes the case of a part from any model that it has."""
    first, second = pair
    views.model("m", ONE_FILE)
    said = views.refusal({"name": first}, {"name": second})
    assert f"have one {part} in different case" in said
    assert remedy(said) == (suggested, "m")
    store = views.ollama({"name": first}, {"name": suggested})
    assert store.get_model(second).path
    separate = views.ollama({"name": first})
    separate.create(second, {"model": LLAMA})
    with pytest.raises(OllamaError, match="found by chance"):
        separate.get_model(second)
