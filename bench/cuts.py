"""What comes of a download from a binary cache whose connections break, with Nix and with ours."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from aimodels_fetcher.archive import archive_size, header, strings
from aimodels_fetcher.narinfo import NarInfo, name_of
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.nix.store_path import STORE_DIR, store_path
from harness import Settings, scratch
from report import Row, ratio, seconds, size
from support.environment import CHECKOUT
from support.fake_repo import BigFile, chunks
from support.loopback import HangUp, LoopbackServer, Request, Response
from support.nix import KINDS, UnavailableError, environment
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SHARE = 32  # parts of --size, of which the file is one
_MANY_CUTS = 8
_FEW_CUTS = 5  # for small sizes: Nix waits twice as long before each further attempt
_SMALL = 1 << 20
_ATTEMPTS = (5, 20)  # the first is Nix's default
_NAME = "model.safetensors"
_REQUESTS = 4096  # bytes that are not content: what is before it in the archive
_NOWHERE = "http://127.0.0.1:9/"


@dataclass(frozen=True)
class _Network:
    """A cache with a file, and connections to it that break.

    Args:
        name: A description.
        cuts: Number of answers that break.
        share: Of the file that they have.
        ranges: Whether the cache can send parts of files.
    """

    name: str
    cuts: int
    share: float
    ranges: bool = True


class _Outcome(NamedTuple):
    arrived: bool
    received: int
    seconds: float


class _Cache(LoopbackServer):
    """The cache.

    Args:
        file: Its only file.
        network: What happens on the way.
        store: The directory of the store.

    Attributes:
        file: The same.
        path: Store path of the file.
    """

    def __init__(self, file: BigFile, network: _Network, store: str) -> None:
        self.file = file
        self._network = network
        self._left = network.cuts
        self._size = archive_size(file.size)
        self.path = store_path("flat", sri(file), _NAME, store)
        hashed = hashlib.sha256()
        for piece in self._archive(0, self._size):
            hashed.update(piece)
        digest = f"sha256:{nix_base32(hashed.digest())}"
        info = NarInfo(self.path, f"nar/{digest[7:]}.nar", digest, self._size)
        self._texts = {
            "/nix-cache-info": f"StoreDir: {store}\n",
            f"/{name_of(self.path)}": info.text(),
        }
        super().__init__(self._answer)

    @property
    def sent_bytes(self) -> int:
        """Bytes of the archive that have been sent."""
        return sum(request.sent_bytes for request in self.log if request.path.endswith(".nar"))

    def _answer(self, request: Request) -> Response:
        if text := self._texts.get(request.path):
            return Response(200, {"Content-Length": str(len(text))}, text.encode())
        if not request.path.endswith(".nar"):
            return Response(404)
        start, end = 0, self._size
        headers = {"Accept-Ranges": "bytes"} if self._network.ranges else {}
        sent = re.fullmatch("bytes=([0-9]+)-([0-9]*)", request.headers.get("range", ""))
        if sent and self._network.ranges:
            start = int(sent[1])
            end = min(end, int(sent[2]) + 1 if sent[2] else end)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{self._size}"
        headers["Content-Length"] = str(end - start)
        status = 206 if "Content-Range" in headers else 200
        return Response(status, headers, self._body(start, end))

    def _body(self, start: int, end: int) -> Iterator[bytes]:
        most = int(self._network.share * self._size)
        if end - start <= most or not self._left:
            yield from self._archive(start, end)
            return
        self._left -= 1
        yield from self._archive(start, start + most)
        raise HangUp

    def _archive(self, start: int, end: int) -> Iterator[bytes]:
        at = 0
        before = header(self.file.size)
        after = bytes(-self.file.size % 8) + strings(")")
        for content in (before, self.file, after):
            first, last = max(0, start - at), min(len(content), end - at)
            yield from chunks(content, first, max(first, last))
            at += len(content)


def measure(settings: Settings) -> Iterator[Row]:
    """Take one file through the same cuts with each client, all at once: what counts is bytes."""
    file = BigFile(max(settings.size // _SHARE, 1 << 16), 1)
    cuts = _MANY_CUTS if file.size > _SMALL else _FEW_CUTS
    networks = [
        _Network(f"{cuts} cuts", cuts, 0.9 / (cuts + 1)),
        _Network("1 cut, and a cache without ranges", 1, 0.6, ranges=False),
    ]
    peers = [(kind, attempts) for kind in KINDS for attempts in _ATTEMPTS]
    with ThreadPoolExecutor(len(networks) * (len(peers) + 1)) as threads:
        found = []
        for network in networks:
            ours = threads.submit(_with(file, network, STORE_DIR, _ours))
            theirs = [threads.submit(partial(_nix, file, network, *peer)) for peer in peers]
            found.append((network, ours, theirs))
        for network, ours, theirs in found:
            for peer in theirs:
                yield _row(network, file.size, ours.result(), *peer.result())


def _with(
    file: BigFile, network: _Network, store: str, fetch: Callable[[_Cache], bool]
) -> Callable[[], _Outcome]:
    def run() -> _Outcome:
        with _Cache(file, network, store) as cache:
            start = time.perf_counter()
            arrived = fetch(cache)
            return _Outcome(arrived, cache.sent_bytes, time.perf_counter() - start)

    return run


def _ours(cache: _Cache) -> bool:
    """Run the fetcher as a build does, with a source that nobody can reach."""
    spec = {
        "mode": "file",
        "path": _NAME,
        "sources": [{"url": {"files": {_NAME: [_NOWHERE + _NAME]}}}],
        "hash": sri(cache.file),
        "size": cache.file.size,
    }
    with scratch() as directory:
        (directory / "spec").write_text(json.dumps(spec))
        out = directory / cache.path.rpartition("/")[2]
        fetcher = CHECKOUT / "nix/fetcher"
        command: list[str | Path] = [sys.executable, fetcher, directory / "spec", "--out", out]
        env = {**os.environ, "AIMODELS_CACHES": cache.url}
        done = subprocess.run(command, check=False, capture_output=True, env=env)
        return done.returncode == 0


def _nix(file: BigFile, network: _Network, kind: str, attempts: int) -> tuple[str, _Outcome | None]:
    """Run Nix's substituter, into a store of its own; None where this machine lacks that Nix."""
    try:
        with environment(kind) as nix:
            version = nix.run("nix", "--version").stdout.split()[-1]

            def fetch(cache: _Cache) -> bool:
                options = ("--option", "download-attempts", str(attempts), "--no-check-sigs")
                command = ("nix", "copy", "--from", cache.url, *options, cache.path)
                return nix.run(*command, check=False).returncode == 0

            outcome = _with(file, network, str(nix.store), fetch)()
            return f"Nix {version}, {attempts} attempts", outcome
    except UnavailableError as error:
        return str(error), None


def _row(network: _Network, total: int, ours: _Outcome, peer: str, theirs: _Outcome | None) -> Row:
    line = Row(f"{network.name}: received", f"{_text(ours)} ", beside=peer)
    if theirs is not None:
        found = ratio(ours.received / theirs.received)
        line = line._replace(peer=f"{_text(theirs)} ", ratio=found)
    once = not network.ranges or ours.received < total + _REQUESTS
    target = f"{size(total)}, each byte once" if network.ranges else "it arrives"
    return line._replace(target=target, verdict="met" if ours.arrived and once else "MISSED")


def _text(outcome: _Outcome) -> str:
    came = "" if outcome.arrived else ", FAILED"
    return f"{size(outcome.received)} in {seconds(outcome.seconds)}{came}"
