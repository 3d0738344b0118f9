from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.nix import store_path as store_paths
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

STRINGS = [
    "config.json",
    "a b",
    "a  b//c",
    ".hidden",
    "..",
    "...x",
    "",
    "café",
    "日本語.txt",
    "${x}",
    'a"b\\c',
    "new\nline",
    "--",
    "x" * 300 + ".safetensors",
    "." * 300,
    "é" * 300,
    "a" + "." * 207,
    "_+?=.-",
    "weights.drv",
    ".drv",
    "x" * 300 + ".drv",
]
IDENTITIES: list[dict[str, Any]] = [
    {
        "type": "huggingface",
        "repo": "org/name",
        "rev": rev,
        "ref": "main",
        "repoType": "model",
        "include": include,
        "exclude": ["*.bin", 'é"\\\n${x}'],
        "integration": True,
    }
    for rev in (None, "0" * 40)
    for include in (None, ["*.json", "a\tb"])
]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model-00001-of-00002.safetensors", "model-00001-of-00002.safetensors"),
        ("a b", "a-b"),
        ("a éb", "a-b"),
        (".gitattributes", "gitattributes"),
        ("..", "unknown"),
        ("日本", "-"),
        ("weights.drv", "weights-drv"),
        ("x" * 200 + ".safetensors", "x" * 195 + ".safetensors"),
        ("a" + "." * 207, "unknown"),
    ],
)
def test_sanitize(text: str, name: str) -> None:
    assert store_paths.sanitize(text) == name


def test_file_name_is_free_of_the_directory() -> None:
    assert store_paths.file_name("onnx/model é.onnx") == "model-.onnx"


def test_tree_name_changes_with_what_is_fetched() -> None:
    made = {store_paths.tree_name("m", identity) for identity in IDENTITIES}
    assert len(made) == len(IDENTITIES)
    assert len(store_paths.tree_name("m" * 300, IDENTITIES[0])) == 207


def test_names_are_those_of_the_nix_library(host_nix: NixEnv, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"strings": STRINGS, "ids": IDENTITIES}))
    made = host_nix.eval(
        f"""
        let
          names = import {CHECKOUT}/nix/names.nix;
          given = builtins.fromJSON (builtins.readFile {tmp_path}/in.json);
        in {{
          sanitized = map names.sanitize given.strings;
          files = map names.fileName given.strings;
          trees = map (names.treeName "a model") given.ids;
          long = map (s: names.treeName s {{ }}) given.strings;
        }}
        """
    )
    assert made["sanitized"] == [store_paths.sanitize(text) for text in STRINGS]
    assert made["files"] == [store_paths.file_name(text) for text in STRINGS]
    assert made["trees"] == [store_paths.tree_name("a model", identity) for identity in IDENTITIES]
    assert made["long"] == [store_paths.tree_name(text, {}) for text in STRINGS]


def test_a_store_path_of_the_usual_store() -> None:
    """As `nix-store --print-fixed-path` prints them."""
    sri = hex_to_sri(hashlib.sha256(b"").hexdigest())
    flat = store_paths.store_path("flat", sri, "empty")
    recursive = store_paths.store_path("recursive", sri, "empty")
    assert flat == "/nix/store/1q82x5ah029adc0r5p06p3ivlzzh3hss-empty"
    assert recursive == "/nix/store/h4wkqbs2i5dz1hjn4cwxjzpcn7fhilaq-empty"


def test_store_paths_are_those_of_nix(host_nix: NixEnv, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"{}")
    digest = host_nix.run("nix-hash", "--type", "sha256", "--flat", file).stdout.strip()
    flat = hex_to_sri(digest)
    added = host_nix.run("nix-store", "--add-fixed", "sha256", file).stdout.strip()
    assert added == store_paths.store_path("flat", flat, "config.json", str(host_nix.store))

    digest = host_nix.run("nix-hash", "--type", "sha256", file).stdout.strip()
    recursive = hex_to_sri(digest)
    added = host_nix.run("nix-store", "--add-fixed", "--recursive", "sha256", file).stdout.strip()
    assert added == store_paths.store_path(
        "recursive", recursive, "config.json", str(host_nix.store)
    )
