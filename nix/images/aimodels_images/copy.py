"""Copies an image with skopeo, which sends the layers that a destination does not have."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from aimodels_images.errors import ImageError
from aimodels_images.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_images.image import Image

# What skopeo can write to.
_REGISTRY = "docker://"
_LOCAL = (
    "containers-storage:",
    "dir:",
    "docker-archive:",
    "docker-daemon:",
    "oci:",
    "oci-archive:",
)
# These keep manifests as they are. skopeo compresses the layers for registries otherwise.
_EXACT = (_REGISTRY, "dir:", "oci:", "oci-archive:")
_CHANGES = ("--dest-compress", "--encrypt", "--force-compress", "--format", "-f")
_LAST_LINES = 20


def copy(image: Image, destination: str, arguments: Sequence[str]) -> str:
    """Copy an image, and return a line about what was sent.

    Args:
        image: The image.
        destination: As `skopeo copy` takes it.
        arguments: More arguments for `skopeo copy`.

    Raises:
        ImageError: It was not copied.
    """
    _check(image, destination)
    program = shutil.which("skopeo")
    if program is None:
        raise ImageError(
            "skopeo is not on PATH", "run `nix shell nixpkgs#skopeo`, and then this command again"
        )
    registry = Registry(image, ("127.0.0.1", 0), reports=False)
    registry.start()
    command = [program, "--insecure-policy", "copy", "--src-tls-verify=false", "--src-no-creds"]
    if destination.startswith(_EXACT) and not any(a.startswith(_CHANGES) for a in arguments):
        command.append("--preserve-digests")
    said = _run([*command, *arguments, f"docker://{registry.reference}", destination])
    if registry.failure is not None:
        raise registry.failure
    if said is not None:
        if "did not match" in said:
            _find_damage(image, registry)
        raise _failure(destination, said)
    return _summary(image, registry)


def _check(image: Image, destination: str) -> None:
    if destination.startswith(_LOCAL):
        return
    shown = _without_password(destination)
    if destination != shown:
        raise ImageError("the destination has a user or a password in it", _login(shown))
    if destination.startswith(_REGISTRY):
        return
    example = re.sub("^https?://", "", shown)
    if not re.match("[^/]+[.:][^/]*/", example):
        example = f"registry.example.org/{image.name}"
    raise ImageError(
        f"{shown!r} does not name a kind of destination",
        f"write `docker://{example}` for a registry, or another one that skopeo takes",
    )


def _run(command: list[str]) -> str | None:
    """Run skopeo; return its last lines if it fails."""
    with subprocess.Popen(command, stdout=sys.stderr, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None  # noqa: S101 (for mypy)
        last: list[str] = []
        try:
            for line in process.stderr:
                text = line.decode(errors="replace")
                sys.stderr.write(text)
                last = [*last[1 - _LAST_LINES :], text]
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    return "".join(last) if status else None


def _find_damage(image: Image, registry: Registry) -> None:
    """Read the layers that were sent again.

    Raises:
        ImageError: A file of the store is not as it was when the image was built.
    """
    for digest in registry.sent:
        for _ in image.checked(digest):
            pass


def _failure(destination: str, said: str) -> ImageError:
    message = f"skopeo did not copy the image to {destination}; its message is above"
    again = "run the command again: layers that are there are not sent again"
    if not destination.startswith(_REGISTRY):
        hint = again
    elif re.search(r"\b413\b|[Tt]oo [Ll]arge", said):
        hint = (
            "raise the limit for uploads of the registry, or of the proxy before it: in nginx, "
            "set `client_max_body_size 0;`"
        )
    elif re.search(r"\b40[13]\b|unauthorized|denied|authentication required", said):
        hint = _login(destination)
    elif "HTTP response to HTTPS client" in said:
        hint = "add `--dest-tls-verify=false`, if the registry has no TLS"
    else:
        hint = again
    return ImageError(message, hint)


def _login(destination: str) -> str:
    host = re.sub("^[a-z]+://", "", destination).partition("/")[0]
    return f"run `skopeo login {host}` as a user who may push there, and then this command again"


def _without_password(destination: str) -> str:
    """Return a destination as skopeo takes it."""
    return re.sub("^([a-z]+://)?[^/]*@", r"\1", destination)


def _summary(image: Image, registry: Registry) -> str:
    there = [digest for digest in image.layers if digest not in registry.sent]
    sent = sum(registry.sent.values())
    kept = sum(map(image.size_of, there))
    return (
        f"{image.manifest.digest}: sent {_amount(sent)} in {len(registry.sent)} layers; "
        f"{_amount(kept)} in {len(there)} layers were there\n"
    )


def _amount(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":  # noqa: PLR2004 (KiB and the like)
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
