"""What the fetcher's errors say about servers and this machine."""

from __future__ import annotations

import errno
import os

import pytest

from aimodels_fetcher.errors import FetchError, TransientError
from aimodels_gen.net.faults import fault


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_limit_of_this_machine_has_its_own_hint(number: int) -> None:
    reason = f"[Errno {number}] {os.strerror(number)}"
    error = FetchError("http://127.0.0.1:1/x: giving up after 3 attempts", "check the network")
    error.__cause__ = TransientError(f"http://127.0.0.1:1/x: {reason}")
    found = fault(error)
    assert (found.kind, found.reason) == ("unreachable", reason)
    assert "use fewer connections at once" in (found.hint or "")


def test_a_server_that_does_not_answer() -> None:
    found = fault(TransientError("http://127.0.0.1:1/x: [Errno 111] Connection refused"))
    assert (found.kind, found.hint) == ("unreachable", None)
