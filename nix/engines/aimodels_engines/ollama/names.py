"""Names of Ollama's models: `[host/][namespace/]model[:tag]` (types/model/name.go).

Ollama reads the tag after the last colon that no slash follows, then model, namespace and host from
the right. What is left out is `registry.ollama.ai`, `library` and `latest`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOST, _NAMESPACE, _TAG = "registry.ollama.ai", "library", "latest"
_LONGEST, _LONGEST_HOST = 80, 350
# The name of a file in most file systems; Ollama itself takes longer hosts.
_LONGEST_FILE = 255
_ALLOWED = {"host": r"\w.:-", "namespace": r"\w-", "model": r"\w.-", "tag": r"\w.-"}
_SHAPE = "[host/][namespace/]model[:tag]"


@dataclass(frozen=True)
class Name:
    """The four parts of a name."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def path(self) -> str:
        """The manifest's path in `manifests/`."""
        return f"{self.host}/{self.namespace}/{self.model}/{self.tag}"

    def __str__(self) -> str:
        short = f"{self.model}:{self.tag}"
        if self.host != _HOST:
            return f"{self.host}/{self.namespace}/{short}"
        return short if self.namespace == _NAMESPACE else f"{self.namespace}/{short}"


def parse(text: str, model: str) -> Name:
    """Return the name that a text is.

    Args:
        text: What `integration.ollama.name` is.
        model: The name of the model, for messages.

    Raises:
        EngineError: Ollama does not take it, or would look for another model by it.
    """
    name = _split(text)
    problem = _problem(name)
    if problem is None:
        return name
    raise EngineError(
        f'model "{model}": integration.ollama.name is {text!a}: {problem}',
        f'write a name such as "{_suggested(text, model)}" ({_SHAPE})',
    )


def check_together(named: Iterable[tuple[str, str]]) -> None:
    """Check that Ollama finds each of several models by its name.

    Names are the same in any case. More than that: Ollama replaces each part of a name that is
    asked for by the same part of any model that it has, whatever its case (server/routes.go,
    `getExistingName`). With `a:Q4` and `b:q4` it looks for `b:Q4`, or for `a:q4`.

    Args:
        named: Names of models, and their names for Ollama.

    Raises:
        EngineError: It does not.
    """
    known: dict[str, tuple[str, str]] = {}
    spelled: dict[tuple[str, str], tuple[str, str, str]] = {}
    for model, text in named:
        name = parse(text, model)
        first = known.setdefault(name.path.lower(), (model, text))
        if first != (model, text):
            raise EngineError(
                f'models "{first[0]}" and "{model}" have one name for Ollama: '
                f"{_both(first[1], text)}",
                f'write another `integration.ollama.name` where "{model}" is made, such as '
                f'"{_other_tag(name, model)}"',
            )
        for field in fields(name):
            part = getattr(name, field.name)
            other = spelled.setdefault((field.name, part.lower()), (part, model, text))
            if other[0] != part:
                raise EngineError(
                    f'models "{other[1]}" and "{model}": their names for Ollama, '
                    f"{_both(other[2], text)}, have one {field.name} in different case, and Ollama "
                    "finds only one of them",
                    f'write "{_with(name, field.name, other[0])}" where "{model}" is made',
                )


def _split(text: str) -> Name:
    head, tag = text, ""
    if text.rfind(":") > text.rfind("/"):
        head, _, tag = text.rpartition(":")
        tag = tag or "!"
    parts = head.rsplit("/", 2)
    host, namespace, model = ["", *([""] * (3 - len(parts))), *(part or "!" for part in parts)][-3:]
    return Name(host or _HOST, namespace or _NAMESPACE, model, tag or _TAG)


def _problem(name: Name) -> str | None:
    for field in fields(name):
        part, kind = getattr(name, field.name), field.name
        longest = _LONGEST_FILE if kind == "host" else _LONGEST
        if part in ("!", ""):
            return f"the {kind} is missing"
        if "://" in part:
            return "it is an address"
        if not re.fullmatch(rf"\w[{_ALLOWED[kind]}]*", part, re.ASCII):
            return f"the {kind} {part!a} has characters that Ollama does not take"
        if len(part) > longest:
            return f"the {kind} is longer than {longest} characters"
    # internal/modelref: what `ollama run` takes for a model elsewhere, or here.
    if name.tag.lower() in ("cloud", "local") or name.tag.lower().endswith("-cloud"):
        return f'Ollama does not look for a model of the tag "{name.tag}" here'
    return None


def _suggested(text: str, model: str) -> str:
    """Return a valid name that is near to one, or to the name of the model."""
    text = text.strip().partition("://")[2] or text.strip()
    head, colon, tag = text, "", ""
    if text.rfind(":") > text.rfind("/"):
        head, colon, tag = text.rpartition(":")
    parts = [part for part in head.split("/") if part][-3:]
    kinds = ("host", "namespace", "model")[3 - len(parts) :]
    parts = [_cleaned(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    parts = [part for part in parts if part] or [_cleaned(model, "model") or "model"]
    tag = _cleaned(tag, "tag")
    tag = "" if tag.lower() in ("cloud", "local") else re.sub("(?i)-cloud$", "", tag)
    found = f"{'/'.join(parts)}{colon and tag and ':'}{tag}"
    return found if _problem(_split(found)) is None else "model:latest"


def _cleaned(part: str, kind: str) -> str:
    allowed = re.sub(rf"[^{_ALLOWED[kind]}]+", "-", part, flags=re.ASCII)
    return allowed.lstrip("-.:").rstrip("-")[:_LONGEST]


def _other_tag(name: Name, model: str) -> str:
    tag = (_cleaned(model, "tag") or "other")[:_LONGEST]
    if tag.lower() == name.tag.lower():
        tag = f"{tag[: _LONGEST - 2]}-2"
    return _with(name, "tag", tag)


def _with(name: Name, field: str, part: str) -> str:
    return str(Name(**{**vars(name), field: part}))


def _both(first: str, second: str) -> str:
    return f'"{first}"' if first == second else f'"{first}" and "{second}"'
