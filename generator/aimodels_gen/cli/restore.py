"""What is left of `lock > models.nix` when it fails early: the file that the shell has emptied."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aimodels_gen.atomic import uninterrupted
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.manifests import LOCK, MANIFEST, choose, find
from aimodels_gen.cli.outputs import Target, plan
from aimodels_gen.cli.stdout import Stdout
from aimodels_gen.errors import AimodelsError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.nix_arguments import render
from aimodels_gen.manifest.parse import load_outputs
from aimodels_gen.nix.render import refusal
from aimodels_gen.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.manifest.output import Output
    from aimodels_gen.nix.formats import Format

_RENDERING = ("add", "remove", "rename", "lock", "update", "render")  # commands that print one
_NO_RENDERING = ("as_markdown", "check", "dry_run")  # options with which they print something else


def restore(cli: click.Group, args: Sequence[str]) -> None:
    """Write the rendering of the lock as it is into a stdout that the shell has emptied.

    Later failures leave what `Stdout.keep` has written. Here, arguments, manifest or lock may be
    wrong: what can be read of them decides.
    """
    stdout = Stdout()
    with uninterrupted(), suppress(AimodelsError, click.ClickException, OSError, ValueError):
        arguments = _arguments(cli, args)
        if arguments is None or any(map(arguments.get, _NO_RENDERING)):
            return
        manifest = _manifest(arguments)
        lock = lock_file.path_for(manifest)
        target = Target(arguments.get("output"), arguments.get("output_format"))
        kept = plan(target, _outputs(manifest), manifest, lock, stdout).kept
        if kept:
            stdout.keep(_old(lock, manifest, kept))


def _arguments(cli: click.Group, args: Sequence[str]) -> dict[str, Any] | None:
    """Return what can be parsed, None for a command that prints no rendering."""
    name, rest = next(((a, args[n + 1 :]) for n, a in enumerate(args) if a[:1] != "-"), ("", []))
    with click.Context(cli) as context:
        known = cli.get_command(context, name)
        command = known or cli.get_command(context, nearest(name, _RENDERING) or "")
        if command is None or command.name not in _RENDERING:
            return None
        lenient = {
            "resilient_parsing": True,
            "ignore_unknown_options": True,
            "allow_extra_args": True,
        }
        return command.make_context(name, list(rest), context, **lenient).params


def _manifest(arguments: dict[str, Any]) -> Path:
    """Return the manifest that the command line names, the usual one where there is none such."""
    named = arguments.get("manifest") or arguments.get("lock")
    path = Path(named or find([MANIFEST, LOCK]) or MANIFEST)
    if names := arguments.get("names"):
        path = choose(arguments.get("manifest"), names, Console(quiet=True), lock=True).manifest
    manifest = path.with_suffix(".toml") if path.suffix == ".lock" else path
    found = manifest.exists() or lock_file.path_for(manifest).exists()
    return manifest if found else Path(MANIFEST)


def _outputs(manifest: Path) -> tuple[Output, ...]:
    with suppress(AimodelsError, OSError):
        return load_outputs(manifest)
    return ()


def _old(path: Path, manifest: Path, output_format: Format) -> str:
    try:
        return render(lock_file.read(path) or Lock(), output_format, manifest.name)
    except (AimodelsError, OSError) as error:
        reason = error.message if isinstance(error, AimodelsError) else f"{path} cannot be read"
        return refusal(f"{reason}, so it cannot be rendered", output_format)
