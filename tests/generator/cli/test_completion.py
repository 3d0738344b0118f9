"""Completions in real shells, and the manual page as a real man shows it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from aimodels_gen import cli
from aimodels_gen.cli.statuses import MEANINGS
from aimodels_gen.lock import file as lock_file
from generator import samples
from support.environment import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from support.project import Project

MANIFEST = "".join(
    f'[models."{name}"]\nsource.huggingface = {{ repo = "org/name" }}\n'
    for name in ("embedder", "embedder-2", "llama-3.2")
)
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def need(program: str) -> str:
    return shutil.which(program) or pytest.skip(f"needs {program}")


@pytest.fixture
def shell(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, below whose directory a shell finds `aimodels-gen` on PATH."""
    project.write(MANIFEST)
    below = project.dir / "below"
    (below / "bin").mkdir(parents=True)
    program = below / "bin" / "aimodels-gen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m aimodels_gen "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{below}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(below)
    return project


def bash(*words: str) -> list[str]:
    """Return what bash has after <Tab> at the end of the last word."""
    script = """
        eval "$(aimodels-gen completion bash)"
        complete -p aimodels-gen > /dev/null
        compopt() { echo "(files)"; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _aimodels_gen_completion aimodels-gen "${COMP_WORDS[COMP_CWORD]}"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        [need("bash"), "-eu", "-c", script, "bash", "aimodels-gen", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


@pytest.mark.usefixtures("shell")
def test_bash() -> None:
    grouped = [name for names in cli.GROUPS.values() for name in names]
    assert bash("") == [name for name in grouped if name in cli.COMMANDS]
    assert bash("pre") == ["prefetch"]
    assert bash("lock", "--keep") == ["--keep-going"]
    assert bash("lock", "--format", "n") == ["nixos"]
    assert bash("lock", "-m", "") == ["(files)", ""]
    assert bash("remove", "embedder", "") == ["embedder-2", "llama-3.2"]
    assert bash("rename", "ll") == ["llama-3.2"]
    files = "(files)"
    assert bash("lock", "emb") == [files, "embedder", "embedder-2"]
    assert bash("prefetch", "embedder", "") == [files, "embedder-2", "llama-3.2"]
    assert bash("update", "-m", "../models.toml", "l") == ["llama-3.2"]
    assert bash("update", "../models.toml", "l") == [files, "llama-3.2"]
    assert bash("lock", "-P", "l") == ["llama-3.2"]
    assert bash("render", "") == [files, ""]
    for command in ("list", "show", "du"):
        assert bash(command, "emb") == [files, "embedder", "embedder-2"]
    assert bash("schema", "l") == ["lock", "list"]
    assert bash("man", "pre") == ["prefetch"]
    assert bash("completion", "f") == ["fish"]


def test_names_of_a_lock(shell: Project) -> None:
    """Where there is no manifest, as on machines that only build."""
    (shell.dir / "models.toml").unlink()
    shell.lock_file.write_text(lock_file.dumps(samples.lock()))
    files = "(files)"
    assert bash("prefetch", "l") == [files, "llama-2-7b"]
    assert bash("show", "../models.lock", "l") == [files, "llama-2-7b"]
    assert bash("du", "-m", "../models.toml", "l") == ["llama-2-7b"]
    shell.lock_file.write_text("[]")
    assert bash("list", "l") == [files, ""]


@pytest.mark.parametrize(
    "manifest", ["[[", "models = 3", '"\\ud800" = 1', "a = 99999999999999999999", "\0"]
)
def test_nothing_is_said_of_a_broken_manifest(shell: Project, manifest: str) -> None:
    shell.write(manifest)
    assert bash("lock", "e") == ["(files)", ""]
    (shell.dir / "models.toml").unlink()
    (shell.dir / "models.toml").mkdir()
    assert bash("lock", "e") == ["(files)", ""]


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("how", ["eval", "function"])
def test_zsh(tmp_path: Path, how: str) -> None:
    functions = tmp_path / "functions"
    functions.mkdir()
    if how == "eval":
        setup = 'autoload -U compinit; compinit -u -D; eval "$(aimodels-gen completion zsh)"'
    else:  # as packages install it
        script = subprocess.run(
            ["aimodels-gen", "completion", "zsh"], capture_output=True, check=True
        ).stdout
        (functions / "_aimodels-gen").write_bytes(script)
        setup = f"fpath=({functions} $fpath); autoload -U compinit; compinit -u -D"
    typed = f"PS1='$ '; unsetopt zle_bracketed_paste; {setup}; echo rea''dy\r"
    with Terminal([need("zsh"), "-f", "-i"]) as terminal:
        terminal.type(typed)
        terminal.wait_for("ready")
        terminal.type("aimodels-gen pref\t")
        terminal.wait_for("aimodels-gen prefetch ")
        terminal.type("ll\t")
        terminal.wait_for("llama-3.2 ")


def fish(typed: str) -> list[str]:
    """Return what fish has after <Tab> at the end of a line, without descriptions."""
    ask = f"aimodels-gen completion fish | source\ncomplete -C '{typed}'"
    done = subprocess.run(
        [need("fish"), "--no-config", "-c", ask], capture_output=True, check=True, text=True
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("shell")
def test_fish() -> None:
    assert fish("aimodels-gen pre") == ["prefetch"]
    assert set(fish("aimodels-gen ")) >= set(cli.COMMANDS)
    assert fish("aimodels-gen lock --keep") == ["--keep-going"]
    assert fish("aimodels-gen lock --format n") == ["nixos"]
    assert {"embedder", "embedder-2"} <= set(fish("aimodels-gen lock emb"))
    assert fish("aimodels-gen update -m ../models.toml l") == ["llama-3.2"]
    assert fish("aimodels-gen lock -P l") == ["llama-3.2"]
    assert "bin/" in fish("aimodels-gen lock -m b")
    assert "bin/" in fish("aimodels-gen render b")


def test_another_shell(project: Project) -> None:
    done = project.run("completion", "tcsh")
    assert done.status == 2
    assert "'tcsh' is not one of" in done.err


def manual(project: Project, *files: str) -> str:
    """Return what man shows of these pages, without a warning."""
    done = subprocess.run(
        [need("man"), "--warnings", "-E", "UTF-8", "-l", *files],
        cwd=project.dir,
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_the_manual_page(project: Project) -> None:
    (project.dir / "aimodels-gen.1").write_text(project.ok("man"))
    text = manual(project, "aimodels-gen.1")
    assert "aimodels-gen - pin AI models from a models.toml" in text
    for name, sentence in cli.COMMANDS.items():
        assert f"aimodels-gen-{name}(1)" in text
        assert sentence in text
    for words in ("EXIT STATUS", "130", "See what is pinned", "HF_TOKEN"):
        assert words in text


def test_the_manual_pages_of_commands(project: Project) -> None:
    assert project.ok("man", "--directory", "made/man1") == ""
    pages = {path.stem: path.read_text() for path in (project.dir / "made/man1").iterdir()}
    assert pages.keys() == {"aimodels-gen", *(f"aimodels-gen-{name}" for name in cli.COMMANDS)}
    assert pages["aimodels-gen"] == project.ok("man")
    assert pages["aimodels-gen-lock"] == project.ok("man", "lock")
    text = manual(project, *(f"made/man1/{name}.1" for name in sorted(pages)))
    for name, sentence in cli.COMMANDS.items():
        assert f"aimodels-gen-{name} - {sentence[0].lower()}{sentence[1:-1]}" in text
    for words in ("-k, --keep-going", "aimodels-gen lock --upgrade  ", "SEE ALSO"):
        assert words in text
    assert "either" in project.run("man", "lock", "--directory", "made").err


def test_exit_statuses_are_those_of_the_documentation() -> None:
    page = (CHECKOUT / "docs" / "generator.md").read_text()
    _, _, section = page.partition("| exit status | meaning |\n")
    assert [int(number) for number in re.findall(r"^\| (\d+) ", section, re.MULTILINE)] == list(
        MEANINGS
    )


class Terminal:
    """A program that runs in a terminal, and what it shows there."""

    def __init__(self, command: list[str]) -> None:
        self._pid, self._file = pty.fork()
        if not self._pid:
            os.execv(command[0], command)  # noqa: S606 - no shell is wanted around it
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until this is shown after what was waited for before."""
        end = time.monotonic() + 30
        while text not in self._shown:
            assert time.monotonic() < end, self._shown
            if select.select([self._file], [], [], 0.1)[0]:
                self._shown += os.read(self._file, 4096).decode(errors="replace")
                self._shown = _ESCAPE.sub("", self._shown)
        self._shown = ""
