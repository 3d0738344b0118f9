"""What locking does with every kind of source."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import backends
from support.fake_repo import BigFile
from support.loopback import HangUp, Response
from support.s3 import PAGE
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from support.backend_fixtures import Locking
    from support.backends import Backend
    from support.fake_repo import Content
    from support.loopback import Request

FILES: dict[str, Content] = {
    "config.json": b'{"a": 1}\n',
    "sub/dir/vocab.txt": b"a\nb\n",
    "empty.txt": b"",
    "model.safetensors": BigFile(3 << 20, 1),
}
ODD_NAMES = [
    "a b.txt",
    "a+b.txt",
    "100%25.txt",
    "q?x=1&y#z.txt",
    'it\'s "so" ${x} & <y>.txt',
    "ü/日本/🤖.bin",
    ".hidden/.file",
    "-dash",
    "~tilde!*'();:@,$=[].txt",
    "back\\slash.txt",
    " spaces ",
]
MANY = 2 * PAGE + 34  # on three pages


def pins(files: Mapping[str, Content]) -> dict[str, str]:
    return {path: sri(content) for path, content in files.items()}


def asked_for_content(backend: Backend) -> list[Request]:
    """What was read: not where only the beginning was looked at."""
    return [
        request
        for request in backend.recording_proxy.log
        if backend.is_content(request) and not request.is_peek
    ]


def test_every_file_is_pinned(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    assert locking.pins == pins(FILES)
    sizes = {p: f["size"] for p, f in locking.project.files().items()}
    assert sizes == {path: len(content) for path, content in FILES.items()}


def test_odd_names(locking: Locking) -> None:
    files: dict[str, Content] = {name: name.encode() for name in ODD_NAMES}
    locking.backend.fill(files)
    locking.ok()
    assert locking.pins == pins(files)


def test_many_files(locking: Locking) -> None:
    files: dict[str, Content] = {f"part-{n:04}": b"%d" % n for n in range(MANY)}
    locking.backend.fill(files)
    locking.ok("-j", "32")
    assert locking.pins == pins(files)
    gets = [r for r in locking.backend.recording_proxy.log if r.method == "GET"]
    listings = [r for r in gets if not locking.backend.is_content(r)]
    assert len(listings) >= 3 or not locking.backend.lists


class Gauge:
    """Counts the requests under way at a backend."""

    def __init__(self, backend: Backend) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._otherwise = backend.recording_proxy.otherwise
        backend.recording_proxy.faults = self._answer

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            response = self._otherwise(request)
            time.sleep(0.02)  # for others to come, if there are any
            return response
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.parametrize("settings", ["", 'pin = "tree"'])
@pytest.mark.parametrize("jobs", [1, 3])
def test_jobs_bound_every_request(locking: Locking, jobs: int, settings: str) -> None:
    """Also those for content, and of several models."""
    locking.backend.fill({**FILES, **{f"part-{n}": b"%d" % n for n in range(20)}})
    gauge = Gauge(locking.backend)
    locking.ok("-j", str(jobs), settings=settings)
    assert gauge.most <= jobs
    # Where there is more to ask for than a listing.
    assert gauge.most > 1 or jobs == 1 or len(locking.backend.recording_proxy.log) < len(FILES)


def test_what_is_published_is_not_read(locking: Locking) -> None:
    locking.backend.fill(FILES)
    said = locking.ok()
    read = sum(request.sent_bytes for request in asked_for_content(locking.backend))
    whole = sum(len(content) for content in FILES.values())
    if locking.backend.publishes:
        assert read < 1000
        assert "once to compute it" not in said
    else:
        assert read == whole
        what = f"publishes no sha256 for {len(FILES)} files; reading 3.0 MiB once to compute it"
        assert what in said


def test_filters(locking: Locking) -> None:
    locking.backend.fill({**FILES, "other.bin": BigFile(1 << 20, 2)})
    locking.ok(settings='include = ["*.safetensors", "sub/*", "*.bin"]\nexclude = ["o*"]')
    taken = {path: FILES[path] for path in ("model.safetensors", "sub/dir/vocab.txt")}
    assert locking.pins == pins(taken)
    whole = sum(len(content) for content in taken.values())
    assert sum(request.sent_bytes for request in asked_for_content(locking.backend)) <= whole


def test_filters_that_take_nothing(locking: Locking) -> None:
    locking.backend.fill(FILES)
    said = locking.fails(settings='include = ["*.gguf"]')
    assert "takes none of its 4 files" in said
    assert "'config.json'" in said


def test_a_lock_that_holds_asks_nobody(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    text = locking.project.lock_file.read_bytes()
    locking.backend.recording_proxy.clear()
    assert "= 1 unchanged" in locking.ok()
    assert not locking.backend.recording_proxy.log
    assert locking.project.lock_file.read_bytes() == text


def test_what_has_not_changed_is_not_read_again(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    text = locking.project.lock_file.read_bytes()
    locking.backend.recording_proxy.clear()
    assert "= 1 unchanged" in locking.ok("-U")
    assert asked_for_content(locking.backend) == []
    assert locking.project.lock_file.read_bytes() == text


def test_only_what_has_changed_is_read_again(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok()
    changed = {**FILES, "config.json": b'{"a": 2}\n', "new.txt": b"new"}
    del changed["empty.txt"]
    locking.backend.fill(changed)
    locking.backend.recording_proxy.clear()
    said = locking.ok("-U")
    assert locking.pins == pins(changed)
    assert "(1 changed, 1 new, 1 gone)" in said
    assert sum(request.sent_bytes for request in asked_for_content(locking.backend)) < 1000


def test_the_upgrade_of_a_tree_that_has_not_changed(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok(settings='pin = "tree"')
    text = locking.project.lock_file.read_bytes()
    locking.backend.recording_proxy.clear()
    assert "= 1 unchanged" in locking.ok("-U", settings='pin = "tree"')
    assert asked_for_content(locking.backend) == []
    assert locking.project.lock_file.read_bytes() == text


def test_the_upgrade_of_a_tree_that_has_changed(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.ok(settings='pin = "tree"')
    before = locking.project.lock["m"]["tree"]
    locking.backend.fill({**FILES, "config.json": b'{"a": 2}\n'})
    locking.ok("-U", settings='pin = "tree"')
    after = locking.project.lock["m"]["tree"]
    assert before["hash"] != after["hash"]
    assert before["size"] == after["size"] == sum(map(len, FILES.values()))
    assert after["count"] == len(FILES)


def test_nothing_there(locking: Locking) -> None:
    locking.backend.fill({"config.json": b"{}"})
    locking.write()
    locking.backend.lose()
    said = locking.fails()
    assert said.startswith("error: m: ")
    assert "hint: " in said
    assert not locking.project.lock_file.exists()


def test_empty(locking: Locking) -> None:
    locking.backend.fill({})
    said = locking.fails()
    assert "hint: " in said
    assert not locking.project.lock_file.exists()


def test_refused(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.backend.refuse()
    said = locking.fails()
    assert "refused" in said or "private" in said
    assert "hint: " in said
    assert locking.backend.secret is None or locking.backend.secret not in said


def test_hostile_names(locking: Locking) -> None:
    for name in locking.backend.hostile:
        locking.backend.fill({"config.json": b"{}", name: b"evil"})
        said = locking.fails()
        assert "could be written outside of the model" in said
        assert repr(name) in said
        assert not locking.project.lock_file.exists()


@pytest.mark.parametrize("backend", backends.names(file_and_directory=True), indirect=True)
def test_a_file_where_another_has_its_folder(locking: Locking) -> None:
    locking.backend.fill({"a": b"file", "a/b": b"file below"})
    said = locking.fails()
    assert "'a/b' needs a directory where 'a' is a file" in said
    locking.ok(settings='exclude = ["a"]')
    assert set(locking.pins) == {"a/b"}


def test_a_server_that_fails_once_for_each_address(locking: Locking) -> None:
    locking.backend.fill(FILES)
    locking.write()
    asked: set[tuple[str, str]] = set()

    def fault(request: Request) -> Response | None:
        if (request.method, request.path) in asked:
            return None
        asked.add((request.method, request.path))
        return Response(503, {"Retry-After": "0"})

    locking.backend.recording_proxy.faults = fault
    locking.ok()
    assert locking.pins == pins(FILES)


def test_content_that_breaks_off(locking: Locking) -> None:
    """Of a file that is read to be hashed: what has arrived is not asked for again."""
    locking.backend.fill(FILES)
    cuts = 0

    def fault(request: Request) -> Response | None:
        nonlocal cuts
        if not locking.backend.is_content(request) or cuts == 3:
            return None
        answer = locking.backend.recording_proxy.otherwise(request)
        if int(answer.headers.get("Content-Length", 0)) < BREAKS_OFF:
            return answer
        cuts += 1
        return replace(answer, body=breaking_off(answer.pieces))

    locking.backend.recording_proxy.faults = fault
    locking.ok()
    assert locking.pins == pins(FILES)
    assert cuts == (0 if locking.backend.publishes else 3)
    whole = sum(len(content) for content in FILES.values())
    assert sum(r.sent_bytes for r in asked_for_content(locking.backend)) <= whole + (1 << 20)


BREAKS_OFF = 600 << 10  # bytes


def breaking_off(pieces: Iterable[bytes]) -> Iterator[bytes]:
    sent = 0
    for piece in pieces:
        yield piece
        sent += len(piece)
        if sent >= BREAKS_OFF:
            raise HangUp


def test_a_server_that_goes_away(locking: Locking) -> None:
    """In the middle, for good; afterwards all is as it was, and the next time all is well."""
    locking.backend.fill(FILES)
    locking.ok()
    text = locking.project.lock_file.read_bytes()
    left = len(locking.backend.recording_proxy.log) // 2
    changed = {path: b"now " + path.encode() for path in FILES}
    locking.backend.fill(changed)

    def fault(_request: Request) -> Response | None:
        nonlocal left
        left -= 1
        if left < 0:
            raise HangUp
        return None

    locking.backend.recording_proxy.faults = fault
    assert locking.project.run("lock", "-U").status == 1
    assert locking.project.lock_file.read_bytes() == text
    locking.backend.recording_proxy.faults = lambda _request: None
    locking.ok("-U")
    assert locking.pins == pins(changed)


def test_an_interrupt(locking: Locking) -> None:
    """Ctrl-C while a server is silent: soon over, and nothing is written."""
    locking.backend.fill(FILES)
    locking.write()
    silent = Response(200, {"Content-Length": "1000"}, silence())
    locking.backend.recording_proxy.faults = lambda _request: silent
    with subprocess.Popen(
        [sys.executable, "-m", "aimodels_gen", "lock"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=locking.project.environment(),
    ) as process:
        while not locking.backend.recording_proxy.log:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "error: interrupted")
    assert not locking.project.lock_file.exists()


def silence() -> Iterator[bytes]:
    # Longer than the test waits; the server's thread ends with the tests.
    threading.Event().wait(30)
    yield b""


def test_credentials_are_nowhere(locking: Locking) -> None:
    locking.backend.fill(FILES)
    said = locking.ok() + locking.project.ok("render", "--format", "json")
    said += locking.ok("-U", settings='pin = "tree"')
    texts = [said, *(path.read_text() for path in locking.project.dir.glob("models.*"))]
    for secret in locking.backend.env.values():
        if not secret.startswith("http") and secret != "true":
            assert not any(secret in text for text in texts)
