"""Closures as caches describe them, what builds them, and signatures: with both Nixes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import building, closures, signing

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

# Three paths, of which the last refers to the others and to itself.
EXPRESSION = """
let
  pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };
  text = builtins.toFile "text" "x";
  file = builtins.toFile "file" "${text}";
in
pkgs.stdenvNoCC.mkDerivation {
  name = "user";
  buildCommand = "mkdir $out; echo ${file} ${text} $out > $out/file";
}
"""

FLAKE = """{
  outputs = _: {
    user = derivation {
      name = "user";
      system = "x86_64-linux";
      builder = "/bin/bash";
      args = [ "-c" "echo > $out; echo > $dev" ];
      outputs = [ "out" "dev" ];
    } // { meta.outputsToInstall = [ "out" "dev" ]; };
    none = derivation { name = "none"; system = "x86_64-linux"; builder = "/bin/false"; };
  };
}
"""


@pytest.fixture
def built(nix_store: NixEnv) -> str:
    return nix_store.run("nix-build", "--no-out-link", "-E", EXPRESSION).stdout.strip()


def nix(*arguments: str | Path) -> None:
    subprocess.run(["nix", *arguments], check=True)


def keys(directory: Path, name: str = "cache.example.org-1") -> Path:
    pair = (directory / f"{name}.secret", directory / f"{name}.public")
    command = ("nix-store", "--generate-binary-cache-key", name, *pair)
    subprocess.run(command, check=True)
    return pair[0]


def test_a_closure(built: str, tmp_path: Path) -> None:
    infos = closures.closure([built])
    text, file, user = infos
    assert [info.path.partition("-")[2].split("-")[-1] for info in infos][-1] == "user"
    assert (user.path, user.ca, user.signatures) == (built, None, ())
    assert user.references == tuple(sorted(i.path.rpartition("/")[2] for i in infos))
    assert user.deriver is not None
    assert user.deriver.endswith("-user.drv")
    assert file.references == (text.path.rpartition("/")[2],)
    assert str(file.ca).startswith("text:sha256:")
    # As `nix copy` writes it.
    nix("copy", "--to", f"file://{tmp_path}/cache?compression=none", built)
    for info in infos:
        name = info.path.rpartition("/")[2][:32]
        written = (tmp_path / f"cache/{name}.narinfo").read_text().splitlines()
        own = [line for line in info.text().splitlines() if not line.startswith("URL")]
        assert {*own} <= {*written, "Deriver: unknown-deriver"}


def test_a_path_that_is_not_there(nix_store: NixEnv) -> None:
    with pytest.raises(StoreError, match=r"nix path-info does not answer: .*is not valid"):
        closures.closure([f"{nix_store.store}/{'a' * 32}-nothing"])


def test_the_shape_that_newer_releases_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nix 2.34 announces that `--json` will need `--json-format`."""
    row = {
        "narHash": "sha256-CkMIecJm+LV/QJKg+TXPP6zUi7zN5XYNR0jKQFFx6Wk=",
        "narSize": 120,
        "references": [],
    }
    document = json.dumps({f"/nix/store/{'a' * 32}-x": row})
    program = tmp_path / "nix"
    program.write_text(
        "#!/bin/sh\ncase $* in (*--json-format*) echo '" + document + "';; "
        "(*) echo 'error: use --json-format' >&2; exit 1;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (info,) = closures.closure(["x"])
    assert info.nar_size == 120


def test_signatures(built: str, tmp_path: Path) -> None:
    file = keys(tmp_path)
    key = signing.read(file)
    assert key.public == file.with_suffix(".public").read_text()
    info = closures.closure([built])[-1]
    assert not key.has_signed(info)
    (signed,) = signing.sign([info], key, tmp_path / "signing")
    assert key.has_signed(signed)
    # As Nix signs in its own store, where nothing has changed.
    assert closures.closure([built])[-1].signatures == ()
    nix("store", "sign", "--key-file", file, built)
    assert closures.closure([built])[-1].signatures == signed.signatures
    # And one more beside it.
    (both,) = signing.sign([signed], signing.read(keys(tmp_path, "b-1")), tmp_path / "again")
    assert [one.partition(":")[0] for one in both.signatures] == ["b-1", "cache.example.org-1"]


def test_files_without_a_secret_key(tmp_path: Path) -> None:
    public = keys(tmp_path).with_suffix(".public")
    for content, message in (
        (public.read_text(), "has a public key"),
        ("", "has no secret key"),
        ("cache-1:c2hvcnQ=", "has no secret key"),
        ("cache-1", "has no secret key"),
        (f":{'A' * 86}==", "has no secret key"),
        ("\0\n\x7f:" * 5000, "has no secret key"),
    ):
        file = tmp_path / "key"
        file.write_text(content)
        with pytest.raises(StoreError, match=message) as caught:
            signing.read(file)
        assert content[-20:].strip() not in str(caught.value) or not content
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(StoreError, match="cannot be read"):
            signing.read(path)


def test_what_is_built(nix_store: NixEnv, built: str, tmp_path: Path) -> None:
    """A store path, links to it and files below it need no build."""
    link = tmp_path / "result"
    link.symlink_to(built)
    for number, name in enumerate((built, str(link), f"{link}/file", f"{built}/")):
        found = building.build([name], tmp_path / f"roots{number}", shows=False)
        assert found == {name: [built]}
    roots = subprocess.run(["nix-store", "-q", "--roots", built], check=True, capture_output=True)
    assert roots.stdout.count(b"roots") >= 4
    unknown = nix_store.real / "store" / f"{'a' * 32}-unknown"
    unknown.mkdir()
    with pytest.raises(StoreError, match="Nix does not know"):
        building.build([str(unknown)], tmp_path / "roots", shows=False)


def test_what_nix_builds(nix_store: NixEnv, tmp_path: Path) -> None:
    flake = tmp_path / "flake"
    flake.mkdir()
    (flake / "flake.nix").write_text(FLAKE)
    found = building.build([f"path:{flake}#user"], tmp_path / "roots", shows=False)
    names = {path.rpartition("/")[2][33:] for path in found[f"path:{flake}#user"]}
    # Nix 2.8 knows nothing of outputs to install.
    assert names == ({"user"} if nix_store.kind == "host" else {"user", "user-dev"})
    assert nix_store.path(found[f"path:{flake}#user"][0]).exists()
    for name, message in (
        (f"path:{flake}#none", "was not built: .*failed"),
        (f"path:{flake}#nothing", "was not built: .*does not provide"),
        ("", "is not what"),
        ("--version", "is not what"),
    ):
        with pytest.raises(StoreError, match=message):
            building.build([name], tmp_path / "others", shows=False)
