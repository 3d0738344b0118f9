"""The `.narinfo` of binary caches: read and written as Nix does, and hostile ones refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.narinfo import NarInfo, name_of, parse
from support.remedies import cures

if TYPE_CHECKING:
    from support.remedies import Remedy

HASH = "sha256:1kf0a9lxf69gc429zkls3sf5k61b3lj5j278cdkqkr97vby8p68y"
NAME = "vrq4ni5ys8a574z44vzg28616fzj3czw-big.bin"
# As Nix 2.8 and 2.34 write it.
TEXT = f"""\
StorePath: /nix/store/{NAME}
URL: nar/1kf0a9lxf69gc429zkls3sf5k61b3lj5j278cdkqkr97vby8p68y.nar
Compression: none
FileHash: {HASH}
FileSize: 536871024
NarHash: {HASH}
NarSize: 536871024
References: {NAME}
Deriver: {NAME}.drv
Sig: cache-1:c2lnbmVk
Sig: cache-2:c2lnbmVk
CA: fixed:sha256:02x5g7046fs73fph2fjxqpixwgznxq4yhk98jqcchwpna3ygl5ai
"""


def test_what_nix_writes_is_read_and_written_again() -> None:
    read = parse(TEXT, "it")
    assert read.nar_size == 536871024
    assert read.references == (NAME,)
    assert read.signatures == ("cache-1:c2lnbmVk", "cache-2:c2lnbmVk")
    assert read.text() == TEXT
    assert name_of(read.path) == "vrq4ni5ys8a574z44vzg28616fzj3czw.narinfo"


def test_what_may_be_absent_is() -> None:
    lines = TEXT.splitlines(keepends=True)
    text = "".join(
        line for line in lines if line.split(":")[0] in {"StorePath", "URL", "NarHash", "NarSize"}
    )
    read = parse(text, "it")
    assert read == NarInfo(
        f"/nix/store/{NAME}",
        "nar/1kf0a9lxf69gc429zkls3sf5k61b3lj5j278cdkqkr97vby8p68y.nar",
        HASH,
        536871024,
        "bzip2",
    )


@cures("check that the URL is that of a binary cache, and that no proxy alters its answers")
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("NarSize: 536871024\n", "", "it lacks NarSize"),
        ("NarSize: 536871024\n", "NarSize: -1\n", "'-1' is not a number of bytes"),
        ("NarSize: 536871024\n", "NarSize: ²\n", "is not a number of bytes"),
        ("URL: nar", "URL: a\nURL: nar", "it has URL twice"),
        (f"/nix/store/{NAME}", "/nix/store/../../etc/passwd", "is not the name of a store path"),
        (f"References: {NAME}", "References: ../x", "is not the name of a store path"),
        ("StorePath", "<html>\nStorePath", "is not a line of one"),
    ],
)
def test_others_are_refused(remedy: Remedy, old: str, new: str, why: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse(TEXT.replace(old, new), "https://cache")
    assert caught.value.message.startswith("https://cache is not the .narinfo of a store path: ")
    assert why in caught.value.message
    remedy(f"hint: {caught.value.hint}")
    assert parse(TEXT, "https://cache")
