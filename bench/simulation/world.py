"""Hosts with links of given speeds, as network namespaces around a bridge.

It is for a process that has namespaces of its own (`unshare`): nothing is left when that ends.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

# What a shaped link counts of a full packet, and what of it is payload.
_PACKET, _PAYLOAD = 1514, 1448
_BURST = 32 << 10
_LATENCY = "100ms"
_PAUSE = 0.005  # seconds
_NET = "10.77.0"
# The first host's.
FIRST = f"{_NET}.1"

# $1: a process in the namespace, $2: its number, $3 and $4: bits a second to it and from it.
_HOST = (
    """
ip link add v$2 type veth peer name eth0 netns $1
ip link set v$2 master bridge up
tc qdisc add dev v$2 root tbf rate $3 burst BURST latency LATENCY
nsenter --target $1 --net sh -ec '
  ip link set lo up
  ip address add NET.$1/24 dev eth0
  ip link set eth0 up
  tc qdisc add dev eth0 root tbf rate $2 burst BURST latency LATENCY
  echo reno >/proc/sys/net/ipv4/tcp_congestion_control
' sh $2 $4
""".replace("BURST", str(_BURST))
    .replace("LATENCY", _LATENCY)
    .replace("NET", _NET)
)


class World:
    """The bridge, and hosts that are numbered from 1."""

    def __init__(self) -> None:
        subprocess.run(["ip", "link", "add", "bridge", "type", "bridge"], check=True)
        subprocess.run(["ip", "link", "set", "bridge", "up"], check=True)
        self._hosts: list[int] = []

    def host(self, rate: float) -> Host:
        """Add a host whose link carries so many bytes of payload a second, in each direction."""
        ours = Path("/proc/self/ns/net").readlink()
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        theirs = Path(f"/proc/{holder.pid}/ns/net")
        while theirs.readlink() == ours:
            time.sleep(_PAUSE)
        self._hosts.append(holder.pid)
        number = len(self._hosts)
        bits = f"{rate * 8 * _PACKET / _PAYLOAD:.0f}bit"
        arguments = [str(holder.pid), str(number), bits, bits]
        subprocess.run(["sh", "-ec", _HOST, "sh", *arguments], check=True)
        return Host(holder.pid, f"{_NET}.{number}")


class Host:
    """A host: a process that holds its namespace, and its address."""

    def __init__(self, holder: int, address: str) -> None:
        self._holder = str(holder)
        self.address = address

    def start(self, *command: str | Path, talks: bool = False, **env: str) -> subprocess.Popen[str]:
        """Start a program there; one that talks has pipes."""
        return subprocess.Popen(
            ["nsenter", "--target", self._holder, "--net", "--", *command],
            env={**os.environ, **env},
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else subprocess.DEVNULL,
            stderr=None if talks else subprocess.PIPE,
            text=True,
        )
