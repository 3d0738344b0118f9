"""The readers of models.toml and models.lock on made-up files: one line each, or what they mean."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from hypothesis import example
from hypothesis import strategies as st

from aimodels_gen.errors import AimodelsError, CombinedError, LockError, ManifestError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.manifest import parse as manifests
from aimodels_gen.nix.formats import Format
from generator import samples
from support.fuzzing import fuzz

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK: Any = json.loads(lock_file.dumps(samples.lock()))
MANIFEST = """
[defaults]
exclude = ["*.bin"]

[models.m]
source.huggingface = { repo = "org/name", ref = "v1", endpoint = ["https://a.example"] }
include = ["*.json"]
layout = "link"
fallbacks = [{ s3 = { bucket = "my-bucket", prefix = "a/", region = "eu-central-1" } }]

[models."a+b"]
pin = "tree"
source.url = { files."x.gguf" = "https://h/x?a=b", sums = "https://h/SUMS", query = "public" }
integration.huggingface = { enable = false, org = "my-org", model = "it" }
"""
# What means something in one place, and is wrong in another.
WORDS = st.sampled_from(
    [
        *(
            "",
            "..",
            "a/../b",
            "\0",
            "\ud800",
            "\x1b[31m\n",
            "${x}",
            "huggingface",
            "s3",
            "url",
            "copy",
        ),
        *(
            "http://me:hunter2/x@127.0.0.1",
            "https://h/x?token=hunter2",
            "https://me:hunter2@h/x",
            "ü",
        ),
        *(
            "sha256-",
            samples.hash_of(7),
            "0" * 40,
            "a" * 300,
            "main",
            "tree",
            "files",
            "public",
            "h:x",
        ),
    ]
)
KEYS = WORDS | st.text(max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1 << 63, 1 << 80, -1, 10**400])
    | st.floats()
    | WORDS
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed_locks(draw: st.DrawFn) -> str:
    """A lock with a value changed, removed or added, up to three times."""
    data = json.loads(json.dumps(LOCK))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(data)) or [({"": data}, "")]
        table, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.sampled_from(["change", "remove", "add"])):
            case "change":
                table[key] = draw(VALUES)
            case "remove":
                del table[key]
            case _ if isinstance(table, dict):
                table[draw(WORDS)] = draw(VALUES)
            case _:
                table.append(draw(VALUES))
    return json.dumps(data, ensure_ascii=draw(st.booleans()))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


@st.composite
def changed_texts(draw: st.DrawFn, text: str) -> str:
    """A text with pieces cut out, doubled, or put in."""
    pieces = st.sampled_from(['"', "'", "[", "]", "{", "}", "=", ".", ",", "\n", "\\u0000", "\\"])
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        new = draw(
            st.one_of(st.just(""), pieces, st.just(text[start:end] * 2), st.text(max_size=3))
        )
        text = text[:start] + new + text[end:]
    return text


def check(error: AimodelsError, kind: type[AimodelsError]) -> None:
    assert isinstance(error, kind)
    for one in error.failures if isinstance(error, CombinedError) else [error]:
        assert one.hint
        # Alone it is a word that hypothesis has found in this file.
        assert not re.search("me:hunter2|hunter2[/@]|=hunter2", one.message + one.hint)


def read(path: Path, content: bytes) -> None:
    """Read a lock, and do with it what commands do."""
    path.write_bytes(content)
    try:
        lock = lock_file.existing(path, path)
    except LockError as error:
        check(error, LockError)
        return
    again = lock_file.dumps(lock)
    path.write_text(again, encoding="utf-8")
    assert lock_file.read(path) == lock
    for output_format in get_args(Format):
        render(lock, output_format, "models.toml").encode()


@fuzz(text=changed_locks() | changed_texts(json.dumps(LOCK, ensure_ascii=False)))
@example(text='{"version": 1, "models": {}, "http://me:hunter2/x@127.0.0.1": null}')
def test_locks(tmp_path: Path, text: str) -> None:
    read(tmp_path / "models.lock", text.encode("utf-8", "surrogatepass"))


@fuzz(content=st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_lock(tmp_path: Path, content: bytes) -> None:
    read(tmp_path / "models.lock", content)


@fuzz(text=changed_texts(MANIFEST) | st.text())
def test_manifests(text: str) -> None:
    try:
        manifest = manifests.parse(text)
    except ManifestError as error:
        check(error, ManifestError)
        return
    for entry in manifest.entries:
        entry.digest()
        for source in entry.sources:
            source.to_spec()
