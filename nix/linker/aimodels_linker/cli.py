"""The command line: a spec in, a hub folder as it says, one clear line for each problem."""

from __future__ import annotations

import argparse

from aimodels_linker.errors import LinkError
from aimodels_linker.log import fail
from aimodels_linker.spec import read_spec
from aimodels_linker.sync import link, unlink
from aimodels_linker.messages import failure

_COMMANDS = {"link": link, "unlink": unlink}


def main(argv: list[str]) -> int:
    """Do what the command says; give the exit status: 0, or 1 where something was not done."""
    parser = argparse.ArgumentParser(prog="linker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        described = (command.__doc__ or "").partition("\n")[0]
        subparser = commands.add_parser(name, help=described, description=described)
        subparser.add_argument("spec", help="JSON file (see aimodels_linker/spec.py)")
        subparser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and do nothing"
        )
    arguments = parser.parse_args(argv)
    try:
        spec = read_spec(arguments.spec)
        try:
            fine = _COMMANDS[arguments.command](spec, dry_run=arguments.dry_run)
        except OSError as error:
            raise LinkError(failure(error, spec)) from error
    except LinkError as error:
        fail(str(error))
        return 1
    return 0 if fine else 1
