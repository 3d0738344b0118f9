"""Messages: what is there, why that is a problem, and the command that solves it."""

from __future__ import annotations

import errno
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from aimodels_linker.dirfd import Kind
from aimodels_linker.errors import LinkError
from aimodels_linker.ownership import user_name

if TYPE_CHECKING:
    from aimodels_linker.spec import Entry, Spec

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM}
_NOT_A_DIRECTORY = {errno.ENOTDIR, errno.EEXIST}


def left_alone(path: str, found: str | Kind, entry: Entry, spec: Spec) -> str:
    """Return the warning that something else is where an entry belongs."""
    mode = ' (mode = "directory" does not take it over, either)' if found is Kind.DIRECTORY else ""
    return (
        f"{path} is {_describe(found)} that this program has not made. It is left alone{mode}, "
        f"and the model {entry.name!r} of {spec.option} is not there. To link the model, move it "
        f"away and activate again: {move_away(path)}"
    )


def stays_directory(path: str, entry: Entry, spec: Spec) -> str:
    """Return the warning that an entry should be a link, and remains a directory."""
    return (
        f"{path} has downloads in it, and stays a directory of links to the model {entry.name!r} "
        f"of {spec.option}. To make it one link, move it away and activate again: {move_away(path)}"
    )


def store_is_writable(spec: Spec) -> str:
    """Return the warning that programs can write through the links."""
    settings = f"{spec.option}.integration.huggingface"
    return (
        f"{spec.store} is not mounted read-only. When `main` has moved, programs that run as root "
        "and go online write through the links and damage the models in it. Set "
        f'`{settings}.offline = true`, or `{settings}.mode = "directory"`'
    )


def leads_to_store(path: str, spec: Spec) -> LinkError:
    """Return the error that a directory is inside the store."""
    return LinkError(
        f"{path} leads into {spec.store}, where nothing can be changed",
        f"remove the link on its path, or choose another directory in {spec.option}",
    )


def in_the_way(path: str, entry: Entry | None, spec: Spec) -> str:
    """Return the warning that something else is inside a directory of links."""
    if spec.view is not None and path == spec.hub and spec.mode == "link":
        return (
            f"{path} is {_describe_path(Path(path))} that this program has not made. It is left "
            f"alone, and the models of {spec.option} are not there. Set `{spec.option}.mode = "
            f'"directory"` to link them beside what is in it, or move it away and activate again: '
            f"{move_away(path)}"
        )
    model = f"the model {entry.name!r} of {spec.option}" if entry else f"a model of {spec.option}"
    return (
        f"{path} is {_describe_path(Path(path))}, where {model} needs something else. It is left "
        f"alone. Move it away and activate again: {move_away(path)}"
    )


def explain(error: OSError, spec: Spec) -> LinkError:
    """Return an error of the operating system with what to do about it."""
    path = Path(str(error.filename))
    message = f"{path}: {error.strerror}"
    if error.errno in _NOT_ALLOWED:
        reason, remedy = _explain_permission(path, spec)
        hint = f"{remedy}, or choose another directory in {spec.option}"
        return LinkError(f"{message}: {reason}", hint)
    if error.errno in _NO_SPACE:
        return LinkError(message, "free some space (nix-collect-garbage -d), and activate again")
    if error.errno == errno.EROFS:
        return LinkError(message, f"make it writable, or choose another directory in {spec.option}")
    if error.errno in _NOT_A_DIRECTORY:
        parts = [*reversed(path.parents), path]
        wrong = next((part for part in parts if not _is_directory(part)), path)
        return LinkError(
            f"{wrong} is {_describe_path(wrong)}, where a directory is needed",
            f"move it away and activate again: {move_away(str(wrong))}",
        )
    return LinkError(message, "check what is there, and activate again")


def explain_unexpected(error: Exception) -> LinkError:
    """Return an error for what nobody has thought of, with its place in the program."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        place = f"{file.name}:{trace.tb_lineno}" if file.parent == Path(__file__).parent else place
        trace = trace.tb_next
    return LinkError(
        f"unexpected {type(error).__name__} at {place}: {error}",
        "report this line at https://github.com/nix-ai-models/nix-ai-models/issues",
    )


def move_away(path: str) -> str:
    """Return the command that moves a path to a free name."""
    number, free = 1, f"{path}.old"
    while os.path.lexists(free):
        number += 1
        free = f"{path}.old{number}"
    return f"mv -- {quote(path)} {quote(free)}"


def quote(path: str) -> str:
    """Return a path as a word of a shell command, in characters that can be printed."""
    if path.isprintable():
        return shlex.quote(path)
    escaped = re.sub(rb"[^\w/. -]", lambda match: b"\\%03o" % match[0][0], os.fsencode(path))
    return f"\"$(printf '{escaped.decode()}')\""


def _explain_permission(path: Path, spec: Spec) -> tuple[str, str]:
    """Return why access is denied, and what to do about it."""
    hub, state = Path(spec.hub), Path(spec.state).parent
    user = user_name(os.geteuid())
    if closed := _closed(path):
        hint = f"allow it (sudo chmod a+x -- {quote(str(closed))})"
        return f"this runs as {user}, who may not enter {closed}", hint
    for needed in (hub, state):
        if path in {needed, *needed.parents} and not _is_directory(needed):
            command = f"sudo install -d -o {user} -- {quote(str(needed))}"
            return f"this runs as {user}, who may not make {needed}", f"make it ({command})"
    # Only the hub itself may be a link that an administrator has made: all others are in it, and
    # lead elsewhere.
    is_link = path != hub and path.is_symlink()
    directory = path if _is_directory(path) and not is_link else path.parent
    if not _is_directory(directory) or os.access(directory, os.W_OK | os.X_OK):
        return "the file system refuses it", "allow it there"
    owner, quoted = user_name(directory.stat().st_uid), quote(str(directory))
    if owner == user:
        return f"{user} may not write to {directory}", f"allow it (chmod u+rwx -- {quoted})"
    recursive = "-R " if hub in {directory, *directory.parents} else ""
    reason = f"{directory} belongs to {owner}, and this runs as {user}"
    return reason, f"change the owner (sudo chown {recursive}{user} -- {quoted})"


def _closed(path: Path) -> Path | None:
    """Return the first directory on the way to a path that we may not enter."""
    # Not os.access, which leaves out capabilities. pathlib drops the dot.
    refusing = (part for part in reversed(path.parents) if not os.path.isdir(f"{part}/."))  # noqa: PTH112
    closed = next(refusing, None)
    return closed if closed and _is_directory(closed) else None


def _describe_path(path: Path) -> str:
    try:
        return _describe(str(path.readlink()))
    except OSError:
        return _describe(Kind.DIRECTORY if _is_directory(path) else Kind.FILE)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # which is_dir raises if we may not enter a parent
        return False


def _describe(found: str | Kind) -> str:
    if isinstance(found, str):
        return f"a link to {found}"
    return "a directory" if found is Kind.DIRECTORY else "a file"
