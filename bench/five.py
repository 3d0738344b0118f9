"""Five repositories on a server of our own, for what is measured with new stores."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import statichub
from harness import run, scratch
from nginx import Nginx
from pins import lock
from report import absent
from support.nginx import PROGRAM
from support.nix import UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from report import Row

    Measure = Callable[[Nginx, Path, Mapping[str, str]], Iterator[Row]]


def served(total: int, measure: Measure) -> Iterator[Row]:
    """Measure with the server, an empty directory and the repositories; say what is missing.

    The repositories are pinned in `project` of that directory.

    Args:
        total: Bytes of all of them together.
        measure: Returns the rows.
    """
    if PROGRAM is None:
        yield absent("not measured", ["nginx is not installed"])
        return
    with scratch() as root, scratch() as directory, scratch() as logs:
        repos = statichub.make_five(root, total)
        with Nginx(logs, root, None) as server:
            try:
                lock(directory / "project", repos)
                server.take_log()
                yield from measure(server, directory, repos)
            except UnavailableError as error:
                yield absent("not measured", [str(error)])


@contextmanager
def new_store() -> Iterator[dict[str, str]]:
    """Yield the variables of a Nix with an empty store, and of a user without caches."""
    with environment("host") as nix, scratch() as cache:
        env = {**nix.variables(), "XDG_CACHE_HOME": str(cache)}
        run("nix-store", "--verify", env=env)  # makes the database of the store
        yield env


def alternate(runs: int, first: Callable[[], None], second: Callable[[], None]) -> None:
    """Call both as often; who begins changes, because the second one may find a warm machine."""
    for number in range(runs):
        for measured in (first, second) if number % 2 == 0 else (second, first):
            measured()
