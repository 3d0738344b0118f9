"""Other fetches on this machine: builds know nothing of each other, but Linux knows them all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESTABLISHED = "01"  # Linux, include/net/tcp_states.h


def count() -> int:
    """Count the connections that other processes have to the servers that we are connected to.

    Builds that may use the network share one network namespace (Nix's sandbox makes none for
    them), and its table of connections shows them all (proc_pid_net(5)). Where there is no such
    table, or no other process in it, the result is 0.
    """
    ours = set(_own_sockets())
    table = list(_table())
    servers = {server for server, inode in table if inode in ours}
    return sum(server in servers and inode not in ours for server, inode in table)


def _own_sockets() -> Iterator[str]:
    """Yield the inode numbers of the sockets of this process."""
    with suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # closed in the meantime
                kind, _, inode = str(link.readlink()).partition(":")
                if kind == "socket":
                    yield inode.strip("[]")


def _table() -> Iterator[tuple[str, str]]:
    """Yield remote address and inode number of every established connection."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/self/net", name).read_text(encoding="ascii").splitlines()[1:]:
                _, _, remote, state, _, _, _, _, _, inode, *_ = line.split()
                if state == _ESTABLISHED:
                    yield remote, inode
