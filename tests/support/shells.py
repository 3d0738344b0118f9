"""The shell commands of `lib.integration`, and the shells that run them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SHELLS = {
    "dash": ("dash",),
    "bash": ("bash",),
    "bash-posix": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "mksh": ("mksh",),
    "zsh": ("zsh", "-f"),
    "zsh-interactive": ("zsh", "-f", "-i"),
}
ODD = "a 'b\" c\\n (d) [e]* #; &é"
NAMES = ("one", "two", "three")
HUB_OF_THE_SCRIPT = '`"\\'  # below the home


@dataclass(frozen=True)
class Scripts:
    """The commands for a store, and their expected effect."""

    store: str
    hook: str
    online: str
    link: str
    targets: Mapping[str, str]
    """Name in the cache -> store path."""


def run(
    command: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with only these variables."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", **env},
    )


def enter(
    text: str, env: Mapping[str, str], shell: Sequence[str] = ("sh",), cwd: Path | None = None
) -> str:
    """Return the stderr of a shell that runs the hook, which must succeed as in `nix develop`."""
    done = run(
        [*shell, "-euc", 'eval "$HOOK"; echo "entered $HF_HUB_OFFLINE$TRANSFORMERS_OFFLINE"'],
        {"HOOK": text, **env},
        cwd,
    )
    assert (done.returncode, done.stdout) == (0, "entered 11\n"), done.stderr
    return done.stderr


def links(hub: Path) -> dict[str, str]:
    return {link.name: str(link.readlink()) for link in hub.iterdir()}


def state(directory: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes if a file is created or replaced."""
    stats = {path: path.lstat() for path in [directory, *directory.rglob("*")]}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}
