"""`aimodels-gen schema`."""

from __future__ import annotations

import json

import click

from aimodels_gen import reports, sources
from aimodels_gen.cli.console import result
from aimodels_gen.lock.tables import LockTable, source_table
from aimodels_gen.manifest.model import ManifestTable
from aimodels_gen.schema import schema


@click.command("schema")
@click.argument(
    "document", type=click.Choice(["manifest", "lock", *reports.NAMES]), default="manifest"
)
def command(*, document: str) -> None:
    """Print the JSON Schema of models.toml, models.lock or a report.

    Reports are what commands print with --json; the name of one is that of its command.

    Editors check and complete models.toml with its schema. The first line of the starter file names
    it.

    \b
      aimodels-gen schema > models.schema.json    # of models.toml
      aimodels-gen schema lock > lock.schema.json
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    if document == "manifest":
        kinds = {name: sources.kind(name) for name in sources.names()}
        data = schema("models.toml", ManifestTable, kinds)
    elif document == "lock":
        tables = {name: source_table(name) for name in sources.names()}
        data = schema("models.lock", LockTable, tables)
    else:
        kind = reports.kind(document)
        data = schema(kind.title, kind, {})
    result(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
