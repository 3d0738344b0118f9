"""Nix expressions for models of the test Hub, over the stand-in for nixpkgs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_gen.nix.hashes import nar_sri
from support.fake_repo import chunks, sha256
from support.nix import NixError
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv

# The scope of an expression about the helpers: `model "x"` is a model that nobody builds.
LIBRARY = (
    'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; library = import ./nix;'
    " inherit (library) integration; model = name: library.fetchModel pkgs { inherit name;"
    ' source.huggingface.repo = "org/${name}"; hash = ""; }; in '
)


def literal(text: str) -> str:
    """A Nix string, escaped in a way of its own: `\\` before everything that could matter."""
    return '"' + "".join(f"\\{c}" if c in '\\"$' else c for c in text) + '"'


def fetch_model(hub: Hub, repo: Repo, arguments: str, source: str = "") -> str:
    return (
        'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; library = import ./nix;'
        f' in library.fetchModel pkgs {{ name = "m"; source.huggingface = {{ repo = "{repo.id}";'
        f' endpoint = "{hub.url}"; {source} }}; {arguments} }}'
    )


def files_pin(hub: Hub, repo: Repo, arguments: str = "") -> str:
    pin = f"files = {files(repo)};"
    return fetch_model(hub, repo, f"{pin} {arguments}", f'rev = "{repo.sha}";')


def files(repo: Repo) -> str:
    """The `files` pin of a repository's newest commit."""
    return _rows(repo.files)


def _rows(contents: Mapping[str, Content]) -> str:
    rows = "".join(
        f"{literal(path)} = {{ hash = {literal(sri(content))}; size = {len(content)};"
        f" lfs = {'true' if path.endswith('.safetensors') else 'false'}; }};"
        for path, content in contents.items()
    )
    return f"{{ {rows} }}"


def bundle_pin(hub: Hub, repo: Repo, arguments: str = "", *, bundle_hash: str | None = None) -> str:
    """The same with a bundle of all files outside LFS; `bundle_hash` is None for the right one."""
    small = {path: c for path, c in repo.files.items() if not path.endswith(".safetensors")}
    large = {path: c for path, c in repo.files.items() if path not in small}
    rows = "".join(
        f"{literal(path)} = {{ hash = {literal(sri(content))}; size = {len(content)}; }};"
        for path, content in small.items()
    )
    whole = literal(bundle_hash or bundle_sri(small.values()))
    pin = f"bundle = {{ hash = {whole}; files = {{ {rows} }}; }};"
    if large:
        pin += f" files = {_rows(large)};"
    return fetch_model(hub, repo, f"{pin} {arguments}", f'rev = "{repo.sha}";')


def bundle_sri(contents: Iterable[Content]) -> str:
    """The SRI hash of the bundle with these contents."""
    with tempfile.TemporaryDirectory() as directory:
        for content in contents:
            Path(directory, sha256(content)).write_bytes(b"".join(chunks(content)))
        return nar_sri(Path(directory))


def got(nix: NixEnv, expression: str) -> str:
    """The hash that Nix names when it was given another: the classic workflow."""
    try:
        nix.build(expression)
    except NixError as error:
        lines = str(error).splitlines()
        return next(line.split()[-1] for line in lines if line.strip().startswith("got:"))
    raise AssertionError("this hash was right")
