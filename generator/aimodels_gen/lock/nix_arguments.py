"""A pin as the arguments of `fetchModel`, which renderings are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_gen.lock.model import TreePin
from aimodels_gen.nix import render as templates

if TYPE_CHECKING:
    from aimodels_gen.lock.model import FilePin, Lock, LockedModel
    from aimodels_gen.nix.formats import Format

_MODULES = ("nixos", "home-manager")


def render(lock: Lock, output_format: Format, manifest: str) -> str:
    """Return the text of a lock in a format; see `nix.render.render`."""
    describe = definition if output_format in _MODULES else arguments
    models = {name: describe(model) for name, model in lock.models.items()}
    return templates.render(models, output_format, manifest)


def arguments(model: LockedModel) -> dict[str, Any]:
    """Return the arguments of `fetchModel` for a model, in reading order, defaults left out.

    The licence is as the source calls it. nix/licenses.nix finds the one of nixpkgs.
    """
    pin, filters = model.pin, model.filters
    data: dict[str, Any] = {
        "name": model.name,
        "source": {model.source.source.kind: model.source.to_nix()},
    }
    if model.fallbacks:
        data["fallbacks"] = [{one.source.kind: one.to_nix()} for one in model.fallbacks]
    if isinstance(pin, TreePin):
        data["hash"] = pin.hash
        if filters.include is not None:
            data["include"] = list(filters.include)
        if filters.exclude:
            data["exclude"] = list(filters.exclude)
    else:
        if pin.files:
            data["files"] = {path: _file(pin.files[path]) for path in sorted(pin.files)}
        if pin.bundle:
            bundled = sorted(pin.bundle.files.items())
            files = {path: {"hash": file.hash, "size": file.size} for path, file in bundled}
            data["bundle"] = {"hash": pin.bundle.hash, "files": files}
        if model.layout != "copy":
            data["layout"] = model.layout
    if integration := _integration(model):
        data["integration"] = integration
    licenses = model.card.licenses
    if licenses:
        data["meta"] = {"license": licenses[0] if len(licenses) == 1 else list(licenses)}
    return data


def definition(model: LockedModel) -> dict[str, Any]:
    """Return what a module of ours takes as `models.<name>`: the arguments without the name."""
    data = arguments(model)
    del data["name"]
    return data


def _file(file: FilePin) -> dict[str, Any]:
    return {"hash": file.hash, "size": file.size, **({"lfs": True} if file.lfs else {})}


def _integration(model: LockedModel) -> dict[str, Any]:
    of_cache = model.integration
    values = {
        "enable": None if of_cache.enable else False,
        "org": of_cache.org,
        "model": of_cache.model,
    }
    given = {key: value for key, value in values.items() if value is not None}
    return {**({"huggingface": given} if given else {}), **model.views.to_nix()}
