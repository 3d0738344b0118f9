"""`lock --check`: whether all files agree, without a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.cli.outputs import format_of, plan
from aimodels_gen.cli.reports import print_json, print_lines
from aimodels_gen.cli.stdout import Stdout
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.check import LockText, lock_problems, output_problems
from aimodels_gen.lock.failures import named
from aimodels_gen.manifest.names import check_names
from aimodels_gen.manifest.parse import load
from aimodels_gen.reports.check import Problem, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.manifests import Chosen
    from aimodels_gen.cli.outputs import Target
    from aimodels_gen.lock.options import Options


def check(
    chosen: Chosen, options: Options, target: Target, console: Console, *, as_json: bool
) -> bool:
    """Print where manifest, lock and outputs disagree, and what mends it; return whether they do.

    Raises:
        AimodelsError: the manifest or the lock cannot be read, or an output is not one of ours.
    """
    path = lock_file.path_for(chosen.manifest)
    manifest = load(chosen.manifest)
    check_names(options.only or (), [entry.name for entry in manifest.entries], manifest.file)
    writes = plan(target, manifest.outputs, chosen.manifest, path, Stdout())
    text = lock_file.text(path)
    mend = chosen.command("lock")
    if text is None:
        message = f"there is no {path.name}"
        problems = [Problem(kind="lock", message=message, command=mend, file=str(path))]
    else:
        lock = lock_file.parse(text, path)
        problems = list(lock_problems(manifest, LockText(path, text, lock), options, mend))
        formats = [format_of(file) for file, _ in writes.files]
        mend = chosen.command("render")
        problems += output_problems(writes.files, formats, lock, manifest.file, mend)
    if as_json:
        print_json(Report(problems=tuple(problems)))
    else:
        print_lines(_lines(problems))
    if not problems:
        files = (path, *(file for file, _ in writes.files))
        console.note(f"up to date: {', '.join(map(str, files))}")
    return bool(problems)


def _lines(problems: Sequence[Problem]) -> list[str]:
    """Return a line for each kind of disagreement, with its models, and the command."""
    causes: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        causes.setdefault((problem.message, problem.command), []).append(problem.model or "")
    return [
        f"{named(models) + ': ' if models[0] else ''}{message}; run `{command}`"
        for (message, command), models in causes.items()
    ]
