from __future__ import annotations

import pytest
from huggingface_hub.utils import filter_repo_objects
from hypothesis import given
from hypothesis import strategies as st

from aimodels_fetcher.errors import FetchError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.paths import check_path, check_paths

PATH = st.text("ab./*?[]!-X", min_size=1, max_size=8)


@given(
    paths=st.lists(PATH, max_size=5),
    include=st.none() | st.lists(PATH, min_size=1, max_size=3),
    exclude=st.lists(PATH, max_size=3),
)
def test_filters_are_those_of_huggingface_hub(
    paths: list[str], include: list[str] | None, exclude: list[str]
) -> None:
    filters = Filters(None if include is None else tuple(include), tuple(exclude))
    theirs = filter_repo_objects(paths, allow_patterns=include, ignore_patterns=exclude)
    assert list(filters.select(paths, str).taken) == list(theirs)


def test_a_star_crosses_directories_and_case_counts() -> None:
    filters = Filters(("*.json", "onnx/"), ("*/old.json",))
    paths = ["a.json", "x/y.json", "x/old.json", "B.JSON", "onnx/model.onnx"]
    assert filters.select(paths, str).taken == ["a.json", "x/y.json", "onnx/model.onnx"]


def test_a_backslash_is_a_slash() -> None:
    """As in newer versions of huggingface_hub, for patterns made by os.path.join on Windows."""
    assert Filters(("onnx\\*",)).select(["onnx/model.onnx", "onnx"], str).taken == [
        "onnx/model.onnx"
    ]


def test_unused_patterns_are_named() -> None:
    assert Filters(("*.json", "*.jsno")).select(["a.json"], str).unused == ("*.jsno",)


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        (Filters(), "no filters"),
        (Filters(("*.json", "x/")), "include = ['*.json', 'x/']"),
        (Filters(None, ("*.bin",)), "exclude = ['*.bin']"),
        (Filters((), ("*",)), "include = [] and exclude = ['*']"),
    ],
)
def test_messages_show_the_patterns(filters: Filters, text: str) -> None:
    assert str(filters) == text


@pytest.mark.parametrize(
    "path", ["a b", 'q"uote', "${x}", "new\nline", "é/日本", ".gitattributes", "..a/...", "a\\b"]
)
def test_odd_paths_are_fine(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\0b", "\ud800"]
)
def test_paths_that_leave_the_output_are_refused(path: str) -> None:
    with pytest.raises(FetchError, match="outside of the model"):
        check_path(path)


@pytest.mark.parametrize("path", ["x" * 255, "é" * 127, "x" * 255 + "/" + "y" * 255])
def test_paths_as_long_as_a_file_system_can_hold(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("path", ["x" * 256, "é" * 128, "日" * 86, "a/" + "x" * 256 + "/b"])
def test_the_length_of_a_path_is_counted_in_bytes(path: str) -> None:
    with pytest.raises(FetchError, match="too long for a file system"):
        check_path(path)


def test_a_file_cannot_be_the_directory_of_another() -> None:
    check_paths(["a/b", "a/c", "ab"])
    with pytest.raises(FetchError, match="'a/b/c' needs a directory where 'a/b' is a file"):
        check_paths(["a/b/c", "a/b"])
