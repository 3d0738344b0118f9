"""The shell commands of `lib.integration` where something is in the cache, and as root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.shells import HUB_OF_THE_SCRIPT, ODD, enter, links, run, state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.shells import Scripts


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
