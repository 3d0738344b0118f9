"""Names with a dot and without quotes: `[models.qwen2.5-7b]` is a table in a table to TOML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_gen import sources
from aimodels_gen.manifest.model import ManifestTable, ModelTable
from aimodels_gen.manifest.pasted_engines import ENGINES
from aimodels_gen.manifest.toml_lines import Written, dotted, value
from aimodels_gen.pasted import KINDS
from aimodels_gen.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aimodels_gen.manifest.toml_lines import Path

_KEYS = frozenset(ModelTable.__struct_fields__)
_ROOT = frozenset(ManifestTable.__struct_fields__)
_MODELS = "models"
_NAMES = frozenset(("bucket", "repo", "repo_id", "url"))
OF_A_MODEL = frozenset(("fallbacks", "huggingface", "source", *_NAMES))
"""Keys that stand in a model and nowhere else."""
_OF_A_MODEL = _KEYS | _NAMES | {"model"}


def found_in(data: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Return the paths of models that are not where models are, and the names that they mean."""
    models = data.get(_MODELS)
    found: list[tuple[Path, str]] = []
    for name, table in models.items() if isinstance(models, dict) else ():
        found += (((_MODELS, *path), ".".join(path)) for path in _below((name,), table))
    for name, table in data.items():
        if name in _ROOT:
            continue
        paths = [(name,)] if _is_model(name, table, _ROOT) else []
        for path in [*paths, *_below((name,), table)]:
            name_parts = ".".join(path).split(".")
            if len(name_parts) > 1 and nearest(name_parts[0], [_MODELS]):
                del name_parts[0]
            found.append((path, ".".join(name_parts)))
    return found


def lines_for(
    found: list[tuple[Path, str]],
    data: Mapping[str, Any],
    text: str,
    is_right: Callable[[dict[str, Any]], bool],
) -> list[str]:
    """Return the headers, and the lines of keys, to write instead.

    Args:
        found: see `found_in`.
        data: the file, parsed.
        text: the file.
        is_right: returns whether nothing is wrong with a file: only then is all of it shown.
    """
    written = Written.of(text)
    lines: dict[str, None] = {}
    for path, name in found:
        whole = (_MODELS, name)
        shown = is_right({_MODELS: {name: _at(data, path)}})
        for header in [one for one in written.headers if one[: len(path)] == path]:
            lines[f"`[{dotted((*whole, *header[len(path) :]))}]`"] = None
        for key, header in written.keys.items():
            if key[: len(path)] != path or header[: len(path)] == path:
                continue
            item = value(_at(data, key)) if shown else "…"
            new = (*whole, *key[len(path) :])
            within = len(header) if header == (_MODELS,) else 0
            where = " above all [headers]" if header not in {(), (_MODELS,)} else ""
            lines[f"`{dotted(new[within:])} = {item}`{where}"] = None
        if any(dotted((name,)) in line for line in lines):
            continue
        holder = written.holder_of(path)
        item = f"{dotted(whole[1:])} = {value(_at(data, path)) if shown else '…'}"
        if holder == (_MODELS,):
            lines[f"`{item}` in the inline table of {_MODELS}"] = None
        else:
            lines[f"`[{dotted(whole)}]`"] = None
    return list(lines)


def _at(data: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 - of TOML
    item: Any = data
    for part in path:
        item = item[part]
    return item


def _below(path: Path, table: object) -> Iterator[Path]:
    """Return the paths of models in the table of what looks like one."""
    for key, item in table.items() if isinstance(table, dict) else ():
        if _is_model(key, item, _KEYS) or (_is_version(key) and isinstance(item, str)):
            yield (*path, key)
        known = {*_KEYS, *KINDS, *ENGINES, *sources.names()}
        if key not in known and not nearest(key, known) and not key.startswith(_PREFIXES):
            yield from _below((*path, key), item)


def _is_version(key: str) -> bool:
    """Return whether a key is what follows the dot in `llama3.2`."""
    return key[:1].isdigit()


def _is_model(key: str, table: object, known: frozenset[str]) -> bool:
    if not isinstance(table, dict):
        return False
    if "source" in table:
        return True
    others = {*known, *KINDS, *ENGINES, *sources.names()}
    if key in others or nearest(key, others) or key.startswith(_PREFIXES):
        return False
    return bool(_OF_A_MODEL & set(table)) or (not table and _is_version(key))


# A quoted `"source.s3"` is a key, and does not name a model.
_PREFIXES = tuple(f"{key}." for key in _KEYS)
