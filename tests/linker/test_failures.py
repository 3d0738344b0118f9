"""What cannot be done is reported on one line with the next step, and the rest is done."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from aimodels_linker.messages import explain
from aimodels_linker.spec import read_spec
from aimodels_linker.sync import link, unlink
from linker.helpers import A, follow
from support.disk import fill, small_disk
from support.linker import contents, touched
from support.unprivileged import prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.linker import Linker

B, C = "models--org--b", "models--org--c"
_NOBODY = 65534


@pytest.fixture
def models(entry: Callable[..., Path]) -> dict[str, Path]:
    return {A: entry("a"), B: entry("b"), C: entry("c")}


class TestTwoUsers:
    """The linker is run by a login user; root, or another, has been there before."""

    @pytest.fixture(autouse=True)
    def _root(self, linker: Linker) -> None:
        if os.geteuid() != 0:
            pytest.skip("needs two users")
        os.chown(linker.root / "cache", _NOBODY, _NOBODY)

    def test_all_belongs_to_the_user(self, either: Linker, models: dict[str, Path]) -> None:
        for _ in range(2):
            run = either.link(models, launcher=prefix())
            assert (run.status, run.err) == (0, [])
        owners = {status.st_uid for path in either.hub.rglob("*") if (status := path.lstat())}
        assert owners == {either.hub.stat().st_uid} == {_NOBODY}
        assert either.unlink(launcher=prefix()).status == 0
        assert contents(either.root / "cache") == {"hub": ("directory",)}

    def test_a_hub_directory_of_another_user(self, either: Linker, models: dict[str, Path]) -> None:
        either.hub.mkdir()
        before = touched(either.hub)
        run = either.link(models, launcher=prefix())
        assert (run.status, run.out) == (1, [])
        (error,) = run.err
        path, _, rest = error.partition(": Permission denied: ")
        assert re.fullmatch(rf"error: {either.hub}/({A}|\.nix-ai-models\.[0-9a-f.]+)", path)
        assert rest == (
            f"{either.hub} belongs to root, and this runs as nobody: change the owner (sudo chown "
            f"-R nobody -- {either.hub}), or choose another directory in services.ai-models"
        )
        assert touched(either.hub) == before
        os.chown(either.hub, _NOBODY, _NOBODY)
        assert either.link(models, launcher=prefix()).err == []

    @pytest.mark.parametrize("closed", [True, False])
    def test_a_missing_hub_directory_in_one_of_another_user(
        self, linker: Linker, models: dict[str, Path], *, closed: bool
    ) -> None:
        """Which nobody should give away: it may be /var/cache."""
        odd = linker.but(hub=linker.root / "its/x y/hub")
        (linker.root / "its").mkdir(mode=0o700 if closed else 0o755)
        run = odd.link(models, launcher=prefix())
        assert run.status == 1
        (error,) = run.err
        command = f"sudo install -d -o nobody -- '{odd.hub}'"
        assert error.endswith(
            f"nobody, who may not make {odd.hub}: make it ({command}), or choose another directory "
            "in services.ai-models"
        )
        subprocess.run(["sh", "-euc", command.removeprefix("sudo ")], check=True)
        assert odd.link(models, launcher=prefix()).err == []

    def test_a_former_hub_directory_of_another_user(
        self, linker: Linker, models: dict[str, Path]
    ) -> None:
        """Not a link in it is given away: that would be the store path. And it is not forgotten."""
        directory = linker.root / "run"
        directory.mkdir()
        os.chown(directory, _NOBODY, _NOBODY)
        env = {"RUNTIME_DIRECTORY": str(directory)}
        linker.link(models, launcher=prefix(), env=env)
        os.chown(linker.hub, 0, 0)
        there = linker.root / "cache"
        moved = linker.but(hub=there / "new/hub", state=there / "new.json")
        for _ in range(2):
            run = moved.link({A: models[A]}, launcher=prefix(), env=env)
            assert (moved.hub / A).is_symlink()
            assert run.status == 1
            assert f"change the owner (sudo chown nobody -- {linker.hub})" in run.err[0]
        os.chown(linker.hub, _NOBODY, _NOBODY)
        run = moved.link({A: models[A]}, launcher=prefix(), env=env)
        assert (run.out, run.err) == ([f"ai-models: removed 3 in {linker.hub}"], [])

    def test_nothing_to_do_needs_no_permission(
        self, either: Linker, models: dict[str, Path]
    ) -> None:
        either.link(models, launcher=prefix())
        for path in (either.hub, either.root / "cache"):
            os.chown(path, 0, 0)
        run = either.link(models, launcher=prefix())
        assert (run.status, run.out, run.err) == (0, [], [])

    def test_root_may_have_been_there_first(self, linker: Linker, models: dict[str, Path]) -> None:
        """What root has recorded is known to the user, who may remove it."""
        linker.link(models)
        os.chown(linker.hub, _NOBODY, _NOBODY)
        run = linker.link({A: models[A]}, launcher=prefix())
        assert (run.status, run.err) == (0, [])
        assert run.out == [f"ai-models: removed 2 in {linker.hub}"]

    def test_one_entry_of_another_user(self, directories: Linker, models: dict[str, Path]) -> None:
        directories.link(models, launcher=prefix())
        (blob,) = (p for p in (directories.hub / B / "blobs").iterdir() if p.read_bytes() == b"b")
        blob.unlink()
        (directories.hub / C).joinpath("refs/main").unlink()
        os.chown(directories.hub / B / "blobs", 0, 0)
        run = directories.link(models, launcher=prefix())
        assert run.status == 1
        (error,) = run.err
        assert error.startswith(
            f"error: {blob}: Permission denied: {directories.hub}/{B}/blobs belongs"
        )
        assert run.out == [f"ai-models: linked 1 in {directories.hub}"]

    @pytest.mark.parametrize("command", [link, unlink])
    def test_directories_that_the_user_may_not_enter(
        self, linker: Linker, models: dict[str, Path], command: Callable[..., bool]
    ) -> None:
        linker.root.chmod(0o700)
        spec = read_spec(str(linker.spec(models)))
        os.seteuid(_NOBODY)
        try:
            with pytest.raises(PermissionError) as caught:
                command(spec, dry_run=False)
            message = explain(caught.value, spec).message
        finally:
            os.seteuid(0)
        assert message.startswith(f"{linker.root}/cache: Permission denied: this runs as nobody")

    def test_a_state_in_a_directory_of_another_user(
        self, linker: Linker, models: dict[str, Path]
    ) -> None:
        """Nothing is made that could not be recorded."""
        linker.hub.mkdir()
        os.chown(linker.hub, _NOBODY, _NOBODY)
        os.chown(linker.root / "cache", 0, 0)
        run = linker.link(models, launcher=prefix())
        assert run.status == 1
        (error,) = run.err
        assert f"(sudo chown nobody -- {linker.root}/cache)" in error
        assert contents(linker.hub) == {}


@pytest.mark.parametrize("part", ["hub", "its parent"])
@pytest.mark.parametrize("thing", ["a file", "a link to nowhere"])
def test_no_directory_where_the_hub_directory_belongs(
    linker: Linker, models: dict[str, Path], part: str, thing: str
) -> None:
    odd = linker.but(hub=linker.root / "x y/hub")
    wrong = odd.hub if part == "hub" else odd.hub.parent
    wrong.parent.mkdir(exist_ok=True)
    if thing == "a file":
        wrong.write_text("mine")
    else:
        wrong.symlink_to("/nonexistent/place")
    run = odd.link(models)
    assert (run.status, run.out) == (1, [])
    (error,) = run.err
    assert error.startswith("error: ")
    assert "where a directory is needed" in error
    follow(error)
    assert odd.link(models).status == 0


@pytest.fixture
def read_only(linker: Linker) -> Iterator[Callable[[], None]]:
    """Make the hub directory one of a file system of its own, which can be made read-only."""

    def remount() -> None:
        subprocess.run(["mount", "-o", "remount,ro", linker.hub], check=True)

    with small_disk(linker.hub, 1 << 20):
        yield remount


def test_a_read_only_file_system(
    either: Linker, models: dict[str, Path], read_only: Callable[[], None]
) -> None:
    either.link({A: models[A]})
    read_only()
    assert either.link({A: models[A]}).err == []
    before = contents(either.hub)
    for wanted in (models, {}):
        run = either.link(wanted)
        assert run.status == 1
        assert [line.count("Read-only file system: make it writable") for line in run.err] == [1]
        assert contents(either.hub) == before


def test_a_file_system_without_links(
    linker: Linker, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")  # as of FAT

    monkeypatch.setattr(os, "symlink", refuse)
    run = linker.link(models)
    assert run.status == 1
    assert len(run.err) == len(models)
    assert "Operation not permitted: the file system refuses it" in run.err[0]


def test_a_full_disk(directories: Linker, models: dict[str, Path]) -> None:
    with small_disk(directories.hub, 1 << 20) as disk:
        fill(disk)
        run = directories.link(models)
        assert run.status == 1
        assert [line.count("No space left on device: free some") for line in run.err] == [1]
        (disk / "filler").unlink()
        run = directories.link(models)
        assert (run.status, run.err) == (0, [])
        assert {path.name for path in directories.hub.iterdir()} == set(models)
        directories.unlink()
        assert contents(directories.hub) == {}


def test_a_full_disk_under_the_state(linker: Linker, models: dict[str, Path]) -> None:
    with small_disk(linker.root / "disk", 1 << 20) as disk:
        fill(disk)
        odd = linker.but(state=disk / "state.json")
        run = odd.link(models)
        assert run.status == 1
        assert len(run.err) == 1
        assert contents(linker.hub) == {}
        (disk / "filler").unlink()
        assert odd.link(models).status == 0
        assert [path.name for path in disk.iterdir()] == ["state.json"]


class TestBadSpecs:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("version", 2),
            ("mode", "copy"),
            ("hub", "relative"),
            ("state", None),
            ("entries", []),
            ("entries", {"models--a--b": {"name": "x", "path": "/etc"}}),
            ("entries", {"models--a--b": {"name": "x"}}),
            ("entries", {"../models--a--b": {"name": "x", "path": "STORE/x"}}),
            ("entries", {".models--a--b": {"name": "x", "path": "STORE/x"}}),
            ("entries", {"-models--a--b": {"name": "x", "path": "STORE/x"}}),
            ("entries", {"models": {"name": "x", "path": "STORE/x"}}),
            ("entries", {"models--a--b/c": {"name": "x", "path": "STORE/x"}}),
            ("entries", {"models--a--b\0": {"name": "x", "path": "STORE/x"}}),
            ("entries", {"models--a--b": {"name": "x", "path": "STORE/../x"}}),
            ("entries", {"models--a--b": {"name": "x", "path": "STORE"}}),
            ("entries", {"models--a--b": {"name": "x", "path": "STORE-2/x"}}),
            ("hub", "/hub\0"),
        ],
    )
    def test_values(self, linker: Linker, key: str, value: object) -> None:
        file = linker.spec({})
        data = {**json.loads(file.read_text()), key: value}
        file.write_text(json.dumps(data).replace("STORE", str(linker.store)))
        run = linker.run("link", file)
        assert run.status == 1
        (error,) = run.err
        assert error.startswith(f"error: {file} is not a spec of this linker (")
        assert error.endswith("): use nix/ and its linker from the same release")
        assert contents(linker.root / "cache") == {}

    def test_slashes_at_the_end_of_directories_are_ignored(self, linker: Linker) -> None:
        file = linker.spec({})
        data = {**json.loads(file.read_text()), "hub": f"{linker.hub}/", "store": "/"}
        file.write_text(json.dumps(data))
        spec = read_spec(str(file))
        assert (spec.hub, spec.store) == (str(linker.hub), "/")

    def test_no_json(self, linker: Linker) -> None:
        file = linker.root / "spec.json"
        assert "cannot read the spec" in linker.run("link", file).err[0]
        for text in (b"{", b"[]", b"null", b"\xff"):
            file.write_bytes(text)
            assert "is not a spec" in linker.run("unlink", file).err[0]

    def test_usage(self, linker: Linker) -> None:
        for arguments in ([], ["link"], ["relink", "x"]):
            run = linker.run(*arguments, env={})
            assert run.status == 2
            assert "Traceback" not in "".join(run.err)


def test_nobody_listens(linker: Linker, models: dict[str, Path]) -> None:
    closing = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh"]
    assert linker.link(models, launcher=closing).status == 0
    assert {path.name for path in linker.hub.iterdir()} == set(models)
