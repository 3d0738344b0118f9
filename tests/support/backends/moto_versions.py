"""The same in a bucket that keeps versions."""

from __future__ import annotations

from support.backends.moto import MotoShelf


class VersionsShelf(MotoShelf):
    keeps_replaced = True
    versions = True


BACKEND = VersionsShelf
