"""Prompt templates of Ollama: Go's text/template, with four functions of Ollama (template.go).

A model whose template Go cannot parse does not load. This checks what text/template/parse checks
first: that actions and blocks end, and that functions and variables exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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


@dataclass
class _Block:
    """A block that has begun, and how many variables there were before it."""

    at: int
    word: str
    variables: int
    has_else: bool = False


def _check(template: str) -> None:
    blocks: list[_Block] = []
    variables = ["$"]
    for at, tokens in _actions(template):
        first = tokens[0]
        _check_value(at, tokens)
        if first in _OPENING:
            blocks.append(_Block(at, first, len(variables)))
        elif first in ("else", "end"):
            _check_in_block(at, tokens, blocks)
        elif first in ("break", "continue") and not _loops(blocks):
            problem = f"{{{{ {first} }}}} is outside of {{{{ range }}}}"
            raise _InvalidError(problem, "remove it", at)
        _check_variables(at, tokens, variables)
        if first == "end":
            del variables[blocks.pop().variables :]
    if blocks:
        at, word = blocks[-1].at, blocks[-1].word
        raise _InvalidError(f"the block of {{{{ {word} }}}} does not end", "add {{ end }}", at)


def _check_in_block(at: int, tokens: list[str], blocks: list[_Block]) -> None:
    if not blocks:
        problem = f"there is no block for {{{{ {tokens[0]} }}}}"
        raise _InvalidError(problem, "remove it", at)
    if tokens[0] == "end":
        return
    if blocks[-1].has_else:
        problem = f"the block of {{{{ {blocks[-1].word} }}}} has {{{{ else }}}} twice"
        raise _InvalidError(problem, "remove it", at)
    blocks[-1].has_else = len(tokens) == 1


def _check_value(at: int, tokens: list[str]) -> None:
    words = tokens[:2] if tokens[0] == "else" else tokens[:1]
    if words[-1] in ("block", "define", "if", "range", "template", "with") and words == tokens:
        shown = " ".join(words)
        raise _InvalidError(f"{{{{ {shown} }}}} has no value", "write one after it", at)


def _loops(blocks: list[_Block]) -> bool:
    """Return whether what is here is repeated: in `range`, and not in its `else`."""
    for block in reversed(blocks):
        if block.word in ("block", "define"):
            return False
        if block.word == "range" and not block.has_else:
            return True
    return False


def _check_variables(at: int, tokens: list[str], variables: list[str]) -> None:
    """Check that variables have been declared, and add those that are declared here."""
    for number, token in enumerate(tokens):
        if not token.startswith("$"):
            continue
        after = tokens[number + 1 : number + 2]
        if after and after[0] in (":=", "=", ","):  # Go parses an assignment as a declaration
            variables.append(token)
        elif token not in variables:
            hint = f"declare it before: {{{{ {token} := .Messages }}}}"
            raise _InvalidError(f"there is no variable {token}", hint, at)


def _actions(template: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the place and the tokens of each action."""
    at = template.find("{{")
    while at >= 0:
        if comment := _COMMENT.match(template, at):
            end = comment.end()
        else:
            tokens, end = _action(template, at)
            yield at, tokens
        at = template.find("{{", end)


def _action(template: str, start: int) -> tuple[list[str], int]:
    """Return the tokens of an action, and where it ends."""
    tokens: list[str] = []
    position, depth = start + 2, 0
    if re.match(r"-[ \t\r\n]", template[position : position + 2]):
        position += 2
    while token := _TOKEN.match(template, position):
        position = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "end":
            if depth:
                raise _InvalidError("a parenthesis does not end", "add )", start)
            if not tokens:
                raise _InvalidError("an action {{ }} is empty", "remove it", start)
            return tokens, position
        if kind == "space":
            continue
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise _InvalidError("a parenthesis does not begin", "remove )", start)
        if kind == "word":
            _check_word(start, text, tokens)
        tokens.append(text)
    rest = template[position : position + 20].partition("\n")[0]
    if not rest:
        raise _InvalidError("{{ does not end", 'add }}, or write {{ "{{" }} for the text {{', start)
    raise _InvalidError(
        f"an action cannot have {rest!a}",
        "write it as Go's text/template has it, such as {{ .Prompt }}",
        start,
    )


def _check_word(at: int, word: str, before: list[str]) -> None:
    if word in _FUNCTIONS:
        return
    follows_else = before == ["else"] and word in ("if", "with")
    if word in _KEYWORDS and (not before or follows_else):
        return
    raise _InvalidError(
        f'there is no function "{word}"',
        f"for a value write {{{{ .{word[:1].upper()}{word[1:]} }}}}",
        at,
    )
