"""Prompt templates of Ollama: Go's text/template, with four functions of Ollama (template.go).

A model whose template Go cannot parse does not load. This checks what text/template/parse checks
first: that actions and blocks end, and that functions exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_engines.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = frozenset(
    (
        *("and", "break", "call", "continue", "eq", "false", "ge", "gt", "html", "index", "js"),
        *("le", "len", "lt", "ne", "nil", "not", "or", "print", "printf", "println", "slice"),
        *("true", "urlquery", "currentDate", "json", "toTypeScriptType", "yesterdayDate"),
    )
)
_OPENING = frozenset(("block", "define", "if", "range", "with"))
_KEYWORDS = _OPENING | {"else", "end", "template"}
_COMMENT = re.compile(r"\{\{(?:-[ \t\r\n])?/\*.*?\*/(?:[ \t\r\n]-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<end>[ \t\r\n]-\}\}|\}\})
    |(?P<space>[ \t\r\n]+)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')
    |(?P<field>\.\w+|\$\w*)
    |(?P<number>[+-]?\d[\w.]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<open>\()
    |(?P<close>\))
    |(?P<other>:=|[.|,=])""",
    re.VERBOSE,
)


def check(template: str, model: str) -> None:
    """Check that Go can parse a template.

    Args:
        template: What `integration.ollama.template` is.
        model: The name of the model, for messages.

    Raises:
        EngineError: It cannot.
    """
    try:
        _check(template)
    except _InvalidError as error:
        line = template.count("\n", 0, error.at) + 1
        if "{%" in template:
            hint = "leave it out: Ollama then takes the template of the GGUF file, which is Jinja's"
        else:
            hint = error.hint
        raise EngineError(
            f'model "{model}": integration.ollama.template, line {line}: {error.problem}', hint
        ) from error


class _InvalidError(Exception):
    def __init__(self, problem: str, hint: str, at: int) -> None:
        self.at = at
        self.problem = problem
        self.hint = hint


def _check(template: str) -> None:
    blocks: list[tuple[int, str]] = []
    for at, words in _actions(template):
        first = words[0] if words else ""
        if first in _OPENING:
            blocks.append((at, first))
        elif first in ("else", "end"):
            if not blocks:
                raise _InvalidError(f"there is no block for {{{{ {first} }}}}", "remove it", at)
            if first == "end":
                blocks.pop()
    if blocks:
        at, word = blocks[-1]
        raise _InvalidError(f"the block of {{{{ {word} }}}} does not end", "add {{ end }}", at)


def _actions(template: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the place and the words of each action."""
    at = template.find("{{")
    while at >= 0:
        if comment := _COMMENT.match(template, at):
            end = comment.end()
        else:
            words, end = _action(template, at)
            yield at, words
        at = template.find("{{", end)


def _action(template: str, start: int) -> tuple[list[str], int]:
    """Return the words of an action, and where it ends."""
    words: list[str] = []
    position, depth = start + 2, 0
    if re.match(r"-[ \t\r\n]", template[position : position + 2]):
        position += 2
    is_first = True
    while token := _TOKEN.match(template, position):
        position = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "end":
            if depth:
                raise _InvalidError("a parenthesis does not end", "add )", start)
            if is_first:
                raise _InvalidError("an action {{ }} is empty", "remove it", start)
            return words, position
        if kind == "space":
            continue
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise _InvalidError("a parenthesis does not begin", "remove )", start)
        if kind == "word":
            _check_word(start, text, words, is_first=is_first)
            words.append(text)
        is_first = False
    rest = template[position : position + 20].partition("\n")[0]
    if not rest:
        raise _InvalidError("{{ does not end", 'add }}, or write {{ "{{" }} for the text {{', start)
    raise _InvalidError(
        f"an action cannot have {rest!a}",
        "write it as Go's text/template has it, such as {{ .Prompt }}",
        start,
    )


def _check_word(at: int, word: str, words: list[str], *, is_first: bool) -> None:
    if word in _FUNCTIONS:
        return
    follows_else = words == ["else"] and word in ("if", "with")
    if word in _KEYWORDS and (is_first or follows_else):
        return
    raise _InvalidError(
        f'there is no function "{word}"',
        f"for a value write {{{{ .{word[:1].upper()}{word[1:]} }}}}",
        at,
    )
