"""What the linker knows of earlier runs."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_linker.state import DirectoryRecord, LinkRecord, merge_records
from support.linker import contents, touched

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.linker import Linker

A, B = "models--org--a", "models--org--b"
_DIRECTORY = '{"mode": "directory", "refs": {}, "made": true, "snapshots": {"..": ["x"]}}'


def test_the_state_is_sorted_and_versioned(either: Linker, entry: Callable[..., Path]) -> None:
    either.link({B: entry("b"), A: entry("a")})
    text = either.state.read_text()
    data = json.loads(text)
    assert data["version"] == 1
    assert list(data["hubs"]) == [str(either.hub)]
    assert set(data["hubs"][str(either.hub)]) == {A, B}
    assert {record["mode"] for record in data["hubs"][str(either.hub)].values()} == {either.mode}
    assert text == json.dumps(data, sort_keys=True, indent=1) + "\n"


def test_a_moved_hub_directory(either: Linker, entry: Callable[..., Path]) -> None:
    models = {A: entry("a"), B: entry("b")}
    either.link(models)
    (either.hub / "models--my--own").mkdir()
    moved = either.but(hub=either.root / "new/hub")
    run = moved.link(models)
    assert run.out == [
        f"ai-models: removed 2 in {either.hub}",
        f"ai-models: linked 2 in {moved.hub}",
    ]
    assert contents(either.hub) == {"models--my--own": ("directory",)}
    assert (moved.hub / A / "refs/main").exists()
    assert list(json.loads(moved.state.read_text())["hubs"]) == [str(moved.hub)]
    assert moved.link(models).out == []


def test_a_moved_hub_directory_that_is_gone(either: Linker, entry: Callable[..., Path]) -> None:
    models = {A: entry("a")}
    either.link(models)
    either.hub.rename(either.root / "away")
    moved = either.but(hub=either.root / "new/hub")
    run = moved.link(models)
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: linked 1 in {moved.hub}"]
    assert not either.hub.exists()


def test_what_cannot_be_cleaned_is_remembered(linker: Linker, entry: Callable[..., Path]) -> None:
    models = {A: entry("a")}
    linker.link(models)
    linker.hub.rename(linker.root / "away")
    linker.hub.write_text("a file now")
    moved = linker.but(hub=linker.root / "new/hub")
    run = moved.link(models)
    assert run.status == 1
    assert len(run.err) == 1
    assert (moved.hub / A).is_symlink()
    linker.hub.unlink()
    (linker.root / "away").rename(linker.hub)
    assert moved.link(models).out == [f"ai-models: removed 1 in {linker.hub}"]
    assert contents(linker.hub) == {}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"version": 2, "hubs": {}}',
        b'{"version": 1}',
        b'{"version": 1, "hubs": []}',
        b'{"version": 1, "hubs": {"/": {"etc": {"mode": "link"}}}}',
        b'{"version": 1, "hubs": {"/": {"../a--b": {"mode": "link"}}}}',
        b'{"version": 1, "hubs": {"/": {"a--b": {"mode": "directory"}}}}',
        b'{"version": 1, "hubs": {"/": {"a--b": %b}}}' % _DIRECTORY.encode(),
        b'{"version": 1, "hubs": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    ],
)
def test_a_damaged_state_is_told_and_made_anew(
    either: Linker, entry: Callable[..., Path], damage: bytes
) -> None:
    models = {A: entry("a"), B: entry("b")}
    either.link(models)
    good, made = either.state.read_bytes(), contents(either.hub)
    either.state.write_bytes(damage)
    run = either.link(models)
    assert (run.status, run.out) == (0, [])
    assert [line.partition(" ")[0] for line in run.err] == ["warning:"]
    assert str(either.state) in run.err[0]
    assert contents(either.hub) == made
    assert either.state.read_bytes() == good


def test_a_damaged_state_is_told_once(linker: Linker) -> None:
    linker.state.write_text("{")
    assert len(linker.link({}).err) == 1
    assert linker.link({}).err == []
    assert contents(linker.root / "cache") == {}


def test_a_directory_in_its_place(linker: Linker, entry: Callable[..., Path]) -> None:
    linker.state.mkdir()
    for run in (linker.link({A: entry("a")}), linker.unlink()):
        assert run.status == 1
        assert (
            run.err[-1] == f"error: {linker.state} is in the way: move it away, and activate again"
        )
    assert not (linker.hub / A).exists()
    linker.state.rename(linker.root / "away")
    assert linker.link({A: entry("a")}).err == []


def test_a_lost_state_is_made_anew(either: Linker, entry: Callable[..., Path]) -> None:
    models = {A: entry("a"), B: entry("b")}
    either.link(models)
    good, before = either.state.read_bytes(), touched(either.hub)
    either.state.unlink()
    run = either.link(models)
    assert (run.status, run.out, run.err) == (0, [], [])
    assert touched(either.hub) == before
    assert either.state.read_bytes() == good


def test_the_state_of_another_user_is_not_believed(
    linker: Linker, entry: Callable[..., Path]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    linker.link({A: entry("a")})
    os.chown(linker.state, 65534, 65534)
    assert "cannot use" in linker.link({}).err[0]
    assert (linker.hub / A).is_symlink()


def test_the_state_is_not_read_through_a_link(linker: Linker, entry: Callable[..., Path]) -> None:
    linker.link({A: entry("a")})
    elsewhere = linker.state.rename(linker.root / "elsewhere.json")
    linker.state.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert "cannot use" in linker.link({B: entry("b")}).err[0]
    assert (linker.hub / A).is_symlink()
    assert elsewhere.read_bytes() == before
    assert not linker.state.is_symlink()


def test_the_directory_of_the_state_is_made(linker: Linker, entry: Callable[..., Path]) -> None:
    odd = linker.but(state=linker.root / "new/place/state.json")
    run = odd.link({A: entry("a")})
    assert (run.status, run.err) == (0, [])
    assert odd.state.is_file()


def test_a_pipe_in_its_place_is_not_waited_for(linker: Linker, entry: Callable[..., Path]) -> None:
    os.mkfifo(linker.state)
    assert "cannot use" in linker.link({A: entry("a")}, env={}).err[0]
    assert linker.state.is_file()


class TestUnitsDirectory:
    """systemd keeps a directory for a unit from one run to the next: $RUNTIME_DIRECTORY."""

    @pytest.fixture
    def env(self, linker: Linker) -> dict[str, str]:
        directory = linker.root / "run"
        directory.mkdir()
        return {"RUNTIME_DIRECTORY": f"{directory}:/run/another"}

    def test_a_moved_cache(
        self, either: Linker, entry: Callable[..., Path], env: dict[str, str]
    ) -> None:
        models = {A: entry("a"), B: entry("b")}
        assert either.link(models, env=env).out == [f"ai-models: linked 2 in {either.hub}"]
        moved = either.but(hub=either.root / "new/hub", state=either.root / "new/state.json")
        assert moved.link({A: models[A]}, env=env).out == [
            f"ai-models: removed 2 in {either.hub}",
            f"ai-models: linked 1 in {moved.hub}",
        ]
        assert contents(either.root / "cache") == {"hub": ("directory",)}
        before = touched(either.root / "run")
        assert moved.link({A: models[A]}, env=env).out == []
        assert touched(either.root / "run") == before
        assert moved.unlink(env=env).out == [f"ai-models: removed 1 in {moved.hub}"]

    def test_unlinking_after_a_move(
        self, linker: Linker, entry: Callable[..., Path], env: dict[str, str]
    ) -> None:
        linker.link({A: entry("a")}, env=env)
        moved = linker.but(hub=linker.root / "new/hub", state=linker.root / "new/state.json")
        assert moved.unlink("--dry-run", env=env).out == [f"would remove {linker.hub}/{A}"]
        assert moved.unlink(env=env).out == [f"ai-models: removed 1 in {linker.hub}"]

    def test_a_directory_that_cannot_be_used(
        self, linker: Linker, entry: Callable[..., Path]
    ) -> None:
        run = linker.link({A: entry("a")}, env={"RUNTIME_DIRECTORY": "/nonexistent/directory"})
        assert run.status == 1
        assert [line.partition(" ")[0] for line in run.err] == ["error:"]
        assert (linker.hub / A).is_symlink()


class TestPowerLoss:
    """What is linked is recorded on the disk: the record is there first, whatever happens then."""

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """What is synced, renamed and linked, in this order."""
        calls: list[tuple[str, str]] = []
        fsync, rename, symlink = os.fsync, os.rename, os.symlink

        def record_fsync(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            calls.append(("fsync", re.sub(r"\.nix-ai-models\.[0-9a-f.]+", "TEMPORARY", path.name)))
            if path.is_file():
                assert json.loads(path.read_bytes())["version"] == 1, "it is not yet written"
            fsync(descriptor)

        def record_rename(old: str, new: str, **options: Any) -> None:
            calls.append(("rename", new))
            rename(old, new, **options)

        def record_symlink(target: str, name: str, *arguments: Any, **options: Any) -> None:
            calls.append(("symlink", name))
            symlink(target, name, *arguments, **options)

        for function in (record_fsync, record_rename, record_symlink):
            monkeypatch.setattr(os, function.__name__.removeprefix("record_"), function)
        return calls

    def test_the_record_of_a_link(
        self, linker: Linker, entry: Callable[..., Path], calls: list[tuple[str, str]]
    ) -> None:
        a = entry()
        calls.clear()
        linker.link({A: a})
        assert calls == [
            ("fsync", "TEMPORARY"),
            ("rename", linker.state.name),
            ("fsync", "cache"),
            ("symlink", A),
        ]

    def test_the_record_of_a_directory(
        self, linker: Linker, entry: Callable[..., Path], calls: list[tuple[str, str]]
    ) -> None:
        """It is written again when the directory is there; its content needs not be on the disk."""
        a = entry()
        calls.clear()
        linker.but(mode="directory").link({A: a})
        saving = [
            ("fsync", "TEMPORARY"),
            ("rename", linker.state.name),
            ("fsync", "cache"),
        ]
        assert (calls[:3], calls[-4:]) == (saving, [("rename", A), *saving])
        assert sum(call == "fsync" for call, _ in calls) == 4

    @pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
    def test_file_systems_that_cannot_sync_directories(
        self,
        linker: Linker,
        entry: Callable[..., Path],
        monkeypatch: pytest.MonkeyPatch,
        code: int,
    ) -> None:
        self.fail_to_sync(monkeypatch, code, directories=True)
        run = linker.link({A: entry()})
        assert (run.status, run.err) == (0, [])
        assert (linker.hub / A).is_symlink()

    @pytest.mark.parametrize("directories", [False, True])
    def test_a_disk_that_fails(
        self,
        linker: Linker,
        entry: Callable[..., Path],
        monkeypatch: pytest.MonkeyPatch,
        *,
        directories: bool,
    ) -> None:
        a = entry()
        self.fail_to_sync(monkeypatch, errno.EIO, directories=directories)
        run = linker.link({A: a})
        assert run.status == 1
        place = linker.root / "cache" if directories else linker.state
        assert run.err == [
            f"error: {place}: Input/output error: check what is there, and activate again"
        ]
        assert not (linker.hub / A).exists()

    @staticmethod
    def fail_to_sync(monkeypatch: pytest.MonkeyPatch, code: int, *, directories: bool) -> None:
        fsync = os.fsync

        def fail(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode) == directories:
                raise OSError(code, os.strerror(code))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fail)


class TestMergedRecords:
    """What is recorded while one thing becomes another."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [(None, LinkRecord()), (LinkRecord(), None), (LinkRecord(), LinkRecord())],
    )
    def test_links(self, before: LinkRecord | None, after: LinkRecord | None) -> None:
        assert merge_records(before, after) == LinkRecord()

    def test_nothing(self) -> None:
        assert merge_records(None, None) is None

    @pytest.mark.parametrize("other", [None, LinkRecord()])
    def test_a_directory_beside_none(self, other: LinkRecord | None) -> None:
        record = DirectoryRecord({"main": "1"}, {"1": ["a"]}, made=True)
        assert merge_records(record, other) == record
        # It is not sure to be made, and neither are its refs.
        merged = DirectoryRecord({"main": ""}, {"1": ["a"]}, made=False)
        assert merge_records(other, record) == merged

    def test_refs_that_change_are_in_doubt(self) -> None:
        before = DirectoryRecord({"same": "1", "moved": "1", "gone": "1"}, made=True)
        after = DirectoryRecord({"same": "1", "moved": "2", "new": "2"}, made=True)
        refs = {"same": "1", "moved": "", "gone": "1", "new": ""}
        assert merge_records(before, after) == DirectoryRecord(refs, made=True)

    def test_the_links_of_both_are_ours(self) -> None:
        before = DirectoryRecord({}, {"1": ["b", "a"], "2": ["c"]})
        after = DirectoryRecord({}, {"1": ["d", "a"], "3": ["e"]}, made=True)
        snapshots = {"1": ["a", "b", "d"], "2": ["c"], "3": ["e"]}
        assert merge_records(before, after) == DirectoryRecord({}, snapshots)
