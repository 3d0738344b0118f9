"""The decorator for tests on inputs that hypothesis makes up."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example
from hypothesis import strategies as st

from support import fuzzing
from support.fuzzing import SECONDS, fuzz

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECONDS, "0.000001")


def inputs() -> list[int]:
    found = []

    @fuzz(number=st.integers(0, 1000))
    @example(number=-1)
    def collect(number: int) -> None:
        found.append(number)

    collect()
    return found


def test_inputs_are_the_same_in_each_run() -> None:
    first = inputs()
    assert first[0] == -1
    assert len(set(first)) > 20
    assert inputs() == first


def test_longer_runs_have_more_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    first = inputs()
    clock = itertools.count(0.0, 0.1)
    monkeypatch.setattr(fuzzing, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setenv(SECONDS, "0.2")
    longer = inputs()
    assert longer[: len(first)] == first
    assert len(set(longer)) > len(set(first))
    assert longer.count(-1) == 1


@fuzz(number=st.integers())
def test_fixtures(tmp_path: Path, number: int) -> None:
    assert tmp_path.is_dir()
    assert isinstance(number, int)


class TestMethods:
    @fuzz(text=st.text())
    @example(text="kept")
    def test_methods(self, text: str) -> None:
        assert isinstance(text, str)


def test_a_failure_is_reduced_and_raised() -> None:
    seen: list[int] = []

    @fuzz(number=st.integers(min_value=0))
    def fail(number: int) -> None:
        seen.append(number)
        assert number < 100

    with pytest.raises(AssertionError):
        fail()
    assert seen[-1] == 100
