"""`lock > models.nix`: the shell has emptied models.nix before we start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.cli.conftest import MODEL
from generator.helpers import evaluate, names_in
from support.disk import fill, small_disk
from support.hub import Response

if TYPE_CHECKING:
    from support.hub import Hub, Repo, Request
    from support.project import Project

OUTPUT = '[output]\nfile = "models.nix"\n'
EMPTY = "{ pkgs, fetchModel }:\n{ }\n"


@pytest.fixture
def good(repo: Repo, hub_project: Project) -> str:
    """Return the rendering before."""
    assert repo.sha
    return (hub_project.dir / "models.nix").read_text()


def shell(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", line],
        env={**project.environment(), "PATH": path},
        cwd=project.dir,
        capture_output=True,
        text=True,
        check=False,
    )


def rendering(project: Project) -> str:
    return (project.dir / "models.nix").read_text()


@pytest.mark.parametrize("manifest", [MODEL, OUTPUT + MODEL])
def test_the_missions_form(repo: Repo, hub_project: Project, manifest: str) -> None:
    assert repo.sha
    hub_project.write(manifest)
    for line in (
        "aimodels-gen lock models.toml > models.nix",
        "aimodels-gen update > models.nix",
        "aimodels-gen render > models.nix",
        "aimodels-gen render models.lock > models.nix",
        "aimodels-gen lock -o models.nix > models.nix",
    ):
        done = shell(hub_project, line)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert rendering(hub_project) == hub_project.ok("render", "-o", "-")


BROKEN = {
    "misspelt": MODEL.replace("org/name", "org/nmae"),
    "not TOML": "[models",
    "unknown key": MODEL + "inlcude = []\n",
    "no source": "[models.m]\n",
}


@pytest.mark.parametrize("manifest", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("declared", ["", OUTPUT])
def test_a_failure_leaves_the_file_as_it_was(
    hub_project: Project, good: str, manifest: str, declared: str
) -> None:
    hub_project.write(declared + manifest)
    done = shell(hub_project, "aimodels-gen lock models.toml > models.nix")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert rendering(hub_project) == good


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("lock --upgarde", 2),
        ("lock models.toml extra", 1),
        ("lock --format nix", 2),
        ("lcok", 2),
        ("update nobody", 1),
        ("lock -P nobody", 1),
        ("lock modles.toml", 1),
        ("render modles.lock", 1),
    ],
)
def test_a_typing_mistake_leaves_it_too(
    hub_project: Project, good: str, line: str, status: int
) -> None:
    assert shell(hub_project, f"aimodels-gen {line} > models.nix").returncode == status
    assert rendering(hub_project) == good


@pytest.mark.parametrize("output_format", ["nixos", "home-manager", "json"])
def test_it_has_the_format_that_was_asked_for(
    repo: Repo, hub_project: Project, hub: Hub, output_format: str
) -> None:
    assert repo.sha
    good = hub_project.ok("render", "--format", output_format)
    hub.faults = lambda _request: Response(404)
    line = f"aimodels-gen update --format {output_format} > models.nix"
    assert shell(hub_project, line).returncode == 1
    assert rendering(hub_project) == good
    hub_project.write(f'{OUTPUT}format = "{output_format}"\n[models.m]\nwrong = 1\n')
    assert shell(hub_project, "aimodels-gen update > models.nix").returncode == 1
    assert rendering(hub_project) == good


def test_without_a_lock_it_is_a_rendering_of_nothing(hub: Hub, hub_project: Project) -> None:
    """As the template's: Nix says which model is not there, and not that a file ends too early."""
    assert hub.url
    hub_project.write(MODEL)
    assert shell(hub_project, "aimodels-gen lock > models.nix").returncode == 1
    assert rendering(hub_project).endswith(EMPTY)
    assert evaluate("import ./models.nix { pkgs = 1; fetchModel = 2; }", hub_project.dir) == {}


def test_with_a_lock_that_cannot_be_read_nix_says_so(hub_project: Project, good: str) -> None:
    assert good
    hub_project.lock_file.write_text('{"version": 1 "${')
    done = shell(hub_project, "aimodels-gen lock > models.nix")
    assert "models.lock is not JSON" in done.stderr
    failed = subprocess.run(
        ["nix-instantiate", "--eval", "models.nix"],
        cwd=hub_project.dir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "models.lock is not JSON" in failed.stderr
    hub_project.lock_file.unlink()
    hub_project.ok("lock", "-o", "models.nix")


def test_other_files_get_what_they_ask_for(hub_project: Project, good: str, hub: Hub) -> None:
    """A rendering with outputs, too; nothing after what is there; nothing among messages."""
    hub_project.write(OUTPUT + MODEL)
    shell(hub_project, "aimodels-gen lock > other.txt")
    assert (hub_project.dir / "other.txt").read_text() == good
    shell(hub_project, "aimodels-gen lock --format json > other.txt")
    assert (hub_project.dir / "other.txt").read_text().startswith("{")
    assert rendering(hub_project) == good
    hub.faults = lambda _request: Response(404)
    shell(hub_project, "echo mine > log; aimodels-gen update >> log")
    assert (hub_project.dir / "log").read_text() == "mine\n"
    shell(hub_project, "aimodels-gen update > log 2>&1")
    assert (hub_project.dir / "log").read_text().startswith("error: ")
    shell(hub_project, "aimodels-gen schema nothing > log")
    assert (hub_project.dir / "log").read_text() == ""
    done = shell(hub_project, "aimodels-gen update | cat")
    assert done.stdout == ""


def test_a_second_rendering_is_not_appended(hub_project: Project, good: str) -> None:
    done = shell(hub_project, "aimodels-gen lock >> models.nix")
    assert done.returncode == 1
    assert "write > instead of >>" in done.stderr
    assert rendering(hub_project) == good
    hub_project.write(OUTPUT + MODEL)
    assert shell(hub_project, "aimodels-gen lock -U >> models.nix").returncode == 0
    assert rendering(hub_project) == hub_project.ok("render", "-o", "-") != good


@pytest.mark.parametrize("name", ["models.toml", "models.lock"])
@pytest.mark.parametrize("redirect", [">", ">>"])
def test_manifest_and_lock_are_no_output(
    hub_project: Project, good: str, name: str, redirect: str
) -> None:
    lock = hub_project.lock_file.read_bytes()
    done = shell(hub_project, f"aimodels-gen lock {redirect} {name}")
    assert done.returncode == 1
    assert f"standard output would overwrite {name}" in done.stderr
    assert rendering(hub_project) == good
    if name == "models.toml":
        assert hub_project.lock_file.read_bytes() == lock


def test_stdout_that_is_full_half_way(hub_project: Project, repo: Repo) -> None:
    """The old rendering fits, the new one does not."""
    with small_disk(hub_project.dir / "disk", 1 << 20) as disk:
        hub_project.ok("lock", "-U")
        old = hub_project.ok("render")
        repo.commit({f"file-{n}": b"%d" % n for n in range(90)})
        fill(disk)
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 4096)
        lock = hub_project.lock_file.read_bytes()
        done = shell(hub_project, "aimodels-gen update > disk/models.nix")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert (disk / "models.nix").read_text() == old
        assert hub_project.lock_file.read_bytes() == lock


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("declared", ["", OUTPUT])
def test_an_end_on_the_way(
    hub: Hub, hub_project: Project, good: str, number: signal.Signals, declared: str
) -> None:
    hub_project.write(declared + MODEL)
    before = {n: (hub_project.dir / n).read_bytes() for n in names_in(hub_project.dir)}
    assert end(hub, hub_project, number) == {2: 130, 9: -9}.get(number, 128 + number)
    assert rendering(hub_project) == good
    assert {n: (hub_project.dir / n).read_bytes() for n in names_in(hub_project.dir)} == before


def end(hub: Hub, project: Project, number: signal.Signals) -> int:
    """Update into models.nix, and send a signal while the Hub is asked."""
    started, finished = threading.Event(), threading.Event()

    def stall(_request: Request) -> Response:
        started.set()
        finished.wait(20)
        return Response(500)

    hub.faults = stall
    # Whoever runs the tests may ignore it, as nohup does, and programs inherit that.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with (project.dir / "models.nix").open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "aimodels_gen", "update"],
            env=project.environment(),
            cwd=project.dir,
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
    try:
        assert started.wait(30)
        time.sleep(0.1)
        process.send_signal(number)
        return process.wait(20)
    finally:
        finished.set()
        process.kill()


RENAMES = """
import os, sys
from pathlib import Path
from aimodels_gen import cli
from aimodels_gen.cli.stdout import Stdout
number, left = int(sys.argv[1]), int(sys.argv[2])
def counted(function):
    def call(*args):
        global left
        if left == 0:
            os.kill(os.getpid(), number)
        left -= 1
        return function(*args)
    return call
Path.replace, Stdout._overwrite = counted(Path.replace), counted(Stdout._overwrite)
sys.argv[1:] = sys.argv[3:]
cli.main()
"""


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("redirected", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_between_two_renames(
    hub_project: Project, good: str, step: int, number: signal.Signals, *, redirected: bool
) -> None:
    """All is old or all is new; after SIGKILL at least after the next run, which says so."""
    hub_project.write(MODEL if redirected else OUTPUT + MODEL)
    lock = hub_project.lock_file.read_bytes()
    with (hub_project.dir / "models.nix").open("r+b") as file:
        if redirected:
            file.truncate(0)
        process = subprocess.run(
            [sys.executable, "-c", RENAMES, str(number), str(step), "update"],
            env=hub_project.environment(),
            cwd=hub_project.dir,
            stdout=file if redirected else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert b"Traceback" not in process.stderr
    new = hub_project.lock_file.read_bytes() != lock
    if process.returncode not in {0, -signal.SIGKILL}:
        assert not new
    stale = new != (rendering(hub_project) != good)
    # Redirected, it may be killed before it can write anything: the shell has emptied the file.
    assert stale == (number == signal.SIGKILL and step in ({0, 2} if redirected else {1}))
    again = shell(hub_project, "aimodels-gen lock" + (" > models.nix" if redirected else ""))
    assert again.returncode == 0
    if stale and not redirected:
        assert again.stderr.endswith("wrote models.nix\n")
    assert rendering(hub_project) == hub_project.ok("render", "-o", "-")
    assert names_in(hub_project.dir) == ["models.lock", "models.nix", "models.toml"]


def test_a_manifest_elsewhere(hub_project: Project, good: str, tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    hub_project.write("[models")
    done = shell(hub_project, "cd below && aimodels-gen lock ../models.toml > models.nix")
    assert done.returncode == 1
    assert (below / "models.nix").read_text() == good


def test_edits_print_no_copy_of_the_outputs(repo: Repo, hub_project: Project) -> None:
    """`add x > log`: only without outputs is the rendering for stdout."""
    assert repo.sha
    hub_project.write(OUTPUT)
    added = "aimodels-gen add org/name --name x"
    for command in (added, "aimodels-gen rename x y", "aimodels-gen remove y"):
        done = shell(hub_project, f"{command} > log")
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith("wrote models.toml, models.lock, models.nix\n")
        assert not (hub_project.dir / "log").read_text()
    assert shell(hub_project, f"{added} > models.nix").returncode == 0
    assert "x = fetchModel" in rendering(hub_project)
    hub_project.write(MODEL)
    assert shell(hub_project, "aimodels-gen remove m > log").returncode == 0
    assert (hub_project.dir / "log").read_text().endswith(EMPTY)
