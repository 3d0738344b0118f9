"""`aimodels-gen add`."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, get_args

import click

from aimodels_gen import sources
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.editing import edit_and_lock, edit_options
from aimodels_gen.cli.locking import output_options
from aimodels_gen.cli.manifests import choose, manifest_option
from aimodels_gen.cli.outputs import Target
from aimodels_gen.cli.reports import jobs_option
from aimodels_gen.lock.options import Options
from aimodels_gen.manifest.changes import adding
from aimodels_gen.manifest.model import PinKind
from aimodels_gen.manifest.new_model import NewModel, read, with_filters
from aimodels_gen.pasted import patterns
from aimodels_gen.sources.huggingface import RepoType, is_commit, pasted

if TYPE_CHECKING:
    from pathlib import Path

    from aimodels_gen.nix.formats import Format
    from aimodels_gen.pasted import Meant


class _Add(click.Command):
    """Reads a command that is pasted without quotes, such as `hf download org/name`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return what is left of the arguments, of which a pasted command is one."""
        return super().parse_args(ctx, args if ctx.resilient_parsing else self._joined(args))

    def _joined(self, args: list[str]) -> list[str]:
        options = [one for one in self.params if isinstance(one, click.Option)]
        with_value = {name for one in options if not one.is_flag for name in one.opts}
        at = 0
        while at < len(args) and args[at].startswith("-"):
            at += 2 if args[at] in with_value else 1
        before = [one for one in args[:at] if one != "--"]
        command, more = args[at:], []
        if len(command) < 2 or not command[0].replace("-", "").isalnum():  # noqa: PLR2004
            return args
        for option in ("--name", "--ollama", "--manifest", "--pin", "--no-lock", "--prefetch"):
            while option in command:  # no other program has them
                place = command.index(option)
                end = place + (2 if option in with_value else 1)
                more += command[place:end]
                del command[place:end]
        text = shlex.join(command)
        return [*before, *more, "--", text] if sources.meant_by(text) else args


@click.command("add", cls=_Add)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option(
    "-n", "--name", metavar="NAME", help="The model's name.  [default: that of its source]"
)
@click.option(
    "--include", multiple=True, metavar="PATTERN", help="Take only these files; may be repeated."
)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave these files out; may be repeated."
)
@click.option("--ref", metavar="REF", help="The branch, tag or refs/pr/N to follow.")
@click.option("--rev", metavar="COMMIT", help="The exact commit, 40 hexadecimal digits.")
@click.option(
    "--type", "repo_type", type=click.Choice(get_args(RepoType)), help="The kind of repository."
)
@click.option(
    "--pin", type=click.Choice(get_args(PinKind)), help="The kind of pin to set in models.toml."
)
@click.option(
    "--ollama",
    metavar="NAME",
    help="The model's name for Ollama, such as llama3.2:1b; see integration.ollama.",
)
@manifest_option
@output_options
@jobs_option()
@click.option(
    "--prefetch",
    is_flag=True,
    help="Then add the models to the Nix store, as `aimodels-gen prefetch` does.",
)
@edit_options
def command(  # noqa: PLR0913 - one for each option
    *,
    addresses: tuple[str, ...],
    name: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    ref: str | None,
    rev: str | None,
    repo_type: str | None,
    pin: PinKind | None,
    ollama: str | None,
    manifest: Path | None,
    output: Path | None,
    output_format: Format | None,
    jobs: int | None,
    prefetch: bool,
    no_lock: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Add models to models.toml, pin them and write them as Nix.

    ADDRESS is ORG/NAME, ORG/NAME:QUANT or ORG/NAME@REF on the Hub, an hf:// or s3:// address, the
    URL of a repository's page or of a file, or a command such as `hf download`. Several files of
    one repository are one model, and so are several files at other URLs.

    Comments, order and quotes of models.toml stay. The other models keep their pins. If the new
    ones cannot be locked, nothing changes.

    \b
      aimodels-gen add openai/whisper-tiny --include '*.safetensors' --include '*.json'
      aimodels-gen add Qwen/Qwen3-8B-GGUF:Q4_K_M --name qwen
      aimodels-gen add https://huggingface.co/datasets/rajpurkar/squad
      aimodels-gen add s3://my-models/fine-tuned/llama/
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet, verbose=verbose)
    if "" in {*include, *exclude, ref}:
        raise click.UsageError("a pattern or --ref is empty", click.get_current_context())
    if no_lock and prefetch:
        raise click.UsageError(
            "--prefetch needs a lock: leave out --no-lock", click.get_current_context()
        )
    for address in addresses:
        if _is_manifest(address):
            raise click.UsageError(
                f"{address} is a manifest, not an address: write `-m {shlex.quote(address)}`",
                click.get_current_context(),
            )
    filters = [[one for text in given for one in patterns(text)] for given in (include, exclude)]
    models = [
        NewModel(with_filters(_of_hub(meant, ref, rev, repo_type), *filters), pin, ollama)
        for meant in read(addresses)
    ]
    for option, given in (("--name", name), ("--ollama", ollama)):
        if given is not None and len(models) > 1:
            raise click.UsageError(
                f"{option} names one model, and these are {len(models)}",
                click.get_current_context(),
            )
    if ollama is not None:
        _check_ollama(ollama)
    path = choose(manifest, (), console).manifest
    options = None if no_lock else Options(jobs=jobs)
    target = Target(output, output_format, copies=False)
    edit_and_lock(
        path, lambda path: adding(path, models, name), options, target, console, prefetch=prefetch
    )


def _check_ollama(name: str) -> None:
    """Refuse what is not a name for Ollama.

    Raises:
        click.UsageError: with a name that is.
    """
    from aimodels_engines.errors import EngineError  # noqa: PLC0415 - most models have none
    from aimodels_engines.ollama import names  # noqa: PLC0415

    try:
        names.parse(name, "my-model")
    except EngineError as error:
        reason = error.message.partition("name is ")[2]
        raise click.UsageError(
            f"--ollama is {reason}; {error.hint}", click.get_current_context()
        ) from None


def _is_manifest(address: str) -> bool:
    """Return whether this is what other commands take for the manifest."""
    if not address.endswith(".toml") or "://" in address:
        return False
    return "/" not in address or os.path.exists(address)  # noqa: PTH110 - any text


def _of_hub(meant: Meant, ref: str | None, rev: str | None, repo_type: str | None) -> Meant:
    """Return a repository with what the options set."""
    context = click.get_current_context()
    given = {"--ref": ref, "--rev": rev, "--type": repo_type}
    used = [option for option, value in given.items() if value is not None]
    if used and meant.kind != "huggingface":
        raise click.UsageError(f"{used[0]} is for repositories of the Hub", context)
    if ref is not None and rev is not None:
        raise click.UsageError("--ref and --rev cannot be used together", context)
    if rev is not None and not is_commit(rev.lower()):
        reason = "--rev is a commit of 40 hexadecimal digits; --ref is for branches and tags"
        raise click.UsageError(reason, context)
    return pasted.at(meant, ref, rev, repo_type)
