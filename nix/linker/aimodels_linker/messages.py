"""What people are told: what is there, why it is as it is, and the command that mends it."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_linker.dirfd import Kind

if TYPE_CHECKING:
    from aimodels_linker.spec import Entry, Spec

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST}


def left_alone(path: str, there: str | Kind, entry: Entry, spec: Spec) -> str:
    """Say that something is where an entry belongs."""
    folder = ' (mode = "directory" does not take it over, either)' if there is Kind.FOLDER else ""
    return (
        f"{path} is {_described(there)} that this program has not made. It is left alone{folder}, "
        f"and the model {entry.name!r} of {spec.option} is not there. To have the model, move it "
        f"away and activate again: {move_away(path)}"
    )


def stays_folder(path: str, entry: Entry, spec: Spec) -> str:
    """Say that an entry should be a link, and remains a folder."""
    return (
        f"{path} has downloads in it, and stays a folder of links to the model {entry.name!r} of "
        f"{spec.option}. To have one link, move it away and activate again: {move_away(path)}"
    )


def in_the_way(path: str, entry: Entry | None, spec: Spec) -> str:
    """Say that something keeps a folder of ours from being as it should be."""
    whose = f"the model {entry.name!r} of {spec.option}" if entry else f"a model of {spec.option}"
    return (
        f"{path} is {_found(Path(path))}, where {whose} has something else. It is left alone. Move "
        f"it away and activate again: {move_away(path)}"
    )


def failure(error: OSError, spec: Spec) -> str:
    """Say what went wrong, and what to do."""
    path = Path(str(error.filename))
    said = f"{path}: {error.strerror}"
    if error.errno in _NOT_ALLOWED:
        return f"{said}: {_permission(path, spec)}, or choose another folder in {spec.option}"
    if error.errno in _NO_SPACE:
        return f"{said}: free some space (nix-collect-garbage -d), and activate again"
    if error.errno == errno.EROFS:
        return f"{said}: make it writable, or choose another folder in {spec.option}"
    if error.errno in _NO_FOLDER:
        parts = [*reversed(path.parents), path]
        wrong = next((part for part in parts if not _is_folder(part)), path)
        return (
            f"{wrong} is {_found(wrong)}, where a folder is needed: move it away and activate "
            f"again: {move_away(str(wrong))}"
        )
    return f"{said}: look what is there, and activate again"


def move_away(path: str) -> str:
    """Give the command that moves something to a name which is free."""
    number, free = 1, f"{path}.old"
    while os.path.lexists(free):
        number += 1
        free = f"{path}.old{number}"
    return f"mv -- {shlex.quote(path)} {shlex.quote(free)}"


def _permission(path: Path, spec: Spec) -> str:
    hub, state = Path(spec.hub), Path(spec.state).parent
    we = _user(os.geteuid())
    for needed in (hub, state):
        if path in {needed, *needed.parents} and not _is_folder(needed):
            make = f"sudo install -d -o {we} -- {shlex.quote(str(needed))}"
            return f"this runs as {we}, who may not make {needed}: make it ({make})"
    # Only of a hub itself an admin may have made a link: all others are in one, and lead elsewhere.
    is_link = path != hub and path.is_symlink()
    folder = path if _is_folder(path) and not is_link else path.parent
    if not _is_folder(folder):
        return f"this runs as {we}, who may not go there: allow it"
    if os.access(folder, os.W_OK | os.X_OK):
        return "the file system refuses it: allow it there"
    owner, place = _user(folder.stat().st_uid), shlex.quote(str(folder))
    if owner == we:
        return f"{we} may not write to {folder}: allow it (chmod u+rwx -- {place})"
    whole = "-R " if hub in {folder, *folder.parents} else ""
    give = f"sudo chown {whole}{we} -- {place}"
    return f"{folder} belongs to {owner}, and this runs as {we}: give it away ({give})"


def _user(number: int) -> str:
    import pwd  # noqa: PLC0415 (rarely needed)

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _found(path: Path) -> str:
    try:
        return _described(str(path.readlink()))
    except OSError:
        return _described(Kind.FOLDER if _is_folder(path) else Kind.FILE)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # which is_dir passes on where we may not look
        return False


def _described(there: str | Kind) -> str:
    if isinstance(there, str):
        return f"a link to {there}"
    return "a folder" if there is Kind.FOLDER else "a file"
