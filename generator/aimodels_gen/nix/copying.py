"""Copying to the store of another machine over SSH, which Nix does."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from aimodels_gen.errors import StoreError
from aimodels_gen.nix import command, store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aimodels_gen.nix.store_url import SshStore

    Copied = Callable[[str, int | None], object]
    """Is told a store path and how many more of its bytes are there; None for the last time."""

_COPY_PATH = 100  # Nix: actCopyPath of src/libutil/logging.hh
_PROGRESS = 105  # resProgress
_MOST_LINES = 20  # of what is said, for a message
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def missing(target: SshStore, paths: Sequence[str]) -> set[str]:
    """Return those of the store paths that the other machine lacks.

    Raises:
        StoreError: It does not answer.
    """
    absent: set[str] = set()
    for some in store.batches(paths):
        done = _run(target, ("--check-validity", "--print-invalid", *some))
        absent.update(done.stdout.split())
    return absent


def copy(target: SshStore, paths: Sequence[str], copied: Copied) -> None:
    """Copy store paths, and all that they refer to, to a machine that lacks them.

    Args:
        target: The machine.
        paths: That are valid here.
        copied: Is told how far it is.

    Raises:
        StoreError: Not all of them were copied.
    """
    for some in store.batches(paths):
        _copy(target, some, copied)


def _run(target: SshStore, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    store.check_nix()
    done = subprocess.run(
        ("nix-store", "--option", "store", target.url, *arguments),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        raise _failure(target, done.stderr.splitlines())
    return done


def _copy(target: SshStore, paths: Sequence[str], copied: Copied) -> None:
    # Of somebody whom the other machine does not trust, it checks signatures nevertheless.
    said = followed(("--no-check-sigs", "--to", target.url, *paths), copied)
    if said is not None:
        raise _failure(target, said)


def followed(arguments: Sequence[str], copied: Copied) -> list[str] | None:
    """Run `nix copy`; return the last lines of what is said if it fails, and None if it does not.

    Args:
        arguments: Of `nix copy`.
        copied: Is told how far it is.
    """
    said: list[str] = []
    with subprocess.Popen(
        ("nix", "copy", "--log-format", "internal-json", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=command.environment(),
    ) as process:
        assert process.stderr  # noqa: S101 (for mypy)
        log = _Log(copied)
        try:
            for line in process.stderr:
                if text := log.read(line):
                    said = [*said, text][-_MOST_LINES:]
        except BaseException:
            process.terminate()
            raise
    return said if process.returncode != 0 else None


class _Log:
    """What Nix says while it copies, a line of JSON each."""

    def __init__(self, copied: Copied) -> None:
        self._copied = copied
        self._paths: dict[int, str] = {}
        self._done: dict[int, int] = {}

    def read(self, line: str) -> str | None:
        """Count what a line says was copied, or return it where it is for a reader."""
        if not line.startswith("@nix "):
            return line.strip()  # of ssh
        try:
            event: dict[str, Any] = json.loads(line.removeprefix("@nix "))
        except ValueError:
            return None
        action, number = event.get("action"), event.get("id", 0)
        if action == "msg":
            return str(event.get("raw_msg") or event.get("msg") or "")
        if action == "start" and event.get("type") == _COPY_PATH:
            self._paths[number] = event["fields"][0]
            self._done[number] = 0
        elif action == "result" and event.get("type") == _PROGRESS and number in self._paths:
            more = event["fields"][0] - self._done[number]
            self._done[number] += more
            self._copied(self._paths[number], more)
        elif action == "stop" and number in self._paths:
            self._copied(self._paths[number], None)
        return None


def _failure(target: SshStore, said: Sequence[str]) -> StoreError:
    lines = [_COLOURS.sub("", line).strip() for line in said]
    text = "; ".join(line.removeprefix("error: ") for line in lines if line)
    host = target.label.partition("://")[2]
    if "lacks a signature" in text or "lacks a valid signature" in text:
        return StoreError(
            f"{target.label} does not trust who built it: {text}",
            "sign it with `--secret-key-file FILE`, and add the public key to trusted-public-keys "
            f"of {host}",
        )
    name, _, port = host.rpartition(":")
    if "Could not resolve hostname" in text and port.isdecimal():
        return StoreError(
            f"{target.label}: this release of Nix takes no port in the URL: {text}",
            f"write `Port {port}` for this host into ~/.ssh/config, and ssh-ng://{name}",
        )
    if "No space left on device" in text:
        return StoreError(
            f"{target.label} is full: {text}",
            f"free some space there (`ssh {host} nix-collect-garbage`), then try again",
        )
    return StoreError(
        f"{target.label} does not take store paths: {text or 'it says nothing'}",
        f"check that `ssh {host} nix-store --version` works",
    )
