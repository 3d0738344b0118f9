"""What people write in the place of `integration`: other keys and forms, a Modelfile of Ollama."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aimodels_engines.ollama.params import PARAMETERS
from aimodels_fetcher.wording import joined
from aimodels_gen import sources
from aimodels_gen.engines import comfyui
from aimodels_gen.manifest.new_model import name_after
from aimodels_gen.manifest.toml_lines import Written, dotted, value
from aimodels_gen.pasted import plain_key
from aimodels_gen.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Table = dict[str, Any]

ENGINES = {
    "comfy": "comfyui",
    "comfy_ui": "comfyui",
    "comfyui": "comfyui",
    "directories": "directory",
    "directory": "directory",
    "lm_studio": "lmstudio",
    "lmstudio": "lmstudio",
    "ollama": "ollama",
    "triton": "triton",
    "tritonserver": "triton",
}
"""What people call the engines, by `plain_key`."""

_OLLAMA = {
    **dict.fromkeys(("id", "model", "model_name", "tag"), "name"),
    **dict.fromkeys(("options", "parameter", "parameters"), "params"),
    **dict.fromkeys(("prompt", "system_message", "system_prompt"), "system"),
    **dict.fromkeys(("chat_template", "prompt_template"), "template"),
    **dict.fromkeys(("file_name", "filename", "from", "gguf"), "file"),
    "licence": "license",
}
_READERS = frozenset(("llamacpp", "sglang", "tgi", "transformers", "vllm"))
_KEYS = frozenset(("enable", "file", "license", "name", "params", "system", "template"))
_ADDRESS = re.compile(r"(?:\S* )*ollama (?:run|pull) |(?:https?://)?ollama\.com/(?:library/)?")
_INSTRUCTION = re.compile(
    r"\s*(FROM|PARAMETER|TEMPLATE|SYSTEM|LICENSE|ADAPTER|MESSAGE|REQUIRES)[ \t]+(\S.*)", re.DOTALL
)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_LONGEST = 1000  # characters of a value that is shown


def correct(table: Table, name: str | None) -> list[str]:
    """Read what is meant by integrations, in place; return what else to tell.

    Args:
        table: the model, or `[defaults]`.
        name: of the model; None for `[defaults]`.
    """
    for key in [key for key in table if plain_key(key) in {"engines", "integrations"}]:
        table.setdefault("integration", table.pop(key))
    loose = {key: ENGINES[kind] for key in table if (kind := _plain(key)) in ENGINES}
    given = table.get("integration", {})
    if not isinstance(given, dict) or not (given or loose):
        return []
    made = _renamed(given, ENGINES)
    readers = [key for key in made if plain_key(key).replace("_", "") in _READERS]
    for key in readers:
        del made[key]
    for key, kind in loose.items():
        item = table.pop(key)
        both = isinstance(item, dict) and isinstance(made.get(kind), dict)
        made[kind] = {**item, **made[kind]} if both else made.get(kind, item)
    for kind, corrected in _CORRECTED.items():
        if kind in made:
            made[kind] = corrected(made[kind], name)
    table["integration"] = made
    if not made:
        del table["integration"]
    return [f"{joined(readers)} reads what integration.huggingface names"] if readers else []


def _renamed(given: Table, names: dict[str, str]) -> Table:
    return {names.get(_plain(key), key): item for key, item in given.items()}


def _plain(key: str) -> str:
    return plain_key(key.replace("LMStudio", "lmstudio").replace("ComfyUI", "comfyui"))


def _ollama(given: object, name: str | None) -> object:
    if isinstance(given, str):
        given = {"name": given}
    elif given is True:
        given = {}
    if not isinstance(given, dict):
        return given
    made: Table = {}
    params = {plain_key(key): item for key, item in given.items() if plain_key(key) in PARAMETERS}
    for key in [key for key in given if plain_key(key) not in PARAMETERS]:
        plain = plain_key(key)
        known = plain if plain in _KEYS else _OLLAMA.get(plain) or nearest(plain, _KEYS)
        if plain == "tag":
            model = given.get("name") or given.get("model") or name
            made["name"] = given[key] if ":" in str(given[key]) else f"{model}:{given[key]}"
        elif known is None:
            made[key] = given[key]
        elif plain in _KEYS or known not in given:
            made.setdefault(known, given[key])
    if params:
        more = made.get("params")
        made["params"] = {**(more if isinstance(more, dict) else {}), **params}
    found = made.get("name", name)
    if isinstance(found, str):
        made["name"] = ollama_name(found)
    return {key: made[key] for key in sorted(made, key=lambda key: key != "name")}


def ollama_name(text: str) -> str:
    """Return a name that Ollama accepts, after another text."""
    plain = re.sub(r"[^\w./:-]+", "-", _ADDRESS.sub("", text.strip()), flags=re.ASCII)
    return plain.strip("-./:") or "my-model"


def _lmstudio(given: object, _name: str | None) -> object:
    if given is True:
        return {}
    if given is False:
        return {"enable": False}
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, dict):
        return given
    made: Table = {}
    for key, item in given.items():
        if plain_key(key) in {"name", "repo", "repo_id"} and isinstance(item, str):
            org, _, model = item.rpartition("/")
            made |= {**({"org": org} if org else {}), "model": model}
        else:
            names = {"publisher": "org", "organisation": "org", "organization": "org"}
            made |= _renamed({key: item}, names)
    return made


def _comfyui(given: object, _name: str | None) -> object:
    if given is True:
        given = ["*.safetensors"]
    if isinstance(given, (str, list)):
        return {"checkpoints": given}
    if not isinstance(given, dict):
        return given
    made: Table = {}
    for key, item in given.items():
        name = str(key).removeprefix("models/").strip("/")
        made[comfyui.meant_by(name) or name or key] = item
    return made


def _triton(given: object, _name: str | None) -> object:
    if given is True:
        return {}
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, dict):
        return given
    keys = {"name": "model", "config_pbtxt": "config", "pbtxt": "config", "file": "files"}
    made = _renamed(given, keys)
    if isinstance(made.get("version"), str) and made["version"].isdigit():
        made["version"] = int(made["version"][:18])
    return made


def _directory(given: object, _name: str | None) -> object:
    if isinstance(given, str):
        return {"my-directory": {"files/": given}}
    if not isinstance(given, dict):
        return given
    loose = {key: item for key, item in given.items() if isinstance(item, (str, list))}
    rest = {key: item for key, item in given.items() if key not in loose}
    return {**rest, **({"my-directory": loose} if loose else {})}


_CORRECTED = {
    "ollama": _ollama,
    "lmstudio": _lmstudio,
    "comfyui": _comfyui,
    "triton": _triton,
    "directory": _directory,
}


def modelfile(lines: list[str], number: int) -> str | None:
    """Return the lines to write for a Modelfile that begins at a line of a file; None for no guess.

    Args:
        lines: of the file.
        number: of the line where it is not TOML.
    """
    found = list(_instructions(lines[number - 1 :]))
    if not found or (found[0][0] == "FROM" and len(found) == 1):
        return None  # an address alone is read elsewhere
    last = number - 1 + sum(count for *_, count in found)
    written = Written.of("\n".join(lines[: number - 1]))
    above = written.headers[-1] if written.headers else ()
    source = next((argument for word, argument, _ in found if word == "FROM"), None)
    meant = sources.meant_by(source) if source and "/" in source else None
    name = name_after(meant.table if meant else {})
    shown = []
    if len(above) > 1 and above[0] == "models":
        name = above[1]
    else:
        shown.append(f"[{dotted(('models', name))}]")
    if meant and not any(key[:3] == (*above[:2], "source") for key in written.keys):
        shown.append(f"source.{meant.kind} = {value(dict(meant.table))}")
        shown += [f"include = {value(meant.include)}"] if meant.include else []
    notes = []
    for key, item in {"name": ollama_name(name), **_table(found)}.items():
        line = f"{dotted(('integration', 'ollama', key))} = {value(item)}"
        if len(line) > _LONGEST:
            notes.append(f"{key} is long: write it between ''' and '''")
        else:
            shown.append(line)
    left = sorted({word for word, *_ in found} & {"ADAPTER", "MESSAGE", "REQUIRES"})
    notes += [f"{joined(left)} cannot be set"] if left else []
    instead = f" instead of lines {number} to {last}" if last > number else ""
    return "; ".join([f"write {joined([f'`{line}`' for line in shown])}{instead}", *notes])


def _table(found: list[tuple[str, str, int]]) -> Table:
    made: Table = {}
    params: dict[str, list[Any]] = {}
    for word, argument, _ in found:
        if word == "PARAMETER":
            key, _, item = argument.partition(" ")
            params.setdefault(key.lower(), []).append(_scalar(item.strip()))
        elif word in {"TEMPLATE", "SYSTEM", "LICENSE"}:
            made[word.lower()] = argument
        elif word == "FROM" and argument.endswith(".gguf") and "://" not in argument:
            made["file"] = argument.rpartition("/")[2]
    if params:
        made["params"] = {
            key: items if len(items) > 1 or key == "stop" else items[0]
            for key, items in params.items()
        }
    return {key: item for key, item in made.items() if item}


def _scalar(text: str) -> Any:  # noqa: ANN401 - of TOML
    if text in {"true", "false"}:
        return text == "true"
    if _NUMBER.match(text):
        return json.loads(text) if not re.match("-?0[0-9]", text) else text
    return _unquoted(text)


def _unquoted(text: str) -> str:
    for quotes in ('"""', '"'):
        if text.startswith(quotes) and text.endswith(quotes) and len(text) >= 2 * len(quotes):
            return text[len(quotes) : -len(quotes)]
    return text


def _instructions(lines: list[str]) -> Iterator[tuple[str, str, int]]:
    """Yield each instruction of a Modelfile, its argument, and how many lines it has."""
    at = 0
    while at < len(lines) and (found := _INSTRUCTION.match(lines[at])):
        word, argument, count = found[1], found[2], 1
        if argument.startswith('"""'):
            while argument.count('"""') < 2 and at + count < len(lines):  # noqa: PLR2004 - quotes
                argument += f"\n{lines[at + count]}"
                count += 1
        while at + count < len(lines) and not lines[at + count].strip():
            following = next((line for line in lines[at + count :] if line.strip()), "")
            if not _INSTRUCTION.match(following):
                break
            count += 1
        yield word, _unquoted(argument.strip()), count
        at += count
