"""Commands and calls of Python that name a repository, as the Hub's pages show them to copy."""

from __future__ import annotations

import ast
import re
import shlex
from typing import Any

from aimodels_gen.pasted import exactly

# Their first argument is a repository.
_HUB_PROGRAMS = frozenset(
    [
        "hf",
        "hfd",
        "huggingface-cli",
        "lms",
        "sglang",
        "transformers",
        "trtllm-serve",
        "vllm",
    ]
)
# To them a name without a host is something else.
_PROGRAMS = frozenset(
    [
        *_HUB_PROGRAMS,
        *("aria2c", "curl", "docker", "git", "llama", "llama-cli", "llama-server", "ollama"),
        *("podman", "python", "python3", "wget"),
    ]
)
# They name a repository whatever the program.
_REPO_OPTIONS = frozenset(
    ("-hf", "-hfr", "--hf-repo", "--model", "--model-id", "--model-path", "--repo-id")
)
_ADDRESS = re.compile(r"(?:hf|https?|ssh)://|git@|(?:hf|huggingface)\.co/", re.IGNORECASE)
_OPERATOR = re.compile(r"[();<>|&]+")
_VERBS = frozenset(
    [
        "chat",
        "clone",
        "compute",
        "download",
        "get",
        "install",
        "lfs",
        "model",
        "pull",
        "repo",
        "run",
        "serve",
        "snapshot",
    ]
)
# The key of what is after an option; empty for what does not matter.
_OPTIONS = {
    **dict.fromkeys(("--revision", "-b", "--branch"), "revision"),
    **dict.fromkeys(("--repo-type", "--type"), "repo_type"),
    **dict.fromkeys((*_REPO_OPTIONS, "-m"), "repo"),
    **dict.fromkeys(("-hff", "--hf-file", "--include"), "include"),
    "--exclude": "exclude",
    **dict.fromkeys(
        [
            "--cache-dir",
            "--depth",
            "--local-dir",
            "--local-dir-use-symlinks",
            "--max-workers",
            "--token",
            "-H",
            "--header",
            "-O",
            "-d",
            "-o",
        ],
        "",
    ),
}
_LISTS = frozenset(("exclude", "include"))
_OF_A_FILE = frozenset(("hf_hub_download", "hf_hub_url", "try_to_load_from_cache"))
_DATASETS = frozenset(("load_dataset", "load_dataset_builder"))


def in_command(text: str) -> dict[str, Any] | None:
    """Return the keys that a command line spells: `repo`, `revision`, `include` and so on.

    Before the program may be a prompt, variables, and programs that run it, such as `sudo`.
    """
    lexer = shlex.shlex(text.lstrip("$!%> "), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:
        return None
    command: list[str] = []
    for word in [*words, ";"]:
        if not _OPERATOR.fullmatch(word):
            command.append(word)
        elif found := _in_words(command):
            return found
        else:
            command = []
    return None


def _in_words(words: list[str]) -> dict[str, Any] | None:
    names = [word.rpartition("/")[2] for word in words]
    at = next((n for n, name in enumerate(names) if name in _PROGRAMS), None)
    if at is None:
        if not _REPO_OPTIONS & {word.partition("=")[0] for word in words[1:]}:
            return None
        at = 0
    program, found = names[at], dict[str, Any]()
    rest = [word for word in words[at + 1 :] if word not in _VERBS]
    files: list[str] = []
    while rest:
        word, _, value = rest.pop(0).partition("=")
        if word.startswith("-"):
            if word != "-m" or not program.startswith("python"):
                _option(found, word, value, rest)
        elif "repo" not in found:
            name = f"{word}={value}" if value else word
            if program in _HUB_PROGRAMS or _ADDRESS.match(name):
                found["repo"] = name
        else:
            files.append(word)
    if files and program in {"hf", "huggingface-cli"}:
        found.setdefault("include", []).extend(map(exactly, files))
    return found if "repo" in found else None


def _option(found: dict[str, Any], word: str, value: str, rest: list[str]) -> None:
    key = _OPTIONS.get(word)
    if key is None:
        return
    # `-O` of curl has no value.
    if not value and rest and (key == "repo" or not _ADDRESS.match(rest[0])):
        value = rest.pop(0)
    if key in _LISTS:
        values = [value]
        while word.startswith("--") and rest and not rest[0].startswith("-"):
            values.append(rest.pop(0))
        found.setdefault(key, []).extend(values)
    elif key:
        found[key] = value


def in_call(text: str) -> dict[str, Any] | None:
    """Return the keys that a call of Python spells, such as `from_pretrained("org/name")`."""
    if not re.search(r"\w\(", text):
        return None
    try:
        tree = ast.parse(text.lstrip("."))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func.attr if isinstance(call.func, ast.Attribute) else None
        function = call.func.id if isinstance(call.func, ast.Name) else function
        names = ("repo", "filename") if function in _OF_A_FILE else ("repo",)
        found = dict(zip(names, call.args, strict=False))
        found |= {one.arg: one.value for one in call.keywords if one.arg}
        keys: dict[str, Any] = {
            _name(key): value for key, node in found.items() if (value := _constant(node))
        }
        keys = {key: value for key, value in keys.items() if key in _KEYS}
        if "repo" in keys:
            return {"repo_type": "dataset", **keys} if function in _DATASETS else keys
    return None


_KEYS = frozenset(
    ("allow_patterns", "filename", "ignore_patterns", "repo", "repo_type", "revision", "subfolder")
)
_REPO = frozenset(("model", "model_id", "path", "pretrained_model_name_or_path", "repo_id"))


def _name(key: str) -> str:
    return "repo" if key in _REPO else key


def _constant(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, (str, list, tuple)) else None
