"""Generations of Home Manager with our module, made active for a user by the real activation.

What the module evaluates to is in test_home_manager.py, and what the linker does in tests/linker.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modules.helpers import DIRECTORY, Configurations, content, download, found
from support.expressions import literal
from support.home import Home
from support.linker import touched
from support.modules import entry, generation, pinned

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub, Repo
    from support.nix import NixEnv

CACHE = ".cache/huggingface"
HUB = f"{CACHE}/hub"
STATE = ".local/state/nix-ai-models"
SAID = "ai-models: "
LATER = "Activating linkGeneration"  # a step of Home Manager's own


@pytest.fixture
def alice(homes: Path, store: NixEnv) -> Home:
    """Return a new user, who is in no list of users."""
    return Home.new(homes / "alice", 31337, store)


def configurations(store: NixEnv, home: Path) -> Configurations:
    where = f'home = {{ username = "{home.name}"; homeDirectory = {literal(str(home))}; }};'
    return Configurations(
        "programs.ai-models", lambda module: generation(store, f"{{ {where} }}", module)
    )


@pytest.fixture(scope="module")
def generations(homes: Path, store: NixEnv) -> Configurations:
    """Return generations of alice's."""
    return configurations(store, homes / "alice")


def add_download(home: Home, hub: str = HUB) -> None:
    """Add a model that the user has downloaded to a cache."""
    download(home.own(f"{hub}/models--org--mine"))
    home.give(home.path)


def test_back_and_forth(alice: Home, generations: Configurations) -> None:
    first, second = generations(a="1", b="1"), generations(a="2", c="2")
    add_download(alice)
    for _ in range(10):
        alice.activate(first)
        assert found(alice.own(HUB)) == {"a": "1", "b": "1", "mine": "mine"}
        alice.activate(second)
        assert found(alice.own(HUB)) == {"a": "2", "c": "2", "mine": "mine"}


@pytest.mark.parametrize("mode", ["", DIRECTORY], ids=["link", "directory"])
def test_once_more(alice: Home, generations: Configurations, mode: str) -> None:
    alice.activate(generations(mode, a="1"))
    before = touched(alice.own(CACHE)), touched(alice.own(STATE))
    done = alice.activate(generations(mode, a="1"))
    assert (touched(alice.own(CACHE)), touched(alice.own(STATE))) == before
    assert SAID not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "without",
    [
        "programs.ai-models = { enable = false; MODELS };",
        "programs.ai-models = { enable = true; integration.huggingface.enable = false; MODELS };",
        "programs.ai-models = { enable = true; };",
        "programs.ai-models = { enable = true; MODELS }; uninstall = true;",
    ],
    ids=["disabled", "not linked", "no models", "uninstalled"],
)
@pytest.mark.parametrize("mode", ["", DIRECTORY], ids=["link", "directory"])
def test_without_models(alice: Home, generations: Configurations, mode: str, without: str) -> None:
    second = without.replace("MODELS", f"models.a.package = {entry('a')};")
    add_download(alice)
    for _ in range(2):
        alice.activate(generations(mode, a="1", b="1"))
        assert found(alice.own(HUB)) == {"a": "1", "b": "1", "mine": "mine"}
        alice.activate(generations.of(f"{{ {second} }}"))
        assert found(alice.own(HUB)) == {"mine": "mine"}
        assert list(alice.own(STATE).iterdir()) == []


@pytest.mark.parametrize("value", ["1", ""])
def test_a_dry_run_says_what_it_would_do(
    alice: Home, generations: Configurations, value: str
) -> None:
    """Home Manager tests whether the variable is set, and ignores its value."""
    first, second = generations(a="1", b="1"), generations(a="2")
    off = generations.of("{ }")

    def would(generation: Path) -> list[str]:
        lines = alice.activate(generation, DRY_RUN=value, VERBOSE="1").stdout.splitlines()
        return [" ".join(line.split()[:3]) for line in lines if line.startswith("would ")]

    a, b = (alice.own(f"{HUB}/models--org--{name}") for name in "ab")
    assert would(first) == [f"would link {a}", f"would link {b}"]
    assert not alice.own(CACHE).exists()
    alice.activate(first)
    before = touched(alice.own(CACHE)), touched(alice.own(STATE))
    assert would(second) == [f"would remove {b}", f"would link {a}"]
    assert would(off) == [f"would remove {a}", f"would remove {b}"]
    assert (touched(alice.own(CACHE)), touched(alice.own(STATE))) == before


def told(done: subprocess.CompletedProcess[str], kind: str) -> list[str]:
    """Return the linker's lines, after which the activation must have continued."""
    assert LATER in done.stdout
    return re.findall(f"^{kind}: (.*)$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("mode", ["", DIRECTORY], ids=["link", "directory"])
def test_what_is_in_the_way_stays(alice: Home, generations: Configurations, mode: str) -> None:
    hub = alice.own(HUB)
    places = {name: hub / f"models--org--{name}" for name in "abcdz"}
    download(places["a"])
    places["b"].write_text("a file")
    alice.own("elsewhere").mkdir()
    places["c"].symlink_to("../../../elsewhere")
    places["d"].symlink_to("/nowhere")
    alice.give(alice.path)
    before = {name: touched(hub)[places[name].name] for name in "abcd"}, touched(places["a"])
    models = dict.fromkeys("abcdz", "1")

    warnings = told(alice.activate(generations(mode, **models)), "warning")
    assert [warning.split()[0] for warning in warnings] == [str(places[name]) for name in "abcd"]
    assert all("of programs.ai-models is not there" in warning for warning in warnings)
    now = {name: touched(hub)[places[name].name] for name in "abcd"}, touched(places["a"])
    assert now == before
    assert content(places["z"]) == "1"

    # The hint in the message works.
    for warning in warnings:
        assert alice.run("sh", "-c", warning.rpartition(": ")[2]).returncode == 0
    assert told(alice.activate(generations(mode, **models)), "warning") == []
    assert {name: content(place) for name, place in places.items()} == models
    assert content(hub / "models--org--a.old") == "mine"


def test_a_cache_that_may_not_be_written(alice: Home, generations: Configurations) -> None:
    """As with a `sudo` that keeps HOME."""
    if os.geteuid() != 0:
        pytest.skip("giving files away takes root")
    alice.activate(generations(a="1"))
    for path in (alice.own(HUB), *alice.own(HUB).rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)
    (line,) = told(alice.activate(generations(a="2", b="2")), "error")
    assert f"{alice.own(HUB)} belongs to root, and this runs as {alice.number}" in line
    assert found(alice.own(HUB)) == {"a": "1"}

    # The hint in the message works.
    (advice,) = re.findall(r"\(sudo (chown -R .* -- .*?)\)", line)
    subprocess.run(["sh", "-euc", advice], check=True)
    assert told(alice.activate(generations(a="2", b="2")), "error") == []
    assert found(alice.own(HUB)) == {"a": "2", "b": "2"}


def test_a_cache_that_moves(alice: Home, generations: Configurations) -> None:
    settings = {
        HUB: "",
        'hf home\'s "ü"/hub': 'home.sessionVariables.HF_HOME = "$HOME/hf home\'s \\"ü\\"";',
        "here": 'home.sessionVariables.HF_HUB_CACHE = "~/here";',
        "cache/huggingface/hub": f'xdg.cacheHome = "{alice.own("cache")}";',
    }
    add_download(alice)
    for hub, setting in (*settings.items(), *settings.items()):
        models = f"models.a.package = {entry('a')};"
        alice.activate(
            generations.of(f"{{ programs.ai-models = {{ enable = true; {models} }}; {setting} }}")
        )
        for place in settings:
            mine = {"mine": "mine"} if place == HUB else {}
            ours = {"a": "1"} if place == hub else {}
            assert found(alice.own(place)) == {**mine, **ours}


def test_a_cache_on_another_disk(alice: Home, generations: Configurations) -> None:
    """The user has replaced it with a link."""
    alice.own("disk").mkdir()
    alice.own(".cache").mkdir()
    alice.own(CACHE).symlink_to(alice.own("disk"))
    alice.give(alice.path)
    alice.activate(generations(a="1", b="1"))
    assert found(alice.own("disk/hub")) == {"a": "1", "b": "1"}
    alice.activate(generations(a="2"))
    assert found(alice.own("disk/hub")) == {"a": "2"}
    assert alice.own(CACHE).is_symlink()


def test_another_mode(alice: Home, generations: Configurations) -> None:
    links, directories = generations("", a="1", b="1"), generations(DIRECTORY, a="1", b="1")
    a, b = (alice.own(f"{HUB}/models--org--{name}") for name in "ab")
    alice.activate(links)
    alice.activate(directories)
    assert not a.is_symlink()
    assert found(alice.own(HUB)) == {"a": "1", "b": "1"}
    (a / "blobs/more").write_text("a download")
    alice.give(a)
    (warning,) = told(alice.activate(links), "warning")
    assert f"{a} has downloads in it" in warning
    assert b.is_symlink()
    assert (a / "blobs/more").read_text() == "a download"
    assert found(alice.own(HUB)) == {"a": "1", "b": "1"}


def test_two_users(alice: Home, generations: Configurations, homes: Path, store: NixEnv) -> None:
    bob = Home.new(homes / "bob", 31338, store)
    both = {
        home: (build("", a="1"), build("", a="2"))
        for home, build in ((alice, generations), (bob, configurations(store, bob.path)))
    }
    for home, (first, _) in both.items():
        home.activate(first)
        link = home.own(f"{HUB}/models--org--a")
        assert link.lstat().st_uid == home.number
        assert link.readlink() == alice.own(f"{HUB}/models--org--a").readlink()
    alice.activate(both[alice][1])
    assert [found(home.own(HUB)) for home in both] == [{"a": "2"}, {"a": "1"}]


def test_the_environment_of_the_user(alice: Home, generations: Configurations) -> None:
    """In a terminal that runs the activation, that can be anything."""
    alice.own("json.py").write_text("raise SystemExit('not this one')")
    alice.own("state").write_text("of a service")
    alice.give(alice.path)
    variables = {
        "LC_ALL": "C",
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": str(alice.path),
        "RUNTIME_DIRECTORY": str(alice.path),
    }
    for built, models in ((generations(a="1"), {"a": "1"}), (generations.of("{ }"), {})):
        done = alice.activate(built, **variables)
        assert SAID in done.stdout
        assert told(done, "error") == told(done, "warning") == []
        assert found(alice.own(HUB)) == models
    assert alice.own("state").read_text() == "of a service"


def test_a_generation_keeps_its_models(alice: Home, generations: Configurations) -> None:
    """In the cache or not: the generation keeps all of its models."""
    not_linked = "integration.huggingface.enable = false;"
    for settings in ("", not_linked):
        built = generations(settings, a="1")
        closure = alice.run("nix-store", "--query", "--requisites", built).stdout
        assert re.search("-tiny$", closure, re.MULTILINE)


class TestPrograms:
    """huggingface_hub, run by the user."""

    REPO = "google-bert/bert-base-uncased"
    FIRST = {"config.json": b"1", "model.safetensors": b"weights"}  # noqa: RUF012 (read only)

    @pytest.fixture
    def repo(self, models_hub: Hub) -> Repo:
        return models_hub.add_repo(self.REPO, self.FIRST, lfs=["*.safetensors"])

    def load(self, home: Home, hub: Hub) -> str:
        """Load the model in a shell of the user, and return its configuration."""
        hub.clear()
        program = (
            "import huggingface_hub as h, pathlib as p;"
            f" print(p.Path(h.snapshot_download('{self.REPO}'), 'config.json').read_text())"
        )
        session = home.own(".nix-profile/etc/profile.d/hm-session-vars.sh")
        done = home.run(
            *("sh", "-euc", '. "$0"; exec "$@"', session, sys.executable, "-c", program),
            reads_all=True,
            HF_ENDPOINT=hub.url,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def test_offline(
        self, alice: Home, generations: Configurations, models_hub: Hub, repo: Repo
    ) -> None:
        offline = "integration.huggingface.offline = true;"
        alice.activate(generations(f"{offline} models.bert = {pinned(models_hub, repo)};"))
        assert self.load(alice, models_hub) == "1"
        assert models_hub.log == []

    def test_online(
        self, alice: Home, generations: Configurations, models_hub: Hub, repo: Repo
    ) -> None:
        """A program follows the branch past the pin; a newer pin brings it back."""
        first = generations(f"{DIRECTORY} models.bert = {pinned(models_hub, repo)};")
        directory = alice.own(f"{HUB}/models--google-bert--bert-base-uncased")
        alice.activate(first)
        assert self.load(alice, models_hub) == "1"

        downloaded = repo.commit({**self.FIRST, "config.json": b"2"})
        assert self.load(alice, models_hub) == "2"
        assert not any("/cdn/" in request.path for request in models_hub.log), "the weights"
        alice.activate(first)
        assert (directory / "refs/main").read_text() == downloaded

        newest = repo.commit({**self.FIRST, "config.json": b"3"})
        alice.activate(generations(f"{DIRECTORY} models.bert = {pinned(models_hub, repo)};"))
        assert (directory / "refs/main").read_text() == newest
        assert self.load(alice, models_hub) == "3"

        alice.activate(generations(DIRECTORY))
        mine = directory / "snapshots" / downloaded
        assert (mine / "config.json").read_text() == "2"
        assert [path.name for path in mine.parent.iterdir()] == [downloaded]
