"""Places with a model, one module a kind of server: what the contract of sources is tried on.

A module defines `BACKEND`. A kind of source that has one here is tested by all of tests/contract.
"""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fake_repo import Content
    from support.loopback import Request, Watched


def names(*, file_and_directory: bool = False) -> list[str]:
    """Return the names of all backends.

    Args:
        file_and_directory: Only of those where one name can be both.
    """
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in modules if not file_and_directory or backend(name).file_and_directory]


def backend(name: str) -> type[Backend]:
    return cast("type[Backend]", import_module(f"{__name__}.{name}").BACKEND)


@dataclass(frozen=True)
class ServedDirectory:
    """A directory that a server shows."""

    root: Path
    recording_proxy: Watched


class Backend(ABC):
    """A model on a server, as a kind of source sees it.

    Attributes:
        kind: of the source.
        keeps_replaced: whether what was pinned can still be fetched when it has been replaced.
        hostile: names of files that it can be made to have, and that no one may create.
        lists: whether it lists its files, in pages of `support.s3.PAGE`.
        file_and_directory: whether it can have a file `a` beside a file `a/b`.
        publishes: whether it says the sha256 of files that are not tiny.
        env: what clients need in their environment.
        secret: what of that must be nowhere else.
        recording_proxy: what requests go through.
    """

    kind: ClassVar[str]
    keeps_replaced: ClassVar[bool] = False
    lists: ClassVar[bool] = True
    file_and_directory: ClassVar[bool] = False
    publishes: ClassVar[bool] = False
    hostile: ClassVar[tuple[str, ...]] = ()

    env: Mapping[str, str]
    secret: str | None = None
    recording_proxy: Watched

    @classmethod
    @abstractmethod
    def serve(cls, directory: Path) -> AbstractContextManager[object]:
        """Start the server, for many backends."""

    @abstractmethod
    def __init__(self, server: object, name: str) -> None:
        """Make an empty one of that name."""

    @abstractmethod
    def fill(self, files: Mapping[str, Content]) -> None:
        """Make these all that it has."""

    @abstractmethod
    def source(self) -> str:
        """The source as it stands in a manifest."""

    @abstractmethod
    def refuse(self) -> None:
        """Refuse everything to us from now on."""

    @abstractmethod
    def lose(self) -> None:
        """Be gone: there is no such repository, bucket or file any more."""

    @abstractmethod
    def is_content(self, request: Request) -> bool:
        """Whether a request is for the content of a file."""
