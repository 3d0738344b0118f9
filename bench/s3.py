"""What it costs to lock and to fetch a bucket, compared with the AWS command line."""

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
# nginx serves a bucket as files; its listing is one of them.
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
    """Lock once and count the requests, then alternate between the clients, on two servers.

    Where the AWS command line is not installed, there is nothing beside our figures.
    """
    os.environ.update(ENV)
    yield from _lock({**model(settings.size // _LOCKED), **_SMALL})
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    for files, what in ((model(settings.size), "shards"), (_SMALL, "small files")):
        with scratch() as directory:
            _fill(directory, files)
            with _servers(directory) as servers:
                for server in servers:
                    yield _fetch(server, f"{what} from {server.name}", settings.runs)


def _lock(files: Mapping[str, Content]) -> Iterator[Row]:
    """Every object carries its sha256, so that nothing has to be read."""
    locking, downloading = Meter(), Meter()
    with (
        scratch() as directory,
        Moto(directory) as moto,
        RecordingProxy(moto.url) as recording_proxy,
    ):
        moto.bucket(_BUCKET)
        moto.put(_BUCKET, {f"model/{path}": content for path, content in files.items()})
        _lock_once(directory / "counted", recording_proxy.url)
        with locking:
            _lock_once(directory / "timed", moto.url)
        if _AWS.exists():
            with downloading:
                _aws(moto.url, directory / "downloaded")
                run("find", directory / "downloaded", "-type", "f", "-exec", "sha256sum", "{}", "+")
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
        with scratch() as directory:
            with ours:
                _fetcher(server.url, directory)
            if _AWS.exists():
                with theirs:
                    _aws(server.url, directory / "aws")
                run("diff", "--recursive", "--brief", directory / "out", directory / "aws")
    return row(what, Figure(ours.seconds, seconds), _figure(theirs), _PEER, ratio_under=1)


def _fetcher(url: str, directory: Path) -> None:
    source = {"bucket": _BUCKET, "prefix": "model/", "region": None, "endpoint": url}
    spec: dict[str, Any] = {
        "mode": "tree",
        "sources": [{"s3": {**source, "versions": {}}}],
        "include": None,
        "exclude": [],
        "integration": False,
    }
    (directory / "spec.json").write_text(json.dumps(spec))
    program = CHECKOUT / "nix" / "fetcher"
    run(sys.executable, "-B", program, directory / "spec.json", "--out", directory / "out")


def _aws(url: str, directory: Path) -> None:
    command = ("s3", "cp", "--recursive", "--quiet", f"s3://{_BUCKET}/model/", directory)
    region = {"AWS_DEFAULT_REGION": "us-east-1"}
    run(_AWS, "--endpoint-url", url, *command, env=region)


def _fill(directory: Path, files: Mapping[str, Content]) -> None:
    """Make a bucket of a directory, and its listing."""
    rows = []
    for path, content in files.items():
        file = directory / "data" / _BUCKET / "model" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            stream.writelines(chunks(content))
        status = file.stat()
        etag = f"{int(status.st_mtime):x}-{status.st_size:x}"  # nginx's own
        rows.append(_ROW.format(key=escape(f"model/{path}"), size=status.st_size, etag=etag))
    (directory / "data" / "listing.xml").write_text(
        f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    )


@contextlib.contextmanager
def _servers(directory: Path) -> Iterator[list[_Server]]:
    more = _LISTING.format(bucket=_BUCKET)
    with (
        Nginx(directory / "data", directory, more, "root") as nginx,
        Hadro(directory / "data", directory) as hadro,
    ):
        yield [_Server("nginx", nginx.url), _Server("hadro", hadro.url)]


def _figure(meter: Meter) -> Figure | None:
    return Figure(meter.seconds, seconds) if meter.seconds else None


def _count(value: float) -> str:
    return f"{value:.0f}"
