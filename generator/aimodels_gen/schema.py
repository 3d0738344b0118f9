"""JSON Schemas of our files, from the types that read them: for editors and other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from aimodels_gen.tables import KindTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_gen.tables import Variant

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(file: str, kind: type, sources: Mapping[str, type]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a file.

    Args:
        file: its name, for the title.
        kind: its declared type.
        sources: the declared types of the kinds of sources in it, by name.
    """

    def custom(of: type) -> dict[str, Any]:
        if of is KindTable:
            return {"oneOf": [_only(name, sources[name].__name__) for name in sorted(sources)]}
        return cast("type[Variant]", of).schema()  # msgspec knows the rest

    (root, *_), definitions = msgspec.json.schema_components(
        [kind, *sources.values()], schema_hook=custom, ref_template="#/$defs/{name}"
    )
    return {
        "$schema": _DIALECT,
        "title": file,
        **_without_null(root),
        "$defs": _without_null(definitions),
    }


def _only(name: str, definition: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{definition}"}},
        "required": [name],
        "additionalProperties": False,
    }


def _without_null(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema that has no null: keys are left out in our files, and TOML has none."""
    if isinstance(value, list):
        return [_without_null(item) for item in value if item != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    inner = {
        key: _without_null(item)
        for key, item in value.items()
        if not (key == "default" and item is None)
    }
    if len(inner.get("anyOf", ())) == 1:
        (only,) = inner.pop("anyOf")
        inner = {**only, **inner}
    return inner
