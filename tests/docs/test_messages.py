"""What docs/fetcher.md quotes from logs is what logs have."""

from __future__ import annotations

import itertools
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.environment import CHECKOUT
from support.fetcher import Fetch
from support.hub import Hub, Response
from support.loopback import LoopbackServer
from support.s3 import ENV, refusal
from support.specs import EVERYTHING, source, sri
from support.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

_QUOTED = re.findall(
    r"^\| `([^`]+)` \|", (CHECKOUT / "docs/fetcher.md").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.fixture
def logs(hub: Hub, tmp_path: Path) -> str:
    """The logs of builds that fail in all the ways that the document lists."""
    fetch = Fetch(
        sys.executable, tmp_path, {"retry._FIRST_WAIT": 0.001, "retry._LONGEST_WAIT": 0.01}
    )
    open_repo = hub.add_repo("org/open", {"a": b"{}"})
    gated = hub.add_repo("org/gated", {"a": b"{}"}, gated="manual")
    private = hub.add_repo("org/private", {"a": b"{}"}, private=True)

    def failed(repo: Any, env: dict[str, str] | None = None, **changes: Any) -> str:
        spec = {"path": "a", "hash": sri(b"{}"), "size": 2}
        spec.update((key, changes.pop(key)) for key in [*changes] if key in spec)
        run = fetch("file", source(hub, repo, **changes), env=env, **spec)
        assert run.status == 1, run.log
        assert "hint: " in run.log
        return run.log

    Authority.make(tmp_path)
    tls = LoopbackServer(lambda _: Response(404), Authority(tmp_path).server())
    proxy = LoopbackServer(lambda _: Response(407))
    said = [
        failed(gated),
        failed(private),
        failed(open_repo, rev="0" * 40),
        failed(open_repo, path="b"),
        failed(open_repo, endpoint="http://127.0.0.1:9"),
        failed(open_repo, hash=sri(b"[]")),
        failed(open_repo, size=1 << 60),
        failed(open_repo, endpoint=tls.url),
        failed(open_repo, env={"http_proxy": proxy.url}, endpoint="http://hub.example"),
        failed(open_repo, env={"http_proxy": "http://a:b/c@d"}, endpoint="http://hub.example"),
        failed(
            open_repo, env={"http_proxy": "socks5://127.0.0.1:9"}, endpoint="http://hub.example"
        ),
    ]
    hub.faults = lambda request: Response(200, {}, b"<html>") if "resolve" in request.path else None
    said.append(failed(open_repo))
    hub.faults = lambda _: Response(429)
    said.append(failed(open_repo))
    said += _listings(hub, fetch, open_repo)
    tls.close()
    proxy.close()
    codes = (("AccessDenied", 403), ("ExpiredToken", 400), ("PermanentRedirect", 301))
    said += [_refused(fetch, code, status) for code, status in (*codes, ("NoSuchVersion", 404))]
    said.append(_announced(fetch))
    said += _from_caches(fetch)
    return "\n".join(said)


def _listings(hub: Hub, fetch: Fetch, repo: Any) -> list[str]:
    """What is said of listings that go wrong."""
    row = {"type": "file", "path": "a", "size": 2, "oid": "0" * 40}
    lfs = {"oid": "0" * 64, "size": 3, "pointerSize": 126}
    many = fetch.but(**{"filters._MAX_FILES": 1})

    def said(run: Fetch, rows: list[dict[str, Any]], link: str = "") -> str:
        body, pages = json.dumps(rows).encode(), itertools.count()
        hub.faults = lambda _: Response(
            200, {"Link": f"<{link.format(next(pages))}>; rel=next"} if link else {}, body
        )
        done = run("tree", source(hub, repo), include=None, exclude=[], integration=True)
        assert done.status == 1, done.log
        return done.log

    return [
        said(fetch, [row], "?"),
        said(fetch, [row], "?{}"),
        said(fetch, [{**row, "lfs": lfs}]),
        said(many, [row, {**row, "path": "b"}]),
    ]


def _refused(fetch: Fetch, code: str, status: int) -> str:
    """What is said when a bucket answers with that."""
    server = LoopbackServer(lambda _: refusal(code, status))
    bucket = {"bucket": "my-models", "prefix": "", "region": None, "endpoint": server.url}
    given = {"s3": {**bucket, "versions": {"a": "1"}}}
    run = fetch("file", given, env=ENV, path="a", hash=sri(b"{}"), size=2)
    server.close()
    assert run.status == 1, run.log
    assert "hint: " in run.log
    return run.log


def _from_caches(fetch: Fetch) -> list[str]:
    """What is said where neither a cache nor the source has a file, and of what is not a cache."""
    out = fetch.folder / f"{'0' * 32}-a"
    said = []
    with LoopbackServer(lambda _: Response(404)) as server:
        given = {"url": {"files": {"a": [f"{server.url}/a"]}}}
        for caches in (server.url, "rack-1:8080"):
            env = {"AIMODELS_CACHES": caches}
            run = fetch("file", given, env=env, out=out, path="a", hash=sri(b"{}"), size=2)
            assert run.status == 1, run.log
            assert "hint: " in run.log
            said.append(run.log)
    return said


def _announced(fetch: Fetch) -> str:
    """What is said of a server whose checksum is of something else."""
    headers = {"X-Checksum-Sha256": "0" * 64}
    server = LoopbackServer(lambda _: Response(200, headers, b"{}"))
    run = fetch("tree", {"url": {"files": {"a": [f"{server.url}/a"]}}}, **EVERYTHING)
    server.close()
    assert run.status == 1, run.log
    assert "hint: " in run.log
    return run.log


def test_every_message_of_the_table_is_said(logs: str) -> None:
    assert len(_QUOTED) > 8
    assert [quoted for quoted in _QUOTED if quoted not in logs] == []
