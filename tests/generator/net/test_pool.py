from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import TYPE_CHECKING

import pytest

from aimodels_gen.net.pool import RequestPool, following, results

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_results_keep_their_order() -> None:
    pool = RequestPool(4)
    futures = [pool.submit(lambda number: number * number, number) for number in range(5)]
    assert results(futures) == [0, 1, 4, 9, 16]
    assert results([]) == []


def test_no_more_than_jobs_run_at_a_time() -> None:
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(3, timeout=10)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1

    pool = RequestPool(3)
    results([pool.submit(work) for _ in range(9)])
    assert most == 3


def test_a_failure_is_raised_in_the_caller_and_the_rest_is_not_begun() -> None:
    release, begun = threading.Event(), threading.Event()

    def fail() -> int:
        raise ZeroDivisionError

    def wait() -> int:
        begun.set()
        release.wait(10)
        return 1

    pool = RequestPool(1)
    failing = pool.submit(fail)
    running = pool.submit(wait)
    waiting = pool.submit(fail)
    assert begun.wait(10)
    with pytest.raises(ZeroDivisionError):
        results([failing, running, waiting])
    release.set()
    assert running.result() == 1
    with pytest.raises(CancelledError):
        waiting.result()


def test_many_calls_are_made_few_ahead_of_their_results() -> None:
    made = 0

    def call(number: int) -> int:
        nonlocal made
        made += 1
        return number

    pool = RequestPool(2)
    futures = pool.in_order(partial(call, number) for number in range(1000))
    first = list(following(futures, 10))
    assert first == list(range(10))
    assert made < 100
    assert list(following(futures, 990)) == list(range(10, 1000))
    pool.close()


def test_a_failure_skips_what_belongs_to_it_and_no_more() -> None:
    def call(number: int) -> int:
        if number == 3:
            raise ZeroDivisionError
        return number

    pool = RequestPool(1)
    futures = pool.in_order(partial(call, number) for number in range(300))
    taken = following(futures, 200)
    assert [next(taken) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(taken)
    assert list(following(futures, 100)) == list(range(200, 300))
    pool.close()


def test_an_interrupt_anywhere_stays_one() -> None:
    """Also where it ends the row of calls itself, which then has none left to cancel."""

    def interrupted() -> Iterator[Future[int]]:
        raise KeyboardInterrupt
        yield Future()

    with pytest.raises(KeyboardInterrupt):
        list(following(interrupted(), 3))


def test_a_closed_pool_begins_nothing_more() -> None:
    release, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        release.wait(10)

    pool = RequestPool(1)
    running = pool.submit(wait)
    waiting = pool.submit(lambda: None)
    assert begun.wait(10)
    pool.close()
    release.set()
    running.result()
    with pytest.raises(CancelledError):
        waiting.result()
