"""One file, through what a network does to it."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.hub import BigFile, Response
from support.specs import source, sri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub, Repo, Request

WEIGHTS = BigFile(3 << 20, seed=7)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def add_model(hub: Hub, **options: Any) -> Repo:
    files: dict[str, Content] = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    return hub.add_repo("org/model", files, lfs=["*.safetensors"], **options)


def weights_spec() -> dict[str, object]:
    return {"path": "model.safetensors", "hash": sri(WEIGHTS), "size": WEIGHTS.size}


def on_content(change: Callable[[Request, Response, int], Response]) -> Callable[[Hub], None]:
    """A fault on answers that carry the weights; `change` also gets how many there were before."""
    seen = 0

    def install(hub: Hub) -> None:
        def fault(request: Request) -> Response | None:
            nonlocal seen
            if not request.path.startswith("/cdn/"):
                return None
            seen += 1
            return change(request, hub.answer(request), seen - 1)

        hub.faults = fault

    return install


def truncated(response: Response, keep: int) -> Response:
    body = b"".join(response.pieces)
    return Response(response.status, response.headers, body[:keep])


def test_writes_the_file_and_says_how_fast(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    run = fetch("file", source(hub, repo), **weights_spec())
    assert run.status == 0, run.log
    assert "sha256-" + run.log not in run.log
    assert sri(run.out.read_bytes()) == sri(WEIGHTS)
    assert "fetched org/model@" in run.log
    assert "3.0 MiB" in run.log


def test_small_files_come_without_lfs(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    run = fetch("file", source(hub, repo), path="config.json", hash=sri(b"{}"), size=None)
    assert run.status == 0, run.log
    assert run.out.read_bytes() == b"{}"


@pytest.mark.parametrize("repo_type", ["dataset", "space", "kernel"])
def test_other_kinds_of_repository(hub: Hub, fetch: Fetch, repo_type: str) -> None:
    repo = add_model(hub, repo_type=repo_type)
    run = fetch("file", source(hub, repo), **weights_spec())
    assert run.status == 0, run.log


def test_resumes_where_the_connection_broke(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    on_content(lambda _, r, n: truncated(r, 1 << 20) if n == 0 else r)(hub)
    run = fetch("file", source(hub, repo), **weights_spec())
    assert run.status == 0, run.log
    assert digest(run.out) == digest_of_weights()
    assert "trying again" in run.log
    ranges = [r.headers.get("range") for r in hub.log if r.path.startswith("/cdn/")]
    assert ranges == [None, f"bytes={1 << 20}-{WEIGHTS.size - 1}"]


def digest_of_weights() -> str:
    whole = hashlib.sha256()
    for chunk in WEIGHTS.chunks(0, WEIGHTS.size):
        whole.update(chunk)
    return whole.hexdigest()


def flipped(response: Response) -> Response:
    body = bytearray(b"".join(response.pieces))
    body[len(body) // 2] ^= 1
    return Response(response.status, response.headers, bytes(body))


def test_content_that_stays_wrong_is_refused(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    on_content(lambda _, r, __: flipped(r))(hub)
    run = fetch("file", source(hub, repo), **weights_spec())
    assert run.status == 1
    assert f"expected {sri(WEIGHTS)}, received sha256-" in run.log
    assert "hint:" in run.log
    assert sum(r.path.startswith("/cdn/") for r in hub.log) == 2, "both times the same"


def test_more_bytes_than_listed_are_not_all_taken(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    run = fetch.quick(
        "file", source(hub, repo), path="model.safetensors", hash=sri(WEIGHTS), size=1 << 20
    )
    assert run.status == 1
    assert "expected 1048576 bytes, but http://localhost" in run.log
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("options", "env", "say"),
    [
        ({"gated": "manual"}, {}, "gated: ask for access at"),
        ({"gated": "manual"}, {"HF_TOKEN": "hf_stranger"}, "gated: ask for access at"),
        ({"private": True}, {}, "private"),
        ({"private": True}, {"HF_TOKEN": "hf_unknown"}, "bad token"),
    ],
)
def test_refusals_name_the_next_step(
    hub: Hub, fetch: Fetch, options: dict[str, object], env: dict[str, str], say: str
) -> None:
    repo = add_model(hub, **options)
    hub.allow("hf_stranger")
    run = fetch("file", source(hub, repo), env=env, **weights_spec())
    assert run.status == 1
    assert say in run.log
    assert "hf_" not in run.log
    assert "Traceback" not in run.log


def test_missing_revision_and_missing_file(hub: Hub, fetch: Fetch) -> None:
    repo = add_model(hub)
    run = fetch("file", source(hub, repo, rev="0" * 40), **weights_spec())
    assert run.status == 1
    assert "RevisionNotFound" in run.log
    run = fetch("file", source(hub, repo), path="nope", hash=sri(b""), size=None)
    assert run.status == 1
    assert "EntryNotFound" in run.log


@pytest.mark.parametrize("where", ["variable", "file"])
def test_the_token_opens_a_private_repository_and_goes_nowhere_else(
    hub: Hub, fetch: Fetch, tmp_path: Path, where: str
) -> None:
    repo = add_model(hub, private=True)
    hub.allow("hf_secret", repo.id)
    (tmp_path / "token").write_text("hf_secret\n")
    env = {"HF_TOKEN": "hf_secret"}
    if where == "file":
        env = {"HF_TOKEN": "", "HF_TOKEN_PATH": str(tmp_path / "token")}
    run = fetch("file", source(hub, repo), env=env, **weights_spec())
    assert run.status == 0, run.log
    assert "hf_secret" not in run.log
    # The CDN has another host name; it would answer 400 to a token, and none was sent.
    assert all(r.token is None for r in hub.log if r.path.startswith("/cdn/"))
    assert any(r.token == "hf_secret" for r in hub.log)


def test_a_netrc_is_not_read(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    repo = add_model(hub)
    (tmp_path / ".netrc").write_text("machine localhost login a password b\n")
    (tmp_path / ".netrc").chmod(0o600)
    run = fetch("file", source(hub, repo), env={"HOME": str(tmp_path)}, **weights_spec())
    assert run.status == 0, run.log
    assert all("authorization" not in r.headers for r in hub.log)


# Of a child's peak the system counts what its parent took, so a small parent has to ask.
PEAK = """
import pathlib, resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
pathlib.Path(sys.argv[1]).write_text(str(peak))
sys.exit(status)
"""


def test_memory_does_not_grow_with_the_file(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    big = BigFile(256 << 20, seed=3)
    repo = hub.add_repo("org/big", {"model.safetensors": big}, lfs=["*"])
    asked = {"path": "model.safetensors", "hash": sri(big), "size": big.size}
    launcher = (sys.executable, "-c", PEAK, tmp_path / "peak")
    run = fetch("file", source(hub, repo), launcher=launcher, **asked)
    assert run.status == 0, run.log
    assert int((tmp_path / "peak").read_text()) < 100 << 20


def test_a_spec_of_another_release_is_refused_clearly(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/name", {"config.json": b"{}"})
    for mode in ("file", "new"):
        run = fetch(mode, source(hub, repo))
        assert run.status == 1
        assert "is not a spec of this fetcher" in run.log
        assert "Traceback" not in run.log


def test_a_source_of_another_release_is_refused_clearly(fetch: Fetch) -> None:
    run = fetch("tree", {"ftp": {}}, include=None, exclude=[], integration=True)
    assert run.status == 1
    assert "this release cannot fetch from sources of the kind ftp" in run.log
    assert "Traceback" not in run.log
