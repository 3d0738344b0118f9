"""What the page of engines says of llama.cpp: its commands and its NixOS services."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from docs.session import blocks, start
from support import ggufs, modules
from support.environment import CHECKOUT
from support.hub import Hub
from support.llama_server import OFFLINE, READY, Llama, LlamaServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docs.session import Block, Session

QWEN, GEMMA = "Qwen/Qwen3-8B-GGUF", "ggml-org/gemma-3-4b-it-GGUF"
FILES = {
    QWEN: ggufs.repository(["Q4_K_M", "Q8_0"], "Qwen3-8B"),
    GEMMA: {
        "gemma-3-4b-it-Q4_K_M.gguf": ggufs.llama("Q4_K_M"),
        "mmproj-model-f16.gguf": ggufs.mmproj(),
    },
}
CACHED = {f"{QWEN}:Q4_K_M", f"{GEMMA}:Q4_K_M"}
# A part of NixOS.
LLAMA_CPP = f"{CHECKOUT}/tests/modules/nixpkgs/nixos/modules/services/misc/llama-cpp.nix"


@dataclass(frozen=True)
class Reader:
    """Types what the page says, in a home with a shim for llama-server."""

    llama: Llama
    session: Session
    shims: Mapping[str, str]

    def run(self, line: str) -> str:
        done = self.session.attempt("bash", "-c", line, **self.shims)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def serve(self, line: str) -> LlamaServer:
        """Run a line that starts a server."""
        env = {**self.session.environment(), **OFFLINE}
        return LlamaServer(["bash", "-c", line], READY, self.session.directory, env)

    def service(self, configuration: str) -> LlamaServer:
        """Start the service of a NixOS configuration; this home's cache is the system's."""
        file = self.session.directory / "configuration.nix"
        file.write_text(configuration)
        assert self.llama.nix.eval(
            f"builtins.all (each: each.assertion) {modules.nixos(str(file), LLAMA_CPP)}.assertions"
        )
        system = modules.system(self.llama.nix, str(file), LLAMA_CPP)
        unit = (system / "systemd/system/llama-cpp.service").read_text()
        settings = [line.partition("=")[::2] for line in unit.splitlines()]
        (start,) = (value for key, value in settings if key == "ExecStart")
        env = dict(
            shlex.split(value)[0].split("=", 1) for key, value in settings if key == "Environment"
        )
        hub = str(self.session.home / ".cache/huggingface/hub")
        env = {key: value.replace(f"{env['HF_HOME']}/hub", hub) for key, value in env.items()}
        # A unit has no shell.
        return self._start([*start.split(), "--port", "0"], env)

    def command(self, configuration: str, option: str) -> LlamaServer:
        """Start the command that is an option of such a configuration, whose models are built."""
        file = self.session.directory / "configuration.nix"
        file.write_text(configuration)
        command = self.llama.nix.eval(f"{modules.nixos(str(file), LLAMA_CPP)}.{option}")
        return self._start(command.replace("${PORT}", "0").split(), {})

    def _start(self, command: list[str], env: Mapping[str, str]) -> LlamaServer:
        environment = {**OFFLINE, **env}
        return LlamaServer(self.llama.command(*command), READY, self.session.directory, environment)


@pytest.fixture(scope="module")
def page() -> list[Block]:
    return [block for block in blocks("docs/engines.md") if block.name == "llama.cpp"]


@pytest.fixture(scope="module")
def reader(llama: Llama, page: list[Block]) -> Reader:
    """Somebody who has locked and linked what the page lists."""
    person = llama.nix.real / "person"
    directory, home = person / "project", person / "home"
    directory.mkdir(parents=True)
    (home / "bin").mkdir(parents=True)
    with Hub() as hub:
        for name, files in FILES.items():
            hub.add_repo(name, files, lfs=["*.gguf"])
        session = start(llama.nix, directory, home, hub.url)
        manifest, another = (block.text for block in page if block.language == "toml")
        (directory / "models.toml").write_text(manifest)
        for command in ("lock", "prefetch", "link"):
            session.run("aimodels-gen", command)
        (directory / "models.toml").write_text(another)
        session.run("aimodels-gen", "lock")
    session.endpoint = OFFLINE["HF_ENDPOINT"]
    shim = home / "bin/llama-server"
    program = shlex.join(llama.command("/usr/bin/llama-server"))
    shim.write_text(f'#!/bin/sh\nexec {program} "$@" --port 0\n')
    shim.chmod(0o755)
    shims = {name: os.environ[name] for name in ("CHECKOUT", "NIX_ENTRY", "PYTHON")}
    return Reader(llama, session, shims)


def test_commands_of_the_page(reader: Reader, page: list[Block]) -> None:
    texts = [block.text for block in page if block.language == "bash"]
    lines = [line for text in texts for line in text.splitlines() if line]
    lock, prefetch, link, listing, one, router, again, build, directory = lines
    assert [lock, prefetch, link, again] == [
        f"aimodels-gen {command}" for command in ("lock", "prefetch", "link", "lock")
    ]
    listed = reader.run(listing)
    assert {line.split()[-1] for line in listed.splitlines()[1:]} == CACHED
    with reader.serve(one) as server:
        server.complete()
    with reader.serve(router) as server:
        assert server.models() == CACHED
        server.complete(f"{GEMMA}:Q4_K_M")
    reader.run(build)
    with reader.serve(directory) as server:
        assert server.models() == {*CACHED, "gemma-3"}
        server.complete("gemma-3")


def test_services_of_the_page(reader: Reader, page: list[Block]) -> None:
    paths, presets, cache, swap = (block.text for block in page if block.language == "nix")
    with reader.service(paths) as server:
        assert server.get("/props")["modalities"]["vision"]
        server.complete()
    with reader.service(presets) as server:
        assert server.models() == {"qwen3", "gemma-3"}
        server.complete("gemma-3")
    with reader.service(cache) as server:
        assert server.models() == CACHED
        server.complete(f"{QWEN}:Q4_K_M")
    with reader.command(swap, "services.llama-swap.settings.models.qwen3.cmd") as server:
        server.complete()
