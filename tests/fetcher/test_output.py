"""What a failure removes, what it leaves alone, and what is not even begun."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.output import check_space, removed_on_failure
from support.specs import EVERYTHING, file_pin, source

if TYPE_CHECKING:
    from pathlib import Path

    from support.fetcher import Fetch
    from support.hub import Hub


def test_what_the_block_has_made_is_removed(tmp_path: Path) -> None:
    file, directory, link, missing = (tmp_path / name for name in "abcd")
    (tmp_path / "kept").mkdir()

    def make() -> None:
        with removed_on_failure([file, directory, link, missing]):
            file.write_bytes(b"half of it")
            (directory / "x").mkdir(parents=True)
            link.symlink_to("kept")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    file, directory, link = (tmp_path / name for name in "abc")
    file.write_bytes(b"older")
    directory.mkdir()
    link.symlink_to("nowhere")

    def change() -> None:
        with removed_on_failure([file, directory, link]):
            (directory / "y").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change()
    assert {path.name for path in tmp_path.iterdir()} == set("abc")


def test_what_is_whole_stays(tmp_path: Path) -> None:
    with removed_on_failure([tmp_path / "a"]):
        (tmp_path / "a").touch()

    def make() -> None:
        with removed_on_failure([tmp_path / "b"]) as unfinished:
            (tmp_path / "b").touch()
            unfinished.discard(tmp_path / "b")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_space_is_counted_for_each_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    check_space([(tmp_path, 4), (tmp_path / "a", 6)])
    with pytest.raises(FetchError, match="has 10 B free, but 11 B are needed"):
        check_space([(tmp_path, 4), (tmp_path / "a", 7)])


@pytest.mark.parametrize("mode", ["file", "tree"])
def test_an_output_of_somebody_else_is_not_removed(
    hub: Hub, fetch: Fetch, tmp_path: Path, mode: str
) -> None:
    """It may be a directory of the user's, named by mistake."""
    repo = hub.add_repo("org/model", {"config.json": b"{}"})
    out = tmp_path / "mine"
    out.mkdir()
    (out / "blobs").mkdir()
    (out / "blobs/thesis.txt").write_text("years of work")
    spec = file_pin("config.json", b"{}") if mode == "file" else EVERYTHING
    run = fetch(mode, source(hub, repo), out=out, **spec)
    assert run.status == 1
    assert "Traceback" not in run.log
    assert (out / "blobs/thesis.txt").read_text() == "years of work"


def test_an_older_file_is_not_removed(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {"config.json": b"{}"})
    out = tmp_path / "mine"
    out.write_text("older")
    run = fetch("file", source(hub, repo), out=out, **file_pin("missing.json", b"{}"))
    assert run.status == 1
    assert out.exists()


def test_a_failed_assembly_is_removed(hub: Hub, fetch: Fetch, tmp_path: Path) -> None:
    repo = hub.add_repo("org/model", {"a": b"1"})
    (tmp_path / "f").write_bytes(b"1")
    pin = {
        "store": str(tmp_path / "f"),
        "hash": file_pin("a", b"1")["hash"],
        "size": 1,
        "lfs": False,
    }
    spec = {"integration": True, "layout": "copy", "files": {"a": pin, "a/b": pin}}
    run = fetch("assemble", source(hub, repo), **spec)
    assert run.status == 1
    assert not run.out.exists()
