"""The real llama.cpp of Debian forky, run by a user who may not write the store."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from support.environment import CHECKOUT
from support.nix import UnavailableError, forky_root
from support.program import Program
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.nix import NixEnv

# Nobody serves: what is not in the store is missing. A model of these tests needs one thread.
OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9/", "LLAMA_ARG_THREADS": "1"}

READY = r"listening on (http://\S+)"


class LlamaServer(Program):
    """A running llama-server, as a client meets it."""

    def get(self, path: str) -> Any:
        with urlopen(self.url + path) as answer:  # noqa: S310 (loopback)
            return json.load(answer)

    def post(self, path: str, **body: Any) -> Any:
        request = Request(self.url + path, json.dumps(body).encode())  # noqa: S310 (loopback)
        with urlopen(request) as answer:  # noqa: S310 (loopback)
            return json.load(answer)

    def complete(self, model: str | None = None) -> None:
        """Let a model, of the router or the only one, answer in both of the ways."""
        whose = {} if model is None else {"model": model}
        text = self.post("/completion", prompt="a", n_predict=4, **whose)
        assert text["tokens_predicted"] in range(1, 5)
        message = {"role": "user", "content": "a"}
        chat = self.post("/v1/chat/completions", messages=[message], max_tokens=4, **whose)
        assert chat["choices"][0]["message"]["role"] == "assistant"

    def models(self) -> set[str]:
        return {model["id"] for model in self.get("/v1/models")["data"]}


@dataclass(frozen=True)
class Llama:
    """llama.cpp of the forky root, which sees the store of the machine's own Nix."""

    nix: NixEnv
    root: Path

    @classmethod
    def beside(cls, nix: NixEnv) -> Llama:
        """Find it; the test is skipped on a machine that does not have it."""
        try:
            root = forky_root()
        except UnavailableError as error:
            pytest.skip(str(error))
        if not (root / "usr/bin/llama-server").is_file():
            pytest.skip(
                "the forky root was made from a mirror without llama.cpp: remove "
                f"{root} and run script/forky-root"
            )
        return cls(nix, root)

    def command(self, *command: str | Path) -> list[str]:
        """Return the command line that runs a command there as another user."""
        entry = replace(self.nix, kind="forky", root=self.root).entry()
        return [*entry, *prefix(reads_all=False), *map(str, command)]

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*command),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            cwd=CHECKOUT,
            env={**os.environ, "HOME": "/nonexistent", **OFFLINE, **(env or {})},
        )

    def serve(
        self, directory: Path, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> LlamaServer:
        """Start llama-server on a free port; its log goes to the directory."""
        return LlamaServer(
            self.command("llama-server", *arguments, "--port", "0"),
            READY,
            directory,
            {"HOME": "/nonexistent", **OFFLINE, **(env or {})},
        )
