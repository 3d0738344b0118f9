"""Which files `lock`, `update` and `render` write, and which they leave alone."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.nix.formats import FORMATS, recognised
from generator.helpers import evaluate, names_in

if TYPE_CHECKING:
    from support.hub import Hub, Repo
    from support.project import Project

MODEL = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
OUTPUT = '[output]\nfile = "models.nix"\n'
SEVERAL = """
[[output]]
file = "models.nix"
[[output]]
file = "nix/ai-models.nix"
format = "nixos"
"""
THEIRS = "{ pkgs, ... }:\n{\n  services.ai-models.enable = true;\n}\n"


@pytest.fixture
def repo(hub: Hub, hub_project: Project) -> Repo:
    repo = hub.add_repo("org/name", {"config.json": b"{}"})
    hub_project.write(OUTPUT + MODEL)
    return repo


def read(project: Project, name: str = "models.nix") -> str:
    return (project.dir / name).read_text()


def contents(project: Project) -> dict[str, bytes]:
    return {name: (project.dir / name).read_bytes() for name in names_in(project.dir)}


def test_lock_writes_what_the_manifest_declares(repo: Repo, hub_project: Project) -> None:
    """And says what it has written."""
    first = hub_project.run("lock")
    assert (first.status, first.out) == (0, "")
    assert first.err.endswith("\nwrote models.lock, models.nix\n")
    assert read(hub_project) == hub_project.ok("render", "-o", "-")
    again = hub_project.run("lock")
    assert again.out == ""
    assert "unchanged" in again.err
    assert "wrote" not in again.err
    (hub_project.dir / "models.nix").write_text("")
    repaired = hub_project.run("lock")
    assert repaired.err.endswith("\nwrote models.nix\n")
    repo.commit({"config.json": b"[]"})
    assert hub_project.run("update").err.endswith("\nwrote models.lock, models.nix\n")
    assert read(hub_project) == hub_project.ok("lock", "-o", "-")


def test_paths_are_relative_to_the_manifest(
    repo: Repo, hub_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repo.sha
    (hub_project.dir / "elsewhere").mkdir()
    monkeypatch.chdir(hub_project.dir / "elsewhere")
    said = hub_project.run("lock", "../models.toml").err
    assert said.endswith("\nwrote ../models.lock, ../models.nix\n")
    assert names_in(hub_project.dir) == ["elsewhere", "models.lock", "models.nix", "models.toml"]


def test_several_outputs(repo: Repo, hub_project: Project) -> None:
    hub_project.write(SEVERAL + MODEL)
    assert repo.sha
    error = hub_project.fails("lock")
    assert "nix/ai-models.nix: No such file or directory\nhint: make the directory" in error
    assert names_in(hub_project.dir) == ["models.toml"]
    (hub_project.dir / "nix").mkdir()
    assert hub_project.run("lock").err.endswith(
        "\nwrote models.lock, models.nix, nix/ai-models.nix\n"
    )
    assert recognised(read(hub_project)) == "packages"
    assert recognised(read(hub_project, "nix/ai-models.nix")) == "nixos"


def test_render_writes_them_too(repo: Repo, hub_project: Project) -> None:
    assert repo.sha
    hub_project.ok("lock")
    good = read(hub_project)
    (hub_project.dir / "models.nix").unlink()
    result = hub_project.run("render")
    assert (result.status, result.out, result.err) == (0, "", "wrote models.nix\n")
    assert read(hub_project) == good
    assert hub_project.run("render").err == "unchanged\n"
    for broken in ("[models.m]\nbroken = 1\n", "["):
        hub_project.write(OUTPUT + broken)
        assert hub_project.ok("render", "-o", "-") == good
    assert "models.toml:" in hub_project.fails("render")


def test_o_comes_first(repo: Repo, hub_project: Project) -> None:
    assert repo.sha
    printed = hub_project.ok("lock", "-o", "-")
    assert recognised(printed) == "packages"
    assert hub_project.ok("lock", "-o", "/dev/stdout", "--format", "json").startswith("{")
    assert names_in(hub_project.dir) == ["models.lock", "models.toml"]
    hub_project.ok("lock", "-o", "/dev/null")
    assert hub_project.run("lock", "-o", "other.nix").err.count("because of -o") == 1
    assert names_in(hub_project.dir) == ["models.lock", "models.toml", "other.nix"]


def test_a_file_keeps_its_format(repo: Repo, hub_project: Project) -> None:
    """Unless another one is asked for by name, or by the manifest."""
    hub_project.write(MODEL)
    for output_format in FORMATS:
        hub_project.ok("lock", "-o", "file", "--format", output_format)
        repo.commit({"config.json": output_format.encode()})
        hub_project.ok("update", "-o", "file")
        assert recognised(read(hub_project, "file")) == output_format
    hub_project.write('[output]\nfile = "file"\n' + MODEL)
    hub_project.ok("lock")
    assert recognised(read(hub_project, "file")) == "json"
    error = hub_project.run("lock", "--format", "nixos")
    assert error.status == 2
    assert "`-o file --format nixos`" in error.err
    hub_project.ok("lock", "-o", "file", "--format", "nixos")
    assert recognised(read(hub_project, "file")) == "nixos"
    hub_project.write('[output]\nfile = "file"\nformat = "packages"\n' + MODEL)
    hub_project.ok("lock")
    assert recognised(read(hub_project, "file")) == "packages"


def test_formats_are_recognised_with_what_people_and_formatters_add(
    repo: Repo, hub_project: Project
) -> None:
    assert repo.sha
    for output_format in FORMATS:
        hub_project.write(MODEL)
        text = hub_project.ok("lock", "--format", output_format)
        changed = text if output_format == "json" else "# SPDX: x\n\n" + text
        assert recognised(changed.replace("  ", "\t").replace("\n", "\r\n")) == output_format
        hub_project.write("")
        assert recognised(hub_project.ok("lock", "--format", output_format)) == output_format
    hub_project.write(MODEL)
    hub_project.ok("lock")
    assert recognised(read(hub_project, "models.lock")) is None
    for text in (THEIRS, "", "{}", '{"version": 1, "models": {"a": {}}}', "# x\n{ }", "{", "\0"):
        assert recognised(text) is None


@pytest.mark.parametrize("command", ["lock", "update", "render"])
@pytest.mark.parametrize("declared", [True, False])
def test_files_of_others_are_never_replaced(
    repo: Repo, hub_project: Project, command: str, *, declared: bool
) -> None:
    assert repo.sha
    name = "configuration.nix"
    hub_project.write(MODEL)
    hub_project.ok("lock")
    repo.commit({"config.json": b"[]"})
    (hub_project.dir / name).write_text(THEIRS)
    if declared:
        hub_project.write(f'[output]\nfile = "{name}"\n' + MODEL)
    before = contents(hub_project)
    error = hub_project.fails(command, *([] if declared else ["-o", name]))
    assert f"{name} was not written by aimodels-gen" in error
    assert "hint: name another file" in error
    assert contents(hub_project) == before


def test_a_file_that_becomes_somebody_elses_meanwhile(
    repo: Repo, hub_project: Project, hub: Hub
) -> None:
    assert repo.sha
    file = hub_project.dir / "models.nix"

    def edit(_request: object) -> None:
        file.write_text(THEIRS)

    hub.faults = edit
    assert "models.nix was not written by aimodels-gen" in hub_project.fails("lock")
    assert contents(hub_project) == {
        "models.nix": THEIRS.encode(),
        "models.toml": (hub_project.dir / "models.toml").read_bytes(),
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("directory", "is a directory"),
        ("fifo", "is not a regular file\nhint: write `-o -`"),
        ("loop", "Too many levels of symbolic links"),
        ("missing", "No such file or directory\nhint: make the directory"),
        ("/dev/full", "is not a regular file"),
        ("/dev/fd/9", "is not a regular file"),
    ],
)
def test_outputs_that_are_no_files(
    repo: Repo, hub_project: Project, hub: Hub, kind: str, expected: str
) -> None:
    """They are refused before anybody is asked."""
    assert repo.sha
    path = hub_project.dir / "out"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to("out")
    name = "missing/out" if kind == "missing" else kind if kind.startswith("/") else "out"

    def asked(_request: object) -> None:
        raise AssertionError

    hub.faults = asked
    before = names_in(hub_project.dir)
    if kind != "directory":
        assert expected in hub_project.fails("lock", "-o", name)
    if not kind.startswith("/"):
        hub_project.write(f'[output]\nfile = "{name}"\n' + MODEL)
        assert expected in hub_project.fails("lock")
    assert names_in(hub_project.dir) == before


@pytest.mark.parametrize("name", ["models.toml", "models.lock", "link.nix"])
def test_manifest_and_lock_are_no_outputs(repo: Repo, hub_project: Project, name: str) -> None:
    assert repo.sha
    (hub_project.dir / "link.nix").symlink_to("models.lock")
    hub_project.write(f'[output]\nfile = "{name}"\n' + MODEL)
    assert "would overwrite" in hub_project.fails("lock")
    assert not hub_project.lock_file.exists()
    (hub_project.dir / "twin.nix").symlink_to("models.nix")
    hub_project.write('[[output]]\nfile = "models.nix"\n[[output]]\nfile = "twin.nix"\n' + MODEL)
    assert "two outputs are the same file" in hub_project.fails("lock")


def test_an_output_behind_a_link(repo: Repo, hub_project: Project) -> None:
    """It is written through the link, with its mode."""
    assert repo.sha
    (hub_project.dir / "shared").mkdir()
    target = hub_project.dir / "shared" / "models.nix"
    target.write_text("")
    target.chmod(0o640)
    (hub_project.dir / "models.nix").symlink_to(target)
    hub_project.ok("lock")
    assert (hub_project.dir / "models.nix").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert recognised(target.read_text()) == "packages"


def in_terminal(project: Project, *args: str) -> tuple[str, str]:
    """Run it with a terminal as stdout; return what it prints there, and on stderr."""
    master, slave = pty.openpty()
    try:
        done = project.run_into(slave, *args)
        os.close(slave)
        os.set_blocking(master, False)
        try:
            printed = os.read(master, 1 << 16).decode()
        except OSError:
            printed = ""
    finally:
        os.close(master)
    assert done.returncode == 0, done.stderr
    return printed, done.stderr


def test_a_terminal_is_not_filled(repo: Repo, hub_project: Project) -> None:
    assert repo.sha
    assert in_terminal(hub_project, "lock")[0] == ""
    hub_project.write(MODEL)
    printed, said = in_terminal(hub_project, "lock")
    assert printed == ""
    assert "no output is set" in said
    assert "fetchModel" in in_terminal(hub_project, "lock", "-o", "-")[0]
    assert "fetchModel" in in_terminal(hub_project, "render")[0]


def test_a_pipe_gets_the_rendering_only_without_outputs(repo: Repo, hub_project: Project) -> None:
    assert repo.sha
    assert hub_project.spawn("lock").stdout == ""
    hub_project.write(MODEL)
    assert hub_project.spawn("lock").stdout == read(hub_project)


def test_changing_layout_and_outputs_pins_nothing_again(
    repo: Repo, hub_project: Project, hub: Hub
) -> None:
    assert repo.sha
    hub_project.ok("lock")

    def asked(_request: object) -> None:
        raise AssertionError

    hub.faults = asked
    hub_project.write(
        '[output]\nfile = "models.json"\nformat = "json"\n[defaults]\nlayout = "link"\n' + MODEL
    )
    assert hub_project.run("lock").err.endswith("wrote models.lock, models.json\n")
    models = json.loads(read(hub_project, "models.json"))["models"]
    assert models["m"]["layout"] == "link"


def test_what_is_written_evaluates(repo: Repo, hub_project: Project) -> None:
    assert repo.sha
    hub_project.ok("lock")
    names = "builtins.attrNames (import ./models.nix { pkgs = 1; fetchModel = _: x: x; })"
    assert evaluate(names, hub_project.dir) == ["m"]


def test_no_arguments(hub_project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aimodels_gen"],
        env=hub_project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: aimodels-gen ")
