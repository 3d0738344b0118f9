"""Faults during a real build in Nix's sandbox, with the fetcher's own retries."""

from __future__ import annotations

import bz2
import itertools
import re
import signal
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.disk import fill, small_disk
from support.expressions import fetch_model, files_pin, got
from support.fake_repo import BigFile
from support.faults import ALWAYS, CDN, RESOLVE, Fault, about, edited, spoil, stalls, status
from support.hub import Hub
from support.loopback import Response
from support.matrix import CONTENT_FAULTS, LARGE
from support.nix import NixError
from support.proxy import Proxy
from support.tls import Authority
from support.verdict import (
    REFUSED,
    SURVIVED,
    TOKEN,
    check_log,
    check_output,
    check_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.fake_repo import Content
    from support.hub import Repo
    from support.loopback import Request
    from support.nix import NixEnv

BY_NAME = {fault.name: fault for fault in CONTENT_FAULTS}
SURVIVABLE = [
    "reset instead of an answer",
    "reset in the body",
    "hang-up in the body",
    "chunks that end too early",
    "no length, and half of the body",
    "another Content-Range, once",
    "200 to ranges",
    "416 to ranges",
    "shorter ranges",
    "gzip",
    "gzip of ranges",
    "a flipped bit, once",
    "a page instead of the file, once",
    "HTTP 403 from the CDN, once",
    "garbage",
    "HTTP 429 with Retry-After: 0",
]
REFUSABLE = [
    "flipped bits",
    "another file after the first part",
    "HTTP 401 from the endpoint",
    "HTTP 404 from the endpoint",
    "a redirect to itself",
    "a redirect to a file",
]
MODEL: dict[str, Content] = {"config.json": b"{}", "model.safetensors": LARGE}


def spoiled(hub: Hub, names: list[str]) -> Repo:
    """Return a model with a fault in each file."""
    files: dict[str, Content] = {}
    for number, name in enumerate(names):
        size = LARGE.size if name == "another file after the first part" else (9 << 20) + number
        size = size if BY_NAME[name].ranges else 300_000 + number
        files[f"{number:02}.safetensors"] = BigFile(size, seed=number)
    repo = hub.add_repo("org/model", files, lfs=["*"])
    faults = map(BY_NAME.__getitem__, names)
    spoil(hub, rules=zip(itertools.starmap(about, files.items()), faults, strict=True))
    return repo


@pytest.fixture
def hub(hub: Hub) -> Hub:
    hub.allow(TOKEN)
    return hub


@pytest.fixture(autouse=True)
def _token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 (it cleans first)
    """Without a daemon, builds read impure variables from the environment of nix-build."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def tree_pin(hub: Hub, repo: Repo, nix: NixEnv) -> str:
    """Return a model pinned as a whole; the Hub has no faults while its hash is computed.

    Nix keeps what it has built then, whose name has to be another.
    """
    faults, hub.faults = hub.faults, lambda _request: None
    source = f'rev = "{repo.sha}";'
    sri_hash = got(nix, fetch_model(hub, repo, 'hash = "";', source))
    hub.faults = faults
    hub.clear()
    expression = fetch_model(hub, repo, f'hash = "{sri_hash}";', source)
    return expression.replace('name = "m"', 'name = "again"')


def test_what_is_survived(
    nix: NixEnv, hub: Hub, record_property: Callable[[str, object], None]
) -> None:
    repo = spoiled(hub, SURVIVABLE)
    check_output(nix.build(files_pin(hub, repo)), repo.files)
    check_tokens(hub)
    record_property(SURVIVED, len(SURVIVABLE))


def test_what_a_tree_survives(
    host_nix: NixEnv, hub: Hub, record_property: Callable[[str, object], None]
) -> None:
    repo = spoiled(hub, SURVIVABLE)
    check_output(host_nix.build(tree_pin(hub, repo, host_nix)), repo.files)
    check_tokens(hub)
    assert hub.log
    record_property(SURVIVED, len(SURVIVABLE))


def test_what_is_refused(
    nix: NixEnv, hub: Hub, record_property: Callable[[str, object], None]
) -> None:
    """Every file fails with a reason, and none of them becomes valid."""
    repo = spoiled(hub, REFUSABLE)
    command = ("nix-build", "--no-out-link", "--keep-going", "-E", files_pin(hub, repo))
    failed = nix.run(*command, check=False)
    assert failed.returncode != 0
    check_log(failed.stderr)
    check_tokens(hub)
    for number, name in enumerate(REFUSABLE):
        pattern = f"^error: .*{number:02}[.]safetensors.*\n(?=hint: )"
        said = "".join(re.findall(pattern, failed.stderr, re.MULTILINE))
        assert re.search(BY_NAME[name].refused, said), failed.stderr
    assert not [path for path in valid(nix) if path.endswith(".safetensors")]
    record_property(REFUSED, len(REFUSABLE))


def valid(nix: NixEnv) -> list[str]:
    """Return the store paths that are valid for Nix."""
    return nix.run("nix", "path-info", "--all").stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_ended_during_a_part(
    nix: NixEnv, hub: Hub, record_property: Callable[[str, object], None], number: signal.Signals
) -> None:
    repo = hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])
    expression = files_pin(hub, repo)
    spoil(hub, Fault("", edited(stalls(0.5)), ALWAYS))
    build = nix.start("nix-build", "--no-out-link", "-E", expression)
    wait_for(lambda: hub.sent_bytes > 1 << 20)
    build.send_signal(number)
    log, _ = build.communicate(timeout=20)
    assert build.returncode != 0
    check_log(log)
    assert not [path for path in valid(nix) if path.endswith(".safetensors")]
    hub.faults = lambda _request: None
    check_output(nix.build(expression), MODEL)
    nix.run("nix-store", "--verify", "--check-contents")
    record_property(SURVIVED, 1)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_that_comes_up_late(
    nix: NixEnv, record_property: Callable[[str, object], None]
) -> None:
    with Hub(listening=False) as hub:
        hub.allow(TOKEN)
        repo = hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])
        build = nix.start("nix-build", "--no-out-link", "-E", files_pin(hub, repo))
        assert build.stdout
        said = iter(build.stdout.readline, "")
        assert any("Connection refused" in line for line in said)
        hub.server.listen()
        *_, out = said
        build.communicate(timeout=60)
        check_output(nix.path(out.strip()), MODEL)
    record_property(SURVIVED, 1)


@pytest.mark.parametrize("when", ["before", "midway"])
def test_a_full_disk(
    host_nix: NixEnv, hub: Hub, record_property: Callable[[str, object], None], when: str
) -> None:
    repo = hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])
    with small_disk(host_nix.real / "store", (8 if when == "before" else 40) << 20) as disk:

        def change(request: Request, answer: Callable[[Request], Response]) -> Response:
            fill(disk)
            return answer(request)

        if when == "midway":
            spoil(hub, Fault("", change, where=CDN))
        with pytest.raises(NixError) as caught:
            host_nix.build(files_pin(hub, repo))
        expected = "16.0 MiB are needed" if when == "before" else "full|No space|0 B free"
        said = str(caught.value)
        assert re.search(f"(?m)^error: .*({expected}).*\n(?=hint: )", said), said
    record_property(REFUSED, 1)


def test_a_proxy_and_a_ca_of_the_users_own(
    nix: NixEnv, record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    """From the daemon's environment; the file must be visible in the sandbox."""
    authority = Authority.make(tmp_path)
    with Hub(tls=authority.server()) as hub, closing(Proxy()) as proxy:
        hub.allow(TOKEN)
        repo = hub.add_repo("org/model", MODEL, lfs=["*.safetensors"])
        env = {"https_proxy": proxy.url, "NIX_SSL_CERT_FILE": str(authority.bundle)}
        with pytest.raises(NixError, match="point NIX_SSL_CERT_FILE"):
            nix.build(files_pin(hub, repo), env={"https_proxy": proxy.url})
        seen = ("--option", "extra-sandbox-paths", str(authority.bundle))
        check_output(nix.build(files_pin(hub, repo), *seen, env=env), MODEL)
        check_tokens(hub)
        assert proxy.log
        assert TOKEN not in "".join(proxy.log)
    record_property(SURVIVED, 1)
    record_property(REFUSED, 1)


class Sampler(threading.Thread):
    """Read the command lines of all processes, as every user of the machine can."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(file.read_bytes())

    def close(self) -> None:
        self.over.set()
        self.join()


@pytest.mark.parametrize("pin", ["files", "tree"])
def test_the_token_is_nowhere_to_be_found(nix: NixEnv, hub: Hub, pin: str) -> None:
    """Not after redirects to strangers, failures and success, in any file or command line."""
    repo = hub.add_repo("org/model", MODEL, lfs=["*.safetensors"], private=True)
    hub.allow(TOKEN, repo.id)
    with Hub() as stranger, closing(Sampler()) as sampler:
        stranger.add_repo("org/model", MODEL, lfs=["*.safetensors"])
        sampler.start()

        def elsewhere(request: Request, _answer: object) -> Response:
            return Response(302, {"Location": stranger.url + request.path})

        expression = files_pin(hub, repo) if pin == "files" else tree_pin(hub, repo, nix)
        logs = []
        for faults in (
            [Fault("", status(401), ALWAYS, RESOLVE)],
            [Fault("", elsewhere, ALWAYS, RESOLVE), Fault("", status(500))],
        ):
            spoil(hub, *faults)
            command = ("nix-build", "--no-out-link", "-vvv", "-E", expression)
            done = nix.run(*command, check=False)
            logs.append(done.stdout + done.stderr)
        assert done.returncode == 0, logs[-1]
        check_log("".join(logs))
        assert all(request.token is None for request in stranger.log)
        check_tokens(hub)
        assert any(request.token == TOKEN for request in hub.log)
    assert any(b"aimodels" in line or b"fetcher" in line for line in sampler.seen)
    assert not [line for line in sampler.seen if TOKEN.encode() in line]
    assert list(files_with(b"org/model", nix.real / "log"))
    assert not list(files_with(TOKEN.encode(), nix.real))


def files_with(text: bytes, directory: Path) -> Iterator[Path]:
    """Not grep: it would put the text on a command line."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            # As Nix keeps logs.
            if text in (bz2.decompress(content) if path.suffix == ".bz2" else content):
                yield path
