"""Put models into a Hugging Face hub directory, or remove them from it."""

from __future__ import annotations

import argparse

from aimodels_linker.errors import LinkError
from aimodels_linker.log import print_error
from aimodels_linker.messages import explain, explain_unexpected
from aimodels_linker.spec import read_spec
from aimodels_linker.sync import link, unlink

_COMMANDS = {"link": link, "unlink": unlink}


def main(argv: list[str]) -> int:
    """Run a command and return the exit status: 0, or 1 if something was not done."""
    parser = argparse.ArgumentParser(prog="linker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        summary = (command.__doc__ or "").partition("\n")[0]
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.add_argument("spec", help="JSON file (see aimodels_linker/spec.py)")
        subparser.add_argument(
            "--dry-run", action="store_true", help="print what would be done, and change nothing"
        )
    arguments = parser.parse_args(argv)
    try:
        complete = _run(arguments.command, arguments.spec, dry_run=arguments.dry_run)
    except LinkError as error:
        print_error(error)
        return 1
    except Exception as error:  # noqa: BLE001 (the last line of defence)
        print_error(explain_unexpected(error))
        return 1
    return 0 if complete else 1


def _run(command: str, path: str, *, dry_run: bool) -> bool:
    spec = read_spec(path)
    try:
        return _COMMANDS[command](spec, dry_run=dry_run)
    except OSError as error:
        raise explain(error, spec) from error
