"""Rows of the Hub's listings, of every kind that JSON can spell."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import example
from hypothesis import strategies as st

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.sources.huggingface.listing import read_commit, read_page
from support.fuzzing import fuzz

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.none(), max_size=1)
    | st.dictionaries(st.text(max_size=3), st.none(), max_size=1)
)


def near(**right: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose members are right, or anything, or absent."""
    return st.fixed_dictionaries({}, optional={name: one | ODD for name, one in right.items()})


SHA1, SHA256 = (st.from_regex(f"[0-9a-f]{{{digits}}}", fullmatch=True) for digits in (40, 64))
SIZES = st.integers(0, 1 << 70)
ROWS = near(
    type=st.sampled_from(["file", "file", "directory"]),
    path=st.text(min_size=1, max_size=9) | st.sampled_from(["../x", "a/b", "a", "\ud800", "a\0"]),
    oid=SHA1,
    size=SIZES,
    lfs=near(oid=SHA256, size=SIZES, pointerSize=st.integers(100, 140)),
)


@fuzz(rows=st.lists(ROWS | ODD, max_size=4) | ODD)
@example(rows=float("inf"))
@example(rows=[{"type": "file", "path": "a", "size": True, "oid": "0" * 40}])
@example(rows=[{"type": "file", "path": 7, "size": 1, "oid": "0" * 40}])
def test_rows(rows: object) -> None:
    try:
        files = read_page(json.dumps(rows).encode(), "the Hub")
        selection = Filters().take(files)
    except (FetchError, TypeError, ValueError) as error:
        assert isinstance(error, FetchError) or not isinstance(rows, list)  # noqa: PT017
        return
    assert len(selection.taken) == len(files)
    for file in files:
        assert "\0" not in file.path
        assert ".." not in file.path.split("/")
        assert type(file.size) is int
        assert re.fullmatch("[0-9a-f]{64}" if file.lfs else "", file.sha256 or "")
        assert re.fullmatch("" if file.lfs else "[0-9a-f]{40}", file.git_blob_id or "")


@fuzz(info=near(sha=SHA1, id=st.text(), siblings=st.lists(ODD)) | ODD)
@example(info={"sha": "../../x"})
def test_revisions(info: object) -> None:
    try:
        commit = read_commit(json.dumps(info).encode())
    except (TypeError, LookupError, ValueError):
        assert not isinstance(info, dict) or not re.fullmatch("[0-9a-f]{40}", str(info.get("sha")))
    else:
        assert isinstance(info, dict)
        assert commit == info["sha"]
