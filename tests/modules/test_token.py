"""The token of `tokenFile`: nix-daemon builds gated models with it, and nothing else reads it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.expressions import files_pin, literal
from support.modules import system

if TYPE_CHECKING:
    from pathlib import Path

    from modules.conftest import Install
    from support.hub import Hub
    from support.machine import Machine
    from support.nix import NixEnv

TOKEN = "hf_s3cretOfTheTests"
FILE = "/srv/my secrets/hf%token: 'the \"first\"' \\t"
ENVIRONMENT = "/run/ai-models-token/environment"
UNITS = ("ai-models-token.service", "nix-daemon.service")


@pytest.fixture(scope="module")
def with_token(store: NixEnv) -> Path:
    return system(
        store, f"{{ services.ai-models = {{ enable = true; tokenFile = {literal(FILE)}; }}; }}"
    )


@pytest.fixture
def machine(install: Install, with_token: Path) -> Machine:
    return install(with_token)


@pytest.fixture(scope="module")
def gated(store: NixEnv, models_hub: Hub) -> str:
    """Return the derivation of a gated model."""
    repo = models_hub.add_repo("org/gated", {"config.json": b"{}"}, gated="manual")
    models_hub.allow(TOKEN, repo.id)
    return store.run("nix-instantiate", "-E", files_pin(models_hub, repo)).stdout.strip()


def give(machine: Machine, content: str) -> None:
    file = machine.path(FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    file.write_text(content)
    file.chmod(0o400)


def test_a_user_builds_a_gated_model(machine: Machine, gated: str, store: NixEnv) -> None:
    build = f"nix-store --realise {gated}"
    with machine.booted():
        # There is no token yet; builds that need none work.
        assert machine.state("nix-daemon") == "active"
        assert machine.state("ai-models-token") == "failed"
        refused = machine.login(f"HF_TOKEN={TOKEN} {build}", check=False)
        assert refused.returncode != 0
        assert "HF_TOKEN" in refused.stderr
        give(machine, f"{TOKEN}\n")
        machine.run("systemctl", "restart", *UNITS)
        assert machine.login(build).stdout.startswith(f"{store.store}/")
        # Nothing else can read it.
        assert machine.login(f"cat {ENVIRONMENT}", check=False).returncode != 0
        assert TOKEN not in machine.login("env; systemctl show --all nix-daemon").stdout
        assert TOKEN not in machine.run("journalctl", "--no-pager").stdout
        assert TOKEN not in machine.run("sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '").stdout
        assert holders(machine) == {"nix-daemon"}
    found = subprocess.run(["grep", "-rl", TOKEN, store.real], check=False, capture_output=True)
    assert (found.returncode, found.stdout) == (1, b"")


def holders(machine: Machine) -> set[str]:
    """Return the programs that have it in their environment."""
    script = f"cd /proc; grep -l {TOKEN} [0-9]*/environ 2>/dev/null | while read file; do"
    script += ' cat "${file%environ}comm"; done'
    return {*machine.run("sh", "-c", script).stdout.split()}


def test_at_boot(machine: Machine) -> None:
    give(machine, TOKEN)
    with machine.booted():
        assert holders(machine) == {"nix-daemon"}
        written = machine.run("stat", "--format=%a %U", ENVIRONMENT, ENVIRONMENT.rpartition("/")[0])
        assert written.stdout == "600 root\n700 root\n"


def test_what_is_a_token(machine: Machine) -> None:
    web = "eyJhbGciOi.eyJzdWIiOi-_.c2ln+/~"
    with machine.booted():
        for content, token in (
            (TOKEN, TOKEN),
            (f"{TOKEN}\n", TOKEN),
            (f" {TOKEN} \n", TOKEN),
            (f"{TOKEN}\r\n", TOKEN),
            (f"{TOKEN}\nand a comment\n", TOKEN),
            (web, web),
        ):
            give(machine, content)
            machine.run("systemctl", "reset-failed", "ai-models-token")  # starts are counted
            machine.run("systemctl", "restart", "ai-models-token")
            assert machine.run("cat", ENVIRONMENT).stdout == f"HF_TOKEN={token}\n"


def test_what_is_no_token(machine: Machine) -> None:
    with machine.booted():
        for content in (
            "",
            "\n",
            f"{TOKEN} {TOKEN}",
            f"HF_TOKEN={TOKEN}\n",
            f'"{TOKEN}"\n',
            f"{TOKEN}\r{TOKEN}\n",
            "-----BEGIN AGE ENCRYPTED FILE-----\n",
            "$(touch /srv/mine)\n",
            "é",
        ):
            give(machine, content)
            machine.run("systemctl", "reset-failed")
            done = machine.run("systemctl", "restart", "ai-models-token", check=False)
            assert done.returncode != 0, content
            said = machine.log("ai-models-token")
            assert said.count(f"the first line of {FILE} is not a token"), content
            assert TOKEN not in said
            assert machine.run("cat", ENVIRONMENT, check=False).returncode != 0
            assert machine.state("nix-daemon") == "active"


@pytest.mark.parametrize("what", ["nothing", "no directory", "a directory"])
def test_what_cannot_be_read(machine: Machine, what: str) -> None:
    file = machine.path(FILE)
    if what == "no directory":
        file.parent.parent.mkdir(exist_ok=True)
        file.parent.write_text("")
    elif what == "a directory":
        file.mkdir(parents=True)
    with machine.booted():
        assert machine.state("nix-daemon") == "active"
        assert machine.state("ai-models-token") == "failed"
        (said,) = re.findall("^error: (.*)$", machine.log("ai-models-token"), re.MULTILINE)
        assert said.startswith(f"cannot read {FILE}, the file of services.ai-models.tokenFile: ")
        # The hint in the message works.
        for path in (file, file.parent):
            if path.is_file():
                path.unlink()
            elif path.is_dir():
                path.rmdir()
        give(machine, TOKEN)
        machine.run("sh", "-c", said.rpartition(": ")[2])
        assert holders(machine) == {"nix-daemon"}
