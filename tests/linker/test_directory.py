"""Mode "directory": a directory of links, to which programs add what they download."""

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


def directory_of(path: Path) -> dict[str, tuple[object, ...]]:
    """What a directory that stands for an entry has to have, and nothing else."""
    found = {
        place: node for place, node in contents(path).items() if place.split("/")[0] != "trees"
    }
    for blob in [place for place in found if place.startswith("blobs/")]:
        found[blob] = ("link", f"{path}/{blob}")
    return found


@pytest.mark.parametrize("layout", ["link", "copy"])
def test_the_directory_is_the_entry_with_links_for_blobs(
    directories: Linker, repo: Repo, layout: str
) -> None:
    path = directories.entry(repo, refs=("main", "v1.0/rc 1"), layout=layout)
    run = directories.link({A: path})
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: linked 1 in {directories.hub}"]
    assert contents(directories.hub) == {
        A: ("directory",),
        **{f"{A}/{place}": node for place, node in directory_of(path).items()},
    }
    assert (directories.hub / A / "refs/v1.0/rc 1").read_bytes() == repo.sha.encode()
    assert (
        directories.hub / A / "snapshots" / repo.sha / "sub dir/tokenizer.json"
    ).read_bytes() == b"t"


def test_what_is_missing_is_made_again(directories: Linker, repo: Repo) -> None:
    path = directories.entry(repo)
    directories.link({A: path})
    made = contents(directories.hub / A)
    for place in made:
        broken = directories.hub / A / place
        if broken.is_dir():
            shutil.rmtree(broken)
        else:
            broken.unlink()
        assert directories.link({A: path}).status == 0
        assert contents(directories.hub / A) == made


def test_an_update_without_downloads(directories: Linker, repo: Repo) -> None:
    first = directories.entry(repo)
    repo.commit(SECOND)
    second = directories.entry(repo)
    for path in (first, second, first):
        run = directories.link({A: path})
        assert run.out == [f"ai-models: linked 1 in {directories.hub}"]
        assert contents(directories.hub / A) == directory_of(path)


def test_other_files_of_the_same_commit(directories: Linker, repo: Repo) -> None:
    full, part = directories.entry(repo), directories.entry(repo, ["w.bin"])
    for path in (full, part, full):
        directories.link({A: path})
        assert contents(directories.hub / A) == directory_of(path)


def test_other_refs_of_the_same_commit(directories: Linker, repo: Repo) -> None:
    for refs in (("main",), ("main", "v1.0"), ("main", "v2.0/x"), ("main",)):
        path = directories.entry(repo, refs=refs)
        directories.link({A: path})
        assert contents(directories.hub / A) == directory_of(path)


class TestListings:
    """Earlier releases wrote the listing of the pin, as if it were that of the repository."""

    @pytest.fixture
    def listing(self, directories: Linker, repo: Repo) -> Path:
        """The listing in the directory that an earlier release has made."""
        path = directories.entry(repo, ["w.bin"])
        directories.link({A: path})
        data = json.loads(directories.state.read_text())
        del data["hubs"][str(directories.hub)][A]["listing"]
        directories.state.write_text(json.dumps(data))
        shutil.copytree(path / "trees", directories.hub / A / "trees")
        return directories.hub / A / "trees" / f"{repo.sha}.json"

    @pytest.mark.parametrize("state", ["there", "lost"])
    def test_ours_is_removed(
        self, directories: Linker, repo: Repo, listing: Path, state: str
    ) -> None:
        path = directories.entry(repo, ["w.bin"])
        if state == "lost":
            directories.state.unlink()
        assert listing.exists()
        assert directories.link({A: path}).err == []
        assert contents(directories.hub / A) == directory_of(path)
        assert directories.link({A: path}).out == []

    def test_that_of_a_program_stays(self, directories: Linker, repo: Repo, listing: Path) -> None:
        path = directories.entry(repo, ["w.bin"])
        ours = listing.read_bytes()
        listing.chmod(0o644)
        listing.write_text("{}")
        directories.link({A: path})
        assert listing.read_text() == "{}"
        # Also one that is the same, once ours is known to be gone.
        listing.write_bytes(ours)
        directories.link({A: path})
        assert listing.read_bytes() == ours


@pytest.mark.parametrize("how", ["unlink", "link nothing", "mode link"])
def test_nothing_of_ours_stays(directories: Linker, repo: Repo, how: str) -> None:
    path = directories.entry(repo)
    directories.link({A: path})
    missing = directories.hub / A / ".no_exist" / repo.sha / "sub/added_tokens.json"
    missing.parent.mkdir(parents=True)
    missing.touch()
    if how == "mode link":
        assert directories.but(mode="link").link({A: path}).err == []
        assert contents(directories.hub) == {A: ("link", str(path))}
        return
    run = directories.unlink() if how == "unlink" else directories.link({})
    assert run.out == [f"ai-models: removed 1 in {directories.hub}"]
    assert contents(directories.root / "cache") == {"hub": ("directory",)}


def test_both_modes_by_turns(directories: Linker, repo: Repo) -> None:
    path = directories.entry(repo)
    for _ in range(2):
        directories.but(mode="link").link({A: path})
        assert contents(directories.hub) == {A: ("link", str(path))}
        assert directories.link({A: path}).status == 0
        assert contents(directories.hub / A) == directory_of(path)


class TestWithDownloads:
    """What programs have added stays, and works."""

    def test_an_update(self, directories: Linker, repo: Repo) -> None:
        directories.link({A: directories.entry(repo)})
        mine = add_download(directories.hub / A, repo.sha, "extra.bin", b"extra")
        repo.commit(SECOND)
        path = directories.entry(repo)
        assert directories.link({A: path}).err == []
        assert contents(directories.hub / A) == {**directory_of(path), **mine}

    def test_removing_the_model(self, directories: Linker, repo: Repo) -> None:
        path = directories.entry(repo)
        directories.link({A: path})
        mine = add_download(directories.hub / A, repo.sha, "extra.bin", b"extra")
        before = touched(directories.hub / A / f"blobs/{sha256(b'extra')}")
        assert directories.link({}).status == 0
        # Without the ref, nobody would find the file that is there.
        refs = {"refs": ("directory",), "refs/main": ("file", repo.sha.encode())}
        assert contents(directories.hub / A) == {**mine, **refs}
        assert touched(directories.hub / A / f"blobs/{sha256(b'extra')}") == before
        again = touched(directories.root / "cache")
        assert directories.link({}).out == []
        assert touched(directories.root / "cache") == again

        assert directories.link({A: path}).err == []
        assert contents(directories.hub / A) == {**directory_of(path), **mine}

    def test_the_directory_is_ours_until_it_goes(self, directories: Linker, repo: Repo) -> None:
        path = directories.entry(repo)
        directories.link({A: path})
        add_download(directories.hub / A, repo.sha, "extra.bin", b"extra")
        directories.unlink()
        shutil.rmtree(directories.hub / A)
        assert directories.unlink().out == []
        assert not directories.state.exists()

    def test_mode_link_leaves_the_directory_and_keeps_it_working(
        self, directories: Linker, repo: Repo
    ) -> None:
        path = directories.entry(repo)
        directories.link({A: path})
        mine = add_download(directories.hub / A, repo.sha, "extra.bin", b"extra")
        repo.commit(SECOND)
        path = directories.entry(repo)
        linking = directories.but(mode="link")
        run = linking.link({A: path})
        assert run.status == 0
        (warning,) = run.err
        assert "has downloads in it" in warning
        assert contents(directories.hub / A) == {**directory_of(path), **mine}
        assert linking.link({A: path}).out == []
        follow(warning)
        assert linking.link({A: path}).err == []
        assert (directories.hub / A).readlink() == path

    def test_files_in_the_place_of_ours(self, directories: Linker, repo: Repo) -> None:
        """As `force_download` leaves them, and systems without links."""
        path = directories.entry(repo)
        directories.link({A: path})
        blob = directories.hub / A / f"blobs/{sha256(b'weights')}"
        file = directories.hub / A / f"snapshots/{repo.sha}/config.json"
        for place, content in ((blob, b"weights"), (file, b"1")):
            place.unlink()
            place.write_bytes(content)
        before = touched(directories.hub / A)
        assert directories.link({A: path}).out == []
        assert touched(directories.hub / A) == before
        directories.link({})
        assert (directories.hub / A / f"snapshots/{repo.sha}/w.bin").read_bytes() == b"weights"
        assert file.read_bytes() == b"1"
        assert touched(blob) == {".": before[f"blobs/{sha256(b'weights')}"]}

    def test_links_to_what_is_gone_are_replaced(self, directories: Linker, repo: Repo) -> None:
        path = directories.entry(repo)
        directories.link({A: path})
        for place in (f"blobs/{sha256(b'weights')}", f"snapshots/{repo.sha}/config.json"):
            link = directories.hub / A / place
            link.unlink()
            link.symlink_to("../blobs/gone")
        directories.link({A: path})
        assert contents(directories.hub / A) == directory_of(path)

    def test_links_to_other_blobs_that_work_stay(self, directories: Linker, repo: Repo) -> None:
        """As of a program that has downloaded a file before it was pinned."""
        path = directories.entry(repo)
        directories.link({A: path})
        (directories.hub / A / "snapshots" / repo.sha / "config.json").unlink()
        add_download(directories.hub / A, repo.sha, "config.json", b"1", name="gitsha1")
        before = touched(directories.hub / A)
        directories.link({A: path})
        assert touched(directories.hub / A) == before


class TestAMovedBranch:
    """A program goes online, finds a newer commit, and takes over the blobs that are in it."""

    @pytest.fixture
    def path(self, directories: Linker, repo: Repo) -> Path:
        path = directories.entry(repo)
        directories.link({A: path})
        add_download(directories.hub / A, "c" * 40, "config.json", b"3")
        snapshot = directories.hub / A / "snapshots" / ("c" * 40)
        (snapshot / "w.bin").symlink_to(f"../../blobs/{sha256(b'weights')}")
        (directories.hub / A / "refs/main").write_text("c" * 40)
        return path

    def test_it_stays_moved(self, directories: Linker, path: Path) -> None:
        before = touched(directories.hub)
        assert directories.link({A: path}).out == []
        assert touched(directories.hub) == before

    def test_it_stays_moved_over_a_reboot(self, directories: Linker, path: Path) -> None:
        before = contents(directories.hub)
        directories.unlink()
        directories.link({A: path})
        assert contents(directories.hub) == before

    def test_a_new_pin_moves_it(self, directories: Linker, repo: Repo, path: Path) -> None:
        repo.commit(SECOND)
        new = directories.entry(repo)
        assert new != path
        directories.link({A: new})
        assert (directories.hub / A / "refs/main").read_text() == repo.sha
        files = {place.name: place.read_bytes() for place in self.snapshot(directories).iterdir()}
        assert files == {"config.json": b"3", "w.bin": b"weights"}
        blob = directories.hub / A / "blobs" / sha256(b"weights")
        assert str(blob.readlink()).startswith(f"{new}/"), "it would go with the old path"

    def test_its_blobs_stay_without_the_model(
        self, directories: Linker, repo: Repo, path: Path
    ) -> None:
        directories.link({})
        files = {place.name: place.read_bytes() for place in self.snapshot(directories).iterdir()}
        assert files == {"config.json": b"3", "w.bin": b"weights"}
        assert (directories.hub / A / "refs/main").read_text() == "c" * 40
        assert not (directories.hub / A / "snapshots" / repo.sha).exists()
        assert not (directories.hub / A / "trees").exists()
        assert len(list((directories.hub / A / "blobs").iterdir())) == 2, path
        # When the program's commit goes, nothing needs our link any more.
        shutil.rmtree(self.snapshot(directories))
        (directories.hub / A / "refs/main").unlink()
        (directories.hub / A / "blobs" / sha256(b"3")).unlink()
        assert directories.link({}).out == [f"ai-models: removed 1 in {directories.hub}"]
        assert contents(directories.root / "cache") == {"hub": ("directory",)}

    def test_a_ref_to_what_is_gone_is_set_again(
        self, directories: Linker, repo: Repo, path: Path
    ) -> None:
        shutil.rmtree(self.snapshot(directories))
        directories.link({A: path})
        assert (directories.hub / A / "refs/main").read_text() == repo.sha

    @pytest.mark.parametrize("state", ["lost", "damaged"])
    def test_without_the_state(
        self, directories: Linker, repo: Repo, path: Path, state: str
    ) -> None:
        """What is downloaded has a file of its own; the configuration has the last word."""
        repo.commit(SECOND)
        new = directories.entry(repo)
        if state == "lost":
            directories.state.unlink()
        else:
            directories.state.write_text("{")
        assert directories.link({A: new}).status == 0
        commits = {place.name for place in (directories.hub / A / "snapshots").iterdir()}
        assert commits == {repo.sha, "c" * 40}, path
        assert (directories.hub / A / "refs/main").read_text() == repo.sha

    @staticmethod
    def snapshot(directories: Linker) -> Path:
        return directories.hub / A / "snapshots" / ("c" * 40)


def test_a_ref_that_a_program_made_goes_with_the_commit(directories: Linker, repo: Repo) -> None:
    """It would make huggingface_hub take the whole directory for damaged."""
    directories.link({A: directories.entry(repo)})
    (directories.hub / A / "refs/v1").write_text(repo.sha)
    repo.commit(SECOND)
    path = directories.entry(repo)
    directories.link({A: path})
    assert contents(directories.hub / A) == directory_of(path)


@pytest.mark.parametrize("then", ["an update", "nothing", "mode link"])
def test_the_old_path_may_have_been_collected(directories: Linker, repo: Repo, then: str) -> None:
    old = directories.entry(repo)
    directories.link({A: old})
    old.rename(directories.store / "collected")
    repo.commit(SECOND)
    path = directories.entry(repo)
    if then == "an update":
        directories.link({A: path})
        assert contents(directories.hub / A) == directory_of(path)
    elif then == "nothing":
        directories.link({})
        assert contents(directories.hub) == {}
    else:
        directories.but(mode="link").link({A: path})
        assert contents(directories.hub) == {A: ("link", str(path))}


def test_a_path_that_is_no_entry(directories: Linker, entry: Callable[..., Path]) -> None:
    plain = directories.store / "plain"
    plain.mkdir(parents=True)
    (plain / "config.json").write_text("{}")
    gone = directories.store / "gone"
    run = directories.link({A: plain, B: entry("b"), "models--org--c": gone})
    assert run.status == 1
    assert [line.partition(": ")[0] for line in run.err] == ["error", "error"]
    assert f"{plain} is not a cache entry: " in run.err[0]
    assert str(gone) in run.err[1]
    assert run.out == [f"ai-models: linked 1 in {directories.hub}"]
    assert set(json.loads(directories.state.read_text())["hubs"][str(directories.hub)]) == {B}


@pytest.mark.parametrize("place", ["blobs", "snapshots", "refs"])
@pytest.mark.parametrize("thing", ["a link", "a file"])
def test_what_is_in_the_way_of_our_directories(
    directories: Linker, repo: Repo, entry: Callable[..., Path], place: str, thing: str
) -> None:
    path, other = directories.entry(repo), entry("b")
    directories.link({A: path})
    away = (directories.hub / A / place).rename(directories.root / "away")
    before = touched(away)
    if thing == "a link":
        (directories.hub / A / place).symlink_to(away)
    else:
        (directories.hub / A / place).write_text("mine")
    for _ in range(2):
        run = directories.link({A: path, B: other})
        assert run.status == 0
        (warning,) = run.err
        assert warning.startswith(f"warning: {directories.hub}/{A}/{place} is {thing}")
        assert "'a' of services.ai-models" in warning
        assert (directories.hub / B / "refs/main").exists()
        assert touched(away) == before
    follow(warning)
    (directories.hub / A / f"{place}.old").unlink()
    directories.link({A: path, B: other})
    assert contents(directories.hub / A) == directory_of(path)


def test_a_directory_in_the_place_of_a_file(directories: Linker, repo: Repo) -> None:
    path = directories.entry(repo)
    directories.link({A: path})
    main = directories.hub / A / "refs/main"
    main.unlink()
    main.mkdir()
    (warning,) = directories.link({A: path}).err
    assert warning.startswith(f"warning: {main} is a directory")
    assert {p.name for p in directories.hub.iterdir()} == {A}
