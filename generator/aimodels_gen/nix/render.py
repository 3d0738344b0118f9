"""A lock as text that Nix or a program reads: templates filled with literals, nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aimodels_gen.lock.model import FilePin, Integration, LockedModel, TreePin
from aimodels_gen.nix import literal as nixlit
from aimodels_gen.resources import data_dir

if TYPE_CHECKING:
    from aimodels_gen.lock.file import Lock

Format = Literal["packages", "nixos", "home-manager", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

_TEMPLATES = {
    "packages": "models.nix.j2",
    "nixos": "nixos-module.nix.j2",
    "home-manager": "home-manager-module.nix.j2",
}
_MODULES = ("nixos", "home-manager")
_JSON_VERSION = 1


class _Nix(str):
    """Text that is Nix already."""

    __slots__ = ()


def render(lock: Lock, output_format: Format, manifest: str) -> str:
    """Return the text of a lock in one of FORMATS.

    The same lock gives the same bytes: no time, no version, models and files sorted by name.
    `json` is `{"version": 1, "models": {NAME: the arguments of fetchModel}}`, so that
    `builtins.mapAttrs (_: fetchModel pkgs)` over its `models` makes the packages.

    Args:
        lock: what to render.
        output_format: one of FORMATS.
        manifest: the manifest's file name, for the header.

    Raises:
        ValueError: a string of the lock cannot be a Nix string (NUL).
    """
    describe = definition if output_format in _MODULES else arguments
    models = {name: describe(lock.models[name]) for name in sorted(lock.models)}
    if output_format == "json":
        data = {"version": _JSON_VERSION, "models": models}
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return fill(_TEMPLATES[output_format], models=models, manifest=manifest)


def fill(template: str, **values: object) -> str:
    """Return a file of templates/ filled in.

    Every `{{ … }}` becomes a Nix literal of the value. Filters: `attr` makes an attribute name,
    `nix(depth)` a literal that starts on a line indented by so many levels, `comment` makes text
    that cannot end a comment.

    Raises:
        jinja2.UndefinedError: the template asks for a value that it is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(data_dir("templates")),
        undefined=StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # noqa: S701 - `finalize` escapes, for Nix rather than for HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        attr=lambda name: _Nix(nixlit.attribute(name)),
        nix=lambda value, depth: _Nix(nixlit.literal(value, depth)),
        comment=_comment,
    )
    return environment.get_template(template).render(**values)


def arguments(model: LockedModel) -> dict[str, Any]:
    """Return the arguments of `fetchModel` for a model, in reading order, defaults left out."""
    pin, filters = model.pin, model.filters
    data: dict[str, Any] = {
        "name": model.name,
        "source": {model.source.kind: model.source.to_nix()},
    }
    if model.fallbacks:
        data["fallbacks"] = [{source.kind: source.to_nix()} for source in model.fallbacks]
    if isinstance(pin, TreePin):
        data["hash"] = pin.hash
        if filters.include is not None:
            data["include"] = list(filters.include)
        if filters.exclude:
            data["exclude"] = list(filters.exclude)
    else:
        data["files"] = {path: _file(pin.files[path]) for path in sorted(pin.files)}
        if model.layout != "copy":
            data["layout"] = model.layout
    if model.integration != Integration():
        data["integration"] = {"huggingface": _integration(model.integration)}
    return data


def definition(model: LockedModel) -> dict[str, Any]:
    """Return what a module of ours takes as `models.<name>`: the arguments, and the licence.

    The licence is for the modules' `enforceLicenses`, a switch of the user's. Other formats have
    none: nixpkgs would judge it as a program's, and refuse to evaluate most models.
    """
    data = arguments(model)
    del data["name"]
    licenses = model.card.licenses
    if licenses:
        data["meta"] = {"license": licenses[0] if len(licenses) == 1 else list(licenses)}
    return data


def _file(file: FilePin) -> dict[str, Any]:
    return {"hash": file.hash, "size": file.size, **({"lfs": True} if file.lfs else {})}


def _integration(integration: Integration) -> dict[str, Any]:
    values = {
        "enable": None if integration.enable else False,
        "org": integration.org,
        "model": integration.model,
    }
    return {key: value for key, value in values.items() if value is not None}


def _finalize(value: object) -> str:
    if isinstance(value, StrictUndefined):
        str(value)  # raises, and names what is not defined
    return value if isinstance(value, _Nix) else nixlit.literal(value)


def _comment(text: str) -> _Nix:
    return _Nix("".join(char if char.isprintable() else "?" for char in text))
