"""`aimodels-gen schema`."""

from __future__ import annotations

import json

import click

from aimodels_gen import sources
from aimodels_gen.cli.console import result
from aimodels_gen.lock.tables import LockTable, source_table
from aimodels_gen.manifest.model import ManifestTable
from aimodels_gen.schema import schema


@click.command("schema")
@click.argument("file", type=click.Choice(["manifest", "lock"]), default="manifest")
def command(*, file: str) -> None:
    """Print the JSON Schema of models.toml or models.lock.

    Editors check and complete models.toml with it; the starter file names it in its first line.

    \b
      aimodels-gen schema > models.schema.json    # of models.toml
      aimodels-gen schema lock > lock.schema.json
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if file == "manifest":
        kinds = {name: sources.kind(name) for name in sources.names()}
        data = schema("models.toml", ManifestTable, kinds)
    else:
        tables = {name: source_table(name) for name in sources.names()}
        data = schema("models.lock", LockTable, tables)
    result(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
