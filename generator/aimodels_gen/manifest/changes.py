"""What `add`, `remove` and `rename` make of a manifest."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.urls import quoted
from aimodels_gen.errors import AimodelsError, ManifestError
from aimodels_gen.manifest import edit as text_edit
from aimodels_gen.manifest.edited import Edit
from aimodels_gen.manifest.names import check_names, refusal
from aimodels_gen.manifest.new_model import unique
from aimodels_gen.sources import meant_by

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from aimodels_gen.manifest.model import Entry
    from aimodels_gen.manifest.new_model import NewModel
    from aimodels_gen.pasted import Meant


def adding(path: Path, models: Sequence[NewModel], name: str | None = None) -> Edit:
    """Return a manifest with more models; those that it has already are not added again.

    Args:
        path: of the manifest.
        models: what to add.
        name: of the only one, None to make one up.

    Raises:
        ManifestError: the manifest is wrong, or has another model of that name.
        AimodelsError: no model can have that name.
    """
    if name is not None:
        _check_name(name)
    if str(path) != "-" and path.parent.is_dir() and not os.path.lexists(path):
        raise ManifestError(
            f"there is no {path}", f"run `touch {shlex.quote(str(path))}` to begin an empty one"
        )
    edit = Edit.of(path)
    had = {entry.name: entry for entry in edit.manifest.entries}
    for model in models:
        _add(edit, model, name, had)
    return edit


def _add(edit: Edit, model: NewModel, given: str | None, had: dict[str, Entry]) -> None:
    names = [*had, *edit.names]
    name = unique(given or model.name, names)
    table, before = model.table(name), edit.text
    edit.change(
        lambda text: text_edit.add(text, name, table), lambda models: models.update({name: table})
    )
    entry = next(one for one in edit.manifest.entries if one.name == name)
    same = next((one for one in had.values() if one.digest() == entry.digest()), None)
    if same is None and name != given and given is not None:
        raise ManifestError(
            f"{edit.file} has a model named {given}, of {had[given].source.label}",
            f"choose another --name, or run `aimodels-gen remove {given}` first",
        )
    if same is None:
        edit.names += (name,)
        edit.notes += model.notes(name)
        return
    if given not in {None, same.name}:
        raise ManifestError(
            f"{edit.file} has {entry.source.label} already, as {same.name}",
            f"run `aimodels-gen rename {same.name} {given}` to give it another name",
        )
    if model.pin not in {None, same.pin or "files"}:
        raise ManifestError(
            f"{edit.file} has {entry.source.label} already, as {same.name}, with another pin",
            f'write `pin = "{model.pin}"` for {same.name}, and run `aimodels-gen lock`',
        )
    if model.ollama not in {None, same.views.ollama_name}:
        raise ManifestError(
            f"{edit.file} has {entry.source.label} already, as {same.name}, without this name",
            f'write `integration.ollama = {{ name = "{model.ollama}" }}` for {same.name}, and run '
            "`aimodels-gen lock`",
        )
    edit.revert(before)
    edit.names += (same.name,)
    edit.notes += (f"{edit.file} has {entry.source.label} already, as {same.name}",)


def removing(path: Path, names: Sequence[str], pinned: Callable[[], Collection[str]]) -> Edit:
    """Return a manifest without models.

    Args:
        path: of the manifest.
        names: of the models.
        pinned: returns the names in the lock, which may have models that the manifest has lost.

    Raises:
        ManifestError: the manifest is wrong, apart from these models.
        AimodelsError: it does not have one of them.
    """
    edit = Edit.of(path)
    had = edit.models
    _check_there(names, {*had, *pinned()}, edit)
    there = [name for name in dict.fromkeys(names) if name in had]

    def expect(models: dict[str, Any]) -> None:
        for name in there:
            del models[name]

    edit.change(lambda text: text_edit.remove(text, *there), expect)
    return edit


def renaming(path: Path, old: str, new: str) -> Edit:
    """Return a manifest in which a model has another name.

    Raises:
        ManifestError: the manifest is wrong, or has a model of the new name.
        AimodelsError: it has none of the old name, or none can have the new one.
    """
    edit = Edit.of(path)
    _check_there([old], edit.models, edit)
    if new == old:
        return edit
    _check_name(new)
    if new in edit.models:
        raise ManifestError(
            f"{edit.file} has a model named {new} already",
            f"choose another name, or run `aimodels-gen remove {new}` first",
        )

    def expect(models: dict[str, Any]) -> None:
        models[new] = models.pop(old)

    edit.change(lambda text: text_edit.rename(text, old, new), expect)
    edit.renamed = {old: new}
    edit.notes += (f"renamed {old} to {new}",)
    return edit


def _check_there(names: Sequence[str], known: Collection[str], edit: Edit) -> None:
    """Refuse names that are not among the known ones; say so where they name sources.

    Raises:
        AimodelsError: naming them.
    """
    for address in (name for name in names if name not in known):
        meant = meant_by(address) if "/" in address else None
        models = [name for name, model in edit.models.items() if meant and _is_from(model, meant)]
        if models:
            raise AimodelsError(
                f"{edit.file} has no model named {address}",
                f"write the name of the model that is from there: {' or '.join(models)}",
            )
    check_names(names, known, edit.file)


def _is_from(model: object, meant: Meant) -> bool:
    source = model.get("source") if isinstance(model, dict) else None
    table = source.get(meant.kind) if isinstance(source, dict) else None
    return isinstance(table, dict) and all(table.get(k) == v for k, v in meant.table.items())


def _check_name(name: str) -> None:
    if refused := refusal(name):
        reason, hint = refused
        raise AimodelsError(f"{quoted(name)} {reason}", hint)
