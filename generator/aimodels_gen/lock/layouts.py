"""What the layout of entries costs, for manifests that do not choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_fetcher.wording import bytes_text
from aimodels_gen.lock.model import FilesPin

if TYPE_CHECKING:
    from aimodels_gen.lock.model import Lock, LockedModel
    from aimodels_gen.manifest.model import Manifest

_LARGE = 1 << 30  # bytes


def advice(manifest: Manifest, old: Lock, new: Lock) -> str | None:
    """Return what copies of large models cost and the line to write; None if that is known.

    It is about models that are copied because nothing was said, and that were not in the old lock
    or were not large and copied there.
    """
    unsaid = {entry.name for entry in manifest.entries if not entry.chooses_layout}
    models = [
        model
        for name, model in new.models.items()
        if name in unsaid and _is_large_copy(model) and not _is_large_copy(old.models.get(name))
    ]
    if not models:
        return None
    names = ", ".join(model.name for model in models)
    size = bytes_text(sum(model.pin.size for model in models))
    where = f"[models.{names}]" if len(models) == 1 else "[defaults]"
    return (
        f'{names}: with layout = "copy", the default, building stores {size} twice until garbage '
        "is collected, and fetches them again after that; to store and fetch them once, write "
        f'layout = "link" in {where}'
    )


def _is_large_copy(model: LockedModel | None) -> bool:
    if model is None or not isinstance(model.pin, FilesPin):
        return False
    return model.layout == "copy" and model.pin.size > _LARGE
