"""The command line. Only here do we print and exit; everything below returns values or raises.

Commands are imported when they run: `aimodels-gen --help` imports click and this module only.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, cast

import click

from aimodels_gen import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

# Each has a module here (see `module_name`); the text is the first sentence of its help.
COMMANDS = {
    "init": "Write a starter models.toml and flake.nix.",
    "add": "Add models to models.toml, pin them and write them as Nix.",
    "remove": "Remove models from models.toml, the lock and the outputs.",
    "rename": "Rename a model in models.toml, the lock and the outputs.",
    "lock": "Pin the models of a manifest and write them as Nix.",
    "update": "Update pins to the newest commit of their ref.",
    "outdated": "Show which models have moved upstream since they were locked.",
    "list": "List what is pinned, and whether the Nix store has it.",
    "show": "Show everything about models, and their files.",
    "diff": "Compare models.lock with the committed one, or another lock.",
    "du": "Show disk usage of models, and what garbage collection frees.",
    "verify": "Compare a lock with its sources, the Nix store or a cache.",
    "import": "Add model files that this machine has to the Nix store.",
    "prefetch": "Download what a lock pins into the Nix store.",
    "push": "Send what a lock pins to a binary cache, or to another machine.",
    "pull": "Take what a lock pins from a binary cache into the Nix store.",
    "export": "Write models to a disk, for machines without network.",
    "link": "Link models into the Hugging Face cache.",
    "unlink": "Remove the links of `link` from the Hugging Face cache.",
    "render": "Write the outputs again from the lock, offline.",
    "schema": "Print the JSON Schema of models.toml, models.lock or a report.",
    "completion": "Print the completion script of a shell.",
    "man": "Print the manual page of the program or of a command.",
}
# In reading order. A test checks that each command has a group.
GROUPS = {
    "Start, and change models.toml": ("init", "add", "remove", "rename"),
    "Pin models": ("lock", "update", "outdated"),
    "See what is pinned": ("list", "show", "diff", "du", "verify"),
    "Fill the store and caches": ("import", "prefetch", "push", "pull", "export", "link", "unlink"),
    "Other": ("render", "schema", "completion", "man"),
}
_KILLED = 128  # and the number of the signal: what a shell reports


def module_name(command: str) -> str:
    """Return the name of a command's module: an underscore follows a word of Python's own."""
    return f"{command}{'_' * iskeyword(command)}"


class _Commands(click.Group):
    """The commands, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in reading order."""
        return [name for names in GROUPS.values() for name in names if name in COMMANDS]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """Return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"aimodels_gen.cli.{module_name(cmd_name)}")
        return cast("click.Command", module.command)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the commands and options that begin so, without importing the commands."""
        item = click.shell_completion.CompletionItem
        names = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(item(name, help=COMMANDS[name]) for name in names), *options]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the tables of commands without importing them, as wide as the widest."""
        width = max(map(len, COMMANDS))
        for title, names in GROUPS.items():
            rows = [(name.ljust(width), COMMANDS[name]) for name in names if name in COMMANDS]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Pin AI models from a models.toml, for Nix to fetch.

    models.toml declares what you want, models.lock pins it exactly, models.nix renders the lock:

    \b
      aimodels-gen init
      aimodels-gen add ORG/NAME
      aimodels-gen lock
      nix build .#NAME
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status (cli/statuses.py), having said what failed."""
    try:
        return int(cli.main(args, prog_name="aimodels-gen", standalone_mode=False) or 0)
    except BaseException as error:
        if import_module("aimodels_gen.cli.stdout").Stdout().is_emptied:
            arguments = sys.argv[1:] if args is None else args
            import_module("aimodels_gen.cli.restore").restore(cli, arguments)
        if isinstance(error, SystemExit):
            raise
        failures = import_module("aimodels_gen.cli.failures")
        return cast("int", failures.report(error, sys.argv[1:] if args is None else args))


def main() -> None:
    """Be the program `aimodels-gen`."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminate)
    status = run()
    # All is done: an interrupt while Python exits would change nothing but the status.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


def _terminate(number: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`, so that temporary directories go."""
    raise SystemExit(_KILLED + number)
