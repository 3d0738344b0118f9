"""`aimodels-gen completion`."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from aimodels_gen.cli.console import result

_SHELLS = ("bash", "zsh", "fish")
# An autoloaded function of zsh is this script each time, but click's calls its function the first
# time only.
_MORE = {
    "zsh": """
if [[ $zsh_eval_context[-1] == shfunc ]]; then
    _aimodels_gen_completion "$@"
fi
"""
}


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(*, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, files and the names of models in models.toml. The Nix package
    installs it. Elsewhere, add one of these lines:

    \b
      eval "$(aimodels-gen completion bash)"   # to ~/.bashrc
      eval "$(aimodels-gen completion zsh)"    # to ~/.zshrc, after compinit
      aimodels-gen completion fish | source    # to ~/.config/fish/config.fish
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click has no completion for {shell}")
    script = kind(root.command, {}, "aimodels-gen", "_AIMODELS_GEN_COMPLETE")
    # Of the base class: the one for bash first asks a bash, which may not be the reader's, for its
    # version.
    result(f"{ShellComplete.source(script)}\n{_MORE.get(shell, '')}")
