"""What `list --json` prints: the models of a lock and its manifest."""

from __future__ import annotations

from typing import ClassVar, Literal

from aimodels_gen.reports import BaseReport, Fact

State = Literal["locked", "edited", "changed", "unlocked", "removed"]
Stored = Literal["yes", "partly", "no"]


class Model(Fact, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A model: what is pinned, or what the manifest declares where it is not locked yet.

    Attributes:
        state: `edited`: its pin was edited by hand; `changed`: its entry in the manifest has
            changed since; `unlocked`: it has no pin; `removed`: the manifest no longer has it.
        kind: of its source.
        source: such as `org/name`.
        ref: the branch or tag that an update follows.
        rev: the exact commit.
        modified: when the revision was made.
        file_count: how many files it has.
        size: their bytes.
        license: identifiers, joined by `, `.
        gated: how access is granted, for models that not everybody may read.
        base_models: the repositories that it was made from.
        architecture: of its GGUF files.
        context_length: of its GGUF files, in tokens.
        quants: the quantisations of its GGUF files.
        stored: whether the Nix store of this machine has its files. Left out where it is not known.
    """

    name: str
    state: State
    kind: str
    source: str
    ref: str | None = None
    rev: str | None = None
    modified: str | None = None
    file_count: int | None = None
    size: int | None = None
    license: str | None = None
    gated: str | None = None
    base_models: tuple[str, ...] | None = None
    architecture: str | None = None
    context_length: int | None = None
    quants: tuple[str, ...] = ()
    stored: Stored | None = None


class Report(BaseReport, frozen=True, kw_only=True, rename="camel"):
    """The models, in the order of people, and the totals of those that are pinned.

    Attributes:
        lock: the path of the lock.
        size: bytes of all files, each model's counted.
    """

    title: ClassVar[str] = "aimodels-gen list"
    lock: str
    models: tuple[Model, ...]
    file_count: int
    size: int
