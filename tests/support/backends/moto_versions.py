"""The same in a bucket that keeps versions."""

from __future__ import annotations

from support.backends.moto import MotoBackend


class VersionsBackend(MotoBackend):
    keeps_replaced = True
    versions = True


BACKEND = VersionsBackend
