"""Builds by a real Nix in its sandbox: both pins and both layouts, from the test Hub."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.expressions import fetch_model, files_pin, got
from support.fake_repo import BigFile, chunks, sha256
from support.nix import NixError
from support.specs import sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv

MODEL: dict[str, Content] = {
    "config.json": b"{}",
    "a b/ü 'q\" ${x} $y\\z.txt": b"weird",
    "line\nbreak": b"newline",
    ".hidden/.file": b"dot",
    "weights.drv": b"not a derivation",
    "same.json": b"{}",
    "model.safetensors": BigFile(2 << 20, 1),
}
DEAD = "http://127.0.0.1:1"


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])


EXPECTED = {path: b"".join(chunks(content)) for path, content in MODEL.items()}


@pytest.mark.parametrize("form", ["copied", "linked"])
def test_a_hook_of_overrideattrs(host_nix: NixEnv, hub: Hub, repo: Repo, form: str) -> None:
    hook = """postBuild = "cd $out/snapshots/*; echo '{ }' > ours.json";"""
    model = f"(({files_pin(hub, repo)}).overrideAttrs (_old: {{ {hook} }})).{form}"
    snapshot = host_nix.build(model) / "snapshots" / repo.sha
    assert host_nix.contents(snapshot) == {**EXPECTED, "ours.json": b"{ }\n"}


@pytest.mark.parametrize("layout", ["copy", "link"])
def test_files_pin(nix: NixEnv, hub: Hub, repo: Repo, layout: str) -> None:
    out = nix.build(files_pin(hub, repo, f'layout = "{layout}";'))
    assert nix.contents(out / "snapshots" / repo.sha) == EXPECTED
    assert (out / "refs/main").read_text() == repo.sha
    blobs = list((out / "blobs").iterdir())
    assert {blob.name for blob in blobs} == {sha256(content) for content in MODEL.values()}
    assert all(blob.is_symlink() == (layout == "link") for blob in blobs)
    files = [p for p in out.rglob("*") if p.is_file() and not p.is_symlink()]
    assert {p.stat().st_mode & 0o777 for p in files} == {0o444}
    references = nix.run("nix-store", "-q", "--references", nix.store / out.name).stdout.split()
    # A copy is self-contained and can be mounted into a container alone.
    assert len(references) == (len(blobs) if layout == "link" else 0)


def test_the_tree_pin_is_the_same_entry(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    expression = fetch_model(hub, repo, 'hash = "";')
    sri_hash = got(nix, expression)
    out = nix.build(fetch_model(hub, repo, f'hash = "{sri_hash}";'))
    by_files = nix.build(files_pin(hub, repo))
    difference = subprocess.run(
        ["diff", "--recursive", "--no-dereference", out, by_files],
        check=False,
        text=True,
        capture_output=True,
    )
    assert difference.stdout == ""
    assert difference.returncode == 0


@pytest.mark.parametrize("pin", ["files", "tree"])
def test_plain_files(host_nix: NixEnv, hub: Hub, repo: Repo, pin: str) -> None:
    plain = "integration.huggingface.enable = false;"
    if pin == "files":
        out = host_nix.build(files_pin(hub, repo, plain))
    else:
        sri_hash = got(host_nix, fetch_model(hub, repo, f'hash = ""; {plain}'))
        out = host_nix.build(fetch_model(hub, repo, f'hash = "{sri_hash}"; {plain}'))
    assert host_nix.contents(out) == EXPECTED


def test_filters_of_a_tree_pin(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    arguments = 'include = [ "*.json" "line*" ]; exclude = [ "same*" ];'
    sri_hash = got(host_nix, fetch_model(hub, repo, f'hash = ""; {arguments}'))
    out = host_nix.build(fetch_model(hub, repo, f'hash = "{sri_hash}"; {arguments}'))
    assert set(host_nix.contents(out / "snapshots")) == {
        f"{repo.sha}/config.json",
        f"{repo.sha}/line\nbreak",
    }


def test_a_new_revision_fetches_only_what_changed(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    host_nix.build(files_pin(hub, repo))
    repo.commit({**MODEL, "config.json": b'{"new": 1}'})
    hub.clear()
    out = host_nix.build(files_pin(hub, repo))
    assert (out / "snapshots" / repo.sha / "config.json").read_bytes() == b'{"new": 1}'
    asked = {r.path.rpartition("/")[2] for r in hub.log if not r.path.startswith("/api/")}
    assert asked == {"config.json"}


def test_a_changed_source_with_the_old_hash_is_noticed(
    host_nix: NixEnv, hub: Hub, repo: Repo
) -> None:
    sri_hash = got(host_nix, fetch_model(hub, repo, 'hash = "";'))
    host_nix.build(fetch_model(hub, repo, f'hash = "{sri_hash}";'))
    other = hub.add_repo("org/other", {"config.json": b"other"})
    assert got(host_nix, fetch_model(hub, other, f'hash = "{sri_hash}";')) != sri_hash


def test_a_file_that_is_not_as_pinned_is_refused(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    expression = files_pin(hub, repo).replace(sri(b"{}"), sri(b"[]"))
    with pytest.raises(NixError, match="received sha256-") as caught:
        host_nix.build(expression)
    assert sri(b"[]") in str(caught.value)


def test_the_path_of_an_unpinned_model(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    sri_hash = got(nix, fetch_model(hub, repo, 'hash = "";'))
    model = fetch_model(hub, repo, f'hash = "{sri_hash}";')
    user = nix.build(
        'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; }; in'
        ' pkgs.stdenvNoCC.mkDerivation { name = "user"; buildCommand ='
        f" ''ls -A ${{(import ./nix).integration.getModelPath ({model})}}/ > $out''; }}"
    )
    assert "model.safetensors\n" in user.read_text()
    assert "config.json\n" in user.read_text()


def test_the_token_of_a_private_repository(host_nix: NixEnv, hub: Hub) -> None:
    repo = hub.add_repo("org/private", MODEL, lfs=["*.safetensors"], private=True)
    hub.allow("hf_s3cret", repo.id)
    with pytest.raises(NixError, match="HF_TOKEN"):
        host_nix.build(files_pin(hub, repo))
    out = host_nix.build(files_pin(hub, repo), env={"HF_TOKEN": "hf_s3cret"})
    assert host_nix.contents(out / "snapshots" / repo.sha) == EXPECTED
    found = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "hf_s3cret", host_nix.real],
        check=False,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""
    assert found.returncode == 1


@pytest.mark.parametrize("before", ["", f"{DEAD}\n"])
def test_the_endpoints_of_the_environment(
    host_nix: NixEnv, hub: Hub, repo: Repo, before: str
) -> None:
    expression = files_pin(hub, repo).replace(f'endpoint = "{hub.url}";', "")
    out = host_nix.build(expression, env={"HF_ENDPOINT": f"{before}{hub.url}/"})
    assert host_nix.contents(out / "snapshots" / repo.sha) == EXPECTED


def in_turn(hub: Hub, expression: str) -> str:
    """The same from a list of endpoints: the first is down, the second a mirror without token."""
    return expression.replace(f'"{hub.url}"', f'[ "{DEAD}" "{hub.url}/" ]')


def test_files_from_the_second_of_two_endpoints(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    out = host_nix.build(in_turn(hub, files_pin(hub, repo)), env={"HF_TOKEN": "hf_s3cret"})
    assert host_nix.contents(out / "snapshots" / repo.sha) == EXPECTED
    assert {request.token for request in hub.log} == {None}


def test_a_tree_from_the_second_of_two_endpoints(
    host_nix: NixEnv, hub: Hub, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    expression = fetch_model(hub, repo, 'hash = "";')
    sri_hash = got(host_nix, expression)
    hub.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    assert got(host_nix, in_turn(hub, expression)) == sri_hash
    assert {request.token for request in hub.log} == {None}


def test_nix_builds_it_twice_the_same(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    host_nix.build(files_pin(hub, repo))
    host_nix.build(files_pin(hub, repo), "--check")


def test_the_link_script(host_nix: NixEnv, hub: Hub, repo: Repo, tmp_path: Path) -> None:
    def script(arguments: str = "") -> str:
        model = files_pin(hub, repo, arguments)
        out = host_nix.build(model)
        text: str = host_nix.eval(
            "(import ./nix).integration.mkLinkScript"
            f' {{ model = {model}; cacheDir = "$HOME/a b/hub"; }}'
        )
        assert str(host_nix.store / out.name) in text
        return text

    def run(text: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["sh", "-euc", text],
            check=False,
            capture_output=True,
            text=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == expected, done.stderr
        return done

    link = tmp_path / "a b/hub/models--org--model"
    copy, linked = script(), script('layout = "link";')
    run(copy)
    first = link.readlink()
    stat = link.lstat()
    run(copy)
    assert link.lstat() == stat  # nothing was repeated
    run(linked)
    assert link.readlink() != first

    link.unlink()
    link.mkdir()
    (link / "mine").write_text("downloads")
    done = run(copy, expected=1)
    assert "not a symbolic link" in done.stderr
    assert (link / "mine").read_text() == "downloads"


def test_what_lies_about_in_a_checkout_changes_no_path(
    host_nix: NixEnv, hub: Hub, repo: Repo, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    for part in ("nix", "tests/nix/pkgs"):
        shutil.copytree(
            CHECKOUT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )

    def path() -> str:
        expression = f"({files_pin(hub, repo)}).drvPath"
        command = ("nix-instantiate", "--eval", "--strict", "--json", "-E", expression)
        return host_nix.run(*command, cwd=checkout).stdout

    before = path()
    fetcher = checkout / "nix/fetcher"
    for directory in (fetcher / "__pycache__", fetcher / ".mypy_cache/3.10"):
        directory.mkdir(parents=True)
        (directory / "x.py").write_text("")
    (fetcher / "aimodels_fetcher/.errors.py.swp").write_text("")
    assert path() == before
    (fetcher / "aimodels_fetcher/new.py").write_text("")
    assert path() != before
