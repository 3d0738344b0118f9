"""The generator, the Nix library and the fetcher mean the same by a source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.errors import AimodelsError
from aimodels_gen import sources
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import TreePin
from aimodels_gen.manifest.parse import parse
from aimodels_gen.nix import store_path as store_paths
from support import backends
from support.expressions import literal

if TYPE_CHECKING:
    from support.backend_fixtures import Locking
    from support.nix import NixEnv

REPOS = (
    *("org/name", "gpt2", "o/M_1.x-y", "a/b/c", "/a", "a/", "", "a b", "órg/name", "org/.name"),
    *("org/name.git", "or--g/name", "org/n..m", "../name", "-a/b", "a/b-", f"{'a' * 96}/b"),
    *("datasets/name", "Models/name", "hf.co/name", "models", f"{'a' * 97}/b"),
    *("org/name@v1", "https://huggingface.co/org/name", "org/name\n"),
)
REFS = (
    *(
        "main",
        "v1.0",
        "refs/pr/1",
        "feature/a-b",
        "-x",
        "a]",
        "",
        " ",
        "a b",
        "a\n",
        "a~",
        "a^",
        "a:",
    ),
    *("a:", "a?", "a*", "a[", "a\\b", "a..b", "a//b", "a@{b", ".a", "/a", "a.", "a/", "a/.b"),
    *("a.lock", "a.lock/b", "a.locks", "@", "{a}", "ä", "refs/heads/main"),
)

FILES = {"config.json": b"{}", "a b/ü.txt": b"odd"}


def test_every_kind_has_a_backend() -> None:
    assert set(sources.names()) == {backends.backend(name).kind for name in backends.names()}


def test_the_lock_has_what_it_was_given(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    pinned = locking.project.locked().source
    assert pinned.source.kind == locking.backend.kind
    text = locking.project.lock_file.read_text()
    lock = lock_file.read(locking.project.lock_file)
    assert lock is not None
    assert lock_file.dumps(lock) == text


@pytest.mark.parametrize("key", ["repo", "ref"])
def test_the_same_names_are_refused(host_nix: NixEnv, key: str) -> None:
    given: list[dict[str, str]] = [
        {"repo": "org/name", key: value} for value in (REPOS if key == "repo" else REFS)
    ]
    taken = host_nix.eval(
        "let normalise = (import ./nix/sources).normalise (_message: { problem = true; }); in"
        ' map (huggingface: !(normalise "source" { inherit huggingface; } ? problem))'
        f" (builtins.fromJSON {literal(json.dumps(given))})"
    )
    assert dict(zip([one[key] for one in given], taken, strict=True)) == {
        one[key]: is_accepted(one) for one in given
    }


def is_accepted(table: dict[str, str]) -> bool:
    try:
        parse(f"[models.m]\nsource.huggingface = {toml(table)}\n")
    except AimodelsError:
        return False
    return True


def toml(table: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + " }"


def test_nix_takes_what_is_rendered(locking: Locking, host_nix: NixEnv) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    pinned = locking.project.locked().source
    kind = pinned.source.kind
    normalised = evaluate(host_nix, {kind: pinned.to_nix()})
    assert normalised["identity"] == pinned.identity()
    assert normalised["all"] == {kind: pinned.to_spec()}
    assert normalised["one"] == {kind: of_one(pinned.to_spec(), "a b/ü.txt")}


def of_one(spec: dict[str, Any], path: str) -> dict[str, Any]:
    """A spec with what is about one of its files alone."""
    return {
        key: {path: value[path]} if isinstance(value, dict) and path in value else value
        for key, value in spec.items()
    }


def test_a_build_looks_for_the_tree_where_it_was_put(locking: Locking, host_nix: NixEnv) -> None:
    locking.backend.fill(FILES)
    locking.ok(settings='pin = "tree"')
    model = locking.project.locked()
    assert isinstance(model.pin, TreePin)
    name = store_paths.tree_name("m", model.tree.identity())
    path = host_nix.eval(
        f"(import {locking.project.dir}/models.nix {{"
        ' pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };'
        " inherit (import ./nix) fetchModel; }).m.outPath"
        if locking.project.run("render", "-o", "models.nix").status == 0
        else "null"
    )
    assert path == store_paths.store_path("recursive", model.pin.hash, name, str(host_nix.store))


def evaluate(nix: NixEnv, source: dict[str, Any]) -> Any:
    given = f"(builtins.fromJSON {literal(json.dumps(source))})"
    return nix.eval(
        f'let source = (import ./nix/sources).normalise throw "source" {given}; in'
        " { inherit (source) identity; all = source.spec null;"
        ' one = source.spec [ "a b/ü.txt" ]; }'
    )
