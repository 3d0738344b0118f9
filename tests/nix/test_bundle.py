"""Small files of a `files` pin in one derivation: entries as without it, and wrong bundles."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.expressions import bundle_pin, bundle_sri, fetch_model, files_pin, got, literal
from support.fake_repo import BigFile, chunks, sha256
from support.nix import NixError
from support.specs import sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv

SMALL: dict[str, Content] = {
    "config.json": b"{}",
    "same.json": b"{}",
    "a b/ü 'q\" ${x} $y\\z.txt": b"weird",
    "line\nbreak": b"newline",
    "outPath": b"a name",
    "__toString": b"another name",
    "weights.drv": b"not a derivation",
    "empty": b"",
}
MODEL: dict[str, Content] = {**SMALL, "model.safetensors": BigFile(2 << 20, 1)}


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])


def files(out: Path) -> dict[str, str]:
    """What `diff` compares of an entry."""
    found = {}
    for path in out.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(out))] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(out))] = sha256(path.read_bytes())
    return found


@pytest.mark.parametrize("plain", ["", "integration.huggingface.enable = false;"])
def test_a_copy_is_the_same_as_without(host_nix: NixEnv, hub: Hub, repo: Repo, plain: str) -> None:
    out = host_nix.build(bundle_pin(hub, repo, plain))
    assert files(out) == files(host_nix.build(files_pin(hub, repo, plain)))


def test_a_linked_entry_has_few_references(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    pin = bundle_pin(hub, repo, 'layout = "link";')
    out = nix.build(pin)
    snapshot = nix.contents(out / "snapshots" / repo.sha)
    assert snapshot == {path: b"".join(chunks(content)) for path, content in MODEL.items()}
    found = nix.run("nix-store", "-q", "--references", nix.store / out.name).stdout.split()
    names = [path.rpartition("/")[2].partition("-")[2] for path in found]
    assert sorted(names) == ["bundle", "model.safetensors"]
    bundle = nix.build(f"({pin}).bundle")
    assert files(bundle) == {sha256(c): sha256(c) for c in SMALL.values()}
    assert {path.stat().st_mode & 0o777 for path in bundle.iterdir()} == {0o444}
    (blob,) = (p for p in (out / "blobs").iterdir() if p.name == sha256(b"weird"))
    assert nix.path(blob.readlink()) == bundle / sha256(b"weird")


def test_blobs_read_as_without(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    pin = bundle_pin(hub, repo)
    assert nix.eval(f"builtins.attrNames ({pin}).blobs") == sorted(MODEL)
    names = "(blobs: map (path: blobs.${path}.name) (builtins.attrNames blobs))"
    assert nix.eval(f"{names} ({pin}).blobs") == nix.eval(f"{names} ({files_pin(hub, repo)}).blobs")
    blob = nix.build(f"({pin}).blobs.__toString")
    assert nix.contents(blob.parent)[blob.name] == SMALL["__toString"]


def test_equal_sets_are_shared(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    host_nix.build(bundle_pin(hub, repo))
    other = hub.add_repo("org/other", MODEL, lfs=["*.safetensors"])
    hub.clear()
    host_nix.build(bundle_pin(hub, other))
    assert hub.log == []


def test_the_hash_that_nix_reports(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    """Of a pin without other files."""
    repo.commit(SMALL)
    right = bundle_sri(SMALL.values())
    assert got(nix, bundle_pin(hub, repo).replace(right, "")) == right


def test_a_wrong_file_is_named(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    pin = bundle_pin(hub, repo).replace(sri(b"weird"), sri(b"other"))
    with pytest.raises(NixError) as caught:
        host_nix.build(pin)
    said = str(caught.value)
    assert f"expected {sri(b'other')}, received {sri(b'weird')}" in said
    assert "hint: " in said


def test_a_bundle_of_other_files_that_is_there(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    """Nix looks only at the hash: after a merge of two locks, it can be that of other files."""
    host_nix.build(bundle_pin(hub, repo))
    old = bundle_sri(SMALL.values())
    repo.commit({**MODEL, "config.json": b"new"})
    with pytest.raises(NixError, match=r"'config\.json' is not in the bundle"):
        host_nix.build(bundle_pin(hub, repo, bundle_hash=old))
    out = host_nix.build(bundle_pin(hub, repo))
    assert (out / "snapshots" / repo.sha / "config.json").read_bytes() == b"new"


def test_the_token_of_a_private_repository(host_nix: NixEnv, hub: Hub) -> None:
    repo = hub.add_repo("org/private", SMALL, private=True)
    hub.allow("hf_s3cret", repo.id)
    with pytest.raises(NixError, match="HF_TOKEN"):
        host_nix.build(bundle_pin(hub, repo))
    out = host_nix.build(bundle_pin(hub, repo), env={"HF_TOKEN": "hf_s3cret"})
    assert (out / "snapshots" / repo.sha / "config.json").read_bytes() == b"{}"
    found = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "hf_s3cret", host_nix.real],
        check=False,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""


def test_a_bundle_of_urls(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    """Of two sources, the second has what the first lacks; none says the size."""
    small = {"config.json": b"{}", "outPath": b"a name"}
    url = f"{hub.url}/org/model/resolve/{repo.sha}"
    rows = "".join(f"{path}.hash = {literal(sri(c))};" for path, c in small.items())
    rows = rows.replace("config.json", '"config.json"')
    pin = (
        f'bundle = {{ hash = "{bundle_sri(small.values())}"; files = {{ {rows} }}; }};'
        " integration.huggingface.enable = false;"
        f' fallbacks = [ {{ url.files = {{ outPath = "{url}/outPath"; }}; }} ];'
    )
    model = fetch_model(hub, repo, pin)
    before = model.partition("source.huggingface")[0]
    source = f'source.url.files = {{ "config.json" = "{url}/config.json"; outPath = "{url}/no"; }};'
    out = host_nix.build(f"{before}{source} {pin} }}")
    assert host_nix.contents(out) == small
