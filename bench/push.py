"""What it costs to fill a binary cache, and what a second revision with 1 of 30 shards sends."""

from __future__ import annotations

import json
import os
import pwd
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from harness import BIN, WEIGHTS, Settings, run, scratch
from pins import write_manifest
from process import Cost, cost
from report import Figure, Row, absent, row, seconds, size
from support.hub import BigFile, Hub
from support.nginx import PROGRAM, Nginx
from support.nix import UnavailableError, environment
from support.s3 import ENV, Moto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.nix import NixEnv

_REPO = "bench/model"
_SHARDS = 30
_MEMORY = 100 << 20
_CPU = 5.0  # seconds for a GB
_WIRE = 0.035
_PEER = "nix copy"
_DAV = "dav_methods PUT; create_full_put_path on; client_max_body_size 0;"


def measure(settings: Settings) -> Iterator[Row]:
    """Push a model to each kind of cache, then a revision of it, and let Nix copy the same."""
    try:
        with ExitStack() as stack:
            hub = stack.enter_context(Hub())
            nix = stack.enter_context(environment("host"))
            directory = stack.enter_context(scratch())
            os.environ["HF_ENDPOINT"] = hub.url
            stack.callback(os.environ.pop, "HF_ENDPOINT")
            yield from _Model(hub, nix, directory, settings.size // _SHARDS).measure(stack)
    except UnavailableError as error:
        yield absent("not measured", [str(error)])


@dataclass
class _Target:
    """A cache: its URL, and how to find out what was written there, as names, bytes and times."""

    url: str
    state: Callable[[], set[tuple[str, int, float]]]
    env: dict[str, str] = field(default_factory=dict)

    def take(self, command: Callable[[str], Cost]) -> tuple[Cost, int]:
        """Return what filling it costs, and the bytes that were written for that."""
        before = self.state()
        spent = command(self.url)
        return spent, sum(one[1] for one in self.state() - before)


def _directory(path: Path) -> set[tuple[str, int, float]]:
    found = ((one, one.stat()) for one in path.rglob("*") if one.is_file())
    return {(str(one), status.st_size, status.st_mtime) for one, status in found}


def _bucket(moto: Moto, name: str) -> set[tuple[str, int, float]]:
    pages = moto.api.get_paginator("list_objects_v2").paginate(Bucket=name)
    found = (one for page in pages for one in page.get("Contents", ()))
    return {(one["Key"], one["Size"], one["LastModified"].timestamp()) for one in found}


@dataclass
class _Model:
    hub: Hub
    nix: NixEnv
    directory: Path
    shard: int

    def measure(self, stack: ExitStack) -> Iterator[Row]:
        files: dict[str, Content] = {
            f"{n}.safetensors": BigFile(self.shard, n) for n in range(_SHARDS)
        }
        repo = self.hub.add_repo(_REPO, {**files, "config.json": b"{}"}, lfs=[WEIGHTS])
        project = self.directory / "project"
        write_manifest(project, {"m": _REPO})
        first = self._locked(project, "lock")
        ours, theirs = self._targets(stack), self._targets(stack)
        spent = {name: one.take(self._push(project, one)) for name, one in ours.items()}
        peers = {
            name: one.take(self._copy(first, one)) for name, one in theirs.items() if name != "s3"
        }
        for name, (costs, sent) in spent.items():
            yield from self._costs(name, costs, sent, peers.get(name, (None, 0))[0])
        repo.commit({**files, "0.safetensors": BigFile(self.shard, 99), "config.json": b"{}"})
        second = self._locked(project, "update")
        for name, one in ours.items():
            _, sent = one.take(self._push(project, one))
            peer = None
            if name in peers:
                _, written = theirs[name].take(self._copy(second, theirs[name]))
                peer = Figure([written], size)
            line = row(f"{name}: a shard of {_SHARDS}, sent", Figure([sent], size), peer, _PEER)
            share = sent / spent[name][1]
            yield line._replace(
                target=f"< {_WIRE:.1%}", verdict="met" if share < _WIRE else f"MISSED: {share:.1%}"
            )

    def _locked(self, project: Path, command: str) -> list[str]:
        """Lock, put everything into the store, and return the store paths."""
        env = self.nix.variables()
        run(BIN / "aimodels-gen", command, "--quiet", "-o", "models.nix", cwd=project, env=env)
        run(BIN / "aimodels-gen", "prefetch", "--quiet", cwd=project, env=env)
        dry = ("push", "./none", "--dry-run", "--json", "--quiet")
        listed = run(BIN / "aimodels-gen", *dry, cwd=project, env=env)
        return [path["path"] for path in json.loads(listed)["models"][0]["paths"]]

    def _push(self, project: Path, target: _Target) -> Callable[[str], Cost]:
        env = {**self.nix.variables(), **target.env}
        manifest = project / "models.toml"
        return lambda url: cost(BIN / "aimodels-gen", "push", "-q", url, "-m", manifest, env=env)

    def _copy(self, paths: list[str], target: _Target) -> Callable[[str], Cost]:
        env = {**self.nix.variables(), **target.env}
        return lambda url: cost(
            "nix", "copy", "--no-check-sigs", "--to", f"{url}?compression=none", *paths, env=env
        )

    def _targets(self, stack: ExitStack) -> dict[str, _Target]:
        directory = stack.enter_context(scratch())
        for name in ("file", "http", "nginx", "moto"):
            (directory / name).mkdir()
        found = {
            "file": _Target(f"file://{directory}/file", partial(_directory, directory / "file"))
        }
        if PROGRAM:
            user = pwd.getpwuid(os.geteuid()).pw_name
            nginx = Nginx(directory / "http", directory / "nginx", _DAV, user)
            stack.callback(nginx.close)
            found["http"] = _Target(nginx.url, partial(_directory, directory / "http"))
        moto = stack.enter_context(Moto(directory / "moto"))
        moto.bucket("cache")
        host = moto.url.removeprefix("http://")
        found["s3"] = _Target(
            f"s3://cache?endpoint={host}&scheme=http", partial(_bucket, moto, "cache"), ENV
        )
        return found

    def _costs(self, name: str, costs: Cost, sent: int, peer: Cost | None) -> Iterator[Row]:
        gigabytes = _SHARDS * self.shard / 1e9
        for what, figure, other, limit in (
            ("memory", costs.memory, peer and peer.memory, _MEMORY),
            ("CPU", costs.cpu, peer and peer.cpu, max(_CPU, _CPU * gigabytes)),
            ("time", costs.seconds, peer and peer.seconds, None),
        ):
            text = size if what == "memory" else seconds
            beside = Figure([other], text) if other else None
            yield row(f"{name}: {what}", Figure([figure], text), beside, _PEER, under=limit)
        yield row(f"{name}: sent", Figure([sent], size))
