"""`aimodels-gen man`: the manual pages, made from the definition of the commands."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_gen import __version__
from aimodels_gen.cli import COMMANDS, GROUPS
from aimodels_gen.cli.console import result
from aimodels_gen.cli.statuses import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FILES = {
    "models.toml": "The manifest: the models that you want. It is searched in the working "
    "directory and above.",
    "models.lock": "The pins, next to the manifest. Commit it.",
}
_ENVIRONMENT = {
    "HF_TOKEN, HF_TOKEN_PATH": "The token for the Hugging Face Hub, or a file with it.",
    "HF_ENDPOINT": "The Hub and its mirrors.",
    "HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE": "1: fail instead of asking the Hub.",
    "NO_COLOR": "If set: no bold text.",
    "AIMODELS_DEBUG": "1: print a traceback with each error.",
}


_NAME = "aimodels-gen"


@click.command("man")
@click.argument("command", required=False, type=click.Choice(sorted(COMMANDS)), metavar="[COMMAND]")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the pages of the program and of all commands to DIR.",
)
def command(*, command: str | None, directory: Path | None) -> None:
    """Print the manual page of the program or of a command.

    The Nix package installs all pages. Elsewhere, read them with:

    \b
      aimodels-gen man | man -l -
      aimodels-gen man lock | man -l -
      aimodels-gen man --directory ~/.local/share/man/man1
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    context = click.get_current_context()
    root = context.find_root()
    if directory is None:
        result(_text_of(_command_page(root, command) if command else _page(root)))
        return
    if command:
        raise click.UsageError("name either COMMAND or --directory", context)
    directory.mkdir(parents=True, exist_ok=True)
    pages = {_NAME: _page(root)}
    pages |= {f"{_NAME}-{name}": _command_page(root, name) for name in _commands(root)}
    for name, lines in pages.items():
        (directory / f"{name}.1").write_text(_text_of(lines), encoding="utf-8")


def _text_of(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _commands(root: click.Context) -> dict[str, click.Command]:
    group = root.command
    if not isinstance(group, click.Group):
        return {}
    found = {name: group.get_command(root, name) for name in group.list_commands(root)}
    return {name: command for name, command in found.items() if command is not None}


def _page(root: click.Context) -> Iterator[str]:
    summary, *details = _paragraphs(root.command)
    yield from _head(_NAME, summary)
    yield from (".SH SYNOPSIS", *_synopsis(root))
    yield ".SH DESCRIPTION"
    yield from _described(details)
    yield from _options(root)
    yield ".SH COMMANDS"
    for title, names in GROUPS.items():
        listed = [name for name in names if name in COMMANDS]
        if listed:
            yield f".SS {_text(title)}"
        for name in listed:
            yield from _entry(f"{_NAME}-{name}(1)", COMMANDS[name])
    for title, entries in (
        ("EXIT STATUS", _statuses()),
        ("FILES", _FILES),
        ("ENVIRONMENT", _ENVIRONMENT),
    ):
        yield f".SH {title}"
        for term, text in entries.items():
            yield from _entry(term, text)


def _command_page(root: click.Context, name: str) -> Iterator[str]:
    found = _commands(root)[name]
    context = click.Context(found, info_name=name, parent=root)
    summary, *details = _paragraphs(found)
    yield from _head(f"{_NAME}-{name}", summary)
    yield from (".SH SYNOPSIS", *_synopsis(context))
    yield ".SH DESCRIPTION"
    yield from _described([summary, *details])
    yield from _options(context)
    yield ".SH EXIT STATUS"
    for term, text in _statuses().items():
        yield from _entry(term, text)
    yield ".SH SEE ALSO"
    yield f".BR {_text(_NAME)} (1)"


def _head(name: str, summary: str) -> Iterator[str]:
    yield f'.TH {name.upper()} 1 "" "{_NAME} {__version__}" "User Commands"'
    yield ".SH NAME"
    # Before the first dash that has spaces around it, programs look for names.
    what = f"{summary[0].lower()}{summary[1:].rstrip('.')}"
    yield f"{_text(name)} \\- {_text(what)}"


def _statuses() -> dict[str, str]:
    return {str(status): text for status, text in MEANINGS.items()}


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
    yield ".SH OPTIONS"
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
