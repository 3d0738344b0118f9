"""Specs of any content are read, or refused in one line."""

from __future__ import annotations

import copy as copies
import functools
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example
from hypothesis import strategies as st

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.spec import AssembleSpec, BundleSpec, FileSpec, TreeSpec, read_spec
from support.fuzzing import fuzz
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HASH = sri(b"")
HUB = {"repo": "org/m", "rev": "0" * 40, "ref": "main", "repoType": "model", "endpoint": None}
BUCKET = {"bucket": "b", "prefix": "p/", "region": None, "endpoint": None, "versions": {"a": "1"}}
SOURCES = [
    {"huggingface": HUB},
    {"s3": BUCKET},
    {"url": {"files": {"a": ["https://example.org/a"]}}},
]
FILE = {"mode": "file", "sources": SOURCES, "path": "a", "hash": HASH, "size": 1}
TREE = {"mode": "tree", "sources": SOURCES, "include": ["*"], "exclude": ["b"], "integration": True}
ASSEMBLE = {
    "mode": "assemble",
    "sources": SOURCES,
    "layout": "link",
    "integration": True,
    "files": {"a": {"store": "/nix/store/a", "hash": HASH, "size": None, "lfs": False}},
}
BUNDLED = {"b/c": {"hash": HASH, "size": 1}, "d": {"hash": HASH, "size": None}}
BUNDLE = {"mode": "bundle", "sources": SOURCES, "files": BUNDLED}
WITH_BUNDLE = {**ASSEMBLE, "bundle": {"store": "/nix/store/b", "files": BUNDLED}}
SPECS = [FILE, BUNDLE, TREE, ASSEMBLE, WITH_BUNDLE]
IDS = ["file", "bundle", "tree", "assemble", "assemble-with-bundle"]
# What may be a null, or something else.
NULLABLE = {"endpoint", "include", "region", "rev", "size"}
WRONG = [None, True, 5, -1, 2**63, 1.5, math.nan, "\0", "\ud800", [], [5], {}, {"x": 1}]


def read(directory: Path, text: str) -> object:
    """Read a spec; None for one that is refused, in one line."""
    file = directory / "spec.json"
    file.write_text(text, encoding="utf-8")
    refused = None
    try:
        return read_spec(file)
    except FetchError as error:
        refused = error
    assert "\n" not in refused.message
    assert refused.hint
    return None


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a document."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def value_at(document: Any, place: tuple[Any, ...]) -> Any:
    return functools.reduce(lambda value, key: value[key], place, document)


def changed(document: Any, place: tuple[Any, ...], value: object) -> Any:
    """The document with another value at a place."""
    if not place:
        return value
    copy = copies.copy(document)
    copy[place[0]] = changed(document[place[0]], place[1:], value)
    return copy


def test_the_right_ones_are_read(tmp_path: Path) -> None:
    """Otherwise the wrong ones would prove nothing."""
    kinds = [FileSpec, BundleSpec, TreeSpec, AssembleSpec, AssembleSpec]
    assert [type(read(tmp_path, json.dumps(spec))) for spec in SPECS] == kinds
    tree = read(tmp_path, json.dumps(TREE))
    assert isinstance(tree, TreeSpec)
    assert (tree.filters.include, tree.filters.exclude) == (("*",), ("b",))


def test_a_path_in_files_and_bundle(tmp_path: Path) -> None:
    spec = changed(WITH_BUNDLE, ("files",), {"d": value_at(ASSEMBLE, ("files", "a"))})
    assert read(tmp_path, json.dumps(spec)) is None


@pytest.mark.parametrize("path", ["../d", "/d", "", "d/../e", "d\0", "d" * 256])
def test_hostile_paths_in_a_bundle(tmp_path: Path, path: str) -> None:
    files = {path: BUNDLED["d"]}
    for spec in ({**BUNDLE, "files": files}, changed(WITH_BUNDLE, ("bundle", "files"), files)):
        assert read(tmp_path, json.dumps(spec)) is None


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_values_of_other_types(tmp_path: Path, spec: dict[str, Any]) -> None:
    for place in places(spec):
        for wrong in WRONG:
            taken = read(tmp_path, json.dumps(changed(spec, place, wrong))) is not None
            other = type(wrong) is not type(value_at(spec, place))
            assert not (taken and other) or place[-1] in NULLABLE, (place, wrong)


@pytest.mark.parametrize("spec", SPECS, ids=IDS)
def test_other_keys(tmp_path: Path, spec: dict[str, Any]) -> None:
    for place in places(spec):
        found = value_at(spec, place)
        if not isinstance(found, dict) or place[-1:] in {("files",), ("versions",)}:
            continue
        more = {**found, "é\n" * 1000: None}
        assert read(tmp_path, json.dumps(changed(spec, place, more))) is None
        for key in found:
            less = {name: item for name, item in found.items() if name != key}
            read_less = read(tmp_path, json.dumps(changed(spec, place, less)))
            may_lack = key == "bundle" or (key in {"size", "lfs"} and place != ())
            assert (read_less is not None) == may_lack, (place, key)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("include",), "*.json", "the spec.include is a string instead of a list"),
        (("exclude", 0), 5, "the spec.exclude[0] is an integer instead of a string"),
        (("integration",), "no", "the spec.integration is a string instead of a boolean"),
        (("sources", 0, "huggingface", "rev"), "main", "huggingface.rev is not a commit"),
        (
            ("sources", 0, "huggingface", "repoType"),
            "models",
            "is not model or dataset or space or kernel",
        ),
        (("sources", 1, "s3", "versions", "a"), None, 's3.versions["a"] is null instead of a str'),
        (("sources", 2), {}, "a source is not an object with one key, its kind"),
        (("sources",), [], "there are no sources"),
        (("mode",), "trees", "its mode is not file or bundle or tree or assemble"),
    ],
)
def test_messages(tmp_path: Path, place: tuple[Any, ...], value: object, said: str) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(changed(TREE, place, value)))
    with pytest.raises(FetchError) as caught:
        read_spec(file)
    assert f"{file} is not a spec of this fetcher: " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("ref", ["../../main", "/main", "", "refs//x", "a/./b"])
def test_a_ref_stays_below_refs(tmp_path: Path, ref: str) -> None:
    place = ("sources", 0, "huggingface", "ref")
    for spec in SPECS:
        assert read(tmp_path, json.dumps(changed(spec, place, ref))) is None
        assert read(tmp_path, json.dumps(changed(spec, place, "refs/pr/1"))) is not None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([HASH, "/nix/store/x", "https://example.org/x", "..", "main"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@fuzz(
    spec=st.sampled_from(SPECS),
    number=st.integers(min_value=0),
    value=JSON,
)
def test_any_value_anywhere(
    tmp_path: Path, spec: dict[str, Any], number: int, value: object
) -> None:
    found = list(places(spec))
    place = found[number % len(found)]
    read(tmp_path, json.dumps(changed(spec, place, value)))


@fuzz(text=st.text(st.characters(codec="utf-8")))
@example(text="")
@example(text="[" * 100_000)
@example(text='{"a":' * 100_000)
@example(text="1" * 5000)
@example(text=json.dumps(FILE).replace('"size": 1', f'"size": {"1" * 5000}'))
@example(text=json.dumps(FILE).replace('"size": 1', '"size": 1e999'))
@example(text=json.dumps(FILE).replace('"size": 1', '"size": -Infinity'))
@example(text="\ufeff{}")
def test_any_text(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) is None


def test_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    for content in (b"\xff\xfe", json.dumps(FILE).encode("utf-16"), b"\0"):
        file.write_bytes(content)
        with pytest.raises(FetchError, match="is not a spec of this fetcher"):
            read_spec(file)
