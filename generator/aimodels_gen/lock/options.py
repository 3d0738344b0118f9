"""How to resolve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aimodels_gen.lock.model import LockedModel
    from aimodels_gen.manifest.model import Entry, PinKind

DEFAULT_JOBS = 8


@dataclass(frozen=True)
class Options:
    """How to resolve.

    Attributes:
        upgrade: the models whose refs to follow again; None is all of them.
        only: the models to lock; the others keep their pins, or get none. None is all of them.
        pin: the kind of pin for entries that do not set one; None keeps what they have.
        keep_going: whether models that can be locked are, when others fail.
        jobs: the maximum number of concurrent requests; None for DEFAULT_JOBS requests about
            files, and for their content what the machine may have.
        offline: whether to fail instead of sending requests.
        revision: the commit, branch or tag to pin the models of `upgrade` at; None for their refs.
        keeps_all: whether the store is to have all that locking has to read.
    """

    upgrade: frozenset[str] | None = frozenset()
    only: frozenset[str] | None = None
    pin: PinKind | None = None
    jobs: int | None = None
    keep_going: bool = False
    offline: bool = False
    revision: str | None = None
    keeps_all: bool = False

    def is_about(self, name: str) -> bool:
        """Return whether to lock a model, where it has no pin that holds."""
        return self.only is None or name in self.only

    def upgrades(self, name: str) -> bool:
        """Return whether to follow the ref of a model again."""
        return self.is_about(name) and (self.upgrade is None or name in self.upgrade)

    def pin_kind(self, entry: Entry, old: LockedModel | None) -> PinKind:
        """Return the kind of pin that a model gets."""
        return entry.pin or self.pin or (old.pin_kind if old else "files")

    def holds(self, entry: Entry, pinned: LockedModel) -> bool:
        """Return whether a pin is still what an entry asks for, wherever its ref is now."""
        wanted = self.pin_kind(entry, pinned)
        # With the integration off a tree holds the plain files: other bytes, another hash.
        same_tree = wanted == "files" or entry.integration.enable == pinned.integration.enable
        return (
            entry.digest() == pinned.digest
            and wanted == pinned.pin_kind
            and same_tree
            and entry.fallbacks_digest() == pinned.fallbacks_digest
        )
