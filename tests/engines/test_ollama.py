"""Directories of models for Ollama, read as Ollama reads them."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_engines.ollama.config import human_number
from support import ggufs
from support.fake_repo import sha256
from support.ollama_store import OllamaError, OllamaStore, problems
from support.ollama_views import Views

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LLAMA = ggufs.llama("Q4_K_M", template=ggufs.TEMPLATE)
OTHER = ggufs.llama("Q8_0", seed=1)
TEMPLATE = (
    "{{- /* \u00e9 */ -}}{{ if .System }}\t\"{{ .System }}\"\r\n{{ end }}${x} '' {{ .Prompt }}\n"
)


@pytest.fixture
def views(tmp_path: Path) -> Views:
    return Views(tmp_path)


def tree(root: Path) -> dict[str, str | bytes]:
    """Return the contents of files, and where links lead."""
    return {
        f"{path.relative_to(root)}": str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def age(root: Path) -> None:
    """Make everything as old as in the Nix store."""
    for path in (root, *root.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)


def test_a_model(views: Views) -> None:
    views.model("m", {"tiny.Q4_K_M.gguf": LLAMA, "README.md": b"# tiny\n"})
    store = views.ollama({"name": "llama3.2:1b"})
    assert store.list() == ["llama3.2:1b"]
    model = store.get_model("llama3.2:1b")
    assert model.path is not None
    assert model.path.readlink() == views.directory / f"files/{sha256(LLAMA)}-tiny.Q4_K_M.gguf"
    assert model.path.name == f"sha256-{sha256(LLAMA)}"
    assert model.config == {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "80K",
        "file_type": "Q4_K_M",
        "architecture": "amd64",
        "os": "linux",
    }
    # Ollama takes the template in the file.
    assert (model.template, model.system, model.options, model.license) == (None, "", {}, [])
    assert problems(store.root) == []


def test_the_manifest_is_as_ollama_writes_it(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    out = views.view({"system": "Be\nkind. \u00e9", "params": {"top_k": 1}, "license": "MIT"})
    manifest = (out / "manifests/registry.ollama.ai/library/tiny/latest").read_bytes()
    content = json.loads(manifest)
    assert manifest == json.dumps(content, separators=(",", ":")).encode() + b"\n"
    assert list(content) == ["schemaVersion", "mediaType", "config", "layers"]
    assert content["schemaVersion"] == 2
    assert list(content["layers"][0].items()) == [
        ("mediaType", "application/vnd.ollama.image.model"),
        ("digest", f"sha256:{sha256(LLAMA)}"),
        ("size", len(LLAMA)),
    ]
    kinds = [layer["mediaType"].rpartition(".")[2] for layer in content["layers"]]
    assert kinds == ["model", "system", "license", "params"]
    assert tree(out) == tree(
        views.view({"license": "MIT", "params": {"top_k": 1}, "system": "Be\nkind. \u00e9"})
    )


def test_texts_are_taken_byte_for_byte(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    licences = ["MIT\n", "\u00a9 \u201cme\u201d {{ }}"]
    model = views.ollama(
        {"template": TEMPLATE, "system": " {{ .x }}\n\n\\n", "license": licences}
    ).get_model("tiny")
    assert model.template == TEMPLATE
    assert model.system == " {{ .x }}\n\n\\n"
    assert model.license == licences


def test_empty_texts_are_none(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    out = views.view({"template": "", "system": "", "license": "", "params": {}})
    assert tree(out) == tree(views.view({}))


def test_parameters_have_the_types_of_ollama(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    given = {"num_ctx": 8192.0, "temperature": 0.7, "top_p": 1, "use_mmap": False, "seed": -1}
    stops = ["<|im_end|>", '"\u00e9{{\n']
    model = views.ollama({"params": {**given, "stop": stops}}).get_model("tiny")
    assert model.options == {**given, "stop": stops}
    assert isinstance(model.options["num_ctx"], int)
    assert views.ollama({"params": {"stop": "x"}}).get_model("tiny").options == {"stop": ["x"]}


def test_projectors_and_adapters(views: Views) -> None:
    adapter = ggufs.header_only(general__type="adapter", adapter__type="lora")
    files = {"tiny-Q4_K_M.gguf": LLAMA, "mmproj-F16.gguf": ggufs.mmproj(), "lora.gguf": adapter}
    views.model("m", {**files, "imatrix.gguf": b"statistics"})
    model = views.ollama({"file": "tiny-Q4_K_M.gguf"}).get_model("tiny")
    assert [path.name for path in model.projectors] == [f"sha256-{sha256(ggufs.mmproj())}"]
    assert [path.name for path in model.adapters] == [f"sha256-{sha256(adapter)}"]
    assert tree(views.view({"file": "tiny-Q4_K_M.gguf"})) == tree(views.view({}))


def test_architectures_that_ollama_renders_itself(views: Views) -> None:
    views.model("m", {"tiny.gguf": ggufs.header_only(general__architecture="gemma4")})
    model = views.ollama({"params": {"top_k": 1}}).get_model("tiny")
    assert (model.config["renderer"], model.config["parser"]) == ("gemma4", "gemma4")
    assert model.options == {"stop": ["<turn|>"], "top_k": 1}
    assert views.ollama({"params": {"stop": []}}).get_model("tiny").options == {"stop": []}


@pytest.mark.parametrize(
    ("keys", "config"),
    [
        ({"general__file_type": 38}, {"file_type": "MXFP4_MOE"}),
        ({"general__file_type": 999}, {"file_type": "unknown"}),
        ({"general__architecture": "nomic-bert"}, {"model_family": "nomic-bert"}),
    ],
)
def test_configs(views: Views, keys: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    views.model("m", {"tiny.gguf": ggufs.header_only(**keys)})
    assert config.items() <= views.ollama().get_model("tiny").config.items()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((999, "999"), (1500, "2K"), (86_000, "86K"), (1_000_000, "1M"), (22_565_376, "22.57M")),
        *((8_030_261_248, "8.0B"), (7_000_000_000, "7B"), (1_235_814_432, "1.2B")),
    ],
)
def test_numbers_of_parameters(number: int, text: str) -> None:
    """The texts are those of Ollama's own function."""
    assert human_number(number) == text


def test_several_models_share_blobs(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    views.model("n", {"other.gguf": OTHER, "copy.gguf": LLAMA})
    store = views.ollama(
        {"name": "tiny:q4", "system": "Be kind."},
        {"model": "n", "file": "other.gguf", "name": "hf.co/org/repo:Q8_0", "system": "Be kind."},
        {"model": "n", "file": "copy.gguf", "name": "me/tiny", "params": {"seed": 1}},
    )
    assert store.list() == ["hf.co/org/repo:Q8_0", "me/tiny:latest", "tiny:q4"]
    assert store.get_model("hf.co/org/repo:Q8_0").system == "Be kind."
    first, last = (store.get_model(name) for name in ("tiny:q4", "me/tiny"))
    assert first.path == last.path
    assert first.config == last.config
    assert len(list((store.root / "blobs").iterdir())) == 6
    assert problems(store.root) == []


@pytest.mark.parametrize("noprune", [False, True])
def test_a_server_that_starts_leaves_all_as_it_is(views: Views, *, noprune: bool) -> None:
    """The directory is read-only in the store: Ollama has nothing to write and to remove there."""
    views.model("m", {"tiny.gguf": LLAMA})
    store = views.ollama({"template": TEMPLATE, "params": {"seed": 1}})
    age(store.root)
    before = tree(store.root)
    times = {path: path.lstat().st_mtime for path in (store.root, *store.root.rglob("*"))}
    store.start(noprune=noprune)
    assert tree(store.root) == before
    assert {path: path.lstat().st_mtime for path in times} == times


def test_what_a_server_removes_in_a_real_directory(views: Views, tmp_path: Path) -> None:
    """Next to models of the user's: blobs without a manifest go, ours stay until `ollama rm`."""
    views.model("m", {"tiny.gguf": LLAMA})
    view = views.view({"system": "Be kind."}, {"name": "tiny:other", "system": "Be kind."})
    mine = tmp_path / "mine"
    shutil.copytree(view, mine, symlinks=True)
    store = OllamaStore(mine)
    store.create("own", {"model": OTHER})
    (mine / f"blobs/sha256-{sha256(b'lost')}").write_bytes(b"lost")
    (mine / "blobs/sha256-partial").write_bytes(b"")
    (mine / "manifests/registry.ollama.ai/library/empty").mkdir()
    age(mine)
    store.start()
    assert problems(mine) == []
    assert store.list() == ["own:latest", "tiny:latest", "tiny:other"]
    store.remove("own")
    assert tree(mine) == tree(view)
    store.remove("tiny")
    assert store.get_model("tiny:other").system == "Be kind."
    store.remove("tiny:other")
    assert tree(mine) == {}
    store.start()
    # The files themselves are not Ollama's.
    assert (tmp_path / f"files/{sha256(LLAMA)}-tiny.gguf").read_bytes() == LLAMA


def test_a_broken_link_of_a_blob_does_not_hide_other_models(views: Views, tmp_path: Path) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    views.model("n", {"other.gguf": OTHER})
    store = views.ollama({}, {"model": "n", "name": "other"})
    shutil.rmtree(tmp_path / "files")
    age(store.root)
    store.start()
    assert store.list() == ["other:latest", "tiny:latest"]


def test_the_reader_finds_what_is_wrong(views: Views) -> None:
    views.model("m", {"tiny.gguf": LLAMA})
    store = views.ollama({"system": "Be kind."})
    system = store.root / f"blobs/sha256-{sha256(b'Be kind.')}"
    system.write_bytes(b"Be cruel")
    (store.root / "blobs/sha256-x").write_bytes(b"")
    (store.root / "empty").mkdir()
    assert [problem.rpartition(": ")[2] for problem in problems(store.root)] == [
        "other contents",
        "no manifest has it",
        "empty",
    ]
    with pytest.raises(OllamaError):
        store.get_model("tiny:cloud")
