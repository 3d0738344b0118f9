"""A directory with links to files of models."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aimodels_engines.model_files import ModelFiles
    from aimodels_engines.spec import Link

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_NAME = 255  # bytes


@dataclass(frozen=True)
class _Placed:
    """Which file is at a path, and why."""

    link: Link
    file: str
    target: Path


def place(links: tuple[Link, ...], models: Mapping[str, ModelFiles]) -> dict[str, Path]:
    """Return for each path in the directory the file in the store that it links to.

    Raises:
        EngineError: A model does not have a file, or two files have one path.
    """
    placed: dict[str, _Placed] = {}
    for link in links:
        model = models[link.model]
        if link.path.endswith("/"):
            matched = model.matching(link.file, link.option)
            files = {file: f"{link.path}{_below(link.file, file)}" for file in matched}
        else:
            files = {model.file(link.file, link.option): link.path}
        for file, path in files.items():
            check_path(path)
            this = _Placed(link, file, model.real(file))
            first = placed.setdefault(path, this)
            if first.target != this.target:
                raise _conflict(path, first, this)
    return {path: one.target for path, one in placed.items()}


def check_path(path: str) -> None:
    """Check that a path stays in the directory, and that a file system can hold it.

    Raises:
        EngineError: It does not.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        problem = "is not a path in the directory"
    elif _CONTROL.search(path):
        problem = "has control characters"
    elif any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        problem = f"has a part of more than {_LONGEST_NAME} bytes"
    else:
        return
    raise EngineError(f"{path!r} {problem}", "write a path such as dir/file")


def write(contents: Mapping[str, Path | bytes], out: Path) -> None:
    """Make the directory: a link for each path in the store, and a file for other contents.

    Raises:
        EngineError: A path is below another one.
    """
    for path in sorted(contents):
        parts = path.split("/")
        above = ("/".join(parts[:number]) for number in range(1, len(parts)))
        if clash := next((each for each in above if each in contents), None):
            raise EngineError(
                f'"{clash}" would be a file, and a directory for "{path}"',
                "write another path for one of them",
            )
    out.mkdir()
    for path in sorted(contents):
        content, place = contents[path], out / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.symlink_to(content)


def _below(pattern: str, file: str) -> str:
    """Return the path of a file in the directory for a pattern; only `dir/` keeps directories."""
    if pattern == "./":
        return file
    if pattern.endswith("/"):
        return file.removeprefix(pattern)
    return PurePosixPath(file).name


def _conflict(path: str, first: _Placed, second: _Placed) -> EngineError:
    names = (first.link.model, second.link.model)
    if names[0] == names[1]:
        message = f'model "{names[0]}" has two files for {path}: "{first.file}", "{second.file}"'
        new, line = second.file.replace("/", "-"), second.link.own
        hint = "fetch only one of them, or place both with `integration.directory`"
    else:
        message = f'models "{names[0]}" and "{names[1]}" both have a file for {path}'
        new, line = f"{names[1]}-{PurePosixPath(second.file).name}", second.link.line
        hint = "write another path for one of them"
    if line is None:
        return EngineError(message, hint)
    for mark, value in (("%NEW%", new), ("%FILE%", second.file), ("%MODEL%", names[1])):
        line = line.replace(mark, _nix(value))
    return EngineError(message, f'write `{line};` where "{names[1]}" is made')


def _nix(text: str) -> str:
    """Return what stands for a text between the quotes of a Nix string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
