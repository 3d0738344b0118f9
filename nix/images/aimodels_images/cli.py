"""The commands of an image."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

from aimodels_images.errors import ImageError
from aimodels_images.image import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_USAGE = """\
usage: {name} COMMAND

commands:
  copy DESTINATION [ARGUMENT...]  copy the image with skopeo, which takes the arguments;
                                  a destination is docker://registry.example.org/{path}:{tag}
  serve [--listen ADDRESS:PORT]   serve the image as a registry that can only be read; the default
                                  is any free port of 127.0.0.1
  stream                          write an archive to stdout, for docker load and podman load
"""


def run(directory: Path, argv: Sequence[str]) -> int:
    """Run a command; return the exit status, 0, 1 or 2.

    Args:
        directory: The image, as a build has left it.
        argv: The command and its arguments.

    Raises:
        ImageError: The command failed.
    """
    image = Image.read(directory)
    # skopeo ends with this program.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    match list(argv):
        case ["stream"]:
            return _stream(image)
        case ["serve"]:
            return _serve(image, "127.0.0.1:0")
        case ["serve", "--listen", address]:
            return _serve(image, address)
        case ["copy", destination, *arguments] if not destination.startswith("-"):
            from aimodels_images.copy import copy  # noqa: PLC0415 (the others do without)

            sys.stdout.write(copy(image, destination, arguments))
            return 0
        case _:
            return _usage(image, argv)


def _usage(image: Image, argv: Sequence[str]) -> int:
    from aimodels_images.registry import path_of  # noqa: PLC0415 (the others do without)

    path = path_of(image.name)
    asked = list(argv) in (["--help"], ["-h"], ["help"])
    stream = sys.stdout if asked else sys.stderr
    stream.write(_USAGE.format(name=path.rpartition("/")[2], path=path, tag=image.tag))
    return 0 if asked else 2


def _stream(image: Image) -> int:
    from aimodels_images.archive import write_archive  # noqa: PLC0415 (the others do without)

    if sys.stdout.isatty():
        raise ImageError(
            "an archive is not written to a terminal",
            "pipe it into another program, as in `… stream | docker load`",
        )
    try:
        write_archive(image, sys.stdout.buffer)
    except OSError as error:
        # What is left in the buffer must not fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise ImageError("the program that reads the archive has ended early") from error
        raise ImageError(
            f"the archive was not written: {error.strerror}",
            "free some space, or use `copy`, which writes no archive",
        ) from error
    return 0


def _serve(image: Image, address: str) -> int:
    from aimodels_images.registry import Registry  # noqa: PLC0415 (the others do without)

    match = re.fullmatch(r"(\d+(?:\.\d+){3}|localhost):(\d{1,5})", address)
    if match is None:
        raise ImageError(
            f"{address!r} is not an IPv4 address with a port",
            "write one such as `--listen 0.0.0.0:5000`",
        )
    try:
        registry = Registry(image, (match[1], int(match[2])))
    except (OSError, OverflowError) as error:
        raise ImageError(
            f"cannot listen on {address}: {getattr(error, 'strerror', None) or error}",
            "use another port, or port 0 for any that is free",
        ) from error
    registry.start()
    sys.stdout.write(f"{registry.reference}\n")
    sys.stdout.flush()
    while True:
        time.sleep(3600)
