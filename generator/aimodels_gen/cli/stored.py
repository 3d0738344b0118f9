"""What the Nix store has, for commands that report it where they can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aimodels_gen.errors import StoreError
from aimodels_gen.store.inventory import inventory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.cli.console import Console
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.store.inventory import Inventory


def inventory_of(
    models: Sequence[LockedModel], console: Console, *, copies: bool | None = None
) -> Inventory | None:
    """Return what the store has of models; None, with a warning, if Nix cannot be asked.

    For `copies` see `store.inventory`.
    """
    try:
        return inventory(models, copies=copies)
    except StoreError as error:
        console.warn(f"{error.message}; it is not known what the store has")
        return None
