"""The effect of the shell commands of `lib.integration` on a user's cache, in every shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import nix as nixes
from support import unprivileged
from support.expressions import LIBRARY, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


SHELLS = {
    "dash": ("dash",),
    "bash": ("bash",),
    "bash-posix": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "mksh": ("mksh",),
    "zsh": ("zsh", "-f"),
    "zsh-interactive": ("zsh", "-f", "-i"),
}
ODD = "a 'b\" c\\n (d) [e]* #; &é"
NAMES = ("one", "two", "three")
HUB_OF_THE_SCRIPT = '`"\\'  # below the home


@dataclass(frozen=True)
class Scripts:
    """The commands for a store, and their expected effect."""

    store: str
    hook: str
    online: str
    link: str
    targets: Mapping[str, str]
    """Name in the cache -> store path."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """Nothing is built for them: no command reads the target of a link."""
    names = " ".join(map(literal, NAMES))
    with nixes.available("host") as nix:
        value = nix.eval(
            f"{LIBRARY} let models = map model [ {names} ]; hub = {literal(HUB_OF_THE_SCRIPT)}; in"
            " { store = builtins.storeDir; hook = integration.mkShellHook { inherit models; };"
            " online = integration.mkShellHook { inherit models; offline = false; };"
            ' link = integration.mkLinkScript { model = model "one"; cacheDir = "$HOME/${hub}"; };'
            " targets = builtins.listToAttrs"
            " (map (m: { name = m.hfCachePath; value = m.outPath; }) models); }"
        )
        yield Scripts(**value)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Sequence[str]:
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} on this machine")
    return command


def run(
    command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with only these variables."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **env},
    )


def enter(
    text: str, env: Mapping[str, str], shell: Sequence[str] = ("sh",), cwd: Path | None = None
) -> str:
    """Return the stderr of a shell that runs the hook, which must succeed as in `nix develop`."""
    done = run(
        [*shell, "-euc", 'eval "$HOOK"; echo "entered $HF_HUB_OFFLINE$TRANSFORMERS_OFFLINE"'],
        {"HOOK": text, **env},
        cwd,
    )
    assert (done.returncode, done.stdout) == (0, "entered 11\n"), done.stderr
    return done.stderr


def links(hub: Path) -> dict[str, str]:
    return {link.name: str(link.readlink()) for link in hub.iterdir()}


def state(directory: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes if a file is created or replaced."""
    stats = {path: path.lstat() for path in [directory, *directory.rglob("*")]}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}


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


def a_directory(link: Path, _store: str) -> None:
    link.mkdir()
    (link / "downloads").write_text("mine")


def a_file(link: Path, _store: str) -> None:
    link.write_text("mine")


def a_link_to_elsewhere(link: Path, _store: str) -> None:
    directory = link.parents[1] / "elsewhere"
    directory.mkdir()
    (directory / "downloads").write_text("mine")
    link.symlink_to(directory)


def a_dangling_link(link: Path, _store: str) -> None:
    link.symlink_to("../nowhere")


def a_link_to_beside_the_store(link: Path, store: str) -> None:
    link.symlink_to(f"{store}-of-mine/entry")


MINE = [a_directory, a_file, a_link_to_elsewhere, a_dangling_link, a_link_to_beside_the_store]


@pytest.mark.parametrize("mine", MINE, ids=lambda mine: mine.__name__)
def test_the_hook_touches_nothing_of_a_users(
    shell: Sequence[str],
    scripts: Scripts,
    tmp_path: Path,
    mine: Callable[[Path, str], None],
) -> None:
    hub = tmp_path / ODD / "hub"
    hub.mkdir(parents=True)
    link = hub / "models--org--two"
    mine(link, scripts.store)
    before = state(link)
    for _ in range(2):
        said = enter(scripts.hook, {"HF_HUB_CACHE": str(hub)}, shell)
        assert said.count("\n") == 1
        assert f"nix-ai-models: {link} " in said
        assert "move it away" in said or "remove the link" in said
        assert state(link) == before
    others = {"models--org--one", "models--org--three"}
    assert {name: str((hub / name).readlink()) for name in others} == {
        name: scripts.targets[name] for name in others
    }


@pytest.mark.parametrize("mine", MINE, ids=lambda mine: mine.__name__)
def test_the_link_script_touches_nothing_of_a_users(
    shell: Sequence[str],
    scripts: Scripts,
    tmp_path: Path,
    mine: Callable[[Path, str], None],
) -> None:
    hub = tmp_path / HUB_OF_THE_SCRIPT
    hub.mkdir()
    link = hub / "models--org--one"
    mine(link, scripts.store)
    before = state(link)
    done = run([*shell, "-c", scripts.link], {"HOME": str(tmp_path)})
    assert done.returncode == 1
    assert f"nix-ai-models: {link} " in done.stderr
    assert state(link) == before


@pytest.mark.parametrize("old", ["gone", "there"])
def test_links_into_the_store_are_ours(
    shell: Sequence[str],
    scripts: Scripts,
    tmp_path: Path,
    old: str,
) -> None:
    former = Path(scripts.store, f"former-{old}")
    if old == "there":
        former.mkdir(exist_ok=True)
        (former / "kept").touch()
    for text, hub in (
        (scripts.hook, tmp_path / "hub"),
        (scripts.link, tmp_path / HUB_OF_THE_SCRIPT),
    ):
        hub.mkdir()
        link = hub / "models--org--one"
        link.symlink_to(former)
        env = {"HOME": str(tmp_path), "HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"}
        done = run([*shell, "-euc", text], env)
        assert (done.returncode, done.stderr) == (0, "")
        assert str(link.readlink()) == scripts.targets[link.name]
    if old == "there":
        assert [path.name for path in former.iterdir()] == ["kept"]


@pytest.mark.parametrize("home", ["home", ODD])
@pytest.mark.parametrize("old", [None, "dangling"])
def test_the_link_script_can_be_repeated(
    shell: Sequence[str], scripts: Scripts, tmp_path: Path, home: str, old: str | None
) -> None:
    """Unlike `ln -s`, which puts the second link into the store path that the first leads to."""
    env = {"HOME": str(tmp_path / home), "HF_HUB_OFFLINE": "1"}
    hub = tmp_path / home / HUB_OF_THE_SCRIPT
    (target,) = (scripts.targets[name] for name in ["models--org--one"])
    if old:
        hub.mkdir(parents=True)
        (hub / "models--org--one").symlink_to(f"{scripts.store}/{old}")
    for _ in range(3):
        done = run([*shell, "-euc", scripts.link], env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert links(hub) == {"models--org--one": target}
    assert not list(Path(scripts.store).glob("*/models--*"))


OFFLINE = ({"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "True"}, {"TRANSFORMERS_OFFLINE": "yes"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write to the store")
class TestRoot:
    """Root is warned of links through which programs can write into the store."""

    @pytest.mark.parametrize("env", [{}, {"HF_HUB_OFFLINE": "0"}, {"HF_HUB_OFFLINE": ""}], ids=str)
    @pytest.mark.parametrize("text", ["link", "online"])
    def test_the_store_can_be_written_to(
        self,
        shell: Sequence[str],
        scripts: Scripts,
        tmp_path: Path,
        text: str,
        env: Mapping[str, str],
    ) -> None:
        done = run([*shell, "-euc", getattr(scripts, text)], {"HOME": str(tmp_path), **env})
        assert done.returncode == 0
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("nix-ai-models: as root, ")
        assert done.stderr.endswith(": set HF_HUB_OFFLINE=1\n")

    @pytest.mark.parametrize("env", OFFLINE, ids=str)
    @pytest.mark.parametrize("text", ["link", "online"])
    def test_offline(
        self,
        shell: Sequence[str],
        scripts: Scripts,
        tmp_path: Path,
        text: str,
        env: Mapping[str, str],
    ) -> None:
        done = run([*shell, "-euc", getattr(scripts, text)], {"HOME": str(tmp_path), **env})
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("text", ["link", "online"])
    def test_a_store_that_is_mounted_read_only(
        self, shell: Sequence[str], scripts: Scripts, tmp_path: Path, text: str
    ) -> None:
        script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        mounted = ("unshare", "--mount", "sh", "-euc", script, scripts.store)
        done = run(
            [*mounted, *shell, "-euc", getattr(scripts, text)],
            {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
        assert (done.returncode, done.stderr) == (0, "")
