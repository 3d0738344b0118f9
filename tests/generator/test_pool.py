from __future__ import annotations

import threading

import pytest

from aimodels_gen.errors import AimodelsError
from aimodels_gen.net.pool import run_all


def test_results_keep_their_order_and_failures_are_results() -> None:
    failure = AimodelsError("no 3")

    def work(number: int) -> int:
        if number == 3:
            raise failure
        return number * number

    seen: list[int] = []
    assert run_all(work, range(5), 4, seen.append) == [0, 1, 4, failure, 16]
    assert seen == [1, 2, 3, 4, 5]


def test_no_more_than_jobs_run_at_a_time() -> None:
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(3, timeout=10)

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1

    run_all(work, range(9), 3)
    assert most == 3


def test_anything_unexpected_is_raised_in_the_caller() -> None:
    def work(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_all(work, range(3), 2)


def test_nothing_to_do() -> None:
    assert run_all(lambda item: item, [], 4) == []
