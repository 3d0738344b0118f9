"""The effect of the shell commands of `lib.integration` on a user's cache, in every shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import unprivileged
from support.shells import ODD, enter, links, run, state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.shells import Scripts


def test_the_hook_links_once_and_is_silent(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path
) -> None:
    home = tmp_path / ODD
    assert enter(scripts.hook, {"HOME": str(home)}, shell) == ""
    assert links(home / ".cache/huggingface/hub") == scripts.targets
    before = state(home)
    assert enter(scripts.hook, {"HOME": str(home)}, shell) == ""
    assert state(home) == before


def test_shells_that_start_at_once_are_silent_too(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path
) -> None:
    """As a terminal's and an editor's."""
    for number in range(5):
        home = tmp_path / str(number)
        started = [
            subprocess.Popen(
                [*shell, "-c", scripts.hook],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
            )
            for _ in range(4)
        ]
        assert [process.communicate()[0] for process in started] == [b""] * 4
        assert links(home / ".cache/huggingface/hub") == scripts.targets


def test_the_hook_leaves_only_its_two_variables(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path
) -> None:
    names = "$(set | sed -n 's/^\\([A-Za-z][A-Za-z0-9_]*\\)=.*/\\1/p')"
    script = (
        f'before= after=; before={names}; eval "$HOOK"; after={names}; '
        'printf "%s\\n" "$before" / "$after"; ! type ai_models_link >/dev/null 2>&1'
    )
    done = run([*shell, "-c", script], {"HOME": str(tmp_path), "HOOK": scripts.hook})
    assert done.returncode == 0, done.stderr
    before, after = (set(names.split()) for names in done.stdout.split("\n/\n"))
    # Some shells have variables that come and go, in upper case.
    assert {"before", "after", "HOOK"} <= before
    assert {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} <= after - before
    assert not {name for name in after - before if name.islower()}


ENVIRONMENTS = [
    {},
    {"XDG_CACHE_HOME": "$D/xdg"},
    {"XDG_CACHE_HOME": "~/xdg"},
    {"HF_HOME": "$D/hf", "XDG_CACHE_HOME": "$D/xdg"},
    {"HF_HOME": f"$D/{ODD}"},
    {"HF_HOME": "~/hf"},
    {"HF_HOME": "~"},
    {"HF_HOME": "$D/hf/"},
    {"HUGGINGFACE_HUB_CACHE": "$D/old", "HF_HOME": "$D/hf"},
    {"HF_HUB_CACHE": "$D/hub", "HUGGINGFACE_HUB_CACHE": "$D/old", "HF_HOME": "$D/hf"},
    {"HF_HUB_CACHE": "~/hub"},
]


@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=str)
def test_the_hook_finds_the_cache_that_programs_use(
    shell: Sequence[str],
    scripts: Scripts,
    tmp_path: Path,
    variables: Mapping[str, str],
) -> None:
    env = {"HOME": str(tmp_path / "home")}
    env |= {key: value.replace("$D", str(tmp_path)) for key, value in variables.items()}
    assert enter(scripts.hook, env, shell) == ""
    assert links(huggingface_hubs_cache(env)) == scripts.targets


def huggingface_hubs_cache(env: Mapping[str, str], cwd: Path | None = None) -> Path:
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    done = run([sys.executable, "-c", code], env, cwd)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.rstrip("\n"))


@pytest.mark.parametrize(
    "variables",
    [
        {"HF_HOME": ""},
        {"XDG_CACHE_HOME": ""},
        {"HF_HUB_CACHE": ""},
        {"HF_HUB_CACHE": "hub"},
        {"HF_HOME": "~someone/hf"},
    ],
    ids=str,
)
def test_a_cache_in_the_working_directory_is_not_one(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path, variables: dict[str, str]
) -> None:
    """Nor for huggingface_hub, which would look in whatever directory a program is started in."""
    env = {"HOME": str(tmp_path / "home"), **variables}
    assert not huggingface_hubs_cache(env, cwd=tmp_path).is_absolute()
    said = enter(scripts.hook, env, shell, cwd=tmp_path)
    assert said.count("\n") == 1
    assert "set HF_HOME to an absolute path" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["$STORE/x", "$HOME/hf", "/proc/x", "$D/file/x"])
def test_a_cache_that_cannot_be_is_one_line(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("")
    home = where.replace("$STORE", scripts.store).replace("$D", str(tmp_path))
    said = enter(scripts.hook, {"HOME": str(tmp_path / "home"), "HF_HOME": home}, shell)
    assert said.count("\n") == 1
    assert "set HF_HOME to " in said
    assert not (tmp_path / "home").exists()


def test_without_a_home_the_shell_starts(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path
) -> None:
    text = f"unset HOME; {scripts.hook}"  # some shells set it from the user database
    said = enter(text, {}, shell, cwd=tmp_path)
    assert said.count("\n") == 1
    assert "set HF_HOME to an absolute path" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_another_users_cache_is_left_alone(
    shell: Sequence[str], scripts: Scripts, home: Path
) -> None:
    """As nobody, who can only read: no cache, a complete one, one that lacks a model."""
    nobody = [*unprivileged.prefix(), *shell]
    said = enter(scripts.hook, {"HOME": str(home)}, nobody)
    assert said.count("\n") == 1
    assert "set HF_HOME to a directory that you can write to" in said

    assert enter(scripts.hook, {"HOME": str(home)}, shell) == ""
    hub = home / ".cache/huggingface/hub"
    assert enter(scripts.hook, {"HOME": str(home)}, nobody) == ""

    (hub / "models--org--two").unlink()
    before = state(home)
    said = enter(scripts.hook, {"HOME": str(home)}, nobody)
    assert said.count("\n") == 1
    assert f"cannot create {hub}/models--org--two" in said
    assert state(home) == before
    assert enter(scripts.hook, {"HOME": str(home)}, shell) == ""
    assert links(hub) == scripts.targets
