"""The table of errors: exception → what is printed, and the exit status."""

from __future__ import annotations

import os
import re
import shlex
import traceback
from typing import TYPE_CHECKING

import click

from aimodels_fetcher.machine_errors import explained
from aimodels_fetcher.redaction import redacted
from aimodels_gen.cli.console import complain
from aimodels_gen.cli.statuses import FAILED, INTERRUPTED, USAGE
from aimodels_gen.cli.stderr import write
from aimodels_gen.errors import THIS_COMMAND, AimodelsError, CombinedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Those of ours in hints that do not name a manifest.
_COMMAND = re.compile(
    r"`(aimodels-gen (?:(?:lock|prefetch|update)(?: NAME)?|(?:remove|rename) (?!--help)[^`]+))`"
)
_SYNONYMS = {
    **dict.fromkeys(("get", "install"), "add"),
    **dict.fromkeys(("del", "delete", "rm", "uninstall"), "remove"),
    **dict.fromkeys(("move", "mv"), "rename"),
    **dict.fromkeys(("download", "fetch", "sync"), "prefetch"),
    **dict.fromkeys(("info", "inspect"), "show"),
    **dict.fromkeys(("publish", "upload"), "push"),
    "check": "lock --check",
    "ls": "list",
    "status": "outdated",
}
_VALUES = {"-o", "--output", "--format"}
_EDITS = {"add", "remove", "rename"}  # whose arguments are never manifests


def report(error: BaseException, args: Sequence[str]) -> int:
    """Print `error: …` and `hint: …` for an exception; return the exit status.

    The traceback comes first if AIMODELS_DEBUG is set. `args` are those of the command line.
    """
    command = shlex.join(["aimodels-gen", *args])
    if os.environ.get("AIMODELS_DEBUG"):
        write(redacted("".join(traceback.format_exception(error))))
    words, status = next(row[1:] for row in _TABLE if isinstance(error, row[0]))
    for message, hint in words(error):
        complain("error", message)
        if hint:
            complain("hint", _on_manifest(hint.replace(THIS_COMMAND, command), args))
    if isinstance(error, CombinedError) and error.hint:
        complain("hint", error.hint)
    return status


def _on_manifest(hint: str, args: Sequence[str]) -> str:
    """Return a hint whose commands name the manifest that the command line names."""
    named: str | None = None
    for place, word in enumerate(args):
        if word in {"-m", "--manifest"}:
            named = next(iter(args[place + 1 :]), None)
        elif word.startswith("--manifest="):
            named = word.partition("=")[2]
        elif word.startswith("-m"):
            named = word[2:]
        elif word.endswith(".toml") and args[place - 1] not in _VALUES and args[0] not in _EDITS:
            named = word
    if named is None:
        return hint
    option = shlex.join(["-m", named]).replace("\\", r"\\")
    return _COMMAND.sub(rf"`\1 {option}`", hint)


Words = list[tuple[str, "str | None"]]


def _ours(error: BaseException) -> Words:
    failures = error.failures if isinstance(error, CombinedError) else [error]
    # Each hint once, after all that it is for.
    by_hint: dict[str | None, list[str]] = {}
    for one in failures:
        if isinstance(one, AimodelsError):
            by_hint.setdefault(one.hint, []).append(one.message)
    return [
        (message, hint if message is messages[-1] else None)
        for hint, messages in by_hint.items()
        for message in messages
    ]


def _interrupted(_: BaseException) -> Words:
    return [("interrupted", None)]


def _usage(error: BaseException) -> Words:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "aimodels-gen"
    meant = f"did you mean `{path} {near}`? " if (near := _nearest_command(error)) else ""
    return [(_click(error)[0][0], f"{meant}see `{path} --help`")]


def _nearest_command(error: BaseException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or not isinstance(context.command, click.Group):
        return None
    from aimodels_gen.tables import nearest  # noqa: PLC0415 - only now needed

    found = re.match("No such command '([^']+)'", _click(error)[0][0])
    if not found:
        return None
    return _SYNONYMS.get(found[1]) or nearest(found[1], context.command.list_commands(context))


def _click(error: BaseException) -> Words:
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return [(" ".join(text.split()).removesuffix("."), None)]


def _other(error: BaseException) -> Words:
    hint = "run it again with AIMODELS_DEBUG=1 and report what it prints"
    return [explained(error) or (f"unexpected {type(error).__name__}: {error}", hint)]


# The first that fits.
_TABLE: tuple[
    tuple[
        type[BaseException] | tuple[type[BaseException], ...],
        Callable[[BaseException], Words],
        int,
    ],
    ...,
] = (
    (AimodelsError, _ours, FAILED),
    ((click.Abort, KeyboardInterrupt), _interrupted, INTERRUPTED),
    (click.UsageError, _usage, USAGE),
    (click.ClickException, _click, FAILED),
    (BaseException, _other, FAILED),
)
