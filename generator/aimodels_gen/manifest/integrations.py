"""`integration` of a model, with what `[defaults]` has for it, and what several models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_gen.engines import comfyui, directory
from aimodels_gen.engines.views import Views
from aimodels_gen.manifest.model import IntegrationTable
from aimodels_gen.tables import Place, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_gen.manifest.model import DefaultsTable

    Table = Mapping[str, Any]


def merged(data: Table, name: str, place: Place) -> IntegrationTable:
    """Return the integrations of a model, with the keys of `[defaults]` that it does not set.

    A directory is not merged: that of the model replaces that of the defaults, and an empty one
    leaves it out.

    Args:
        data: the manifest, whose types have been checked.
        name: of the model.
        place: of the model.
    """
    own: Table = data["models"][name].get("integration", {})
    shared: Table = data.get("defaults", {}).get("integration", {})
    made: dict[str, Any] = dict(own)
    for key in ("huggingface", "lmstudio", "ollama"):
        if key in own or (key in shared and key != "ollama"):
            made[key] = {**shared.get(key, {}), **own.get(key, {})}
    if shared.get("comfyui"):
        made["comfyui"] = own.get("comfyui", shared["comfyui"])
        if not made["comfyui"]:
            del made["comfyui"]
    if directories := shared.get("directory"):
        both = {**directories, **own.get("directory", {})}
        made["directory"] = {key: one for key, one in both.items() if one or key not in directories}
    return read(made, IntegrationTable, place.child("integration"))


def views(table: IntegrationTable) -> Views:
    """Return what other engines than the Hugging Face libraries see."""
    return Views(**{key: getattr(table, key) for key in Views.__struct_fields__})


def check_defaults(data: Table, place: Place) -> None:
    """Refuse the name of one model for all of them, before the types are checked.

    Raises:
        AimodelsError: `place.error`.
    """
    table: object = data.get("defaults")
    for key in ("integration", "ollama"):
        table = table.get(key) if isinstance(table, dict) else None
        place = place.child(key)
    for key in ("name", "file"):
        if isinstance(table, dict) and key in table:
            hint = "write it below [models.NAME], in integration.ollama"
            place.fail(key, "is of one model, and cannot be a default", hint)


def check_shared(defaults: DefaultsTable, place: Place) -> None:
    """Refuse directories for all models that no engine could use.

    Raises:
        AimodelsError: `place.error`.
    """
    given = defaults.integration
    if given and given.comfyui is not None:
        comfyui.check(given.comfyui, place.child("integration").child("comfyui"))
    if given and given.directory:
        directory.check(given.directory, place.child("integration").child("directory"))
