"""What the repository's own files (CI, pre-commit, CONTRIBUTING.md, SECURITY.md) name is there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.nix import NixEnv

CI = CHECKOUT / ".github/workflows/ci.yml"
PRE_COMMIT = CHECKOUT / ".pre-commit-config.yaml"
DOCUMENTS = sorted([*CHECKOUT.glob(".github/**/*.yml"), PRE_COMMIT])
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
# In CONTRIBUTING.md; a name with a slash or a suffix is a file.
QUOTED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"\.?\w[\w.-]*/[\w./-]*|\.?[\w-]+\.(?:lock|md|nix|toml|yaml|yml|py|j2)")
MADE = {"models.toml", "models.lock", "refs/pr/1"}  # not of this repository
OURS = "nix-ai-models/nix-ai-models"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> Iterator[dict[str, Any]]:
    for job in load(CI)["jobs"].values():
        yield from job["steps"]


def commands(program: str) -> list[list[str]]:
    """Return the command lines of CI that run a program."""
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    return [words for line in lines if (words := shlex.split(line))[:1] == [program]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_it_is_yaml(path: Path) -> None:
    assert isinstance(load(path), dict)


def test_actions_are_pinned() -> None:
    uses = [step["uses"] for step in steps() if "uses" in step]
    assert uses
    assert [action for action in uses if not PINNED.fullmatch(action)] == []
    (group,) = load(CHECKOUT / ".github/dependabot.yml")["updates"]
    assert group["package-ecosystem"] == "github-actions"


def test_ci_runs_every_stage() -> None:
    script = (CHECKOUT / "script/test").read_text()
    match = re.search(r"^stages=\(([\w ]+)\)$", script, re.MULTILINE)
    assert match is not None
    stages = match[1].split()
    assert [stage for stage in stages if f"\nstage_{stage}() {{" not in script] == []
    ran = [words[2:] for words in commands("script/test") if words[1] == "--stage"]
    assert sorted(stage for words in ran for stage in words) == sorted(stages)
    assert commands("script/demo")


def test_an_unknown_stage_is_refused() -> None:
    for args in (["nope"], []):
        done = subprocess.run(
            [CHECKOUT / "script/test", "--stage", *args],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "static unit" in done.stderr


def test_ci_builds_what_the_flake_has(host_nix: NixEnv) -> None:
    check, build = commands("nix")
    assert (check[1:3], build[1]) == (["flake", "check"], "build")
    nixpkgs = f"path:{CHECKOUT}/tests/nix/pkgs"
    for words in (check, build):
        assert words[words.index("--override-input") + 1 :][:2] == ["nixpkgs", "$NIXPKGS"]
    attribute = build[-1].removeprefix(".#")
    parent, _, name = attribute.rpartition(".")
    flake = f"git+file://{CHECKOUT}#{parent}"
    override = ("--override-input", "nixpkgs", nixpkgs)
    names = host_nix.run(
        "nix", "eval", "--json", *override, flake, "--apply", "builtins.attrNames"
    ).stdout
    assert f'"{name}"' in names


def test_hooks_run_programs_that_are_there() -> None:
    (repository,) = load(PRE_COMMIT)["repos"]
    for hook in repository["hooks"]:
        words = [word for word in shlex.split(hook["entry"]) if "=" not in word]
        program = words[words[0] == "env"]
        if program.startswith(".venv/"):
            program = str(Path(sys.executable).with_name(Path(program).name))
            assert os.access(program, os.X_OK), program
        elif program != "nixfmt":  # for contributors; tests format nothing with it
            assert shutil.which(program), program


def test_contributing_names_files_that_exist() -> None:
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {word for quoted in QUOTED.findall(text) for word in quoted.split()}
    files = {n for n in names if FILE.fullmatch(n) and not n.startswith(".venv/")} - MADE
    assert len(files) > 40
    assert [name for name in sorted(files) if not (CHECKOUT / name).exists()] == []


def test_reports_of_vulnerabilities_are_private() -> None:
    address = f"https://github.com/{OURS}/security/advisories/new"
    assert address in (CHECKOUT / "SECURITY.md").read_text()
    (link,) = load(CHECKOUT / ".github/ISSUE_TEMPLATE/config.yml")["contact_links"]
    assert link["url"] == address
