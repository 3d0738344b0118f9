"""The fetcher's pure parts, against the libraries whose rules they follow."""

from __future__ import annotations

import re
import threading
import time

import pytest
from huggingface_hub.utils import filter_repo_objects
from hypothesis import given
from hypothesis import strategies as st

from aimodels_fetcher import progress, urls
from aimodels_fetcher.digests import hex_to_sri, lfs_pointer_blob_id, sri_to_hex
from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.log import redirected, say, to_stderr
from aimodels_fetcher.wording import bytes_text, counted, duration_text
from support.fake_repo import blob_id, lfs_pointer, sha256

_NAMES = st.text("ab./\\*?[]!-", min_size=1, max_size=6)


@given(st.lists(_NAMES), st.none() | st.lists(_NAMES), st.lists(_NAMES))
def test_filters_choose_what_huggingface_hub_chooses(
    paths: list[str], include: list[str] | None, exclude: list[str]
) -> None:
    theirs = filter_repo_objects(paths, allow_patterns=include, ignore_patterns=exclude)
    filters = Filters(None if include is None else tuple(include), tuple(exclude))
    assert list(filters.select(paths, str).taken) == list(theirs)


def test_sri_round_trip() -> None:
    digest = sha256(b"content")
    assert sri_to_hex(hex_to_sri(digest)) == digest
    for bad in ("", "sha256-", "sha512-" + "A" * 86 + "==", hex_to_sri(digest) + "A", digest):
        with pytest.raises(ValueError, match="not an SRI hash"):
            sri_to_hex(bad)


def test_the_blob_id_of_a_pointer_follows_from_the_content() -> None:
    assert lfs_pointer_blob_id(sha256(b"weights"), 7) == blob_id(lfs_pointer(b"weights"))


def test_the_pointer_is_the_canonical_one() -> None:
    """As git-lfs writes it; the blob ids above are of this text."""
    assert lfs_pointer(b"abc").decode().splitlines() == [
        "version https://git-lfs.github.com/spec/v1",
        f"oid sha256:{sha256(b'abc')}",
        "size 3",
    ]


def test_numbers_for_people() -> None:
    assert bytes_text(609) == "609 B"
    assert [bytes_text(n) for n in (1023, 1024)] == ["1023 B", "1.0 KiB"]
    assert [bytes_text(1 << bits) for bits in (20, 30, 40)] == ["1.0 MiB", "1.0 GiB", "1.0 TiB"]
    assert bytes_text(9_976_576_152) == "9.3 GiB"
    assert bytes_text(5 << 40) == "5.0 TiB"
    assert [bytes_text((1 << bits) - 1) for bits in (20, 30)] == ["1.0 MiB", "1.0 GiB"]
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [duration_text(s) for s in (42, 185, 7800)] == ["42 s", "3 min 5 s", "2 h 10 min"]


def test_log_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with redirected(to_stderr):
        say("a b/é.txt\n\x1b[31m")
    assert capsys.readouterr().err == "a b/é.txt\\n\\x1b[31m\n"


def test_log_lines_can_go_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with redirected(lines.append):
        threads = [threading.Thread(target=say, args=(f"line\t{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    say("of a thread that nobody waits for any more")
    assert sorted(lines) == [f"line\\t{n}" for n in range(8)]
    assert not capsys.readouterr().err


def test_progress_is_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL", 0.01)
    with (
        redirected(to_stderr),
        progress.Progress("org/model@01c7f73 a.bin", 4 << 20) as running,
    ):
        running.add(1 << 20)
        time.sleep(0.1)
        running.add(3 << 20)
    *lines, last = capsys.readouterr().err.splitlines()
    pattern = r"org/model@01c7f73 a\.bin:  25% of 4\.0 MiB, [\d.]+ [KM]iB/s, \d+ s left"
    assert lines
    assert re.fullmatch(pattern, lines[0])
    assert re.fullmatch(r"fetched org/model@01c7f73 a\.bin: 4\.0 MiB in [\d.]+ s \(.+/s\)", last)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("https://me:secret@example.org:8/a?token=secret#secret", "https://example.org:8/a"),
        ("https://me@secret@example.org/@a", "https://example.org/@a"),
        ("https://cdn.example.org/npm/a@1.0/b?c=d@e", "https://cdn.example.org/npm/a@1.0/b"),
        ("socks5://me:secret@[::1]:9", "socks5://[::1]:9"),
    ],
)
def test_urls_are_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert urls.public(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://me:secret/x@127.0.0.1:9",
        "http://me:12/secret@127.0.0.1:9",
        "http://me:12?secret@127.0.0.1:9",
        "http://me:12#secret@127.0.0.1:9",
        "http://secret/x@localhost",
        "http://me@x:12/secret@127.0.0.1:9",
        "http:me:secret@example.org",
        "http:/me:secret@example.org",
        "http:///me:secret@example.org",
        "me:secret@example.org:80",
        "//me:secret@example.org",
        "http:\\\\me:secret@example.org",
        "http://me\\:secret@example.org",
        "http://me:secret%40example.org/",
        "http://me:secret\uff20example.org/",
        "http://me:sec\tret@example.org/",
        "http://me:secret\n@example.org/",
        " http://me:secret@example.org",
        "http://me:secret@",
        "http://me:secret",
        "secret",
        "",
    ],
)
def test_nothing_is_shown_of_what_may_be_no_url(url: str) -> None:
    assert urls.public(url) == "an address that cannot be parsed"
    assert urls.server(url) == "an address that cannot be parsed"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("org/name", "'org/name'"),
        ("x@{1}", "'x@{1}'"),
        ("https://me:secret@huggingface.co/org/name", "'https://huggingface.co/org/name'"),
        ("me:secret@huggingface.co", "an address that cannot be parsed"),
        ("secret@huggingface.co/org/name", "an address that cannot be parsed"),
        ("http:\\\\me:secret@example.org", "an address that cannot be parsed"),
    ],
)
def test_names_are_quoted_but_not_passwords(text: str, shown: str) -> None:
    assert urls.quoted(text) == shown


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://Example.org/a", ("https", "example.org", 443)),
        ("http://example.org:443", ("http", "example.org", 443)),
        ("http://me@[::1]/a", ("http", "::1", 80)),
        ("file:///etc/passwd", ("file", None, None)),
    ],
)
def test_a_server_is_a_scheme_a_host_and_a_port(
    url: str, server: tuple[str, str | None, int | None]
) -> None:
    assert urls.origin(url) == server


def test_an_address_that_is_malformed_has_no_server() -> None:
    with pytest.raises(FetchError, match=r"^an address that cannot be parsed is not ") as caught:
        urls.origin("http://me:hunter2/x@127.0.0.1:9")
    assert "hunter2" not in str(caught.value)
    assert caught.value.hint == "check HF_ENDPOINT and the model's endpoint"


@pytest.mark.parametrize(
    ("url", "server", "file"),
    [
        ("https://hub.example.org", True, False),
        ("http://[::1]:8090/hub/", True, True),
        ("https://hub.example.org/a?b=c", False, True),
        ("https://hub.example.org/@scope/a", False, True),
        ("https://hub.example.org/", True, False),
        *[
            (url, False, False)
            for url in (
                *("", "hub.example.org/a", "ftp://hub.example.org/a", " https://hub.example.org/a"),
                *("https:///a", "https://me:secret@hub.example.org/a", "https://?a/b"),
                *("https://hub.example.org/a#b", "https://hub.example.org/a b"),
                *("https://hub.example.org/a\n", "https://hub.example.org:0/a"),
                *("https://hub.example.org:x/a", "https://hub.example.org:65536/a", "https://[x/a"),
            )
        ],
    ],
)
def test_which_urls_may_be_stored(url: str, *, server: bool, file: bool) -> None:
    assert (urls.is_server(url), urls.is_file(url)) == (server, file)
