"""What `show --json` prints: all that is known of models, with their files."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact
from aimodels_gen.reports import list as listed


class File(Fact, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file of a model.

    Attributes:
        sha256: in hex.
        bundled: whether it shares its store path with other small files.
        store_path: where builds look for it; of the bundle for a file in it.
        stored: whether the store has this path. Left out where it is not known.
    """

    path: str
    size: int
    sha256: str
    bundled: bool
    store_path: str
    stored: bool | None = None


class GgufFile(Fact, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a GGUF file holds."""

    path: str
    architecture: str | None = None
    context_length: int | None = None
    quant: str | None = None


class Tree(Fact, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The one store path of a tree pin."""

    hash: str
    store_path: str
    stored: bool | None = None


class Model(listed.Model, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A model that is pinned, with all that the lock knows of it.

    Attributes:
        page: the source's page at the pinned revision.
        pin: the kind of pin.
        pipeline_tag: the task that it is for, as the source says.
        library: the library that loads it, as the source says.
        include: patterns of the files to take; left out: all.
        exclude: patterns of the files to leave out.
        fallbacks: the other sources that have the same files, in the order in which they are asked.
        cache_name: of its entry in a Hugging Face cache.
        gguf: what is known of its GGUF files; of shards, of the first.
        ollama: its name for Ollama.
        views: the other integrations that it has, as in `integration`.
        tree: of a tree pin, whose files the lock does not list.
        files: of a files pin, by path.
        entries: the paths in the store with copies of its files.
    """

    pin: Literal["files", "tree"]
    layout: Literal["copy", "link"]
    page: str | None = None
    pipeline_tag: str | None = None
    library: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    cache_name: str | None = None
    gguf: tuple[GgufFile, ...] = ()
    ollama: str | None = None
    views: tuple[str, ...] = ()
    tree: Tree | None = None
    files: tuple[File, ...] = ()
    entries: tuple[str, ...] = ()


class Report(BaseReport, frozen=True, kw_only=True, rename="camel"):
    """The models that were named, or all."""

    title: ClassVar[str] = "aimodels-gen show"
    lock: str
    models: tuple[Model, ...]
