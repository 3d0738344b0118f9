"""The JSON Schemas of models.toml and models.lock: published as printed, as strict as we are."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from aimodels_gen import reports
from aimodels_gen.lock import file as lock_file
from docs.session import DOCUMENTS, blocks
from generator import samples
from generator.manifest.test_manifest import BAD, MODEL
from generator.sources.url.helpers import FORMS
from support.environment import CHECKOUT, ORIGINAL

if TYPE_CHECKING:
    from support.project import Project

PUBLISHED = {name: f"docs/schema/{name}.json" for name in ("manifest", "lock", *reports.NAMES)}


def validator(project: Project, file: str) -> Draft202012Validator:
    schema = json.loads(project.ok("schema", file))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def toml(text: str) -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


@pytest.mark.parametrize("file", PUBLISHED)
def test_what_is_published_is_what_is_printed(project: Project, file: str) -> None:
    printed = project.ok("schema", file)
    path = CHECKOUT / PUBLISHED[file]
    if ORIGINAL.get("AIMODELS_UPDATE_DOCS"):
        path.write_text(printed)
    assert path.read_text() == printed, "run `AIMODELS_UPDATE_DOCS=1 script/test tests/generator`"


def test_the_manifests_is_the_default(project: Project) -> None:
    assert project.ok("schema") == project.ok("schema", "manifest")
    assert "is not one of" in project.run("schema", "nix").err


def test_the_starter_file_names_its_schema(project: Project) -> None:
    starter = (CHECKOUT / "templates" / "project" / "models.toml").read_text()
    first = starter.partition("\n")[0]
    assert first.startswith("#:schema https://")
    assert first.endswith(PUBLISHED["manifest"])
    assert validator(project, "manifest").is_valid(toml(starter))


def test_manifests_in_the_documentation_are_valid(project: Project) -> None:
    manifests = [
        block.text
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language == "toml"
    ]
    assert manifests
    schema = validator(project, "manifest")
    for text in manifests:
        assert [error.message for error in schema.iter_errors(toml(text))] == [], text


WRONG_SHAPES = [
    *("inlcude = []", 'pin = "file"', "pin = true", 'layout = "copied"', 'include = "*.json"'),
    *("include = [1]", 'exclude = [""]', "zzz = 1", "fallbacks = [{}]", "fallbacks = {}"),
    "integration.huggingface.enable = 1",
    'integration.hugface.org = "a"',
]


@pytest.mark.parametrize("line", WRONG_SHAPES)
def test_wrong_shapes_are_refused(project: Project, line: str) -> None:
    schema = validator(project, "manifest")
    assert schema.is_valid(toml(MODEL))
    assert not schema.is_valid(toml(MODEL + line))


@pytest.mark.parametrize(
    "source",
    [
        "{}",
        "{ huggingface = {} }",
        '{ huggingface = { repo = "" } }',
        '{ huggingface = { repo = "a/b", repoType = "model" } }',
        '{ huggingface = { repo = "a/b", repo_type = "models" } }',
        '{ huggingface = { repo = "a/b", endpoint = [] } }',
        '{ huggingface = { repo = "a/b" }, s3 = { bucket = "b-1" } }',
        '{ url = { files = { "a" = 1 } } }',
        '{ url = { files = { "a" = { sha256 = "" } } } }',
        '{ url = { files = { "a" = { url = "https://a.example/x", sha256 = "0" } } } }',
        '{ url = { files = { "a" = { url = "https://a.example/x", hash = "0" } } } }',
        '{ s4 = { bucket = "b-1" } }',
    ],
)
def test_wrong_sources_are_refused(project: Project, source: str) -> None:
    assert not validator(project, "manifest").is_valid(toml(f"[models.m]\nsource = {source}\n"))


@pytest.mark.parametrize("sha256", FORMS)
def test_every_form_of_a_sha256_is_valid(project: Project, sha256: str) -> None:
    file = f'{{ url = ["https://a.example/x"], sha256 = "{sha256}" }}'
    text = f'[models.m]\nsource.url.files."x" = {file}\n'
    assert validator(project, "manifest").is_valid(toml(text))


def test_nothing_that_we_take_is_refused(project: Project) -> None:
    """The other way round: what the schema refuses, we refuse as well."""
    schema = validator(project, "manifest")
    loads = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    refused = 0
    for text, _ in BAD:
        try:
            data = loads.loads(text)
        except loads.TOMLDecodeError:
            continue
        refused += not schema.is_valid(data)
    assert refused > len(BAD) // 3


def test_a_lock_is_valid(project: Project) -> None:
    schema = validator(project, "lock")
    data = json.loads(lock_file.dumps(samples.lock()))
    assert [error.message for error in schema.iter_errors(data)] == []
    data["models"]["llama-2-7b"]["bundle"]["files"]["config.json"]["hash"] = "sha256-x"
    assert not schema.is_valid(data)
