"""`aimodels-gen diff`."""

from __future__ import annotations

from pathlib import Path

import click

from aimodels_gen.cli.console import Console, result
from aimodels_gen.cli.manifests import choose, manifest_option
from aimodels_gen.cli.reports import (
    json_option,
    print_json,
    print_lines,
    stdout_width,
    verbosity_options,
)
from aimodels_gen.errors import LockError
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.diff import compare
from aimodels_gen.lock.git import HEAD, text_at
from aimodels_gen.lock.markdown import markdown
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.summary import summary


@click.command("diff")
@click.argument("old", required=False, type=click.Path())
@manifest_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the body of a pull request.")
@json_option
@verbosity_options("Name the files that changed.")
def command(  # noqa: PLR0913 - one for each option
    *,
    old: str | None,
    manifest: Path | None,
    as_markdown: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compare models.lock with the committed one, or another lock.

    OLD is a commit, branch or tag of the git repository, HEAD by default, or a lock file. As in
    git, `main...` is the commit where this branch began, and HEAD:old.lock a file of another name.
    git does not have to be installed.

    \b
      aimodels-gen diff                       # what is not committed
      aimodels-gen diff HEAD~3
      aimodels-gen diff other.lock --markdown
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if as_markdown and as_json:
        raise click.UsageError("choose --markdown or --json", click.get_current_context())
    console = Console(quiet=quiet, verbose=verbose)
    chosen = choose(manifest, (), console, lock=True)
    path = lock_file.path_for(chosen.manifest)
    new = lock_file.existing(path, chosen.manifest)
    report = compare(_old(old, path, console), new)
    if as_json:
        print_json(report)
    elif as_markdown:
        result(markdown(report.changes))
    else:
        lines = summary(report, width=stdout_width(), verbose=verbose, details=True)
        print_lines(lines)


def _old(named: str | None, path: Path, console: Console) -> Lock:
    """Return the lock to compare with.

    Raises:
        LockError: there is none of that name, or it cannot be read.
    """
    is_file = named is not None and ":" not in named and Path(named).suffix in {".lock", ".toml"}
    if named is not None and (is_file or Path(named).is_file()):
        file = Path(named)
        file = lock_file.path_for(file) if file.suffix == ".toml" else file
        found = lock_file.read(file)
        if found is None:
            raise LockError(f"there is no {file}", "name a lock file, or a revision of git")
        return found
    revision = HEAD if named is None else named
    content = text_at(path, revision)
    if content is None and ":" in revision:
        raise LockError(f"there is no {revision}", "name a lock file, or a revision of git")
    if content is None:
        console.note(f"{revision} has no {path}: all models are new")
        return Lock()
    try:
        where = revision if ":" in revision else f"{revision}:{path}"
        return lock_file.parse(content, Path(where))
    except LockError as error:
        raise LockError(
            error.message, "compare with another commit, or with a lock file"
        ) from error
