"""The layer of programs, for images that have to run something."""

from __future__ import annotations

import os
from pathlib import Path

from aimodels_images.errors import ImageError
from aimodels_images.layer import Layer
from aimodels_images.tar import Member


def layer_of(directory: Path) -> Layer:
    """Return the layer that has the files of a directory at the same paths below `/`.

    Raises:
        ImageError: A link leads out of the directory.
    """
    root = os.path.realpath(directory)
    members: list[Member] = []
    for where, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(where, name)
            place = str(path.relative_to(root))
            if path.is_symlink():
                members.append(Member("link", place, _target(path, root)))
            elif path.is_dir():
                members.append(Member("directory", place))
            else:
                about = path.stat()
                members.append(
                    Member("file", place, str(path), about.st_size, bool(about.st_mode & 0o100))
                )
    return Layer(tuple(sorted(members, key=lambda member: member.path)))


def _target(link: Path, root: str) -> str:
    target = os.path.normpath(link.parent / link.readlink())
    if not f"{target}/".startswith(f"{root}/"):
        raise ImageError(
            f"{link} is a link to {target}, which is not in the image",
            "use programs that need nothing else, such as `programs = pkgs.pkgsStatic.busybox`",
        )
    return os.path.relpath(target, link.parent)
