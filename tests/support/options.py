"""docs/options.md: the options of both modules, as their declarations describe them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEAD = """\
# Options

Generated from the declarations in `nix/modules` by `AIMODELS_UPDATE_DOCS=1 script/test tests/docs`;
do not edit.

The options of [NixOS](nixos.md) are below `services.ai-models`, those of
[Home Manager](home-manager.md) below `programs.ai-models`. The names here follow these prefixes.
"""

_OF_MODEL = "models.<name>."
_WIDTH = 105


@dataclass(frozen=True)
class Option:
    """The documentation of an option; values are Nix expressions, or Markdown."""

    name: str
    description: str
    type: str
    read_only: bool
    default: str | None
    example: str | None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Option:
        """Parse an option of tests/docs/options.nix."""
        return cls(
            data["name"],
            "\n\n".join(_filled(part) for part in data["description"].split("\n\n")),
            data["type"],
            data["readOnly"],
            _value(data["default"]),
            _value(data["example"]),
        )


def page(data: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the text of the page, with shared options once."""
    nixos, home = ([Option.parse(each) for each in data[key]] for key in ("nixos", "home-manager"))
    shared = [option for option in nixos if option in home]
    of_models = [option for option in shared if option.name.startswith(_OF_MODEL)]
    sections = {
        "In both": [option for option in shared if option not in of_models],
        "On NixOS only": [option for option in nixos if option not in shared],
        "In Home Manager only": [option for option in home if option not in shared],
        "Of each model": of_models,
    }
    contents = [
        textwrap.fill(
            f"- {title}: {', '.join(map(_link, options))}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for title, options in sections.items()
    ]
    parts = [_HEAD, "\n".join(contents) + "\n"]
    for title, options in sections.items():
        parts += [f"## {title}\n", *(part for option in options for part in _entry(option))]
    return "\n".join(parts)


def anchor(heading: str) -> str:
    """Return the anchor of a heading on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _entry(option: Option) -> Iterator[str]:
    yield f"### `{option.name}`\n"
    yield f"{option.description}\n"
    rows = [f"- Type: {option.type}"]
    if option.default is not None:
        rows.append(f"- Default: {option.default}")
    if option.read_only:
        rows.append("- Read-only")
    if option.example is not None and "\n" not in option.example:
        rows.append(f"- Example: {option.example}")
    yield "\n".join(rows) + "\n"
    if option.example is not None and "\n" in option.example:
        yield f"<!-- expression -->\n```nix\n{option.example}\n```\n"


def _value(value: Mapping[str, str] | None) -> str | None:
    if value is None:
        return None
    text = value["text"].strip()
    if value["_type"] == "literalMD":
        return " ".join(text.split())
    one_line = " ".join(text.split())
    if text.count("\n") == 2 and len(one_line) < _WIDTH // 2:
        text = one_line
    return text if "\n" in text else f"`{text}`"


def _filled(paragraph: str) -> str:
    return textwrap.fill(" ".join(paragraph.split()), _WIDTH, break_on_hyphens=False)


def _link(option: Option) -> str:
    return f"[`{option.name.removeprefix(_OF_MODEL)}`](#{anchor(option.name)})"
