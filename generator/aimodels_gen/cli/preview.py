"""`--dry-run` of `lock` and `update`: what would change, from listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.cli.console import result
from aimodels_gen.lock import file as lock_file
from aimodels_gen.lock.markdown import markdown
from aimodels_gen.lock.model import Lock
from aimodels_gen.lock.preview import preview
from aimodels_gen.lock.summary import summary
from aimodels_gen.manifest.parse import load

if TYPE_CHECKING:
    from aimodels_gen.cli.console import Console
    from aimodels_gen.cli.manifests import Chosen
    from aimodels_gen.lock.options import Options


def print_preview(
    chosen: Chosen, options: Options, console: Console, *, as_markdown: bool = False
) -> None:
    """Print what locking would change: the summary, or the body of a pull request to stdout.

    Raises:
        CombinedError: the models that would fail; with `options.keep_going` after the summary.
    """
    wanted = load(chosen.manifest)
    old = lock_file.read(lock_file.path_for(chosen.manifest)) or Lock()
    with console.under_way():
        found = preview(wanted, old, options, console.progress, console.warn)
    for name, new in found.renamed.items():
        console.note(f"would rename {name} to {new}")
    for line in summary(found.report, width=console.width, verbose=console.verbose, details=True):
        console.note(line)
    console.note("nothing was written: this was a dry run")
    if as_markdown:
        result(markdown(found.report.changes))
    if found.error:
        raise found.error
