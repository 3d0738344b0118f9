"""Directories of models for Ollama, built by real Nixes, read as Ollama reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import ggufs
from support.expressions import LIBRARY, bundle_pin, files_pin, literal
from support.fake_repo import sha256
from support.nix import NixError
from support.ollama_store import OllamaStore, problems

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv

Q4, Q8 = ggufs.llama("Q4_K_M"), ggufs.llama("Q8_0", seed=1)
FILES = {"tiny-Q4_K_M.gguf": Q4, "tiny-Q8_0.gguf": Q8, "mmproj-F16.gguf": ggufs.mmproj()}
TEMPLATE = "{{ if .System }}\t\"${x} '' \\n\u00e9\n{{ end }}{{ .Prompt }}\n"
# As people write it in Nix.
INTEGRATION = r"""
integration.ollama = {
  name = "llama3.2:1b";
  file = "tiny-Q4_K_M.gguf";
  template = %s;
  system = "Be kind.";
  params = { num_ctx = 8192; temperature = 0.7; stop = [ "<|x|>" ]; };
  license = [ "MIT" "Apache-2.0" ];
};
"""
JOINED = "integration.mkOllamaModels pkgs [ ({}) ({}) ]"


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", {**FILES, "README.md": b"# tiny\n"}, lfs=["*.gguf"])


def integration() -> str:
    return INTEGRATION % literal(TEMPLATE)


def readable(nix: NixEnv, view: Path, directory: Path) -> OllamaStore:
    """Return the directory with its files in the place of links, which not all stores resolve."""
    for path, content in nix.contents(view).items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    assert problems(directory) == []
    return OllamaStore(directory)


def blobs(view: Path) -> dict[str, Path]:
    """Return where the blobs lead that are links."""
    return {path.name: path.readlink() for path in (view / "blobs").iterdir() if path.is_symlink()}


def test_both_nixes_build_one_directory(nix: NixEnv, hub: Hub, repo: Repo, tmp_path: Path) -> None:
    model = files_pin(hub, repo, integration())
    view = nix.build(f"({model}).integration.ollama")
    store = readable(nix, view, tmp_path)
    assert store.list() == ["llama3.2:1b"]
    found = store.get_model("llama3.2:1b")
    assert (found.template, found.system, found.license) == (
        TEMPLATE,
        "Be kind.",
        ["MIT", "Apache-2.0"],
    )
    assert found.options == {"num_ctx": 8192, "stop": ["<|x|>"], "temperature": 0.7}
    links = blobs(view)
    assert set(links) == {f"sha256-{sha256(FILES[file])}" for file in FILES if "Q8" not in file}
    # The files' own paths: nothing goes through the entry, and nothing is copied.
    references = nix.run("nix-store", "-q", "--references", str(nix.store / view.name)).stdout
    assert set(references.split()) == set(map(str, links.values()))


def test_several_models(nix: NixEnv, hub: Hub, repo: Repo, tmp_path: Path) -> None:
    first = files_pin(hub, repo, integration())
    second = bundle_pin(
        hub, repo, 'integration.ollama = { name = "me/tiny"; file = "tiny-Q8_0.gguf"; };'
    ).replace('name = "m"', 'name = "n"')
    view = nix.build(LIBRARY + JOINED.format(first, second))
    assert readable(nix, view, tmp_path).list() == ["llama3.2:1b", "me/tiny:latest"]
    other = second.replace('"me/tiny"', '"LLAMA3.2:3b"')
    with pytest.raises(NixError) as caught:
        nix.build(LIBRARY + JOINED.format(first, other))
    assert "have one model in different case" in str(caught.value)
    assert 'hint: write "llama3.2:3b" where "n" is made' in str(caught.value)


def test_several_files_and_none_chosen(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    model = files_pin(hub, repo, 'integration.ollama.name = "tiny";')
    with pytest.raises(NixError) as caught:
        host_nix.build(f"({model}).integration.ollama")
    assert 'several GGUF files for Ollama: "tiny-Q4_K_M.gguf", "tiny-Q8_0' in str(caught.value)
    assert 'write file = "tiny-Q4_K_M.gguf" or file = "tiny-Q8_0.gguf"' in str(caught.value)
