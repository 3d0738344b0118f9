"""What is wrong with a models.toml that was refused: every model's mistake, and the remedies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aimodels_fetcher.urls import quoted
from aimodels_fetcher.wording import joined
from aimodels_gen.errors import AimodelsError, InvalidManifestError, ManifestError
from aimodels_gen.manifest import dotted_names, pasted, pasted_engines
from aimodels_gen.manifest.dotted_names import OF_A_MODEL
from aimodels_gen.manifest.model import ManifestTable
from aimodels_gen.manifest.names import refusal, store_name
from aimodels_gen.manifest.toml_lines import Written, dotted, value
from aimodels_gen.pasted import plain_key

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[dict[str, Any]], object]

_ROOT = frozenset(ManifestTable.__struct_fields__)


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
        return _misplaced(error, found, data, text, check)
    if isinstance(models := data.get("models"), (list, str)):
        return _listed(error, [models] if isinstance(models, str) else models, text, check)
    errors = [*_of_root(data, text, check), *_of_models(data, text, check)]
    if not errors:
        return error
    return errors[0] if len(errors) == 1 else InvalidManifestError(errors)


def _misplaced(
    error: ManifestError,
    found: list[tuple[tuple[str, ...], str]],
    data: dict[str, Any],
    text: str,
    check: Check,
) -> ManifestError:
    def is_right(part: dict[str, Any]) -> bool:
        return not _failure(part, check, lambda: None)

    lines = joined(dotted_names.lines_for(found, data, text, is_right))
    file = error.message.partition(":")[0]
    keys = joined([dotted(path) for path, _ in found])
    if all("." not in name for _, name in found):
        are = "is a model" if len(found) == 1 else "are models"
        return ManifestError(f"{file}: {keys} {are} outside of models", f"write {lines}")
    are = "names a model" if len(found) == 1 else "name models"
    reason = f"{are} with a dot, where TOML begins another table"
    return ManifestError(f"{file}: {keys} {reason}", f"put the name in quotes: write {lines}")


def _listed(error: ManifestError, models: list[Any], text: str, check: Check) -> ManifestError:
    """Return the error for a list of models, which have their names inside in other tools."""
    named = [_named(one) for one in models]
    if ("models",) in Written.of(text).lists:
        given = [name for name, has_name, _ in named if has_name] or ["my-model"]
        headers = joined([f"`[{dotted(('models', name))}]`" for name in given])
        key = ", and no key name" if any(has_name for _, has_name, _ in named) else ""
        return ManifestError(error.message, f"write {headers} instead of [[models]]{key}")
    lines: list[str] = []
    for name, _, table in named:
        lines += _lines_for(name, table, check) or [f"`[{dotted(('models', name))}]`"]
    return ManifestError(error.message, f"write {joined(lines)} instead of models = …")


def _named(model: object) -> tuple[str, bool, object]:
    """Return a model's name, whether it has it inside, and the rest of it."""
    if isinstance(model, dict) and isinstance(model.get("name"), str) and model["name"]:
        return model["name"], True, {key: item for key, item in model.items() if key != "name"}
    return pasted.name_for(model), False, model


def _lines_for(name: str, table: object, check: Check) -> list[str] | None:
    return pasted.lines_for(name, table, lambda made: check({"models": {name: made}}))


def _of_root(data: dict[str, Any], text: str, check: Check) -> list[AimodelsError]:
    """Return the mistakes outside the models."""
    others = {key: value for key, value in data.items() if key != "models"}
    if not isinstance(data.get("models", {}), dict):
        others = data
    return _failure(others, check, lambda: _hint_for_root(others, text, check))


def _hint_for_root(others: dict[str, Any], text: str, check: Check) -> str | None:
    loose = {key: item for key, item in others.items() if key not in _ROOT}
    if loose and all(plain_key(key) in {"integration", *pasted_engines.ENGINES} for key in loose):
        return _below_a_model(loose, text)
    if set(map(plain_key, loose)) & OF_A_MODEL:
        lines = _lines_for(pasted.name_for(loose), loose, check)
        return f"write {joined(lines)} instead of {joined(list(loose))}" if lines else None
    hints = {"defaults": pasted.hint_for_defaults, "output": pasted.hint_for_output}
    for key, hint in hints.items():

        def fits(made: object, key: str = key) -> object:
            return check({**others, key: made})

        if key in others and (found := hint(others[key], text, fits)):
            return found
    return None


def _below_a_model(loose: dict[str, Any], text: str) -> str:
    """Return the lines to write for integrations outside of a model."""
    names = dict.fromkeys(one[1] for one in Written.of(text).headers if one[:1] == ("models",))
    name = next(iter(names), "my-model") if len(names) < 2 else "NAME"  # noqa: PLR2004 - or more
    table = dict(loose)
    pasted_engines.correct(table, name)
    given = table.get("integration")
    items = given.items() if isinstance(given, dict) else ()
    lines = [f"`integration.{dotted((key,))} = {value(item)}`" for key, item in items]
    return f"write {joined(lines or ['`integration`'])} below [{dotted(('models', name))}]"


def _of_models(data: dict[str, Any], text: str, check: Check) -> list[AimodelsError]:
    models = data.get("models")
    errors: list[AimodelsError] = []
    for name, table in models.items() if isinstance(models, dict) else ():
        alone = {"models": {name: table}}

        def hint(name: str = name, table: object = table) -> str | None:
            if refused := refusal(name):
                return f"{refused[1]}{_renamed(name, data, text, check)}"
            if ("models", name) in Written.of(text).lists:
                header = dotted(("models", name))
                return f"write `[{header}]` instead of [[{header}]], once for each name"
            return pasted.hint_for(name, table, text, lambda made: check({"models": {name: made}}))

        errors += _failure(alone, check, hint)
    return errors


def _renamed(name: str, data: dict[str, Any], text: str, check: Check) -> str:
    if quoted(name) != repr(name):
        return ""  # it may hold a password
    new = store_name(name)
    taken = data["models"]
    new = next(one for one in (new, *(f"{new}-{n}" for n in range(2, 99))) if one not in taken)
    found: list[tuple[tuple[str, ...], str]] = [(("models", name), new)]
    is_right = lambda part: not _failure(part, check, lambda: None)  # noqa: E731
    return f": write {joined(dotted_names.lines_for(found, data, text, is_right))}"


def _failure(
    data: dict[str, Any], check: Check, hint: Callable[[], str | None]
) -> list[AimodelsError]:
    """Return the mistake in a part of the file, with a better hint if there is one."""
    try:
        check(data)
    except ManifestError as error:
        return [ManifestError(error.message, hint() or error.hint)]
    return []
