"""What is wrong with a models.toml that was refused: every model's mistake, and the remedies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_fetcher.wording import joined
from aimodels_gen.errors import AimodelsError, CombinedError, ManifestError
from aimodels_gen.manifest import dotted_names, pasted
from aimodels_gen.manifest.toml_lines import dotted

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[dict[str, Any]], object]


def diagnosed(error: ManifestError, data: dict[str, Any], text: str, check: Check) -> AimodelsError:
    """Return the errors to report for a file that was refused.

    Args:
        error: the first one.
        data: the file, parsed.
        text: the file.
        check: raises ManifestError if the whole of a file is wrong.
    """
    found = dotted_names.found_in(data)
    if found:
        return _misplaced(error, found, data, text)
    if isinstance(data.get("models"), list):
        return _listed(error, data["models"])
    errors = [*_of_root(data, text, check), *_of_models(data, text, check)]
    if not errors:
        return error
    return errors[0] if len(errors) == 1 else CombinedError(errors)


def _misplaced(
    error: ManifestError,
    found: list[tuple[tuple[str, ...], str]],
    data: dict[str, Any],
    text: str,
) -> ManifestError:
    lines = joined(dotted_names.lines_for(found, data, text))
    file = error.message.partition(":")[0]
    keys = joined([".".join(map(_shown, path)) for path, _ in found])
    if all("." not in name for _, name in found):
        are = "is a model" if len(found) == 1 else "are models"
        return ManifestError(f"{file}: {keys} {are} outside of models", f"write {lines}")
    are = "names a model" if len(found) == 1 else "name models"
    reason = f"{are} with a dot, where TOML begins another table"
    return ManifestError(f"{file}: {keys} {reason}", f"put the name in quotes: write {lines}")


def _listed(error: ManifestError, models: list[Any]) -> ManifestError:
    """Return the error for `[[models]]`, which have their names inside in other tools."""
    given = [one.get("name") if isinstance(one, dict) else None for one in models]
    names = [name for name in given if isinstance(name, str) and name]
    headers = joined([f"`[{dotted(('models', name))}]`" for name in names or ["my-model"]])
    name = ", and no key name" if names else ""
    return ManifestError(error.message, f"write {headers} instead of [[models]]{name}")


def _shown(part: str) -> str:
    """Return a part of a key, in quotes if it has dots of its own."""
    return f'"{part}"' if "." in part else part


def _of_root(data: dict[str, Any], text: str, check: Check) -> list[AimodelsError]:
    """Return the mistakes outside the models."""
    others = {key: value for key, value in data.items() if key != "models"}
    if not isinstance(data.get("models", {}), dict):
        others = data
    return _failure(others, check, lambda: _of_defaults(others, text, check))


def _of_defaults(others: dict[str, Any], text: str, check: Check) -> str | None:
    return pasted.hint_for_defaults(
        others.get("defaults"), text, lambda table: check({**others, "defaults": table})
    )


def _of_models(data: dict[str, Any], text: str, check: Check) -> list[AimodelsError]:
    models = data.get("models")
    errors: list[AimodelsError] = []
    for name, table in models.items() if isinstance(models, dict) else ():
        alone = {"models": {name: table}}

        def hint(name: str = name, table: object = table) -> str | None:
            return pasted.hint_for(name, table, text, lambda made: check({"models": {name: made}}))

        errors += _failure(alone, check, hint)
    return errors


def _failure(
    data: dict[str, Any], check: Check, hint: Callable[[], str | None]
) -> list[AimodelsError]:
    """Return the mistake in a part of the file, with a better hint if there is one."""
    try:
        check(data)
    except ManifestError as error:
        return [ManifestError(error.message, hint() or error.hint)]
    return []
