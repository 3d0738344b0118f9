"""`aimodels-gen man`: the manual page, made from the definition of the commands."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from aimodels_gen import __version__
from aimodels_gen.cli.console import result

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIT_STATUS = {
    "0": "Success.",
    "1": "A failure: a line `error: ...` on stderr says what went wrong, a line `hint: ...` what "
    "to do.",
    "2": "Wrong usage.",
    "130": "Interrupted.",
}
_FILES = {
    "models.toml": "The manifest: the models that you want. It is searched in the working "
    "directory and above.",
    "models.lock": "The pins, next to the manifest. Commit it.",
}
_ENVIRONMENT = {
    "HF_TOKEN, HF_TOKEN_PATH": "The token for the Hugging Face Hub, or a file with it.",
    "HF_ENDPOINT": "The Hub and its mirrors.",
    "HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE": "1: fail instead of asking the Hub.",
    "AIMODELS_DEBUG": "1: print a traceback with each error.",
}


@click.command("man")
def command() -> None:
    """Print the manual page.

    The Nix package installs it. Elsewhere read it with:

    \b
      aimodels-gen man | man -l -
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    root = click.get_current_context().find_root()
    result("\n".join(_page(root)) + "\n")


def _page(root: click.Context) -> Iterator[str]:
    name, group = "aimodels-gen", root.command
    summary, *details = _paragraphs(group)
    yield f'.TH {name.upper()} 1 "" "{name} {__version__}" "User Commands"'
    yield ".SH NAME"
    yield _text(f"{name} - {summary[0].lower()}{summary[1:].rstrip('.')}")
    yield from (".SH SYNOPSIS", *_synopsis(root))
    yield ".SH DESCRIPTION"
    yield from _described(details)
    yield from _options(root)
    yield ".SH COMMANDS"
    for command_name in group.list_commands(root) if isinstance(group, click.Group) else ():
        found = group.get_command(root, command_name) if isinstance(group, click.Group) else None
        if found is not None:
            context = click.Context(found, info_name=command_name, parent=root)
            yield f".SS {_text(command_name)}"
            yield from _synopsis(context)
            yield from _described(_paragraphs(found))
            yield from _options(context)
    for title, entries in (
        ("EXIT STATUS", _EXIT_STATUS),
        ("FILES", _FILES),
        ("ENVIRONMENT", _ENVIRONMENT),
    ):
        yield f".SH {title}"
        for term, text in entries.items():
            yield from _entry(term, text)


def _synopsis(context: click.Context) -> Iterator[str]:
    yield f".B {_text(context.command_path)}"
    yield _text(" ".join(context.command.collect_usage_pieces(context)))


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _described(paragraphs: list[str]) -> Iterator[str]:
    """Return paragraphs; click marks those whose lines are to stay as they are."""
    for paragraph in paragraphs:
        if paragraph.startswith("\b\n"):
            yield from (".PP", ".nf", *map(_text, paragraph.splitlines()[1:]), ".fi")
        else:
            yield ".PP"
            yield from map(_text, paragraph.splitlines())


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        # Newer releases of click have records of arguments, too.
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield from _entry(*record)


def _entry(term: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {_text(term)}", _text(" ".join(text.split())))


def _text(line: str) -> str:
    """Return a line as roff: no macro at its beginning, and hyphens that can be searched."""
    escaped = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
