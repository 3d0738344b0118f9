"""What the fetcher does with every kind of source, as it was locked."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_gen.lock.model import FilesPin
from support.fake_repo import BigFile, sha256
from support.loopback import HangUp, Response
from support.specs import EVERYTHING, file_pin, sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.backend_fixtures import Locking
    from support.fake_repo import Content
    from support.fetcher import Fetch, Run
    from support.loopback import Request

WEIGHTS = BigFile(24 << 20, 7)  # enough for several parts
FILES: dict[str, Content] = {
    "config.json": b'{"a": 1}\n',
    "a b+c/ü?#%.txt": b"odd",
    "same.json": b'{"a": 1}\n',
    "empty.txt": b"",
    "model.safetensors": WEIGHTS,
}


@pytest.fixture
def locked(locking: Locking) -> Locking:
    locking.backend.fill(FILES)
    locking.ok()
    locking.backend.recording_proxy.clear()
    return locking


# What makes a source one that a person has written.
UNPINNED: dict[str, Any] = {"rev": None, "versions": {}}


def contents(directory: Path) -> dict[str, str]:
    """Path -> sha256 of all files that a reader sees."""
    return {
        str(path.relative_to(directory)): sha256(path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }


EXPECTED = {path: sha256(content) for path, content in FILES.items()}


@pytest.mark.parametrize("path", FILES)
def test_one_file(locked: Locking, fetch: Fetch, path: str) -> None:
    pin = file_pin(path, FILES[path])
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert run.status == 0, run.log
    assert sri(run.out.read_bytes()) == pin["hash"]


def test_an_entry(locked: Locking, fetch: Fetch) -> None:
    run = fetch("tree", locked.spec(), env=locked.backend.env, **EVERYTHING)
    assert run.status == 0, run.log
    assert contents(run.snapshot) == EXPECTED
    assert (run.out / "refs/main").read_text() == run.snapshot.name
    assert {blob.name for blob in (run.out / "blobs").iterdir()} == set(EXPECTED.values())


def test_plain_files(locked: Locking, fetch: Fetch) -> None:
    run = fetch(
        "tree", locked.spec(), env=locked.backend.env, **{**EVERYTHING, "integration": False}
    )
    assert run.status == 0, run.log
    assert contents(run.out) == EXPECTED


def test_filters(locked: Locking, fetch: Fetch) -> None:
    some = {**EVERYTHING, "include": ["*.json", "*.txt"], "exclude": ["same*"]}
    run = fetch("tree", locked.spec(), env=locked.backend.env, **some)
    assert run.status == 0, run.log
    assert set(contents(run.snapshot)) == {"config.json", "a b+c/ü?#%.txt", "empty.txt"}


def test_the_assembly_is_the_same_entry(locked: Locking, fetch: Fetch, tmp_path: Path) -> None:
    """Hashes of trees do not depend on how an entry was made."""
    tree = fetch("tree", locked.spec(), env=locked.backend.env, **EVERYTHING)
    files: dict[str, Any] = {}
    pin = locked.project.locked().pin
    assert isinstance(pin, FilesPin)
    for number, (path, file) in enumerate(pin.all_files.items()):
        blob = fetch("file", locked.spec(), env=locked.backend.env, **file_pin(path, FILES[path]))
        store = blob.out.rename(tmp_path / f"store-{number}")
        files[path] = {
            "store": str(store),
            "hash": file.hash,
            "size": file.size,
            "lfs": getattr(file, "lfs", False),
        }
    made = fetch("assemble", locked.spec(), files=files, integration=True, layout="copy")
    assert made.status == 0, made.log
    difference = subprocess.run(
        ["diff", "--recursive", "--no-dereference", tree.out, made.out],
        check=False,
        capture_output=True,
        text=True,
    )
    assert difference.stdout == ""


def test_what_was_replaced_since_it_was_locked(locked: Locking, fetch: Fetch) -> None:
    locked.backend.fill({**FILES, "config.json": b'{"a": 2}\n'})
    pin = file_pin("config.json", FILES["config.json"])
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    if locked.backend.keeps_replaced:
        assert run.status == 0, run.log
        assert run.out.read_bytes() == FILES["config.json"]
    else:
        assert run.status == 1
        received = sri(b'{"a": 2}\n')
        assert f"expected {pin['hash']}, received {received}" in run.log
        assert not run.out.exists()
        follow(locked, fetch, run)


def test_what_has_another_size_since_it_was_locked(locked: Locking, fetch: Fetch) -> None:
    locked.backend.fill({**FILES, "config.json": b"{}"})
    pin = file_pin("config.json", FILES["config.json"])
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert (run.status == 0) == locked.backend.keeps_replaced
    if run.status:
        assert "expected 9 bytes" in run.log
        follow(locked, fetch, run)


def follow(locked: Locking, fetch: Fetch, failed: Run) -> None:
    """Do what the message says about config.json, after which it can be fetched."""
    locked.project.follow(failed.log)
    pin = locked.project.locked().pin
    assert isinstance(pin, FilesPin)
    file = pin.all_files["config.json"]
    again = {"path": "config.json", "hash": file.hash, "size": file.size}
    run = fetch("file", locked.spec(), env=locked.backend.env, **again)
    assert run.status == 0, run.log


def test_what_is_gone(locked: Locking, fetch: Fetch) -> None:
    locked.backend.lose()
    locked.write()
    fails = 0
    for mode, more in (("file", file_pin("config.json", b"{}")), ("tree", EVERYTHING)):
        run = fetch(mode, gone(locked), env=locked.backend.env, **more)
        fails += run.status
        assert "hint: " in run.log
        assert "Traceback" not in run.log
    assert fails == 2


def gone(locked: Locking) -> dict[str, Any]:
    """The source, with a name that nothing has."""
    kind, spec = next(iter(locked.spec().items()))
    spec.update({key: value for key, value in UNPINNED.items() if key in spec})
    spec.update({key: "nothing-here" for key in ("repo", "bucket") if key in spec})
    return {kind: spec}


def test_what_is_refused(locked: Locking, fetch: Fetch) -> None:
    locked.backend.refuse()
    pin = file_pin("config.json", FILES["config.json"])
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert run.status == 1
    assert "HTTP 40" in run.log
    assert "hint: " in run.log
    assert locked.backend.secret is None or locked.backend.secret not in run.log


def test_hostile_names(locked: Locking, fetch: Fetch) -> None:
    """In a listing that a build makes itself."""
    kind, spec = next(iter(locked.spec().items()))
    spec.update({key: value for key, value in UNPINNED.items() if key in spec})
    for name in locked.backend.hostile:
        locked.backend.fill({"config.json": b"{}", name: b"evil"})
        if "files" in spec:
            spec["files"] = {name: next(iter(spec["files"].values()))}
        run = fetch("tree", {kind: spec}, env=locked.backend.env, **EVERYTHING)
        assert run.status == 1
        assert f"the path {name!r} would leave the output" in run.log
        assert not run.out.exists()


def test_a_connection_that_breaks_off_again_and_again(locked: Locking, fetch: Fetch) -> None:
    """What has arrived is kept."""
    sent = 0

    def fault(request: Request) -> Response | None:
        nonlocal sent
        if not locked.backend.is_content(request) or "range" not in request.headers or sent > 5:
            return None
        sent += 1
        raise HangUp

    locked.backend.recording_proxy.faults = fault
    pin = file_pin("model.safetensors", WEIGHTS)
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert run.status == 0, run.log
    assert sri(run.out.read_bytes()) == pin["hash"]
    assert "trying again" in run.log


def test_it_comes_in_parts(locked: Locking, fetch: Fetch) -> None:
    pin = file_pin("model.safetensors", WEIGHTS)
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert run.status == 0, run.log
    asked = [
        r for r in locked.backend.recording_proxy.log if "range" in r.headers and r.status == 206
    ]
    assert len(asked) > 1


def test_flipped_bytes(locked: Locking, fetch: Fetch) -> None:
    flipped = b'{"a": 9}\n'

    def fault(request: Request) -> Response | None:
        if not locked.backend.is_content(request):
            return None
        return Response(200, {"Content-Length": str(len(flipped))}, flipped)

    locked.backend.recording_proxy.faults = fault
    pin = file_pin("config.json", FILES["config.json"])
    run = fetch("file", locked.spec(), env=locked.backend.env, **pin)
    assert run.status == 1
    assert f"received {sri(flipped)}" in run.log
    assert not run.out.exists()
