"""What a bucket costs to lock, and to fetch from, beside the AWS command line."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

from harness import BIN, Meter, Settings, model, run, scratch
from report import Figure, Row, absent, row, seconds, size
from support.environment import CHECKOUT
from support.fake_repo import BigFile, chunks
from support.nginx import PROGRAM, Nginx
from support.recording_proxy import RecordingProxy
from support.s3 import ENV, Hadro, Moto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from support.fake_repo import Content

_BUCKET = "bench-models"
_AWS = BIN / "aws"
_PEER = "aws s3 cp --recursive" if _AWS.exists() else "no aws"
_LOCKED = 16  # times as much is fetched as is locked: moto holds it in memory
_SMALL = {f"small/{n:04}.json": BigFile(64 << 10, n) for n in range(300)}
_MANIFEST = f"""[models.m]
source.s3 = {{ bucket = "{_BUCKET}", prefix = "model" }}
integration.huggingface.enable = false
"""
# What a bucket is for nginx: a listing that is a file, and files.
_LISTING = """
location ~ ^/{bucket}/?$ {{ default_type application/xml; try_files /listing.xml =404; }}
"""
_ROW = (
    "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>&quot;{etag}&quot;</ETag>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
)


class _Server(NamedTuple):
    name: str
    url: str


def measure(settings: Settings) -> Iterator[Row]:
    """Lock once and count, then fetch by turns, from two servers.

    Where the AWS command line is not installed, there is nothing beside our figures.
    """
    os.environ.update(ENV)
    yield from _lock({**model(settings.size // _LOCKED), **_SMALL})
    if PROGRAM is None:
        yield absent("in its way", ["nginx is not installed"])
        return
    for files, what in ((model(settings.size), "shards"), (_SMALL, "small files")):
        with scratch() as folder:
            _fill(folder, files)
            with _servers(folder) as servers:
                for server in servers:
                    yield _fetch(server, f"{what} from {server.name}", settings.runs)


def _lock(files: Mapping[str, Content]) -> Iterator[Row]:
    """Every object carries its sha256, so that nothing has to be read."""
    locking, downloading = Meter(), Meter()
    with scratch() as folder, Moto(folder) as moto, RecordingProxy(moto.url) as recording_proxy:
        moto.bucket(_BUCKET)
        moto.put(_BUCKET, {f"model/{path}": content for path, content in files.items()})
        _lock_once(folder / "counted", recording_proxy.url)
        with locking:
            _lock_once(folder / "timed", moto.url)
        if _AWS.exists():
            with downloading:
                _aws(moto.url, folder / "downloaded")
                run("find", folder / "downloaded", "-type", "f", "-exec", "sha256sum", "{}", "+")
        gets = [r for r in recording_proxy.log if r.method == "GET" and "list-type=2" not in r.path]
        content = Figure([sum(request.sent_bytes for request in gets)], size)
        whole = Figure([sum(map(len, files.values()))], size)
    yield row("lock: requests", Figure([len(recording_proxy.log)], _count), under=len(files) + 2)
    yield row("lock: bytes of content", content, whole, _PEER, under=1)
    time = Figure(locking.seconds, seconds)
    yield row("lock: time", time, _figure(downloading), f"{_PEER}, sha256sum")


def _lock_once(project: Path, url: str) -> None:
    project.mkdir()
    (project / "models.toml").write_text(_MANIFEST)
    run(BIN / "aimodels-gen", "lock", cwd=project, env={"AWS_ENDPOINT_URL": url})


def _fetch(server: _Server, what: str, runs: int) -> Row:
    ours, theirs = Meter(), Meter()
    for _ in range(runs):
        with scratch() as folder:
            with ours:
                _fetcher(server.url, folder)
            if _AWS.exists():
                with theirs:
                    _aws(server.url, folder / "aws")
                run("diff", "--recursive", "--brief", folder / "out", folder / "aws")
    return row(what, Figure(ours.seconds, seconds), _figure(theirs), _PEER, ratio_under=1)


def _fetcher(url: str, folder: Path) -> None:
    source = {"bucket": _BUCKET, "prefix": "model/", "region": None, "endpoint": url}
    spec: dict[str, Any] = {
        "mode": "tree",
        "sources": [{"s3": {**source, "versions": {}}}],
        "include": None,
        "exclude": [],
        "integration": False,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    program = CHECKOUT / "nix" / "fetcher"
    run(sys.executable, "-B", program, folder / "spec.json", "--out", folder / "out")


def _aws(url: str, folder: Path) -> None:
    command = ("s3", "cp", "--recursive", "--quiet", f"s3://{_BUCKET}/model/", folder)
    region = {"AWS_DEFAULT_REGION": "us-east-1"}
    run(_AWS, "--endpoint-url", url, *command, env=region)


def _fill(folder: Path, files: Mapping[str, Content]) -> None:
    """Make a bucket of a folder, and its listing."""
    rows = []
    for path, content in files.items():
        file = folder / "data" / _BUCKET / "model" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            stream.writelines(chunks(content))
        status = file.stat()
        etag = f"{int(status.st_mtime):x}-{status.st_size:x}"  # nginx's own
        rows.append(_ROW.format(key=escape(f"model/{path}"), size=status.st_size, etag=etag))
    (folder / "data" / "listing.xml").write_text(
        f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    )


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[list[_Server]]:
    more = _LISTING.format(bucket=_BUCKET)
    with (
        Nginx(folder / "data", folder, more, "root") as nginx,
        Hadro(folder / "data", folder) as hadro,
    ):
        yield [_Server("nginx", nginx.url), _Server("hadro", hadro.url)]


def _figure(meter: Meter) -> Figure | None:
    return Figure(meter.seconds, seconds) if meter.seconds else None


def _count(value: float) -> str:
    return f"{value:.0f}"
