"""What the Hub refuses when locking: the hint is followed, and the model is locked."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.remedies.world import World
from support.loopback import LoopbackServer, Response
from support.remedies import cure, cures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.remedies.world import Step
    from support.fake_repo import Repo
    from support.hub import Hub
    from support.loopback import Request
    from support.project import Project
    from support.remedies import Remedy

REFS = (
    '{"branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": "0"}],'
    ' "tags": [], "converts": []}'
)
HF = str(Path(sys.executable).with_name("hf"))


@dataclass
class OnTheHub(World):
    """A project with a model, and the Hub that has it.

    Attributes:
        keys: Of the source, as TOML.
    """

    hub: Hub
    repo: Repo
    keys: dict[str, str] = field(default_factory=lambda: {"repo": '"org/m"'})
    more: str = ""

    def write(self, more: str = "", **keys: str) -> None:
        self.keys |= keys
        self.more = more
        source = ", ".join(f"{key} = {value}" for key, value in self.keys.items() if value)
        self.project.write(f"[models.m]\nsource.huggingface = {{ {source} }}\n{more}")

    def answers(self, status: int, path: str = "", **headers: str) -> None:
        """Let the server answer so for a while."""
        body = headers.pop("body", "").encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Response(status, named, body)
        self.hub.faults = lambda request: answer if path in request.path else None

    def recovers(self) -> None:
        self.hub.faults = lambda _: None

    def gated(self) -> None:
        self.repo.gated = "manual"

    def granted(self) -> None:
        self.hub.allow("hf_good", self.repo.id)
        self.set(HF_TOKEN="hf_good")


@pytest.fixture
def world(hub: Hub, hub_project: Project, monkeypatch: pytest.MonkeyPatch) -> OnTheHub:
    world = OnTheHub(hub_project, monkeypatch, hub, hub.add_repo("org/m", {"a.json": b"{}"}))
    world.write()
    return world


def shortened(world: OnTheHub) -> None:
    """Let a mirror send less of files than is listed."""

    def fault(request: Request) -> Response | None:
        return Response(200, {"X-Repo-Commit": world.repo.sha}, b"[]") if is_file(request) else None

    world.hub.faults = fault


def is_file(request: Request) -> bool:
    return "/resolve" in request.path


ASK = "ask for access at …"
PRIVATE = "check the spelling and repo_type; if it is private, …"
LIMIT = "wait five minutes, or …"


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(ASK, OnTheHub.gated, OnTheHub.granted),
        cure(
            "… may say why; use another repository",
            lambda w: w.answers(403, X_Error_Message="Access to this resource is disabled."),
            lambda w: (
                w.recovers(),
                w.hub.add_repo("org/o", {"a": b""}),
                w.write(repo='"org/o"'),
            ),
        ),
        cure(PRIVATE, lambda w: w.write(repo='"org/n"'), lambda w: w.write(repo='"org/m"')),
        cure(PRIVATE, lambda w: setattr(w.repo, "private", True), OnTheHub.granted),
        cure(
            "write a commit of …/commits/main, or a branch or tag in ref",
            lambda w: w.write(rev=f'"{"0" * 40}"'),
            lambda w: w.write(rev=f'"{w.repo.sha}"'),
        ),
        cure(
            "there are …",
            lambda w: (w.answers(200, "/refs", body=REFS), w.write(ref='"zzz"')),
            lambda w: w.write(ref=f'"{w.hint[0].split(", ")[0]}"'),
        ),
        cure(
            "did you mean …?",
            lambda w: (w.answers(200, "/refs", body=REFS), w.write(ref='"mian"')),
            lambda w: w.write(ref=f'"{w.hint[0]}"'),
        ),
        cure(
            "check its branches and tags",
            lambda w: (w.answers(404, "/refs"), w.write(ref='"zzz"')),
            lambda w: w.write(ref='"main"'),
        ),
        cure(
            "try again later, or without a mirror",
            lambda w: w.answers(404, "/resolve", X_Error_Code="EntryNotFound"),
            OnTheHub.recovers,
        ),
        cure(LIMIT, lambda w: w.answers(429), OnTheHub.recovers),
        cure("try again later", lambda w: w.answers(500), OnTheHub.recovers),
        cure("check HF_ENDPOINT and the source", lambda w: w.answers(418), OnTheHub.recovers),
        cure("try again; if it stays so, a proxy or the server alters the file", shortened, OnTheHub.recovers),
        cure(
            "check the address, the network, the proxy settings and HF_ENDPOINT, then try again",
            lambda w: w.write(endpoint='"http://127.0.0.1:9"'),
            lambda w: w.write(endpoint=f'"{w.hub.url}"'),
        ),
        cure(
            'there is a … of that name: set repo_type = "…"',
            lambda w: (w.hub.add_repo("o/d", {"a": b""}, repo_type="dataset"), w.write(repo='"o/d"')),
            lambda w: w.write(repo_type=f'"{w.hint[1]}"'),
        ),
        cure(
            "write URLs like https://hub.example.org, separated by spaces, or unset it",
            lambda w: w.set(HF_ENDPOINT="hub.example.org"),
            lambda w: w.set(HF_ENDPOINT=f"{w.hub.url} http://127.0.0.1:9"),
        ),
        cure("check HF_TOKEN and the token file", lambda w: w.set(HF_TOKEN="hf_\u00fc"), OnTheHub.granted),
        cure(
            "it holds …, for example",
            lambda w: w.write('include = ["zzz"]\n'),
            lambda w: w.write(f"include = [{w.hint[0]}]\n"),
        ),
        cure("renew it in …, or unset …", lambda w: w.set(HF_TOKEN="hf_old"), OnTheHub.granted),
        cure("renew it in …, or unset …", lambda w: w.set(HF_TOKEN="hf_old"), lambda w: w.set(**{w.hint[1]: ""})),
    ],
)  # fmt: skip
def test_a_refusal_of_the_hub(world: OnTheHub, remedy: Remedy, broken: Step, mended: Step) -> None:
    world.follows(remedy, broken, mended)


@cures("check HF_ENDPOINT and the model's endpoint")
def test_a_server_that_is_no_hub(world: OnTheHub, remedy: Remedy) -> None:
    with LoopbackServer(lambda _: Response(200, {}, b"<html>")) as server:
        for name in ("endpoint", "HF_ENDPOINT"):
            world.write(endpoint=f'"{server.url}"' if name == "endpoint" else "")
            world.set(HF_ENDPOINT=server.url)
            remedy(world.project.fails("lock"))
            world.write(endpoint=f'"{world.hub.url}"' if name == "endpoint" else "")
            world.set(HF_ENDPOINT=world.hub.url)
            world.project.ok("lock")
            world.project.lock_file.unlink()


def logged_in(world: OnTheHub, command: str, **environment: str) -> str:
    """Run a command of `hf` as the message shows it, and lock; the answer is what is said."""
    line = command.replace("hf ", f"{HF} ", 1).replace("login", "login --token hf_good")
    environment = {**world.project.environment(), **environment}
    subprocess.run(["bash", "-euc", line], env=environment, check=True, capture_output=True)
    done = world.project.spawn("lock")
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("status", [0, 403])
@cures("set HF_TOKEN or run `hf auth login`")
def test_nobody_is_logged_in(world: OnTheHub, remedy: Remedy, status: int) -> None:
    """The variable, or what `hf auth login` stores, is used."""
    if status:
        world.hub.faults = lambda r: None if r.token == "hf_good" else Response(status)
    world.repo.private = True
    world.hub.allow("hf_good", world.repo.id)
    remedy(world.project.fails("lock"))
    (command,) = remedy.commands
    world.set(HF_TOKEN="hf_good")
    world.project.ok("lock")
    world.project.lock_file.unlink()
    world.set(HF_TOKEN="")
    logged_in(world, command)


@cures("log in again with `hf auth login`, or use public models without it: `hf auth logout`")
@pytest.mark.parametrize("place", [0, 1])
def test_the_stored_token_has_expired(
    world: OnTheHub, remedy: Remedy, home: Path, place: int
) -> None:
    file = home / "token"
    file.write_text("hf_old")
    world.set(HF_TOKEN_PATH=str(file))
    world.hub.allow("hf_good", world.repo.id)
    remedy(world.project.spawn("lock").stderr)
    logged_in(world, remedy.commands[place])


@cures("to go online for this command, run `env … …`")
def test_the_shell_is_offline(world: OnTheHub, remedy: Remedy) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        world.set(**{name: "1"})
    remedy(world.project.spawn("lock").stderr)
    (command,) = remedy.commands
    subprocess.run(
        ["bash", "-euc", command], cwd=world.project.dir, check=True, capture_output=True
    )
    assert world.project.locked()


@cures("to lock the other models all the same, add --keep-going")
def test_one_of_several_fails(world: OnTheHub, remedy: Remedy) -> None:
    world.write('[models.n]\nsource.huggingface.repo = "org/n"\n')
    remedy(world.project.fails("lock"))
    world.project.run("lock", "--keep-going")
    assert world.project.locked("m")


@cures(
    "do not trust this server: remove its address from models.toml or the environment, and replace "
    "the token"
)
def test_a_server_repeats_the_token(world: OnTheHub, remedy: Remedy) -> None:
    world.set(HF_TOKEN="hf_abcdefghijklmnopqrstuvwxyz")
    world.hub.allow("hf_abcdefghijklmnopqrstuvwxyz")
    world.hub.add_repo("org/e", {"hf_abcdefghijklmnopqrstuvwxyz": b"{}"})
    world.write(repo='"org/e"')
    remedy(world.project.fails("lock"))
    world.write(repo='"org/m"')
    world.project.ok("lock")


@pytest.fixture
def fallback(world: OnTheHub) -> Iterator[Repo]:
    other = world.hub.add_repo("org/f", {"a.json": b"[ ]", "more.json": b"{}"})
    world.write('fallbacks = [{ huggingface = { repo = "org/f" } }]\n')
    yield other
    world.project.ok("lock")


@cures("…bring … up to date, or remove it from the fallbacks")
@pytest.mark.parametrize("removes", [True, False])
def test_a_fallback_differs(world: OnTheHub, remedy: Remedy, fallback: Repo, removes: bool) -> None:  # noqa: FBT001
    _, label = remedy(world.project.fails("lock"))
    assert label == "org/f"
    if removes:
        world.write()
    else:
        fallback.commit({"a.json": b"{}"})


@cures("copy them there, leave them out with include or exclude, or remove the fallback")
@pytest.mark.parametrize("removes", [True, False])
def test_a_fallback_lacks_files(
    world: OnTheHub,
    remedy: Remedy,
    fallback: Repo,
    removes: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    fallback.commit({"more.json": b"{}"})
    remedy(world.project.fails("lock"))
    if removes:
        world.write()
    else:
        fallback.commit({"a.json": b"{}"})
