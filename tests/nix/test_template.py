"""The template: from `nix flake init` to built models, as its user types it."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.manifest import scaffold
from support.environment import CHECKOUT
from support.locks import aimodels_gen
from support.nix import NixError

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.nix import NixEnv

FILES = {path.name: path.read_bytes() for path in (CHECKOUT / "templates/project").iterdir()}
NAME = "all-MiniLM-L6-v2"
CACHE_NAME = f"models--sentence-transformers--{NAME}"
CONFIG = b'{"model_type": "bert"}'
SYSTEMS = ("aarch64-darwin", "aarch64-linux", "x86_64-linux")


@pytest.fixture(autouse=True)
def _served(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that has the starter's model."""
    hub.add_repo(f"sentence-transformers/{NAME}", {"config.json": CONFIG})
    monkeypatch.setenv("HF_ENDPOINT", hub.url)


@pytest.fixture
def inputs(standin: Path) -> list[str]:
    """Return the options with which the template's flake reads its inputs from here."""
    return [
        *("--override-input", "nixpkgs", f"path:{standin}"),
        *("--override-input", "nix-ai-models", f"git+file://{CHECKOUT}"),
    ]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    return directory


@pytest.fixture
def project(nix: NixEnv, directory: Path) -> Path:
    """Return a project in a repository, of which Nix reads only tracked files."""
    git_init(directory)
    flake_init(nix, directory)
    return directory


def git_init(directory: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=directory, check=True)


def flake_init(nix: NixEnv, directory: Path) -> str:
    done = nix.run("nix", "flake", "init", "-t", f"git+file://{CHECKOUT}", cwd=directory)
    return done.stdout + done.stderr


def lock(project: Path) -> None:
    """Lock from outside; `nix run .#lock`, which builds aimodels-gen, has its own test."""
    aimodels_gen("lock", "--output", "models.nix", cwd=project)


def words(text: str) -> str:
    """Return the text without the rendering of Markdown by Nix."""
    return " ".join(re.findall(r"[^\s`|│]+", text))


def test_init_writes_what_ours_does_and_says_the_same(nix: NixEnv, directory: Path) -> None:
    said = flake_init(nix, directory)
    assert words(scaffold.welcome()) in words(said)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == FILES


def test_init_overwrites_nothing(nix: NixEnv, directory: Path) -> None:
    (directory / "models.toml").write_text("mine")
    with pytest.raises(NixError, match=r"models\.toml"):
        flake_init(nix, directory)
    assert (directory / "models.toml").read_text() == "mine"


def test_nix_finds_nothing_to_complain_about(nix: NixEnv, project: Path, inputs: list[str]) -> None:
    # As Hydra evaluates.
    check = ("nix", "flake", "check", "--no-build", *inputs)
    check += ("--option", "allow-import-from-derivation", "false")
    nix.run(*check, cwd=project)
    lock(project)
    nix.run(*check, cwd=project)


def test_every_system_has_every_output(
    host_nix: NixEnv, directory: Path, inputs: list[str]
) -> None:
    flake_init(host_nix, directory)
    lock(directory)
    for system in SYSTEMS:
        for output in (
            f"packages.{system}.default.drvPath",
            f"packages.{system}.{NAME}.drvPath",
            f"apps.{system}.default.program",
            f"apps.{system}.lock.program",
            f"devShells.{system}.default.drvPath",
        ):
            host_nix.run("nix", "eval", "--raw", f".#{output}", *inputs, cwd=directory)


def test_building_too_early_tells_the_next_step(
    nix: NixEnv, project: Path, inputs: list[str]
) -> None:
    with pytest.raises(NixError, match=r"no model is locked yet: run `nix run \.#lock`"):
        nix.run("nix", "build", *inputs, cwd=project)


def test_build(nix: NixEnv, project: Path, inputs: list[str]) -> None:
    lock(project)
    nix.run("nix", "build", *inputs, cwd=project)
    (entry,) = (nix.path((project / "result").readlink()) / "hub").iterdir()
    assert entry.name == CACHE_NAME
    nix.run("nix", "build", f".#{NAME}", *inputs, cwd=project)
    model = nix.path((project / "result").readlink())
    snapshot = model / "snapshots" / (model / "refs/main").read_text()
    assert (snapshot / "config.json").read_bytes() == CONFIG


def test_the_shell_links_what_is_locked(nix: NixEnv, project: Path, inputs: list[str]) -> None:
    hook = ("nix", "eval", "--raw", ".#devShells.x86_64-linux.default.shellHook", *inputs)
    offline = "export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1\n"
    assert nix.run(*hook, cwd=project).stdout == offline
    lock(project)
    text = nix.run(*hook, cwd=project).stdout
    assert CACHE_NAME in text
    assert text.endswith(offline)


def test_plain_files_are_a_package_but_in_no_cache(
    nix: NixEnv, project: Path, inputs: list[str]
) -> None:
    with (project / "models.toml").open("a") as file:
        file.write("integration.huggingface.enable = false\n")
    lock(project)
    packages = ".#packages.x86_64-linux"
    names = ("nix", "eval", "--json", packages, "--apply", "builtins.attrNames", *inputs)
    assert json.loads(nix.run(*names, cwd=project).stdout) == [NAME, "default"]
    nix.run("nix", "flake", "check", "--no-build", *inputs, cwd=project)


@pytest.mark.parametrize("in_git", [False, True], ids=["directory", "repository"])
def test_as_typed(
    host_nix: NixEnv, directory: Path, inputs: list[str], home: Path, *, in_git: bool
) -> None:
    """Three commands, without a `git add` in a repository of its own; then the shell."""
    # These let the stand-in build aimodels-gen.
    options = [*inputs, "--option", "extra-sandbox-paths", sysconfig.get_path("purelib")]
    if in_git:
        git_init(directory)
    flake_init(host_nix, directory)
    offline = {"HF_HUB_OFFLINE": "1"}  # as in the shell
    host_nix.run("nix", "run", ".#lock", *options, cwd=directory, env=offline)
    host_nix.run("nix", "build", *options, cwd=directory)
    cached = f"hub/{CACHE_NAME}/refs/main"
    commit = (directory / "result" / cached).read_text()
    command = f'cat "$HF_HOME/{cached}"; echo " $HF_HUB_OFFLINE"'
    develop = ("nix", "develop", *options, "--command", "sh", "-c", command)
    shell = host_nix.run(*develop, cwd=directory, env={"HF_HOME": str(home / "hf")})
    assert shell.stdout == f"{commit} 1\n"
    # The shell is offline for engines; aimodels-gen says how to lock from it all the same.
    command = """said=$(aimodels-gen lock -U 2>&1) && exit 1
        eval "$(printf %s "$said" | sed -n 's/^hint: .*`\\(env .*\\)`$/\\1/p')" """
    develop = ("nix", "develop", *options, "--command", "sh", "-c", command)
    locked = host_nix.run(*develop, cwd=directory, env={"HF_HOME": str(home / "hf")})
    assert "= 1 unchanged" in locked.stderr
