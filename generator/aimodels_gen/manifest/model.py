"""models.toml as declared types: what a person may write, and what it means."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from aimodels_gen.engines.huggingface import Integration
from aimodels_gen.engines.views import Names, ViewDefaults, Views
from aimodels_gen.manifest.output import Output, OutputTable
from aimodels_gen.tables import KindTable, Text, about

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aimodels_fetcher.filters import Filters
    from aimodels_gen.sources.base import Source

Layout = Literal["copy", "link"]
PinKind = Literal["files", "tree"]


class IntegrationDefaults(ViewDefaults, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`integration` of `[defaults]`."""

    huggingface: Annotated[Integration | None, about("The Hugging Face cache.")] = None


class IntegrationTable(Views, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`integration` of a model: how engines find it."""

    huggingface: Annotated[Integration | None, about("The Hugging Face cache.")] = None


class DefaultsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[defaults]`: the keys that it shares with a model."""

    include: Annotated[
        tuple[Text, ...] | None, about("Patterns of the files to take; absent: all files.")
    ] = None
    exclude: Annotated[tuple[Text, ...] | None, about("Patterns of the files to leave out.")] = None
    pin: Annotated[
        PinKind | None, about("files: a hash for each file. tree: one hash for everything.")
    ] = None
    layout: Annotated[
        Layout | None,
        about("copy: self-contained. link: links to the files' own store paths, stored once."),
    ] = None
    integration: Annotated[IntegrationDefaults | None, about("How engines find the model.")] = None


class ModelTable(DefaultsTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[models.NAME]`."""

    source: Annotated[
        KindTable,
        about(
            "Where the model is: exactly one kind of source.",
            add='source.huggingface = { repo = "org/name" }',
        ),
    ]
    # Only a model has all of it.
    integration: Annotated[IntegrationTable | None, about("How engines find the model.")] = None  # type: ignore[assignment]
    fallbacks: Annotated[
        tuple[KindTable, ...], about("Sources that have the same files, to ask in order.")
    ] = ()


class ManifestTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    output: Annotated[
        OutputTable | tuple[OutputTable, ...] | None,
        about("What `lock` and `update` write; a list for several files. Absent: stdout."),
    ] = None
    defaults: Annotated[
        DefaultsTable | None, about("Values for every model that has none of its own.")
    ] = None
    models: Annotated[dict[str, ModelTable], about("The models by their names.")] = {}


@dataclass(frozen=True)
class Entry:
    """One model of a manifest, with the defaults merged in.

    Attributes:
        pin: None where neither the model nor the defaults set it.
        integration: of the Hugging Face cache.
        views: how other engines find it.
        chooses_layout: whether the model or the defaults set the layout.
        fallbacks: where the same files are, too, in the order in which to ask.
    """

    name: str
    source: Source
    filters: Filters
    pin: PinKind | None = None
    layout: Layout = "copy"
    integration: Integration = field(default_factory=Integration)
    views: Views = field(default_factory=Views)
    fallbacks: tuple[Source, ...] = ()
    chooses_layout: bool = True

    def digest(self) -> str:
        """Return the sha256, in hex, of what decides which files a pin holds.

        Neither layout, endpoint, integrations nor fallbacks are part of it: changing them moves no
        pin.
        """
        include = self.filters.include
        facts = {
            **self.source.pin_inputs(),
            "include": None if include is None else sorted(include),
            "exclude": sorted(self.filters.exclude),
        }
        return _digest(facts)

    def fallbacks_digest(self) -> str | None:
        """Return the sha256, in hex, of which fallbacks there are; None for none."""
        if not self.fallbacks:
            return None
        return _digest([source.pin_inputs() for source in self.fallbacks])

    @property
    def cache_name(self) -> str | None:
        """Return the name of its entry in a cache, as `hfCachePath` in Nix; None without one."""
        return self.integration.entry_name(self.source.cache_parts)

    @property
    def names(self) -> Names:
        """Return what engines can call it."""
        org, model, _ = self.source.cache_parts
        return Names(self.name, self.integration.org or org, self.integration.model or model)

    def check_files(self, paths: Iterable[str]) -> None:
        """Refuse integrations that name files which the model does not have.

        Raises:
            ManifestError: naming the key.
        """
        if self.views != Views():
            self.views.check_files(self.names, frozenset(paths))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return all sources, in the order in which they are asked."""
        return (self.source, *self.fallbacks)

    @property
    def listing_filters(self) -> Filters:
        """Return the filters with which to list: the source may choose among what they take."""
        choice = self.source.choice
        return choice.candidates(self.filters) if choice else self.filters


@dataclass(frozen=True)
class Manifest:
    """A whole models.toml.

    Attributes:
        file: its name without directories, for messages and the header of what is generated.
        outputs: the files to write; none: standard output.
        text: the whole file, to show lines in its form.
        tables: the models as the file has them.
    """

    file: str
    entries: tuple[Entry, ...]
    outputs: tuple[Output, ...] = ()
    text: str = field(default="", compare=False, repr=False)
    tables: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
