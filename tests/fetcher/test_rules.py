"""The fetcher's pure parts, against the libraries whose rules they follow."""

from __future__ import annotations

import re
import threading
import time

import pytest
from huggingface_hub.utils import filter_repo_objects
from hypothesis import given
from hypothesis import strategies as st

from aimodels_fetcher import progress
from aimodels_fetcher.digests import hex_to_sri, lfs_pointer_blob_id, sri_to_hex
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.log import redirected, say
from aimodels_fetcher.wording import bytes_text, counted, duration_text
from support.fake_repo import blob_id, lfs_pointer, sha256

_NAMES = st.text("ab./\\*?[]!-", min_size=1, max_size=6)


@given(st.lists(_NAMES), st.none() | st.lists(_NAMES), st.lists(_NAMES))
def test_filters_choose_what_huggingface_hub_chooses(
    paths: list[str], include: list[str] | None, exclude: list[str]
) -> None:
    theirs = filter_repo_objects(paths, allow_patterns=include, ignore_patterns=exclude)
    filters = Filters(None if include is None else tuple(include), tuple(exclude))
    assert list(filters.select(paths, str)) == list(theirs)


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
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [duration_text(s) for s in (42, 185, 7800)] == ["42 s", "3 min 5 s", "2 h 10 min"]


def test_log_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
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
    say("here")
    assert sorted(lines) == [f"line\\t{n}" for n in range(8)]
    assert capsys.readouterr().err == "here\n"


def test_progress_is_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_INTERVAL", 0.01)
    with progress.Progress("org/model@01c7f73 a.bin", 4 << 20) as running:
        running.add(1 << 20)
        time.sleep(0.1)
        running.add(3 << 20)
    *lines, last = capsys.readouterr().err.splitlines()
    pattern = r"org/model@01c7f73 a\.bin:  25% of 4\.0 MiB, [\d.]+ [KM]iB/s, \d+ s left"
    assert lines
    assert re.fullmatch(pattern, lines[0])
    assert re.fullmatch(r"fetched org/model@01c7f73 a\.bin: 4\.0 MiB in [\d.]+ s \(.+/s\)", last)
