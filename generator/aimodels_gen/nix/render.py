"""Models as text that Nix or a program reads: templates filled with literals, nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aimodels_gen.nix import literal
from aimodels_gen.nix.formats import HEADER, JSON_VERSION, Format
from aimodels_gen.resources import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEMPLATES = {
    "packages": "models.nix.j2",
    "nixos": "nixos-module.nix.j2",
    "home-manager": "home-manager-module.nix.j2",
}


class _Nix(str):
    """Text that is Nix already."""

    __slots__ = ()


def render(models: Mapping[str, Mapping[str, Any]], output_format: Format, manifest: str) -> str:
    """Return the text of models in one of FORMATS.

    The same models have the same text: no time, no version, models and files sorted by name.
    `json` is `{"version": 2, "models": {NAME: the arguments of fetchModel}}`:
    `builtins.mapAttrs (_: fetchModel pkgs)` over its `models` makes the packages.

    Args:
        models: by name, what the format takes: see `lock.nix_arguments`.
        output_format: one of FORMATS.
        manifest: the manifest's file name, for the header.

    Raises:
        ValueError: a string cannot be a Nix string (NUL).
    """
    ordered = dict(sorted(models.items()))
    if output_format == "json":
        data = {"version": JSON_VERSION, "models": ordered}
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return fill(_TEMPLATES[output_format], models=ordered, manifest=manifest)


def refusal(reason: str, output_format: Format) -> str:
    """Return the text of a rendering that cannot be made: Nix fails with `reason` when it reads it.

    The text is recognised as a rendering, and is empty for programs that read JSON.
    """
    if output_format == "json":
        return ""
    return f"{HEADER}. Do not edit; run `aimodels-gen lock`.\nthrow {literal.literal(reason)}\n"


def fill(template: str, **values: object) -> str:
    """Return a file of templates/ filled in.

    Every `{{ … }}` becomes a Nix literal of the value. Filters: `attr` makes an attribute name,
    `nix(depth)` a literal that starts on a line indented by so many levels, `comment` makes text
    that cannot end a comment.

    Raises:
        jinja2.UndefinedError: the template asks for a value that it is not given.
    """
    # Help and completions need only the names of the formats.
    import jinja2  # noqa: PLC0415 - slow to import

    def finalize(value: object) -> str:
        if isinstance(value, jinja2.StrictUndefined):
            str(value)  # raises, and names what is not defined
        return value if isinstance(value, _Nix) else literal.literal(value)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates()),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        autoescape=False,  # noqa: S701 - `finalize` escapes, for Nix rather than for HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        attr=lambda name: _Nix(literal.attribute(name)),
        nix=lambda value, depth: _Nix(literal.literal(value, depth)),
        comment=_comment,
    )
    return environment.get_template(template).render(**values)


def _comment(text: str) -> _Nix:
    return _Nix("".join(char if char.isprintable() else "?" for char in text))
