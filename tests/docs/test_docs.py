"""Every snippet of the documentation is run, evaluated or compared, in reading order.

A comment before a block says what it is: `<!-- file: NAME -->` is written for the blocks after it,
`<!-- expression -->` and `<!-- bindings -->` are evaluated as Nix, `<!-- nixos -->` and
`<!-- home-manager -->` as configurations (`<!-- nixos: NAME -->` is written, too);
`<!-- remedy -->` is for test_troubleshooting.py, `<!-- automation: NAME -->` for
test_automation.py, `<!-- image: NAME -->` for test_images.py, `<!-- engine: NAME -->` for a test
in tests/e2e. The language says the rest; `text` is a picture, and is not checked.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from aimodels_gen import cli
from aimodels_gen.manifest.parse import parse
from docs.session import DOCUMENTS, blocks
from support import registry
from support.environment import CHECKOUT, ORIGINAL
from support.nix import available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.session import Block, Session

_INTRODUCTION = (
    "What `aimodels-gen --help` and the help of each command print. "
    "[Daily tasks](generator.md#daily-tasks)\nshow how to use them."
)
UPDATE = bool(ORIGINAL.get("AIMODELS_UPDATE_DOCS"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document(document: str, session: Session, request: pytest.FixtureRequest) -> None:
    """Fails with the document's name and line, as an editor would jump to it."""
    if document == "docs/sources.md":
        request.getfixturevalue("bucket")
    if document == "docs/remote-builders.md":
        request.getfixturevalue("builder")
    if document == "docs/engines.md":
        # Its files are at its end, for readers who copy them.
        for block in blocks(document):
            if block.kind == "file":
                _check(block, session)
    for block in blocks(document):
        with _located(f"{document}:{block.line}"):
            _check(block, session)
    if session.unchecked:
        pytest.skip("; ".join(dict.fromkeys(session.unchecked)) + " (all else was checked)")


@contextmanager
def _located(place: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{place}: {error}") from error


def test_there_are_snippets() -> None:
    languages = {block.language for document in DOCUMENTS for block in blocks(document)}
    assert languages == {
        *("bash", "dockerfile", "ini", "js", "json", "nix", "python", "text", "toml", "yaml"),
    }


def _check(block: Block, session: Session) -> None:
    if block.kind == "file":
        assert block.name is not None
        file = session.directory / block.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    elif block.kind in {"nixos", "home-manager"}:
        _check_configuration(block, block.kind, session)
    elif block.kind in {"remedy", "automation", "engine", "image"}:
        pass  # run by tests of their own
    elif block.language == "nix":
        braces = ("{", "}") if block.kind == "bindings" else ("(", ")")
        assert block.kind in {"bindings", "expression"}
        value = session.evaluate(f"{braces[0]} {block.text} {braces[1]}")
        assert value
    elif block.language == "toml":
        assert parse(block.text).entries
    elif block.language == "python":
        _check_python(block, session)
    elif block.language == "dockerfile":
        session.container = dict(
            line.removeprefix("ENV ").split("=", 1)
            for line in block.text.splitlines()
            if line.startswith("ENV ")
        )
        assert session.container
    elif block.language == "bash":
        _check_bash(block, session)
    else:
        assert block.language == "text", "no way to check this language"


def _check_bash(block: Block, session: Session) -> None:
    lines = []
    for line in block.text.splitlines():
        if line.startswith(("bench/", "script/")):
            # These run this very test, or are run by one of their own.
            assert os.access(CHECKOUT / line.split()[0], os.X_OK)
        else:
            lines.append(line)
    session.run("bash", "-euo", "pipefail", "-c", "\n".join(lines))


def _check_configuration(block: Block, kind: str, session: Session) -> None:
    """With the real module systems, of which this machine may have none."""
    file = session.directory / (block.name or "snippet.nix")
    file.write_text(block.text)
    function = "flake" if file.name == "flake.nix" else kind
    try:
        arguments = f"lib = import {registry.flake('nixpkgs')}/lib;"
        if "home-manager" in block.text or kind == "home-manager":
            arguments += f" home-manager = {registry.flake('home-manager')};"
    except pytest.skip.Exception as missing:
        session.unchecked.append(str(missing))
        return
    configurations = f"import {CHECKOUT}/tests/docs/configurations.nix {{ {arguments} }}"
    with available("host") as nix:
        found = nix.eval(f"({configurations}).{function} {file}")
    assert found["enabled"] is True
    assert (found["problems"], found["warnings"]) == ([], [])


def _check_python(block: Block, session: Session) -> None:
    """Without the Hub: what the snippet loads must come from the cache."""
    session.endpoint, endpoint = "http://127.0.0.1:9", session.endpoint
    session.run(sys.executable, "-W", "ignore", "-c", block.text)
    session.endpoint = endpoint


def test_the_reference_of_commands() -> None:
    """The page is what `--help` prints, as a whole."""
    runner = CliRunner()

    def printed(*command: str) -> str:
        arguments = [*command, "--help"]
        result = runner.invoke(cli.cli, arguments, prog_name="aimodels-gen", terminal_width=80)
        assert result.exit_code == 0
        return f"```text\n$ aimodels-gen {' '.join(arguments)}\n{result.output}```\n"

    sections = (f"## {name}\n\n{printed(name)}" for name in cli.COMMANDS)
    page = "\n".join((f"# All commands\n\n{_INTRODUCTION}\n", printed(), *sections))
    path = CHECKOUT / "docs" / "commands.md"
    if UPDATE:
        path.write_text(page)
    assert path.read_text() == page, "run `AIMODELS_UPDATE_DOCS=1 script/test tests/docs`"
