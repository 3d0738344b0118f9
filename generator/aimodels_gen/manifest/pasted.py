"""What a wrong models.toml most likely means: the lines to write instead.

Only files that are refused come here. What is shown has been checked: with it, the model is right.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.wording import joined
from aimodels_gen import sources
from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest import pasted_engines
from aimodels_gen.manifest.model import DefaultsTable, ModelTable
from aimodels_gen.manifest.new_model import integration_for, name_after
from aimodels_gen.manifest.toml_lines import Changes, dotted
from aimodels_gen.manifest.toml_lines import value as as_toml
from aimodels_gen.pasted import (
    CHECKSUMS,
    EXCLUDE,
    INCLUDE,
    KINDS,
    SUBDIRECTORY,
    UNNEEDED,
    Draft,
    plain_key,
)
from aimodels_gen.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimodels_gen.pasted import Meant

    Table = dict[str, Any]

_DEFAULTS = frozenset(DefaultsTable.__struct_fields__)
_KEYS = frozenset(ModelTable.__struct_fields__)
_OF_FILTERS = INCLUDE | EXCLUDE | SUBDIRECTORY
_NAMES = frozenset(("enable", "model", "name", "org", "repo"))
_OUTPUT = {
    **dict.fromkeys(("filename", "name", "out", "output", "path", "target", "to"), "file"),
    **dict.fromkeys(("as", "kind", "type"), "format"),
}
_FORMATS = {
    **dict.fromkeys(("default", "flake", "nix", "package"), "packages"),
    **dict.fromkeys(("hm", "home", "home_manager", "homemanager"), "home-manager"),
    **dict.fromkeys(("module", "nixos_module", "system"), "nixos"),
}
_MEANT = {"revision": "ref", "branch": "ref", "tag": "ref", "commit": "rev"}


def hint_for(name: str, table: object, text: str, check: Callable[[Table], object]) -> str | None:
    """Return the lines to write in the place of a wrong model, None if nothing can be guessed.

    Args:
        name: of the model.
        table: as the file has it, most likely a table.
        text: of the file.
        check: raises ManifestError if a model is wrong.
    """
    meant = _Model(name, table)
    meant.correct()
    found = _hint(("models", name), table, meant.table, meant.notes, text, check)
    return found or _example(table)


def hint_for_defaults(table: object, text: str, check: Callable[[Table], object]) -> str | None:
    """Return the lines to write in the place of wrong `[defaults]`, None for no guess."""
    if not isinstance(table, dict):
        return None
    after = copy.deepcopy(table)
    notes = [*pasted_engines.correct(after, None), *_correct_filters(after)]
    return _hint(("defaults",), table, after, notes, text, check)


def name_for(table: object) -> str:
    """Return a name for a model that has none, after its repository or bucket."""
    meant = _Model("my-model", table)
    meant.correct()
    source = meant.table.get("source")
    inner = next(iter(source.values()), None) if isinstance(source, dict) else None
    return name_after(inner if isinstance(inner, dict) else {})


def lines_for(name: str, table: object, check: Callable[[Table], object]) -> list[str] | None:
    """Return the lines of a model that stands where none can be, None if it cannot be guessed."""
    meant = _Model(name, table)
    meant.correct()
    try:
        check(meant.table)
    except ManifestError:
        return None
    keys = Changes.between({}, meant.table, ("models", name), f"[{dotted(('models', name))}]")
    lines = [line for lines in keys.write.values() for line in lines]
    return [f"`{line}`" for line in (f"[{dotted(('models', name))}]", *lines)]


def hint_for_output(table: object, text: str, check: Callable[[object], object]) -> str | None:
    """Return the lines to write in the place of a wrong `output`, None for no guess."""
    after: Any = [_output(one) for one in table] if isinstance(table, list) else _output(table)
    try:
        check(after)
    except ManifestError:
        return None
    if isinstance(after, list):
        return f"write `output = {as_toml(after)}`"
    old = table if isinstance(table, dict) else {}
    changes = Changes.between(old, after, ("output",), text) if after else None
    remove = f" instead of {joined(changes.remove)}" if changes and changes.remove else ""
    return f"write {changes.lines()}{remove}" if changes and changes.write else None


def _output(table: object) -> Any:  # noqa: ANN401 - of TOML
    if isinstance(table, str):
        return {"file": table}
    if not isinstance(table, dict):
        return table
    made = {_OUTPUT.get(plain_key(key), key): value for key, value in table.items()}
    if isinstance(made.get("format"), str):
        made["format"] = _FORMATS.get(plain_key(made["format"]), made["format"])
    return made


def _hint(  # noqa: PLR0913, PLR0917 - what the two above have
    path: tuple[str, ...],
    before: object,
    after: Table,
    notes: list[str],
    text: str,
    check: Callable[[Table], object],
) -> str | None:
    old = before if isinstance(before, dict) else {}
    if "integration" not in old and {**after, "integration": None} == {**old, "integration": None}:
        return None  # the message about its name in the cache says it
    try:
        check(after)
    except ManifestError:
        return None
    changes = Changes.between(old, after, path, text)
    lines = changes.lines()
    found = (_MEANT[key] for key in _all_keys(before) if key in _MEANT)
    near = {key: None for key in found if f"{key} = " in lines}
    ask = f"did you mean {' or '.join(near)}? " if near and lines else ""
    remove = f"instead of {joined(changes.remove)}" if changes.remove else ""
    parts = [f"{ask}write {lines} {remove}".rstrip()] if lines else []
    if remove and not lines:
        parts = [f"remove {joined(changes.remove)}"]
    return "; ".join([*parts, *dict.fromkeys(notes)]) or None


def _example(table: object) -> str | None:
    """Return an example of a source; None unless the mistake is that it is not a table."""
    source = table.get("source", {}) if isinstance(table, dict) else table
    if not isinstance(source, dict):
        return f"write a table, such as {sources.kind('huggingface').example}"
    wrong = [kind for kind in sources.names() if not isinstance(source.get(kind, {}), dict)]
    known = not set(source) - set(sources.names())
    return f"write a table, such as {sources.kind(wrong[0]).example}" if wrong and known else None


def _all_keys(table: object) -> list[str]:
    if not isinstance(table, dict):
        return []
    return [*table, *(key for inner in table.values() for key in _all_keys(inner))]


class _Model:
    """A model that is being corrected.

    Attributes:
        table: it, as far as it is.
        notes: what else to tell.
    """

    def __init__(self, name: str, table: object) -> None:
        self._name = name
        self.table: Table = copy.deepcopy(table) if isinstance(table, dict) else {"source": table}
        self.notes: list[str] = []

    def correct(self) -> None:
        """Correct what can be."""
        self._expand_quoted()
        self.notes += pasted_engines.correct(self.table, self._name)
        _correct_keys(self.table)
        loose = self._take_loose()
        self._correct_source(loose)
        self.notes += _correct_filters(self.table)
        self._correct_fallbacks()
        self._correct_integration()

    def _expand_quoted(self) -> None:
        """Read `"source.s3"` as `source.s3`."""
        for key in [key for key in self.table if "." in key]:
            first, *others = key.split(".")
            if first not in _KEYS or not all(others):
                continue
            inner: Any = self.table.pop(key)
            for part in reversed(others):
                inner = {part: inner}
            there = self.table.setdefault(first, {})
            if isinstance(there, dict):
                _merge(there, inner)

    def _take_loose(self) -> Table:
        """Take out the keys that a source has."""
        kinds = {**KINDS, **{kind: kind for kind in sources.names()}}
        loose: Table = {}
        unneeded = UNNEEDED.keys() - (CHECKSUMS if _has_urls(self.table) else set())
        for key in [key for key in self.table if key not in _KEYS]:
            value, name = self.table[key], plain_key(key)
            is_files = name == "files" and isinstance(value, dict)
            if name in kinds and "source" not in self.table and isinstance(value, (dict, str)):
                if name == "url" or (name == "bucket" and isinstance(value, str)):
                    loose[key] = self.table.pop(key)
                else:
                    self.table["source"] = {kinds[name]: self.table.pop(key)}
            elif is_files or not (name in _OF_FILTERS or name in unneeded):
                loose[key] = self.table.pop(key)
        return loose

    def _correct_source(self, loose: Table) -> None:
        source = self.table.get("source")
        if isinstance(source, str) and source in {*sources.names(), *KINDS}:
            source = {KINDS.get(source, source): loose}
        elif isinstance(source, (str, list)):
            one = source[0] if isinstance(source, list) and len(source) == 1 else source
            self._put(sources.meant_by(one) if isinstance(one, str) else None, loose)
            return
        elif isinstance(source, dict):
            known = [key for key in source if key in sources.names()]
            others = {key: value for key, value in source.items() if key not in known}
            if not known and (others or loose):
                kind = others.pop("type", None) or others.pop("kind", None)
                source = _by_keys({**others, **loose}, kind)
            elif len(known) == 1:
                kind = known[0]
                more = {**others, **loose}
                # `source.url = "…"`, and not a table of that kind
                if more and isinstance(source[kind], dict):
                    source = {kind: {**source[kind], **more}}
                elif more:
                    return
            else:
                return
        elif source is None and loose:
            source = _by_keys(loose, None)
        if isinstance(source, dict) and len(source) == 1:
            ((kind, value),) = source.items()
            self._put(sources.corrected(kind, value) if kind in sources.names() else None, {})

    def _put(self, meant: Meant | None, loose: Table) -> None:
        """Set the source, and what else was named with it."""
        if meant is None:
            return
        if loose:
            more = sources.corrected(meant.kind, {**meant.table, **loose})
            if more:
                draft = Draft(dict(more.table))
                draft.add(more)
                draft.add(meant)
                meant = draft.meant(meant.kind)
        self.notes += meant.notes
        rest = {key: value for key, value in self.table.items() if key != "source"}
        self.table = {"source": {meant.kind: dict(meant.table)}, **rest}
        for key, patterns in (("include", meant.include), ("exclude", meant.exclude)):
            given = self.table.get(key, [])
            if patterns and isinstance(given, (str, list)):
                given = [given] if isinstance(given, str) else given
                self.table[key] = list(dict.fromkeys([*given, *patterns]))
        named = sources.kind(meant.kind).has_repo_id
        if not named and "integration" not in self.table:
            self.table["integration"] = integration_for(self._name)
            self.notes.append("for the plain files, write `{ enable = false }` there")

    def _correct_fallbacks(self) -> None:
        given = self.table.get("fallbacks")
        if given is None:
            return
        items = given if isinstance(given, list) else [given]
        made = []
        for item in items:
            meant = None
            if isinstance(item, str):
                meant = sources.meant_by(item)
            elif isinstance(item, dict):
                inner = item.get("source", item)
                source = inner if isinstance(inner, dict) else {}
                source = {KINDS.get(key, key): value for key, value in source.items()}
                if len(source) == 1 and next(iter(source)) in sources.names():
                    meant = sources.corrected(*next(iter(source.items())))
            made.append({meant.kind: dict(meant.table)} if meant else item)
        self.table["fallbacks"] = made

    def _correct_integration(self) -> None:
        integration = self.table.get("integration")
        if isinstance(integration, (bool, str)) or (
            isinstance(integration, dict) and integration and not set(integration) - _NAMES
        ):
            integration = self.table["integration"] = {"huggingface": integration}
        given = integration.get("huggingface") if isinstance(integration, dict) else None
        if isinstance(given, bool):
            given = {"enable": given}
        elif isinstance(given, str):
            given = {"repo": given}
        if not isinstance(given, dict):
            return
        for key in [key for key in given if key in {"name", "repo", "repo_id"}]:
            value = given.pop(key)
            org, _, model = value.rpartition("/") if isinstance(value, str) else ("", "", value)
            given |= {**({"org": org} if org else {}), "model": model}
        self.table["integration"]["huggingface"] = given


def _has_urls(table: Table) -> bool:
    """Return whether a model has files at URLs, beside which a checksum may be."""
    source = table.get("source", table)
    if isinstance(source, dict):
        return bool(source.keys() & {"url", "urls", "files"})
    meant = sources.meant_by(source) if isinstance(source, str) else None
    return source == "url" or (meant is not None and meant.kind == "url")


def _correct_keys(table: Table) -> None:
    """Read `Source`, `soruce` and `source.HF` as what they are meant to be, in place."""
    near = next((key for key in table if nearest(plain_key(key), ["source"])), None)
    if near is not None and "source" not in table:
        table["source"] = table.pop(near)
    source = table.get("source")
    if isinstance(source, list) and len(source) == 1 and isinstance(source[0], dict):
        (source,) = source
    if isinstance(source, dict):
        table["source"] = {_kind(key): value for key, value in source.items()}


def _kind(key: str) -> str:
    """Return the kind of a source that a key means; other keys as they are."""
    name = plain_key(key)
    kind = KINDS.get(name) or nearest(name, ["huggingface"]) or name
    return kind if kind in sources.names() else key


def _by_keys(table: Table, kind: object) -> Table | None:
    """Return `{ KIND = … }` for keys whose table lacks its kind."""
    if isinstance(kind, str):
        kind = KINDS.get(plain_key(kind), kind)
    if not isinstance(kind, str) or kind not in sources.names():
        keys = {plain_key(key) for key in table}
        if isinstance(kind, str):
            table = {**table, "type": kind}
        kind = "s3" if keys & {"bucket", "bucket_name"} else "huggingface"
        address = next((table[key] for key in table if plain_key(key) in {"url", "uri"}), None)
        meant = sources.meant_by(address) if isinstance(address, str) else None
        if meant and meant.kind != kind:
            if len(table) == 1:
                return {meant.kind: {**meant.table}}
            only_url = meant.kind == "url" and keys <= {"url", "uri", *CHECKSUMS}
            return {"url": table} if only_url else None
        named = bool(keys) and all("." in key for key in table)
        kind = "url" if named or ("files" in keys and "repo" not in keys) else kind
    return {kind: table}


def _correct_filters(table: Table) -> list[str]:
    """Correct the filters of a table in place; return what else to tell."""
    draft = Draft()
    for key in [key for key in table if key not in _DEFAULTS | _KEYS]:
        if draft.takes(key, table[key]):
            del table[key]
    for key, found in (("include", draft.include), ("exclude", draft.exclude)):
        given = table.get(key, [])
        if isinstance(given, str):
            draft_of = Draft()
            draft_of.takes(key, given)
            given = getattr(draft_of, key)
        texts = isinstance(given, list) and all(isinstance(one, str) for one in given)
        if texts and (found or given != table.get(key, given)):
            table[key] = list(dict.fromkeys([*given, *found]))
    return draft.notes


def _merge(table: Table, other: Table) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = value
