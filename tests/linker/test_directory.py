"""Mode "directory": a folder of links, to which programs add what they download."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from linker.helpers import A, add_download, follow
from support.fake_repo import Repo, sha256
from support.linker import contents, touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker

B = "models--org--b"
FIRST = {"config.json": b"1", "sub dir/tokenizer.json": b"t", "w.bin": b"weights"}
SECOND = {"config.json": b"2", "new.json": b"n", "w.bin": b"weights"}


@pytest.fixture
def repo() -> Repo:
    repo = Repo("org/a", ("*.bin",))
    repo.commit(FIRST)
    return repo


def folder_of(path: Path) -> dict[str, tuple[object, ...]]:
    """What a folder that stands for an entry has to have, and nothing else."""
    found = contents(path)
    for blob in [place for place in found if place.startswith("blobs/")]:
        found[blob] = ("link", f"{path}/{blob}")
    return found


@pytest.mark.parametrize("layout", ["link", "copy"])
def test_the_folder_is_the_entry_with_links_for_blobs(
    folders: Linker, repo: Repo, layout: str
) -> None:
    path = folders.entry(repo, refs=("main", "v1.0/rc 1"), layout=layout)
    run = folders.link({A: path})
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: linked 1 in {folders.hub}"]
    assert contents(folders.hub) == {
        A: ("folder",),
        **{f"{A}/{place}": node for place, node in folder_of(path).items()},
    }
    assert (folders.hub / A / "refs/v1.0/rc 1").read_bytes() == repo.sha.encode()
    assert (
        folders.hub / A / "snapshots" / repo.sha / "sub dir/tokenizer.json"
    ).read_bytes() == b"t"


def test_what_is_missing_is_made_again(folders: Linker, repo: Repo) -> None:
    path = folders.entry(repo)
    folders.link({A: path})
    made = contents(folders.hub / A)
    for place in made:
        broken = folders.hub / A / place
        if broken.is_dir():
            shutil.rmtree(broken)
        else:
            broken.unlink()
        assert folders.link({A: path}).status == 0
        assert contents(folders.hub / A) == made


def test_an_update_without_downloads(folders: Linker, repo: Repo) -> None:
    first = folders.entry(repo)
    repo.commit(SECOND)
    second = folders.entry(repo)
    for path in (first, second, first):
        run = folders.link({A: path})
        assert run.out == [f"ai-models: linked 1 in {folders.hub}"]
        assert contents(folders.hub / A) == folder_of(path)


def test_other_files_of_the_same_commit(folders: Linker, repo: Repo) -> None:
    full, part = folders.entry(repo), folders.entry(repo, ["w.bin"])
    for path in (full, part, full):
        folders.link({A: path})
        assert contents(folders.hub / A) == folder_of(path)


def test_other_refs_of_the_same_commit(folders: Linker, repo: Repo) -> None:
    for refs in (("main",), ("main", "v1.0"), ("main", "v2.0/x"), ("main",)):
        path = folders.entry(repo, refs=refs)
        folders.link({A: path})
        assert contents(folders.hub / A) == folder_of(path)


@pytest.mark.parametrize("how", ["unlink", "link nothing", "mode link"])
def test_nothing_of_ours_stays(folders: Linker, repo: Repo, how: str) -> None:
    path = folders.entry(repo)
    folders.link({A: path})
    missing = folders.hub / A / ".no_exist" / repo.sha / "sub/added_tokens.json"
    missing.parent.mkdir(parents=True)
    missing.touch()
    if how == "mode link":
        assert folders.but(mode="link").link({A: path}).err == []
        assert contents(folders.hub) == {A: ("link", str(path))}
        return
    run = folders.unlink() if how == "unlink" else folders.link({})
    assert run.out == [f"ai-models: removed 1 in {folders.hub}"]
    assert contents(folders.root / "cache") == {"hub": ("folder",)}


def test_both_modes_by_turns(folders: Linker, repo: Repo) -> None:
    path = folders.entry(repo)
    for _ in range(2):
        folders.but(mode="link").link({A: path})
        assert contents(folders.hub) == {A: ("link", str(path))}
        assert folders.link({A: path}).status == 0
        assert contents(folders.hub / A) == folder_of(path)


class TestWithDownloads:
    """What programs have added stays, and works."""

    def test_an_update(self, folders: Linker, repo: Repo) -> None:
        folders.link({A: folders.entry(repo)})
        mine = add_download(folders.hub / A, repo.sha, "extra.bin", b"extra")
        repo.commit(SECOND)
        path = folders.entry(repo)
        assert folders.link({A: path}).err == []
        assert contents(folders.hub / A) == {**folder_of(path), **mine}

    def test_removing_the_model(self, folders: Linker, repo: Repo) -> None:
        path = folders.entry(repo)
        folders.link({A: path})
        mine = add_download(folders.hub / A, repo.sha, "extra.bin", b"extra")
        before = touched(folders.hub / A / f"blobs/{sha256(b'extra')}")
        assert folders.link({}).status == 0
        # Without the ref, nobody would find the file that is there.
        refs = {"refs": ("folder",), "refs/main": ("file", repo.sha.encode())}
        assert contents(folders.hub / A) == {**mine, **refs}
        assert touched(folders.hub / A / f"blobs/{sha256(b'extra')}") == before
        again = touched(folders.root / "cache")
        assert folders.link({}).out == []
        assert touched(folders.root / "cache") == again

        assert folders.link({A: path}).err == []
        assert contents(folders.hub / A) == {**folder_of(path), **mine}

    def test_the_folder_is_ours_until_it_goes(self, folders: Linker, repo: Repo) -> None:
        path = folders.entry(repo)
        folders.link({A: path})
        add_download(folders.hub / A, repo.sha, "extra.bin", b"extra")
        folders.unlink()
        shutil.rmtree(folders.hub / A)
        assert folders.unlink().out == []
        assert not folders.state.exists()

    def test_mode_link_leaves_the_folder_and_keeps_it_working(
        self, folders: Linker, repo: Repo
    ) -> None:
        path = folders.entry(repo)
        folders.link({A: path})
        mine = add_download(folders.hub / A, repo.sha, "extra.bin", b"extra")
        repo.commit(SECOND)
        path = folders.entry(repo)
        linking = folders.but(mode="link")
        run = linking.link({A: path})
        assert run.status == 0
        (warning,) = run.err
        assert "has downloads in it" in warning
        assert contents(folders.hub / A) == {**folder_of(path), **mine}
        assert linking.link({A: path}).out == []
        follow(warning)
        assert linking.link({A: path}).err == []
        assert (folders.hub / A).readlink() == path

    def test_files_in_the_place_of_ours(self, folders: Linker, repo: Repo) -> None:
        """As `force_download` leaves them, and systems without links."""
        path = folders.entry(repo)
        folders.link({A: path})
        blob = folders.hub / A / f"blobs/{sha256(b'weights')}"
        file = folders.hub / A / f"snapshots/{repo.sha}/config.json"
        for place, content in ((blob, b"weights"), (file, b"1")):
            place.unlink()
            place.write_bytes(content)
        before = touched(folders.hub / A)
        assert folders.link({A: path}).out == []
        assert touched(folders.hub / A) == before
        folders.link({})
        assert (folders.hub / A / f"snapshots/{repo.sha}/w.bin").read_bytes() == b"weights"
        assert file.read_bytes() == b"1"
        assert touched(blob) == {".": before[f"blobs/{sha256(b'weights')}"]}

    def test_links_to_what_is_gone_are_replaced(self, folders: Linker, repo: Repo) -> None:
        path = folders.entry(repo)
        folders.link({A: path})
        for place in (f"blobs/{sha256(b'weights')}", f"snapshots/{repo.sha}/config.json"):
            link = folders.hub / A / place
            link.unlink()
            link.symlink_to("../blobs/gone")
        folders.link({A: path})
        assert contents(folders.hub / A) == folder_of(path)

    def test_links_to_other_blobs_that_work_stay(self, folders: Linker, repo: Repo) -> None:
        """As of a program that has downloaded a file before it was pinned."""
        path = folders.entry(repo)
        folders.link({A: path})
        (folders.hub / A / "snapshots" / repo.sha / "config.json").unlink()
        add_download(folders.hub / A, repo.sha, "config.json", b"1", name="gitsha1")
        before = touched(folders.hub / A)
        folders.link({A: path})
        assert touched(folders.hub / A) == before


class TestAMovedBranch:
    """A program goes online, finds a newer commit, and takes over the blobs that are in it."""

    @pytest.fixture
    def path(self, folders: Linker, repo: Repo) -> Path:
        path = folders.entry(repo)
        folders.link({A: path})
        add_download(folders.hub / A, "c" * 40, "config.json", b"3")
        snapshot = folders.hub / A / "snapshots" / ("c" * 40)
        (snapshot / "w.bin").symlink_to(f"../../blobs/{sha256(b'weights')}")
        (folders.hub / A / "refs/main").write_text("c" * 40)
        return path

    def test_it_stays_moved(self, folders: Linker, path: Path) -> None:
        before = touched(folders.hub)
        assert folders.link({A: path}).out == []
        assert touched(folders.hub) == before

    def test_it_stays_moved_over_a_reboot(self, folders: Linker, path: Path) -> None:
        before = contents(folders.hub)
        folders.unlink()
        folders.link({A: path})
        assert contents(folders.hub) == before

    def test_a_new_pin_moves_it(self, folders: Linker, repo: Repo, path: Path) -> None:
        repo.commit(SECOND)
        new = folders.entry(repo)
        assert new != path
        folders.link({A: new})
        assert (folders.hub / A / "refs/main").read_text() == repo.sha
        files = {place.name: place.read_bytes() for place in self.snapshot(folders).iterdir()}
        assert files == {"config.json": b"3", "w.bin": b"weights"}
        blob = folders.hub / A / "blobs" / sha256(b"weights")
        assert str(blob.readlink()).startswith(f"{new}/"), "it would go with the old path"

    def test_its_blobs_stay_without_the_model(
        self, folders: Linker, repo: Repo, path: Path
    ) -> None:
        folders.link({})
        files = {place.name: place.read_bytes() for place in self.snapshot(folders).iterdir()}
        assert files == {"config.json": b"3", "w.bin": b"weights"}
        assert (folders.hub / A / "refs/main").read_text() == "c" * 40
        assert not (folders.hub / A / "snapshots" / repo.sha).exists()
        assert not (folders.hub / A / "trees").exists()
        assert len(list((folders.hub / A / "blobs").iterdir())) == 2, path
        # When the program's commit goes, nothing needs our link any more.
        shutil.rmtree(self.snapshot(folders))
        (folders.hub / A / "refs/main").unlink()
        (folders.hub / A / "blobs" / sha256(b"3")).unlink()
        assert folders.link({}).out == [f"ai-models: removed 1 in {folders.hub}"]
        assert contents(folders.root / "cache") == {"hub": ("folder",)}

    def test_a_ref_to_what_is_gone_is_set_again(
        self, folders: Linker, repo: Repo, path: Path
    ) -> None:
        shutil.rmtree(self.snapshot(folders))
        folders.link({A: path})
        assert (folders.hub / A / "refs/main").read_text() == repo.sha

    @pytest.mark.parametrize("state", ["lost", "damaged"])
    def test_without_the_state(self, folders: Linker, repo: Repo, path: Path, state: str) -> None:
        """What is downloaded has a file of its own; the configuration has the last word."""
        repo.commit(SECOND)
        new = folders.entry(repo)
        if state == "lost":
            folders.state.unlink()
        else:
            folders.state.write_text("{")
        assert folders.link({A: new}).status == 0
        commits = {place.name for place in (folders.hub / A / "snapshots").iterdir()}
        assert commits == {repo.sha, "c" * 40}, path
        assert (folders.hub / A / "refs/main").read_text() == repo.sha

    @staticmethod
    def snapshot(folders: Linker) -> Path:
        return folders.hub / A / "snapshots" / ("c" * 40)


def test_a_ref_that_a_program_made_goes_with_the_commit(folders: Linker, repo: Repo) -> None:
    """It would make huggingface_hub take the whole folder for damaged."""
    folders.link({A: folders.entry(repo)})
    (folders.hub / A / "refs/v1").write_text(repo.sha)
    repo.commit(SECOND)
    path = folders.entry(repo)
    folders.link({A: path})
    assert contents(folders.hub / A) == folder_of(path)


@pytest.mark.parametrize("then", ["an update", "nothing", "mode link"])
def test_the_old_path_may_have_been_collected(folders: Linker, repo: Repo, then: str) -> None:
    old = folders.entry(repo)
    folders.link({A: old})
    old.rename(folders.store / "collected")
    repo.commit(SECOND)
    path = folders.entry(repo)
    if then == "an update":
        folders.link({A: path})
        assert contents(folders.hub / A) == folder_of(path)
    elif then == "nothing":
        folders.link({})
        assert contents(folders.hub) == {}
    else:
        folders.but(mode="link").link({A: path})
        assert contents(folders.hub) == {A: ("link", str(path))}


def test_a_path_that_is_no_entry(folders: Linker, entry: Callable[..., Path]) -> None:
    plain = folders.store / "plain"
    plain.mkdir(parents=True)
    (plain / "config.json").write_text("{}")
    gone = folders.store / "gone"
    run = folders.link({A: plain, B: entry("b"), "models--org--c": gone})
    assert run.status == 1
    assert [line.partition(": ")[0] for line in run.err] == ["error", "error"]
    assert f"{plain} is no entry of a cache" in run.err[0]
    assert str(gone) in run.err[1]
    assert run.out == [f"ai-models: linked 1 in {folders.hub}"]
    assert set(json.loads(folders.state.read_text())["hubs"][str(folders.hub)]) == {B}


@pytest.mark.parametrize("place", ["blobs", "snapshots", "refs", "trees"])
@pytest.mark.parametrize("thing", ["a link", "a file"])
def test_what_is_in_the_way_of_our_folders(
    folders: Linker, repo: Repo, entry: Callable[..., Path], place: str, thing: str
) -> None:
    path, other = folders.entry(repo), entry("b")
    folders.link({A: path})
    away = (folders.hub / A / place).rename(folders.root / "away")
    before = touched(away)
    if thing == "a link":
        (folders.hub / A / place).symlink_to(away)
    else:
        (folders.hub / A / place).write_text("mine")
    for _ in range(2):
        run = folders.link({A: path, B: other})
        assert run.status == 0
        (warning,) = run.err
        assert warning.startswith(f"warning: {folders.hub}/{A}/{place} is {thing}")
        assert "'a' of services.ai-models" in warning
        assert (folders.hub / B / "refs/main").exists()
        assert touched(away) == before
    follow(warning)
    (folders.hub / A / f"{place}.old").unlink()
    folders.link({A: path, B: other})
    assert contents(folders.hub / A) == folder_of(path)


def test_a_folder_in_the_place_of_a_file(folders: Linker, repo: Repo) -> None:
    path = folders.entry(repo)
    folders.link({A: path})
    main = folders.hub / A / "refs/main"
    main.unlink()
    main.mkdir()
    (warning,) = folders.link({A: path}).err
    assert warning.startswith(f"warning: {main} is a folder")
    assert {p.name for p in folders.hub.iterdir()} == {A}
