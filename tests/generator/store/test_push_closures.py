"""What `push --installable` sends and signs, and what Nix makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import narinfo
from generator.stores import model
from support.nix import NixError, available
from support.remedies import cures
from support.sshd import Sshd

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_fetcher.narinfo import NarInfo
    from support.hub import Hub, Repo
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

SIGNED = "signed; machines that take it need `trusted-public-keys = …`"
UNSIGNED = (
    "what was built has no signature (…, such as …): Nix refuses it on machines that check "
    "signatures; sign it with `--secret-key-file FILE`"
)


@pytest.fixture
def project(hub_project: Project, nix_store: NixEnv, repo: Repo) -> Project:
    """A locked model, in a store of each Nix."""
    assert repo
    assert nix_store
    hub_project.ok("lock", "-o", "models.nix")
    return hub_project


def entry(project: Project, nix: NixEnv, bump: str = "") -> str:
    """Build the entry of the model, of links."""
    expression = f"({model(project, bump=bump)}).linked"
    return nix.run("nix-build", "--no-out-link", "-E", expression).stdout.strip()


def keys(directory: Path, name: str = "cache.example.org-1") -> tuple[str, str]:
    """Return the file of a secret key, and the public key."""
    pair = (str(directory / f"{name}.secret"), str(directory / f"{name}.public"))
    subprocess.run(("nix-store", "--generate-binary-cache-key", name, *pair), check=True)
    with open(pair[1], encoding="utf-8") as file:  # noqa: PTH123 (a str)
        return pair[0], file.read()


def info(cache: Path, path: str) -> NarInfo:
    file = cache / narinfo.name_of(path)
    return narinfo.parse(file.read_text(), file.name)


def take(nix: NixEnv, cache: Path, path: str, *keys: str) -> None:
    """Take a path from a cache only, as a machine with these keys does."""
    options = {
        "substituters": f"file://{cache}",
        "require-sigs": "true",
        "trusted-public-keys": " ".join(keys),
        "max-jobs": "0",
    }
    flags = [part for name, value in options.items() for part in ("--option", name, value)]
    nix.run("nix-store", "--realise", path, *flags)
    nix.run("nix-store", "--verify-path", path)


@cures(SIGNED)
def test_an_entry_with_its_files(
    project: Project, nix_store: NixEnv, tmp_path: Path, remedy: Remedy
) -> None:
    path = entry(project, nix_store)
    key, public = keys(tmp_path)
    cache = tmp_path / "cache"
    assert len(project.ok("push", str(cache)).split()) == 2
    before = {file.name: file.read_bytes() for file in cache.glob("*.narinfo")}
    done = project.run("push", str(cache), "--installable", path, "--secret-key-file", key)
    # Files and bundle were there.
    assert (done.status, done.out.split()) == (0, [path]), done.err
    assert f"{path}  3 paths: 1 sent" in done.err
    assert remedy(done.err) == (public,)
    assert all((cache / name).read_bytes() == content for name, content in before.items())
    (signature,) = info(cache, path).signatures
    assert signature.startswith("cache.example.org-1:")
    # The same as Nix writes and signs.
    nix_store.run("nix", "copy", "--to", f"file://{tmp_path}/copied?compression=none", path)
    copied = ("--store", f"file://{tmp_path}/copied", path)
    nix_store.run("nix", "store", "sign", "--key-file", key, *copied)
    assert info(tmp_path / "copied", path) == info(cache, path)
    # Another machine.
    nix_store.run("nix-store", "--gc")
    with pytest.raises(NixError):
        take(nix_store, cache, path)
    with pytest.raises(NixError):
        take(nix_store, cache, path, keys(tmp_path, "cache.example.org-2")[1])
    take(nix_store, cache, path, public)
    # Nothing is left to send, and no secret has gone anywhere.
    again = project.run("push", str(cache), "--installable", path, "--secret-key-file", key)
    assert (again.status, again.out) == (0, "")
    with open(key, "rb") as file:  # noqa: PTH123 (a str)
        secret = file.read().partition(b":")[2].strip()
    assert secret
    for place in (cache, nix_store.real):
        found = subprocess.run(["grep", "-rqF", secret, place], check=False)
        assert found.returncode == 1


@cures(UNSIGNED)
def test_what_was_pushed_without_a_signature(
    project: Project, nix_store: NixEnv, tmp_path: Path, remedy: Remedy
) -> None:
    path = entry(project, nix_store)
    key, public = keys(tmp_path)
    cache = tmp_path / "cache"
    done = project.run("push", str(cache), "--installable", path, "--json")
    assert done.status == 0
    assert remedy(done.err) == ("1 path", path)
    report = json.loads(done.out)
    assert [(m["name"], len(m["paths"])) for m in report["models"]] == [(path, 3)]
    assert report["sent"]["paths"] == 3
    # Another machine builds it, and has signed it in the cache since.
    other, others = keys(tmp_path, "other-1")
    nix_store.run("nix", "store", "sign", "--store", f"file://{cache}", "--key-file", other, path)
    done = project.run("push", str(cache), "--installable", path, "--secret-key-file", key)
    assert (done.status, done.out) == (0, "")
    assert "warning: " not in done.err
    assert len(info(cache, path).signatures) == 2
    for trusted in (public, others):
        nix_store.run("nix-store", "--delete", path)
        take(nix_store, cache, path, trusted)


def test_another_build_of_the_same_path_is_not_signed(
    project: Project, nix_store: NixEnv, tmp_path: Path
) -> None:
    """Ours takes its place."""
    path = entry(project, nix_store)
    key, public = keys(tmp_path)
    cache = tmp_path / "cache"
    project.ok("push", str(cache), "--installable", path)
    ours = info(cache, path)
    theirs = tmp_path / "theirs"
    shutil.copytree(nix_store.path(path), theirs, symlinks=True)
    (theirs / "refs").chmod(0o755)
    (theirs / "refs/evil").write_text("x")
    dump = nix_store.run("nix-hash", "--type", "sha256", "--base32", theirs).stdout.strip()
    text = (cache / narinfo.name_of(path)).read_text()
    (cache / narinfo.name_of(path)).write_text(
        text.replace(ours.nar_hash.removeprefix("sha256:"), dump)
    )
    done = project.run("push", str(cache), "--installable", path, "--secret-key-file", key)
    assert (done.status, done.out.split()) == (0, [path])
    assert info(cache, path).nar_hash == ours.nar_hash
    nix_store.run("nix-store", "--delete", path)
    take(nix_store, cache, path, public)


def test_models_that_are_named_are_sent_as_well(
    project: Project, hub: Hub, nix_store: NixEnv, tmp_path: Path
) -> None:
    """And without a name, no manifest is needed."""
    assert hub
    file = tmp_path / "file"
    file.write_text("text")
    path = nix_store.run("nix-store", "--add", file).stdout.strip()
    cache = tmp_path / "cache"
    sent = project.ok("push", str(cache), "m", "--installable", path).split()
    assert len(sent) == 3
    assert path in sent
    (project.dir / "models.lock").unlink()
    (project.dir / "models.toml").unlink()
    assert project.ok("push", str(tmp_path / "second"), "--installable", path).split() == [path]


@pytest.mark.parametrize("scheme", ["ssh", "ssh-ng"])
def test_another_machine(
    project: Project,
    nix_store: NixEnv,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    path = entry(project, nix_store)
    kind = "forky" if nix_store.kind == "host" else "host"
    url = f"{scheme}://builder"
    with available(kind, seen_at=nix_store.dir) as builder, Sshd(builder, tmp_path) as sshd:
        for variable, value in sshd.ssh_options.items():
            monkeypatch.setenv(variable, value)
        done = project.run("push", url, "--dry-run")
        assert (done.status, done.out) == (0, "")
        assert f"2 paths to send to {url}, 3.0 MiB" in done.err
        sent = project.ok("push", url).split()
        assert len(sent) == 2
        done = project.run("push", url, "m", "--installable", path, "--json")
        report = json.loads(done.out)
        assert (report["sent"]["paths"], report["present"]["paths"]) == (1, 2)
        assert (builder.path(path) / "refs/main").is_file()
        assert project.ok("push", url, "--installable", path) == ""
