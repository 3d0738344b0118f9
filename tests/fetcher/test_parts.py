"""What is handed out, what is given back, and what the whole then is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from aimodels_fetcher.parts import UNKNOWN, Part, Parts

if TYPE_CHECKING:
    import pytest

MIB = 1 << 20


def take(parts: Parts, sharers: int | None) -> Part:
    part = parts.take(sharers)
    assert part
    return part


@given(
    st.integers(0, 300 * MIB),
    st.integers(1, 20),
    st.lists(st.tuples(st.booleans(), st.integers(0, 80 * MIB)), max_size=60),
)
def test_every_byte_is_fetched_once(size: int, sharers: int, steps: list[tuple[bool, int]]) -> None:
    """Whatever breaks off wherever, the parts cover the file without a gap or an overlap."""
    parts = Parts(size)
    fetched: list[tuple[int, int]] = []
    taken: list[Part] = []

    def advance(part: Part, count: int) -> None:
        start, part.at = part.at, min(part.end, part.at + count)
        fetched.append((start, part.at))

    for take, count in steps:
        if take and (part := parts.take(sharers)):
            taken.append(part)
        elif taken:
            advance(taken[0], count)
            parts.give_back(taken.pop(0))
        present = sorted(fetched + [(p.at, p.at) for p in taken])
        assert parts.frontier == contiguous(present, size)
    while taken or not parts.complete:
        part = taken.pop() if taken else parts.take(sharers)
        assert part
        advance(part, size)
        parts.give_back(part)
    assert not parts.sharers
    assert parts.frontier == size
    assert sum(end - start for start, end in fetched) == size
    assert contiguous(sorted(fetched), size) == size


def contiguous(ranges: list[tuple[int, int]], size: int) -> int:
    reached = 0
    for start, end in ranges:
        if start > reached:
            break
        reached = max(reached, end)
    return min(reached, size)


def test_parts_shrink_towards_the_end() -> None:
    parts = Parts(1 << 30)
    sizes = []
    while part := parts.take(4):
        sizes.append(part.end - part.at)
    assert sizes == sorted(sizes[:-1], reverse=True) + sizes[-1:]
    assert max(sizes) == 64 * MIB
    assert sizes[-2] == 4 * MIB


def test_a_small_file_is_one_part() -> None:
    parts = Parts(4 * MIB)
    assert take(parts, 16).end == 4 * MIB


def test_nothing_is_left_of_an_empty_file() -> None:
    assert Parts(0).complete
    assert Parts(0).take(1) is None


def test_parts_are_not_taken_far_ahead_of_what_was_read() -> None:
    parts = Parts(64 * MIB, largest=2 * MIB, ahead=3 * MIB)
    first, second = take(parts, 2), take(parts, 2)
    assert [first.end, second.end] == [2 * MIB, 4 * MIB]
    assert parts.take(2) is None
    assert not parts.too_far(3 * MIB)
    assert parts.too_far(3 * MIB + 1)
    parts.consumed = MIB
    assert take(parts, 2).at == 4 * MIB
    assert parts.take(2) is None


def test_one_that_fetches_alone_takes_what_there_is() -> None:
    parts = Parts(1 << 30)
    assert take(parts, None).end == 1 << 30


def test_a_slow_part_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(128 * MIB)
    slow = take(parts, 1)
    others = []
    while part := parts.take(1):
        others.append(part)
    slow.at += MIB
    now = slow.since + 1
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for part in others:
        part.at = part.end
        parts.give_back(part)
    assert parts.take(1) is None, "it is too early to say"
    now += 5
    halves = []
    for _ in range(3):
        halves.append(take(parts, 1))
        now += 5
    split = sorted([slow, *halves], key=lambda part: part.at)
    assert [part.end for part in split] == [*(part.at for part in split[1:]), 64 * MIB]
    assert slow.left < 4 * MIB, "whoever is quicker gets more"


def test_a_part_that_is_nearly_done_is_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another connection would take as long to begin."""
    parts = Parts(52 * MIB)
    part = take(parts, None)
    part.at = 40 * MIB
    monkeypatch.setattr(time, "monotonic", lambda: part.since + 10)
    assert parts.take(1) is None, "3 seconds are left"
    part.at = 36 * MIB
    assert take(parts, 1).at > 36 * MIB


def test_what_is_being_written_stays_with_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(8 * MIB)
    part = take(parts, None)
    assert part.reserve(3 * MIB) == 3 * MIB
    now = part.since + 60
    monkeypatch.setattr(time, "monotonic", lambda: now)
    half = take(parts, 1)
    assert half.at == part.end == 4 * MIB
    part.at += 3 * MIB
    assert part.reserve(3 * MIB) == MIB, "the rest is another's now"


def test_a_size_that_becomes_known_cuts_what_is_taken_and_what_is_not() -> None:
    parts = Parts(UNKNOWN)
    part = take(parts, 2)
    parts.resize(10)
    assert part.end == 10
    part.at = 10
    parts.give_back(part)
    assert parts.complete
    assert parts.frontier == 10


def test_a_size_that_becomes_known_keeps_what_nobody_has_taken() -> None:
    parts = Parts(UNKNOWN)
    first = take(parts, 2)
    parts.resize(100 * MIB)
    assert first.end == 64 * MIB
    rest = take(parts, None)
    assert (rest.at, rest.end) == (64 * MIB, 100 * MIB)
    assert not parts.wanting
