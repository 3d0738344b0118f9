"""All next steps that messages of the programs name, and the tests that claim to follow them.

A hint is known by its template: its text with `…` for what is filled in.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

from support.environment import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PACKAGES = (
    "generator/aimodels_gen",
    "nix/engines/aimodels_engines",
    "nix/fetcher/aimodels_fetcher",
    "nix/images/aimodels_images",
    "nix/linker/aimodels_linker",
)
# Whose second argument is something else than a hint.
_OTHER_ERRORS = {
    "CombinedError",
    "FileExistsError",
    "NotADirectoryError",
    "OSError",
    "PermissionError",
    "StatusError",
    "TransientError",
    "UsageError",
}
# Tables of hints: each value is one, or has one in its last place.
_TABLES = {"_HINTS", "_OTHERS", "_RUNTIME_ERRORS", "_TABLE"}
# Who returns or passes on whole messages, of which some have a next step.
_MESSAGES = {
    *("in_the_way", "left_alone", "stays_directory", "store_is_writable"),  # of the linker
    *("_derivations_warning", "_line", "_reading_warning", "_warning", "_weights_warnings"),
    *("advice", "warning"),
}
# Who returns what is wrong and the next step.
_PAIRS = {"_explain_permission", "_of_system", "_other", "_usage", "refusal"}
_WARN = {"_warn", "note", "warn"}
_STEP = re.compile(r"`|\b(?:again|leave|run|Set|write)\b")
# What is said of Nix code. `''` strings and comments are documentation.
_NIX_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NIX_MESSAGE = re.compile(r"\b(?:fail|failHere|throw|message =|problem =|missing =)|^\s*(?:\+ )?\"")
_NIX_JOIN = re.compile(r"\"\s*\n\s*\+ \"")
_NIX_STEP = re.compile(r"`|: (?:write|use|set|name|keep|add|remove|shorten)\b|\bwrite ")


@dataclass(frozen=True)
class _Module:
    path: Path
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    parts = [node] if isinstance(node, ast.Constant) else node.values
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
    return re.sub(r"(?:\{\w*\})+", "…", text)


def assigned(node: ast.AST) -> ast.expr:
    """Return what a statement assigns."""
    assert isinstance(node, ast.Assign)
    return node.value


def _is_step(node: ast.AST) -> bool:
    """Return whether an expression is a message with a next step, filled in."""
    if not isinstance(node, ast.JoinedStr):
        return False
    text = _template(node)
    return bool(_STEP.search(text)) and " " in text.replace("…", "").strip()


def _parts(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of which an expression has the value of one, or of all."""
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.Dict):
        return node.values
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts[-1:]
    return [node.value] if isinstance(node, ast.Subscript) else []


class _Scan:
    """Follows expressions to the strings that they can be."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.functions: dict[str, list[tuple[_Module, ast.FunctionDef]]] = defaultdict(list)
        self._seen: set[tuple[ast.AST, ast.AST | None]] = set()

    @cached_property
    def modules(self) -> list[_Module]:
        modules = []
        for package in _PACKAGES:
            for path in sorted((CHECKOUT / package).rglob("*.py")):
                module = _Module(path, ast.parse(path.read_text(encoding="utf-8")))
                modules.append(module)
                for node in module.tree.body:
                    for target in node.targets if isinstance(node, ast.Assign) else ():
                        module.constants[_name(target)] = assigned(node)
                for each in ast.walk(module.tree):
                    if isinstance(each, ast.FunctionDef):
                        self.functions[each.name].append((module, each))
        return modules

    def run(self) -> dict[str, str]:
        for module in self.modules:
            for name in _TABLES & module.constants.keys():
                self._values(module, None, module.constants[name])
            self._visit(module, module.tree, None)
        return {text: place for text, place in self.found.items() if re.search("[a-z]{2}", text)}

    def _visit(self, module: _Module, node: ast.AST, scope: ast.FunctionDef | None) -> None:
        for child in ast.iter_child_nodes(node):
            inner = child if isinstance(child, ast.FunctionDef) else scope
            for hint in self._hints(child, scope):
                self._values(module, inner, hint)
            self._visit(module, child, inner)

    def _hints(self, node: ast.AST, scope: ast.FunctionDef | None) -> Iterator[ast.AST]:
        """Walk over the expressions in a node that are hints, or messages with one."""
        if isinstance(node, ast.arguments):
            defaults = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            yield from (value for given, value in defaults if given.arg == "hint" and value)
        elif isinstance(node, ast.Return) and scope and scope.name in _PAIRS:
            if node.value and not isinstance(node.value, ast.JoinedStr):
                yield node.value
        elif isinstance(node, ast.FunctionDef) and node.name in _MESSAGES:
            yield from filter(_is_step, ast.walk(node))
        elif isinstance(node, ast.Call):
            if _name(node.func) in _WARN:
                yield from filter(_is_step, node.args[:1])
            yield from self._arguments(node)

    def _arguments(self, call: ast.Call) -> Iterator[ast.expr]:
        """Walk over the arguments that are hints."""
        name = _name(call.func)
        yield from (given.value for given in call.keywords if given.arg in {"hint", "repair"})
        if name.endswith(("Error", "Fault")) and name not in _OTHER_ERRORS:
            yield from call.args[1:2]
        for _, function in self.functions[name]:
            names = [each.arg for each in function.args.args if each.arg != "self"]
            if "hint" in names:
                place = names.index("hint")
                yield from call.args[place : place + 1]

    def _values(self, module: _Module, scope: ast.FunctionDef | None, node: ast.AST) -> None:
        if (node, scope) in self._seen:
            return
        self._seen.add((node, scope))
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        ):
            place = f"{module.path.relative_to(CHECKOUT)}:{node.lineno}"
            self.found.setdefault(_template(node), place)
        elif isinstance(node, ast.Call):
            self._call(module, scope, node)
        elif isinstance(node, ast.Name):
            self._named(module, scope, node.id)
        for part in _parts(node):
            self._values(module, scope, part)

    def _call(self, module: _Module, scope: ast.FunctionDef | None, call: ast.Call) -> None:
        name = _name(call.func)
        if name in {"format", "get"} and isinstance(call.func, ast.Attribute):
            self._values(module, scope, call.func.value)
        functions = self.functions[name]
        for where, function in [one for one in functions if one[0] is module] or functions:
            for each in ast.walk(function):
                if isinstance(each, ast.Return) and each.value is not None:
                    self._values(where, function, each.value)

    def _named(self, module: _Module, scope: ast.FunctionDef | None, name: str) -> None:
        local = False
        for each in ast.walk(scope) if scope else ():
            for target in each.targets if isinstance(each, ast.Assign) else ():
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                if name in map(_name, names):
                    local = True
                    # Of several, the hint comes last: `message, hint = …`.
                    self._values(module, scope, assigned(each))
        if not local:
            known = [one for one in self.modules if name in one.constants]
            for one in [each for each in known if each is module] or known:
                self._values(one, None, one.constants[name])


@cache
def hints() -> dict[str, str]:
    """Return the templates of all hints of the Python programs, each with a place."""
    return _Scan().run()


@cache
def nix_hints() -> dict[str, str]:
    """Return the templates of the messages of the Nix code that show what to write."""
    found: dict[str, str] = {}
    for path in sorted((CHECKOUT / "nix").rglob("*.nix")):
        text = _NIX_JOIN.sub("", path.read_text(encoding="utf-8"))
        for line in text.splitlines():
            if line.lstrip().startswith("#") or not _NIX_MESSAGE.search(line):
                continue
            shown, more = line, 1
            while more:
                shown, more = re.subn(r"\$\{[^{}]*\}", "…", shown)
            for each in _NIX_STRING.findall(shown):
                if _NIX_STEP.search(each) and "description =" not in line:
                    message = re.sub("…+", "…", each.replace('\\"', '"'))
                    if re.search("[a-z]{3}", message):
                        found.setdefault(message, str(path.relative_to(CHECKOUT)))
    return found


@cache
def claims() -> dict[str, str]:
    """Return the templates that tests say to follow, each with the file of a test."""
    found: dict[str, str] = {}
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "cure" not in text:
            continue
        tree = ast.parse(text)
        constants = {
            _name(target): node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in {"cures", "cure"}:
                given = node.args if _name(node.func) == "cures" else node.args[:1]
                for argument in given:
                    each = constants.get(_name(argument), argument)
                    assert isinstance(each, ast.Constant), f"{path}:{each.lineno}"
                    found.setdefault(str(each.value), str(path.relative_to(CHECKOUT)))
    return found


def pattern(template: str) -> str:
    """Return the regular expression of what a template becomes; its groups are what is filled in.

    Commands may name the manifest that the command line names.
    """
    text = "(.*?)".join(map(re.escape, template.split("…")))
    return re.sub(r"(`aimodels\\-gen\\ \w+(?:\\ NAME)?)`", r"\1(?: -m [^`]*)?`", text)
