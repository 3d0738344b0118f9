"""What commands report as JSON: a module with declared types for each, named as the command.

A name that Python keeps for itself has an underscore after it.

The same values are what a command shows as text. `aimodels-gen schema NAME` prints the JSON Schema
that follows from a type; docs/schema has all of them.
"""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import ClassVar, cast

import msgspec

NAMES: tuple[str, ...] = (
    "check",
    "outdated",
    "list",
    "show",
    "diff",
    "du",
    "verify",
    "import",
    "prefetch",
    "pull",
    "export",
    "push",
)
"""The reports that there are; each module has a `Report` of its own."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A part of a report. What is not known is left out."""


class BaseReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole document, with the number that changes when a program could no longer read it.

    Attributes:
        title: what the document is called in its schema.
    """

    title: ClassVar[str]
    version: int = 1


def kind(name: str) -> type[BaseReport]:
    """Return the type of a report, by the name in `NAMES`."""
    return cast(
        "type[BaseReport]", import_module(f"{__name__}.{name}{'_' * iskeyword(name)}").Report
    )


def dumps(report: BaseReport) -> str:
    """Return a report as the JSON that we print: indented, with a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"
