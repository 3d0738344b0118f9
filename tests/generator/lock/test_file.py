from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aimodels_fetcher.digests import hex_to_sri
from aimodels_gen.errors import LockError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import FilePin, FilesPin, Lock
from generator import samples
from generator.helpers import write_atomic


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "models.lock"


def test_a_lock_comes_back_as_it_was(path: Path) -> None:
    assert write_atomic(path, lock_file.dumps(samples.lock()).encode())
    assert lock_file.read(path) == samples.lock()
    assert not write_atomic(path, lock_file.dumps(samples.lock()).encode())


def test_the_checksum_of_a_model_is_that_of_the_rest_of_it() -> None:
    """Whoever reads the lock can compute it."""
    many = FilesPin({f"{n}.bin": FilePin(samples.hash_of(n), n) for n in range(300)})
    lock = {**samples.lock().models, "many": replace(samples.plain(), name="many", pin=many)}
    for model in json.loads(lock_file.dumps(Lock(lock)))["models"].values():
        expected = model.pop("integrity")
        text = json.dumps(model, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert expected == hex_to_sri(hashlib.sha256(text.encode()).hexdigest())


def test_there_may_be_none(path: Path) -> None:
    assert lock_file.read(path) is None


def test_one_fact_a_line_and_keys_sorted() -> None:
    text = lock_file.dumps(samples.lock())
    data = json.loads(text)
    assert text == json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert list(data["models"]) == ["elsewhere", "hostile", "llama-2-7b", "or"]
    assert data["version"] == 2
    assert data["models"]["llama-2-7b"]["files"]["model-00001-of-00002.safetensors"] == {
        "hash": samples.hash_of(2),
        "size": 9976576152,
        "lfs": True,
        "blobId": "0" * 40,
    }
    assert data["models"]["llama-2-7b"]["bundle"] == {
        "hash": samples.hash_of(4),
        "files": {"config.json": {"hash": samples.hash_of(1), "size": 609, "blobId": "1" * 40}},
    }
    assert sorted(data["models"]["llama-2-7b"]) == [
        *("bundle", "card", "digest", "files", "integration", "integrity", "layout", "source")
    ]
    assert data["models"]["llama-2-7b"]["card"] == {
        "gated": "manual",
        "library": "transformers",
        "license": "llama2",
    }


def test_one_endpoint_is_no_list(path: Path) -> None:
    """As it has been written since version 1 began."""
    path.write_text(lock_file.dumps(samples.lock()))
    models = json.loads(path.read_text())["models"]
    assert models["hostile"]["source"]["huggingface"]["endpoint"] == "http://127.0.0.1:1"
    assert models["or"]["source"]["huggingface"]["endpoint"] == list(samples.ENDPOINTS)


@pytest.mark.parametrize(
    ("manifest", "lock"),
    [("models.toml", "models.lock"), ("a.b.toml", "a.b.lock"), ("models", "models.lock")],
)
def test_the_lock_stands_beside_the_manifest(manifest: str, lock: str) -> None:
    assert lock_file.path_for(Path("dir") / manifest) == Path("dir") / lock


def edit(**changes: Any) -> str:
    data = json.loads(lock_file.dumps(samples.lock()))
    model = data["models"]["llama-2-7b"]
    for key, value in changes.items():
        if value is None:
            del model[key]
        else:
            model[key] = value
    return json.dumps(data)


BUNDLED = {"hash": samples.hash_of(1), "size": 1}


def bundle(**files: Any) -> str:
    return edit(bundle={"hash": samples.hash_of(1), "files": files})


def test_a_lock_of_version_1_is_read(path: Path) -> None:
    """It has no bundles."""
    pinned = {"hash": samples.hash_of(1), "size": 609, "lfs": False, "blobId": "1" * 40}
    old = json.loads(edit(bundle=None, files={"config.json": pinned}))
    path.write_text(json.dumps({**old, "version": 1}))
    lock = lock_file.read(path)
    assert lock
    assert lock.models["llama-2-7b"].pin == FilesPin(
        {"config.json": FilePin(samples.hash_of(1), 609, "1" * 40)}
    )
    assert json.loads(lock_file.dumps(lock))["version"] == 2


@pytest.mark.parametrize("part", ["files", "bundle"])
def test_the_empty_part_is_left_out(path: Path, part: str) -> None:
    path.write_text(edit(**{part: None}))
    lock = lock_file.read(path)
    assert lock
    assert json.loads(lock_file.dumps(lock)) == json.loads(path.read_text())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is not JSON"),
        ("<<<<<<< HEAD\n", "has a merge conflict"),
        ("[]", "is not a lock file"),
        ('{"version": "1"}', "is not a lock file"),
        ('{"version": 3, "models": {}}', "has version 3, this version of aimodels-gen knows 2"),
        ('{"version": 1}', "models is missing"),
        ('{"version": 1, "models": []}', "models is a list"),
        (edit(digest=None), "models.lock: models.llama-2-7b.digest is missing"),
        (edit(source=None), "models.lock: models.llama-2-7b.source is not a source"),
        (edit(fallbacks=[{}]), "llama-2-7b.fallbacks[1] is not a source"),
        (edit(fallbacks=[{"s3": {"bucket": "b"}, "url": {}}]), "fallbacks[1] is not a source"),
        (edit(source={"huggingface": {"repo": "a/b"}}), "lacks its repo or its 40-digit rev"),
        (edit(source={"huggingface": {"repo": "a/b", "rev": "main"}}), "40-digit rev"),
        (
            edit(source={"huggingface": {"repo": "a/b", "rev": samples.REV, "endpoint": []}}),
            "endpoint is empty",
        ),
        (edit(source={"s4": {}}), "source is not a source that this version knows"),
        (edit(files=None, bundle=None), "either tree, or files and bundle"),
        (edit(files=None, tree={"hash": samples.hash_of(1)}), "either tree, or files and bundle"),
        (edit(bundle={"files": {"x": BUNDLED}}), "bundle.hash is missing"),
        (edit(bundle={"hash": "sha256-x", "files": {"x": BUNDLED}}), "bundle.hash is wrong"),
        (edit(bundle={"hash": samples.hash_of(1)}), "bundle.files is missing"),
        (edit(bundle={"hash": samples.hash_of(1), "files": {}}), "bundle.files is empty"),
        (bundle(x={**BUNDLED, "lfs": False}), "bundle.files.x.lfs is not a known key"),
        (bundle(x={"hash": samples.hash_of(1)}), "bundle.files.x.size is missing"),
        (bundle(**{"../x": BUNDLED}), "llama-2-7b.bundle.files is wrong: "),
        (bundle(x=BUNDLED, **{"x/y": BUNDLED}), "llama-2-7b.bundle.files is wrong: "),
        (
            bundle(**{"model-00001-of-00002.safetensors/x": BUNDLED}),
            "llama-2-7b.bundle.files is wrong: ",
        ),
        (
            bundle(**{"model-00001-of-00002.safetensors": BUNDLED}),
            "bundle has 'model-00001-of-00002.safetensors', which is in files, too",
        ),
        (edit(tree={"hash": samples.hash_of(1)}), "either tree, or files and bundle"),
        (edit(files={"x": {"hash": "sha256-x", "size": 1}}), "files.x.hash is wrong"),
        (edit(files={"x": {"hash": samples.hash_of(1)}}), "files.x.size is missing"),
        (edit(files={"x": {"hash": samples.hash_of(1), "size": -1}}), "size is negative"),
        (edit(unknown=1), "llama-2-7b.unknown is not a known key"),
    ],
)
def test_a_broken_lock_is_refused(path: Path, text: str, expected: str) -> None:
    path.write_text(text)
    with pytest.raises(LockError) as caught:
        lock_file.read(path)
    assert expected in caught.value.message
    assert "models.lock" in caught.value.message
    assert caught.value.hint
    if "is not a known key" in expected:
        assert caught.value.hint.startswith("upgrade aimodels-gen, or restore it from")
    assert path.read_text() == text
