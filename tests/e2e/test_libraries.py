"""The libraries of docs/libraries.md, offline, on entries that Nix has built, as another user.

Each runs the page's snippet, with the name and with the path; the models are made by the libraries.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.session import blocks
from support import libraries
from support import nix as nixes
from support.environment import CHECKOUT
from support.expressions import bundle_pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conftest import Runner
    from support.hub import Hub
    from support.nix import NixEnv

PAGE = "docs/libraries.md"
SNIPPETS = {block.name: block.text for block in blocks(PAGE) if block.kind == "engine"}
# What is asked must be in the cache; who asks for more than that fails at once.
DEAD = "http://127.0.0.1:9"
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_ENDPOINT": DEAD,
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), DEAD),
    "OMP_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONWARNINGS": "ignore",
}
# PyPI's torchvision has operators for a torch with CUDA. A torch for CPUs cannot load them, and to
# load a model calls none of them.
TORCHVISION = """
import torch
try:
    import torchvision
except RuntimeError:
    for operator in ("nms", "qnms"):
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define(f"torchvision::{operator}", schema)
"""


# The older transformers cannot import it.
NO_KERNELS = "import sys; sys.modules['kernels'] = None\n"


@dataclass(frozen=True)
class Library:
    """A library, and what its snippet shows.

    Args:
        repos: The repositories that the snippet names, and the directories with their files.
        path: What to write for `{path}`, the directory of the files, in place of which name.
        beside: The library that is installed with this one.
    """

    name: str
    repos: Mapping[str, str]
    prints: str
    path: tuple[str, str]
    prelude: str = ""
    beside: str | None = None

    @property
    def directory(self) -> Path:
        return libraries.directory(self.beside or self.name)


CASES = (
    Library(
        "sentence-transformers",
        {"sentence-transformers/all-MiniLM-L6-v2": "model"},
        "(16,)",
        ("sentence-transformers/all-MiniLM-L6-v2", "{path}"),
    ),
    Library(
        "diffusers",
        {"google/ddpm-cat-256": "model"},
        "(8, 8)",
        ("google/ddpm-cat-256", "{path}"),
    ),
    Library(
        "timm",
        {"timm/test_vit.r160_in1k": "model"},
        "3",
        ("hf-hub:timm/test_vit.r160_in1k", "local-dir:{path}"),
        TORCHVISION,
        "open_clip",
    ),
    Library(
        "open_clip",
        {"laion/CLIP-ViT-B-32-laion2B-s34B-b79K": "model"},
        "torch.Size([1, 16])",
        ("hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "local-dir:{path}"),
        TORCHVISION,
    ),
    Library(
        "peft",
        {"acme/llama-2-7b-lora": "model", "meta-llama/Llama-2-7b-hf": "base"},
        "meta-llama/Llama-2-7b-hf",
        ("acme/llama-2-7b-lora", "{path}"),
    ),
    Library(
        "faster-whisper",
        {"Systran/faster-whisper-tiny": "model"},
        r"\d+ 1.0",
        ('"tiny"', '"{path}"'),
    ),
    Library(
        "spaCy",
        {"spacy/en_core_web_sm": "model"},
        "['A', 'cat', 'sleeps', '.']",
        ('snapshot_download("spacy/en_core_web_sm")', '"{path}"'),
    ),
    Library(
        "optimum",
        {"Xenova/all-MiniLM-L6-v2": "model"},
        "torch.Size([1, 4, 16])",
        ("Xenova/all-MiniLM-L6-v2", "{path}"),
        NO_KERNELS,
    ),
)


@dataclass(frozen=True)
class Models:
    """The models of a library in a store, and the home of the user who loads them."""

    library: Library
    nix: NixEnv
    entries: Mapping[str, Path]
    home: Path
    run: Runner

    def snapshot(self, repo: str) -> Path:
        (path,) = (self.entries[repo] / "snapshots").iterdir()
        return path

    def python(self, code: str, *arguments: str | Path) -> str:
        """What a program prints, that writes nothing."""
        env = {"PYTHONPATH": str(self.library.directory)}
        return self.load(sys.executable, "-c", self.library.prelude + code, *arguments, env=env)

    def load(self, *command: str | Path, env: Mapping[str, str]) -> str:
        before = sorted(self.home.rglob("*"))
        done = self.run(*command, cwd=self.home, env={**OFFLINE, "HOME": str(self.home), **env})
        assert done.returncode == 0, done.stderr
        assert sorted(self.home.rglob("*")) == before
        for entry in self.entries.values():
            self.nix.run("nix-store", "--verify-path", entry)
        return done.stdout.strip()


@pytest.fixture(scope="module")
def store() -> Iterator[NixEnv]:
    with nixes.available("host") as nix:
        yield nix


@pytest.fixture
def models(
    request: pytest.FixtureRequest, store: NixEnv, hub: Hub, tmp_path: Path, unprivileged: Runner
) -> Models:
    """The models of a library, in the default cache of a user who could write to it."""
    library: Library = request.param
    files = _made(library.name)
    home = tmp_path / "user"
    cache = home / ".cache" / "huggingface" / "hub"
    cache.mkdir(parents=True)
    entries = {}
    for repo_id, directory in library.repos.items():
        repo = hub.add_repo(repo_id, files[directory], lfs=["*.safetensors"])
        entry = entries[repo_id] = store.build(f"({bundle_pin(hub, repo)}).linked")
        (cache / f"models--{repo_id.replace('/', '--')}").symlink_to(entry)
    with wave.open(str(home / "speech.wav"), "wb") as speech:
        speech.setparams((1, 2, 16000, 16000, "NONE", ""))
        speech.writeframes(bytes(32000))
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o777)
    return Models(library, store, entries, home, unprivileged)


@functools.cache
def _made(name: str) -> dict[str, dict[str, bytes]]:
    """Directory -> path -> content."""
    (library,) = (library for library in CASES if library.name == name)
    path = f"{library.directory}:{CHECKOUT}/tests"
    function = name.lower().replace("-", "_")
    code = f"{library.prelude}\nfrom support import library_models as m; m.main()"
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, function, directory],
            check=True,
            env={**os.environ, **OFFLINE, "PYTHONPATH": path},
            capture_output=True,
        )
        parts = {part: Path(directory, part) for part in library.repos.values()}
        return {
            part: {
                path.relative_to(root).as_posix(): path.read_bytes()
                for path in root.rglob("*")
                if path.is_file()
            }
            for part, root in parts.items()
        }


def _only(name: str) -> pytest.MarkDecorator:
    cases = [library for library in CASES if library.name == name]
    return pytest.mark.parametrize("models", cases, indirect=True, ids=lambda case: case.name)


@pytest.mark.parametrize("models", CASES, indirect=True, ids=lambda library: library.name)
def test_loads_by_name_and_by_path(models: Models) -> None:
    library = models.library
    snippet = SNIPPETS[library.name]
    name, path = library.path
    assert name in snippet
    first = models.snapshot(next(iter(library.repos)))
    by_path = snippet.replace(name, path.format(path=first))
    printed = models.python(f"{snippet}\n{by_path}").splitlines()
    for line in printed[-2:]:
        assert line == library.prints or re.fullmatch(library.prints, line)
    assert len(printed) >= 2


@_only("peft")
def test_peft_takes_two_paths(models: Models) -> None:
    adapter, base = (models.snapshot(repo) for repo in models.library.repos)
    assert models.python(SNIPPETS["peft-paths"], base, adapter) == "PeftModelForCausalLM"


@_only("optimum")
def test_onnxruntime(models: Models) -> None:
    names = "['input_ids', 'attention_mask', 'token_type_ids']"
    assert models.python(SNIPPETS["onnxruntime"]).splitlines()[-1] == names


@_only("optimum")
def test_weights_in_a_file_next_to_the_model(models: Models) -> None:
    """In an entry, both are links to files in other directories."""
    outside = SNIPPETS["onnxruntime"].replace("model.onnx", "model_outside.onnx")
    models.python(outside)


@_only("optimum")
def test_transformers_js(models: Models, tmp_path: Path) -> None:
    """With a directory of models that has links to entries."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine; install Debian's nodejs")
    program = tmp_path / "load.mjs"
    program.write_text(SNIPPETS["transformers.js"])
    modules = libraries.directory("transformers.js") / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    (repo,) = models.library.repos
    # It asks access(2), which knows nothing of the privilege to read what is closed to others.
    local = models.nix.real / "local"
    (local / repo).parent.mkdir(parents=True)
    (local / repo).symlink_to(models.snapshot(repo))
    assert models.load(node, program, local, env={}) == "[ 1, 16 ]"


def test_each_snippet_is_run() -> None:
    others = {"peft-paths", "onnxruntime", "transformers.js"}
    assert {library.name for library in CASES} | others == set(SNIPPETS)


def test_the_page_names_the_versions() -> None:
    """Those that the tests install, and of what .venv has, those that it has."""
    rows = re.findall(r"^\| \[?([\w.-]+)(?:\]\S+)? \| (\d\S+) \|", _page(), re.MULTILINE)
    pinned = {
        re.split(r"==|(?<=.)@", package)[0].lower().replace("-", "_"): package
        for packages in libraries.PACKAGES.values()
        for package in packages
    }
    names = {"open_clip": "open_clip_torch", "transformers.js": "@huggingface/transformers"}
    for name, version in rows:
        package = pinned.get(names.get(name, name).lower().replace("-", "_"))
        if name in {"transformers", "datasets", "kernels"}:
            assert metadata.version(name).split(".")[0] == version.split(".")[0]
        else:
            assert package is not None
            assert package.endswith(version)
    assert len(rows) == 13


def _page() -> str:
    return (CHECKOUT / PAGE).read_text()
