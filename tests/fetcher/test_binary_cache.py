"""Files out of binary caches: ranges of archives, and nothing that a cache could do wrong stays."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.archive import HEADER, archive_size, content_size, header, strings
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.fetch import fetch_files
from aimodels_fetcher.resumable import ResumableTarget
from aimodels_fetcher.sources.binary_cache import BinaryCache, Directory
from aimodels_fetcher.spec import FileSpec
from support import binary_cache
from support.binary_cache import file_archive
from support.fake_repo import BigFile, chunks
from support.faults import both, cut, edited, flipped, framed, gzipped, headed, status, whole
from support.loopback import HangUp, Request, Response
from support.nginx import Nginx, public_directory
from support.patience import hurry
from support.recording_proxy import RecordingProxy
from support.remedies import cures
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.fake_repo import Content
    from support.faults import Change
    from support.remedies import Remedy

    Case = tuple[bytes, dict[str, str | int], str]

LARGE = BigFile((40 << 20) + 5, 11)
SMALL = {f"{n}.json": b"x" * n for n in range(1, 18)}
ALTERED = (
    "check that the URL is that of a binary cache, and that no proxy alters its answers; whoever "
    "fills the cache can delete the .narinfo and the archive there, and push the model again"
)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with public_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def cache(directory: Path) -> binary_cache.BinaryCache:
    return binary_cache.BinaryCache(directory / "cache")


@pytest.fixture(scope="module")
def paths(cache: binary_cache.BinaryCache) -> dict[str, str]:
    contents: dict[str, Content] = {"model.safetensors": LARGE, **SMALL}
    return {path: cache.add(path, content) for path, content in contents.items()}


@pytest.fixture(scope="module")
def nginx(cache: binary_cache.BinaryCache, directory: Path) -> Iterator[Nginx]:
    (directory / "nginx").mkdir()
    with Nginx(cache.directory, directory / "nginx") as nginx:
        yield nginx


@pytest.fixture
def proxy(nginx: Nginx, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingProxy]:
    hurry(monkeypatch)
    with RecordingProxy(nginx.url) as proxy:
        yield proxy


def spoil(proxy: RecordingProxy, change: Change, *numbers: int, where: str = "/nar/") -> None:
    """Spoil answers; without numbers, all of them."""
    seen = 0

    def fault(request: Request) -> Response | None:
        nonlocal seen
        if where not in request.path:
            return None
        seen += 1
        spoiled = not numbers or seen - 1 in numbers
        return change(request, proxy.otherwise) if spoiled else None

    proxy.faults = fault


def spec(cache: BinaryCache, path: str, content: Content) -> FileSpec:
    return FileSpec((cache,), path, sri(content), len(content))


def fetch(cache: BinaryCache, out: Path, path: str = "model.safetensors") -> bytes:
    content = LARGE if path == "model.safetensors" else SMALL[path]
    fetch_files([(spec(cache, path, content), out / path)], connections=4)
    assert sri((out / path).read_bytes()) == sri(content)
    return (out / path).read_bytes()


def endless(answer: Response) -> Response:
    return replace(framed("close")(answer), body=chain(answer.pieces, repeat(bytes(1 << 16))))


def nar_bytes(proxy: RecordingProxy) -> int:
    return sum(request.sent_bytes for request in proxy.log if request.path.startswith("/nar/"))


def test_the_archive_of_a_file_is_known_by_its_beginning() -> None:
    for size in (0, 1, 7, 8, 9, 1 << 40):
        start = header(size)
        assert len(start) == HEADER
        assert content_size(start) == size
        assert archive_size(size) % 8 == 0
    for other, kind in (
        (strings("nix-archive-1", "(", "type", "directory", "entry"), "a directory"),
        (strings("nix-archive-1", "(", "type", "symlink", "target"), "a symbolic link"),
        (strings("nix-archive-1", "(", "type", "regular", "executable", ""), "an executable"),
        (b"<html>", "not an archive of Nix"),
        (b"", "not an archive of Nix"),
    ):
        with pytest.raises(ValueError, match=kind):
            content_size(other[:HEADER])


def test_files_of_all_sizes(proxy: RecordingProxy, paths: dict[str, str], tmp_path: Path) -> None:
    cache = BinaryCache(Directory(proxy.url), paths)
    wanted = [(spec(cache, path, content), tmp_path / path) for path, content in SMALL.items()]
    fetch_files(wanted, connections=2)
    for path, content in SMALL.items():
        assert (tmp_path / path).read_bytes() == content
    assert len(proxy.log) == 2 * len(SMALL), "one for what is said of it, one for the file"
    assert sum(request.turn == 1 for request in proxy.log) <= 2, "connections are used again"


def test_sizes_need_not_be_known(
    proxy: RecordingProxy, cache: binary_cache.BinaryCache, tmp_path: Path
) -> None:
    contents: dict[str, Content] = {"empty": b"", "small": b"12345", "large": BigFile(9 << 20, 3)}
    paths = {path: cache.add(path, content) for path, content in contents.items()}
    source = BinaryCache(Directory(proxy.url), paths)
    wanted = [
        (FileSpec((source,), path, sri(content), None), tmp_path / path)
        for path, content in contents.items()
    ]
    fetch_files(wanted)
    for path, content in contents.items():
        assert sri((tmp_path / path).read_bytes()) == sri(content)


def test_a_large_one_in_parts_each_once(
    proxy: RecordingProxy, paths: dict[str, str], tmp_path: Path
) -> None:
    fetch(BinaryCache(Directory(proxy.url), paths), tmp_path)
    ranges = [request.headers["range"] for request in proxy.log if "range" in request.headers]
    assert len(ranges) > 1
    assert nar_bytes(proxy) == LARGE.size + HEADER
    assert sum(request.path.endswith(".narinfo") for request in proxy.log) == 1


def test_eight_cuts_and_nothing_twice(
    proxy: RecordingProxy, paths: dict[str, str], tmp_path: Path
) -> None:
    spoil(proxy, edited(cut(1, HangUp, 3 << 20)), *range(8))
    fetch(BinaryCache(Directory(proxy.url), paths), tmp_path)
    assert nar_bytes(proxy) == LARGE.size + HEADER


@pytest.mark.parametrize(
    ("change", "numbers"),
    [
        pytest.param(whole, (), id="no ranges"),
        pytest.param(both(whole, framed("chunked")), (), id="no ranges, in chunks"),
        pytest.param(both(whole, endless), (), id="no end"),
        pytest.param(edited(gzipped), (), id="compressed on the way"),
        pytest.param(edited(flipped), (0,), id="another content, once"),
        pytest.param(edited(headed(Content_Range="bytes 5-9/10")), (0,), id="another range"),
        pytest.param(status(503), (0, 1, 2), id="no answer"),
        pytest.param(edited(cut(1, HangUp, 50)), (0, 1), id="cut in the header"),
        pytest.param(both(whole, cut(1, HangUp, LARGE.size + 99)), (), id="cut after the content"),
    ],
)
def test_what_a_network_does(
    proxy: RecordingProxy,
    paths: dict[str, str],
    tmp_path: Path,
    change: Change,
    numbers: tuple[int, ...],
) -> None:
    spoil(proxy, change, *numbers)
    fetch(BinaryCache(Directory(proxy.url), paths), tmp_path)


def test_an_earlier_run_is_continued(
    proxy: RecordingProxy, paths: dict[str, str], tmp_path: Path
) -> None:
    cache = BinaryCache(Directory(proxy.url), paths)
    out = tmp_path / "model.safetensors"
    out.write_bytes(b"".join(chunks(LARGE, 0, 7 << 20)))
    notes = tmp_path / "notes"
    notes.write_text(f'{{"size": {LARGE.size}, "missing": [[{7 << 20}, {LARGE.size}]]}}')
    fetch_files(
        [(spec(cache, "model.safetensors", LARGE), out)],
        target=lambda path, _: ResumableTarget(path, notes),
    )
    assert sri(out.read_bytes()) == sri(LARGE)
    assert nar_bytes(proxy) == LARGE.size - (7 << 20)


@cures(ALTERED)
@pytest.mark.parametrize(
    "case",
    [
        (file_archive(b"other"), {}, "expected 4 bytes, but .* has 5"),
        (file_archive(b"othe"), {}, "expected sha256-.*, received sha256-"),
        (file_archive(b"same"), {"nar_size": 128}, "expected 128 bytes, but .* has 120"),
        (
            file_archive(b"same")[:96] + bytes(40),
            {},
            "has 4 bytes, which is not what its .narinfo says",
        ),
        (
            file_archive(b"same"),
            {"url": "nar/missing.nar"},
            "lacks the archive that it names: HTTP 404",
        ),
        (
            file_archive(b"same"),
            {"url": "file:///etc/passwd"},
            "lacks the archive that it names: HTTP 404",
        ),
        (file_archive(b"same"), {"url": "http://[x"}, "names an archive that has no URL"),
        (strings("nix-archive-1", "(", "type", "directory", ")"), {}, "that of a directory"),
        (b"<html>" * 20, {}, "it is not an archive of Nix"),
        (b"<html>", {}, "names an archive of 6 bytes, which is none"),
    ],
)
def test_a_cache_that_is_wrong_is_named(
    proxy: RecordingProxy,
    cache: binary_cache.BinaryCache,
    tmp_path: Path,
    remedy: Remedy,
    case: Case,
) -> None:
    archive, changes, why = case
    path = cache.add("a.bin", b"same")
    cache.add_archive(path, archive, **changes)
    source = BinaryCache(Directory(proxy.url), {"a": path})
    with pytest.raises(FetchError, match=why) as caught:
        fetch_files([(spec(source, "a", b"same"), tmp_path / "a")])
    assert caught.value.message.startswith(f"{proxy.url} a: ")
    assert len(proxy.log) <= 6, "it is not asked again and again"
    remedy(f"hint: {caught.value.hint}")
    cache.add("a.bin", b"same")
    fetch_files([(spec(source, "a", b"same"), tmp_path / "a")])


@cures(
    "fill the cache with `aimodels-gen push`, or with `nix copy --to` and `compression=none`",
    "push it there, for example with `aimodels-gen push`",
)
def test_a_cache_that_lacks_it_is_named(
    proxy: RecordingProxy, cache: binary_cache.BinaryCache, tmp_path: Path, remedy: Remedy
) -> None:
    path = cache.add("c.bin", b"some", compression="xz")
    source = BinaryCache(Directory(proxy.url), {"c": path})
    with pytest.raises(FetchError, match="has it with xz compression") as caught:
        fetch_files([(spec(source, "c", b"some"), tmp_path / "c")])
    remedy(f"hint: {caught.value.hint}")
    (narinfo,) = cache.directory.glob(f"{path[11:43]}.narinfo")
    narinfo.unlink()
    with pytest.raises(FetchError, match=r"c: it is not in this cache \(HTTP 404 from ") as caught:
        fetch_files([(spec(source, "c", b"some"), tmp_path / "c")])
    remedy(f"hint: {caught.value.hint}")
    cache.add("c.bin", b"some")
    fetch_files([(spec(source, "c", b"some"), tmp_path / "c")])


def test_a_cache_that_has_moved_lacks_it(
    proxy: RecordingProxy, nginx: Nginx, tmp_path: Path
) -> None:
    """Where it is now, that is an answer."""
    spoil(proxy, lambda r, _: Response(302, {"Location": nginx.url + r.path}, b""), where="")
    source = BinaryCache(Directory(proxy.url), {"c": f"/nix/store/{'0' * 32}-c"})
    with pytest.raises(FetchError, match="c: it is not in this cache"):
        fetch_files([(spec(source, "c", b"some"), tmp_path / "c")])
    assert len(proxy.log) == 1


@cures("check the URL of the cache, and whether it requires a login")
def test_a_cache_that_refuses_is_named(
    proxy: RecordingProxy, paths: dict[str, str], tmp_path: Path, remedy: Remedy
) -> None:
    spoil(proxy, status(401), where="")
    with pytest.raises(FetchError, match=r"model\.safetensors: HTTP 401 from ") as caught:
        fetch(BinaryCache(Directory(proxy.url), paths), tmp_path)
    remedy(f"hint: {caught.value.hint}")
    proxy.reset()
    fetch(BinaryCache(Directory(proxy.url), paths), tmp_path)


def test_what_it_has_begun_another_source_ends(
    proxy: RecordingProxy, paths: dict[str, str], nginx: Nginx, tmp_path: Path, said: list[str]
) -> None:
    """The parts that came from the cache are not asked for again."""
    cache = BinaryCache(Directory(proxy.url), paths, optional=True)
    other = BinaryCache(Directory(nginx.url), paths)
    spoil(proxy, edited(cut(1, HangUp, 8 << 20)), 0)
    taken = proxy.faults
    proxy.faults = lambda request: taken(request) if nar_bytes(proxy) < 8 << 20 else _hang_up()
    out = tmp_path / "model.safetensors"
    sources = FileSpec((cache, other), out.name, sri(LARGE), LARGE.size)
    fetch_files([(sources, out)], connections=1)
    assert sri(out.read_bytes()) == sri(LARGE)
    assert any(f"asking {nginx.url} instead" in line for line in said)


def _hang_up() -> Response:
    raise HangUp


def test_a_cache_that_is_not_there_is_left_at_once(
    paths: dict[str, str], nginx: Nginx, tmp_path: Path, said: list[str]
) -> None:
    dead = BinaryCache(Directory("http://127.0.0.1:9"), paths, optional=True)
    there = BinaryCache(Directory(nginx.url), paths)
    out = tmp_path / "5.json"
    fetch_files([(FileSpec((dead, there), "5.json", sri(b"xxxxx"), 5), out)])
    assert out.read_bytes() == b"xxxxx"
    (line,) = [line for line in said if "refused" in line]
    assert line.endswith(f"Connection refused; asking {nginx.url} instead")
