"""Every output of the flake, evaluated, and built if the machine can."""

from __future__ import annotations

import json
import re
import sysconfig
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from support.nix import NixEnv

SYSTEMS = {"aarch64-darwin", "aarch64-linux", "x86_64-linux"}


@pytest.fixture
def options(standin: Path) -> list[str]:
    """Return the options that replace nixpkgs with the stand-in."""
    return ["--override-input", "nixpkgs", f"path:{standin}", "--no-write-lock-file"]


def flake(attribute: str) -> str:
    return f"git+file://{CHECKOUT}#{attribute}"


def test_outputs(nix: NixEnv, options: list[str]) -> None:
    shown = json.loads(
        nix.run("nix", "flake", "show", "--json", f"git+file://{CHECKOUT}", *options).stdout
    )
    # Newer releases nest the outputs below a key.
    shown = shown.get("inventory", shown)
    assert set(shown) == {
        "apps",
        "checks",
        "devShells",
        "formatter",
        "homeManagerModules",
        "homeModules",
        "legacyPackages",
        "lib",
        "nixosModules",
        "overlays",
        "packages",
        "templates",
    }


def test_nix_finds_nothing_to_complain_about(nix: NixEnv, options: list[str]) -> None:
    # As Hydra evaluates.
    options += ["--option", "allow-import-from-derivation", "false"]
    done = nix.run("nix", "flake", "check", "--no-build", f"git+file://{CHECKOUT}", *options)
    unknown = {*re.findall("unknown flake output '(.*)'", done.stderr)}
    # Under this name, older guides import the module.
    assert "homeManagerModules" in unknown
    if nix.kind == "forky":
        assert unknown == {"homeManagerModules"}


@pytest.mark.parametrize(
    "attribute",
    [
        "packages.{}.default.drvPath",
        "packages.{}.aimodels-gen.drvPath",
        "checks.{}.library.drvPath",
        "checks.{}.aimodels-gen.drvPath",
        "devShells.{}.default.drvPath",
        "formatter.{}.drvPath",
        "apps.{}.default.program",
    ],
)
def test_every_output_evaluates_on_every_system(
    host_nix: NixEnv, options: list[str], attribute: str
) -> None:
    paths = set()
    for system in SYSTEMS:
        path = host_nix.run("nix", "eval", "--raw", flake(attribute.format(system)), *options)
        paths.add(path.stdout)
    assert len(paths) == len(SYSTEMS)


def test_the_library_is_reached_through_the_flake(nix: NixEnv, options: list[str]) -> None:
    name = nix.run(
        "nix",
        "eval",
        "--raw",
        flake("lib.integration"),
        "--apply",
        'i: i.mkCacheName { org = "meta-llama"; model = "Llama-2-7b-hf"; }',
        *options,
    )
    assert name.stdout == "models--meta-llama--Llama-2-7b-hf"


def test_the_module_for_home_manager_has_two_names(host_nix: NixEnv, options: list[str]) -> None:
    modules = [
        host_nix.run("nix", "eval", "--json", flake(f"{name}.default"), *options).stdout
        for name in ("homeModules", "homeManagerModules")
    ]
    assert modules[0] == modules[1]
    assert "home-manager.nix" in modules[0]


@pytest.mark.parametrize("system", ["x86_64-linux", "x86_64-darwin", "riscv64-linux"])
def test_the_overlay(host_nix: NixEnv, options: list[str], system: str) -> None:
    """Also on systems of older releases of nixpkgs, and on those that nobody builds for."""
    apply = (
        f'overlay: let final = (import ./tests/nix/pkgs {{ system = "{system}"; }})'
        " // overlay final { }; in (final.fetchModel"
        ' { name = "m"; source.huggingface.repo = "a/b"; hash = ""; }).hfCachePath'
    )
    name = host_nix.run(
        "nix", "eval", "--impure", "--raw", flake("overlays.default"), "--apply", apply, *options
    )
    assert name.stdout == "models--a--b"


def test_the_package_has_the_dependencies_of_the_project() -> None:
    """Except for those of Python releases that nixpkgs no longer has."""
    project = (CHECKOUT / "pyproject.toml").read_text().partition("\ndependencies = [")[2]
    package = (CHECKOUT / "package.nix").read_text().partition("\n  dependencies = [")[2]
    wanted = re.findall(r'^  "([\w.-]+)[^;"]*",$', project.partition("\n]")[0], re.MULTILINE)
    assert len(wanted) > 4
    assert [name.replace("_", "-") for name in wanted] == re.findall(
        r"python3Packages\.([\w-]+)", package.partition("];")[0]
    )


def test_the_package_can_be_overridden(host_nix: NixEnv, options: list[str]) -> None:
    """As any package of nixpkgs, with other packages than the flake's."""
    applied = """package: let
          inherit (import ./tests/nix/pkgs { system = "x86_64-linux"; }) python3Packages;
          python' = python3Packages // {
            buildPythonApplication = arguments:
              python3Packages.buildPythonApplication (arguments // { version = "0-mine"; });
          };
          mine = package.override { python3Packages = python'; };
        in [ package.name mine.name (mine.override { inherit python3Packages; }).name ]"""
    extra = ("--impure", "--json", *options)
    for attribute in ("aimodels-gen", "default"):
        shown = host_nix.run("nix", "eval", flake(attribute), "--apply", applied, *extra)
        ours, mine, again = json.loads(shown.stdout)
        assert mine == "aimodels-gen-0-mine"
        assert ours == again != mine


def test_the_packaged_program_works(host_nix: NixEnv, options: list[str], tmp_path: Path) -> None:
    extra = ["--option", "extra-sandbox-paths", sysconfig.get_path("purelib")]
    host_nix.run("nix", "build", flake("aimodels-gen"), "-o", tmp_path / "result", *options, *extra)
    program = tmp_path / "result/bin/aimodels-gen"
    assert "lock" in host_nix.run(program, "--help").stdout
    shown = host_nix.run("nix", "run", flake("default"), *options, *extra, "--", "--version")
    assert shown.stdout.startswith("aimodels-gen ")
    # The wheel carries the templates, and the fetcher as a package of its own.
    host_nix.run(program, "init", tmp_path / "project")
    assert (tmp_path / "project/flake.nix").is_file()
    lib = tmp_path / "result/lib"
    assert (lib / "aimodels_fetcher/cli.py").is_file()
    assert not (lib / "aimodels_gen/nix/fetcher").exists()
    share = tmp_path / "result/share"
    assert (share / "bash-completion/completions/aimodels-gen.bash").is_file()
    assert "#compdef aimodels-gen" in (share / "zsh/site-functions/_aimodels-gen").read_text()
    assert (share / "fish/vendor_completions.d/aimodels-gen.fish").is_file()
    assert (share / "man/man1/aimodels-gen.1").read_text().startswith(".TH AIMODELS-GEN 1")
    assert (share / "man/man1/aimodels-gen-lock.1").is_file()


def test_the_cases_as_a_check(host_nix: NixEnv, options: list[str], tmp_path: Path) -> None:
    host_nix.run(
        "nix", "build", flake("checks.x86_64-linux.library"), "-o", tmp_path / "result", *options
    )
    assert "cases passed" in (tmp_path / "result").read_text()


def test_the_lock_pins_a_published_nixpkgs() -> None:
    lock = json.loads((CHECKOUT / "flake.lock").read_text())
    assert set(lock["nodes"]) == {"root", "nixpkgs"}
    locked = lock["nodes"]["nixpkgs"]["locked"]
    assert (locked["owner"], locked["repo"]) == ("NixOS", "nixpkgs")
    assert len(locked["rev"]) == 40
