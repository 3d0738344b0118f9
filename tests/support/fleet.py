"""A rack with the nginx of `fleet.serve`, and nodes with the Nix of `fleet.pull`."""

from __future__ import annotations

import functools
import json
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from support import nginx
from support.modules import nixos

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from support.nix import NixEnv

# Values in the configuration that is evaluated once, which each rack replaces by its own.
_ORIGIN = "origin.invalid"
_DIRECTORY = "/var/cache/nginx/ai-models"
# The certificates of NixOS.
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_SIZES = {"size": "999M", "keepFree": "998K", "sliceSize": "997K"}
_SMALL = {"size": "512M", "keepFree": "1K", "sliceSize": "256K"}
_STARTS = 10  # seconds

_MAIN = """
daemon off;
pid {directory}/pid;
error_log {directory}/errors;
"""
_HTTP = """http {{
  access_log off;
  {static}
"""


@functools.cache
def _evaluated(nix: NixEnv, options: str) -> str:
    settings = "".join(f'{key} = "{value}";' for key, value in _SIZES.items())
    module = f"""{{
      services.ai-models.fleet.serve = {{
        enable = true; addresses = [ "127.0.0.1" ]; port = 1; {settings} {options}
      }};
    }}"""
    found: str = nix.eval(f"{nixos(module)}.services.nginx.file")
    return found


class Rack:
    """The nginx of `fleet.serve`, which can be stopped and started again.

    Args:
        nix: Evaluates the options.
        origin: The URL of the binary cache.
        directory: For the cache, in a new directory; the caller may mount it.
        resolvers: Name servers.
        changes: Other text in the place of some.
        sizes: Other sizes than those of these tests.
    """

    def __init__(
        self,
        nix: NixEnv,
        origin: str,
        directory: Path | None = None,
        *,
        resolvers: str = "",
        changes: Mapping[str, str] = MappingProxyType({}),
        **sizes: str,
    ) -> None:
        self._own = Path(tempfile.mkdtemp(prefix="aimodels-rack-"))
        self._own.chmod(0o755)
        self.directory = directory or self._own / "cache"
        self._sock = socket.socket()
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(511)
        self._sock.setblocking(False)  # noqa: FBT003 (the socket module's own way)
        port = self._sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        url = urlsplit(origin)
        named = url._replace(netloc=_ORIGIN).geturl()
        options = f'origin = "{named}"; resolvers = [ {resolvers} ];'
        text = _evaluated(nix, options)
        for placeholder, value in {
            f"{_ORIGIN}:80": url.netloc,
            f"{_ORIGIN}:443": url.netloc,
            _ORIGIN: url.netloc,
            "127.0.0.1:1;": f"127.0.0.1:{port};",
            _DIRECTORY: str(self.directory),
            "/run/nginx": str(self._own),
            **{_SIZES[key]: value for key, value in {**_SMALL, **sizes}.items()},
            **changes,
        }.items():
            text = text.replace(placeholder, value)
        own = _HTTP.format(static=nginx.static(self._own))
        self._config = _MAIN.format(directory=self._own) + text.replace("http {", own, 1)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = nginx.start(self._own, self._config, self._sock)
        assert requests.get(self.url, timeout=_STARTS).status_code == HTTPStatus.NOT_FOUND

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._process = None

    def refuse(self) -> None:
        """Stop for good, and refuse connections."""
        self.stop()
        self._sock.close()

    def close(self) -> None:
        self.refuse()
        shutil.rmtree(self._own)

    @property
    def memory(self) -> int:
        """The most bytes that a worker has had."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        status = [Path(f"/proc/{each}/status").read_text() for each in children.read_text().split()]
        return max(int(text.partition("VmHWM:")[2].split()[0]) for text in status) * 1024

    @property
    def errors(self) -> str:
        return (self._own / "errors").read_text()

    def __enter__(self) -> Rack:  # noqa: PYI034 (Self is new in Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Node:
    """A machine of the fleet: an empty store, and the settings of `fleet.pull`.

    Args:
        nix: Its Nix; all nodes have its path of the store.
        settings: Of nix.conf.
        root: Where its store lies, if not in a new directory.
    """

    def __init__(self, nix: NixEnv, settings: Mapping[str, Any], root: Path | None = None) -> None:
        self.nix = nix
        self.settings = dict(settings)
        self.root = root or Path(tempfile.mkdtemp(prefix="aimodels-node-"))

    @property
    def _env(self) -> dict[str, str]:
        lines = (f"{key} = {_text(value)}\n" for key, value in self.settings.items())
        return {"NIX_CONFIG": "".join(lines), "XDG_CACHE_HOME": f"{self.root}/cache"}

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return "nix-store", "--store", f"local?root={self.root}", *arguments

    def get(self, path: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Take a path and what it refers to from the caches."""
        return self.nix.run(*self._command("--realise", path), env=self._env, check=check)

    def start(self, path: str) -> subprocess.Popen[str]:
        """Begin with that."""
        return self.nix.start(*self._command("--realise", path), env=self._env)

    def has(self, path: str) -> bool:
        command = self._command("--check-validity", path)
        return self.nix.run(*command, env=self._env, check=False).returncode == 0

    def close(self) -> None:
        subprocess.run(["chmod", "-R", "u+w", self.root], check=True)
        shutil.rmtree(self.root)


def settings(nix: NixEnv, options: str) -> dict[str, Any]:
    """Return what `fleet.pull` with these options writes into nix.conf."""
    module = f"{{ services.ai-models.fleet.pull = {{ enable = true; {options} }}; }}"
    found: dict[str, Any] = nix.eval(f"{nixos(module)}.nix.settings")
    return found


def at_once(nodes: Iterable[Node], path: str) -> list[subprocess.CompletedProcess[str]]:
    """Have nodes take a path at the same time."""
    nodes = list(nodes)
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(lambda node: node.get(path, check=False), nodes))


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return json.dumps(value) if isinstance(value, (bool, int)) else str(value)
