"""Lines that are not TOML, and what was most likely meant by them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aimodels_fetcher.wording import joined
from aimodels_gen import sources
from aimodels_gen.manifest import pasted_engines
from aimodels_gen.manifest.names import store_name
from aimodels_gen.manifest.new_model import integration_for, name_after
from aimodels_gen.manifest.toml_lines import Written, dotted, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    FirstError = Callable[[str], "int | None"]

_LONGEST = 300  # characters of lines that are shown
_MOST = 1 << 18  # characters of a file that is parsed for each guess
_MOST_LINES = 40  # of a value
# It may hold a password.
_SECRET = re.compile(r"[:/].*@|@.*[:/]|\?|\bhf_|key|pass|secret|token(?!i[sz])", re.IGNORECASE)
_STRAIGHT = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\uff02", '"')
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("\u00a0\u2003\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", "")
    | {"\uff1d": "="}
)
_HEADER = re.compile(r"\s*\[\s*models\s*\.\s*(?P<name>[^\[\]\"']+?)\s*\]\s*(?:#.*)?")
_TABLES = re.compile(r"(?P<name>.+?)(?P<rest>(?:\.(?:source|integration)(?:\.[a-z0-9]+)?)?)\Z")
_TWICE = re.compile(r"Cannot (?:declare|overwrite|redefine|mutate)\b.*")
_BULLET = re.compile(r"\A\s*(?:[-*+\u2022]|[0-9]+[.)]|FROM)\s+")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
# The beginning of the file in other languages.
_JSON_OR_NIX = re.compile(r"(?:\s|#.*\n)*\{")
_YAML = re.compile(r"(?:\s|#.*\n|---\n)*models:\s*\n")

_CORRECT = "correct the TOML syntax there"
_MODEL = '`[models.my-model]` and `source.huggingface = { repo = "org/name" }` below it'

# A line is looked at with \1 and a number in the place of each string.
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_MASK = re.compile("\1([0-9]+)\1")
_MASKED = "\1[0-9]+\1"
_ITEM = rf"(?:{_MASKED}|[\]}}]|\btrue\b|\bfalse\b)"
# A value without quotes.
_QUOTE = (
    r"(=\s*|[\[,]\s*)(?!(?:[Tt]rue|[Ff]alse|None|null)\b)([A-Za-z][^\s,\1{}\[\]=#]*)(?=\s*(?:[,\]}]|\Z))",
    r'\1"\2"',
)
_STEPS: tuple[tuple[str, str], ...] = (
    (r"\A\s*(?://|--)", "#"),
    (r"(?<=[\1\]}])\s+//.*\Z", ""),
    (r"\bTrue\b", "true"),
    (r"\bFalse\b", "false"),
    (rf",\s*(?:{_MASKED}|[\w.-]+)\s*[:=]\s*(?:None|null)\b", ""),
    (r"\A([\w.-]*[^\s\w=\"'.\1\[\]{}#:-][^\s=\"'\1\[\]{}#]*)(?=\s*=)", r'"\1"'),
    # JSON, YAML, Python
    (rf"(\A\s*|[{{,]\s*)({_MASKED}|[\w.-]+)\s*:\s*(?!//)", r"\1\2 = "),
    (rf"\A(\s*[\w.-]+)\s+({_MASKED}\s*)\Z", r"\1 = \2"),
    # Nix
    (r";\s*\Z", ""),
    (r";\s*(?=\})", " "),
    (r";", ","),
    (rf"({_ITEM})\s+(?={_MASKED}|[\w.-]+\s*=)", r"\1, "),
    (r",\s*(?=[}\]])", " "),
    (r",\s*\Z", ""),
)


def remedy(text: str, number: int, reason: str, first_error: FirstError) -> str:
    """Return what to do about text that is not TOML.

    Args:
        text: of the file.
        number: of the line where the parser stopped.
        reason: of the parser.
        first_error: returns the number of the line where a text is wrong, None for nowhere.
    """
    if _CONFLICT.search(text):
        return "keep one side of the merge conflict, and remove the lines with <<<, === and >>>"
    if _TWICE.match(reason):
        return "it is there twice: remove one, or give one another name"
    if _JSON_OR_NIX.match(text) or _YAML.match(text):
        return f"write TOML: for each model {_MODEL}"
    lines = text.splitlines()
    if not 1 <= number <= len(lines) or len(text) > _MOST:
        return _CORRECT
    if found := pasted_engines.modelfile(lines, number):
        return found
    return _address(lines, number) or _rewritten(lines, number, first_error) or _CORRECT


def _rewritten(lines: list[str], number: int, first_error: FirstError) -> str | None:
    """Return what to write for a wrong line, or for the value that it belongs to."""
    first, last = _statement(lines, number)
    whole = " ".join(map(_uncommented, lines[first - 1 : last]))
    for begin, end, line in ((first, last, whole), (number, number, lines[number - 1])):
        begins = begin == end < last and line.rstrip().endswith(("[", "{", "("))
        if len(line) > _LONGEST or _SECRET.search(line) or begins:
            continue
        for guess in dict.fromkeys(_guesses(line)):
            at = first_error("\n".join([*lines[: begin - 1], guess, *lines[end:]]))
            if guess and (at is None or at > begin):
                where = f" instead of lines {begin} to {end}" if end > begin else ""
                return f"write `{guess}`{where}"
    return None


def _address(lines: list[str], number: int) -> str | None:
    """Return the lines for an address or a command that stands alone on its line."""
    line = re.sub(_BULLET, "", lines[number - 1].translate(_STRAIGHT)).strip()
    meant = sources.meant_by(line) if "/" in line and "=" not in line else None
    if meant is None:
        return None
    above = Written.of("\n".join(lines[: number - 1])).headers[-1:]
    name = name_after(meant.table)
    named = bool(above) and len(above[0]) > 1 and above[0][0] == "models"
    keys = [f"source.{meant.kind} = {value(dict(meant.table))}"]
    keys += [f"include = {value(meant.include)}"] if meant.include else []
    if not sources.kind(meant.kind).has_repo_id:
        keys.append(f"integration.huggingface = {value(integration_for(name)['huggingface'])}")
    if not named:
        keys.insert(0, f"[{dotted(('models', name))}]")
    return f"write {joined([f'`{key}`' for key in keys])}"


def _uncommented(line: str) -> str:
    """Return a line without the comment at its end."""
    found = re.match(rf"(?:{_STRING.pattern}|[^\"'#])*(?=#)", line)
    return (found[0] if found else line).strip()


def _statement(lines: list[str], number: int) -> tuple[int, int]:
    """Return the first and the last line of the value that a line belongs to."""
    begins = re.compile(r"\s*[\w.\"'-]+\s*[=:]\s*[\[{(]")
    first = next(
        (n for n in range(number, max(0, number - _MOST_LINES), -1) if begins.match(lines[n - 1])),
        number,
    )
    depth = 0
    for last in range(first, min(len(lines), first + _MOST_LINES) + 1):
        line = _STRING.sub("", lines[last - 1])
        depth += len(re.findall(r"[\[{(]", line)) - len(re.findall(r"[\]})]", line))
        if depth <= 0:
            return first, max(last, number)
    return number, number


def _guesses(line: str) -> Iterator[str]:
    """Return lines that may be meant, those that change least first."""
    straight = line.translate(_STRAIGHT).strip()
    yield straight
    if header := _HEADER.fullmatch(straight):
        tables = _TABLES.match(header["name"])
        name = store_name(tables["name"].rpartition("/")[2]) if tables else ""
        yield f"[{dotted(('models', name))}{tables['rest'] if tables else ''}]"
        return
    strings: list[str] = []

    def mask(found: re.Match[str]) -> str:
        strings.append(found[0])
        return f"\1{len(strings) - 1}\1"

    masked = _STRING.sub(mask, straight)
    for guess in _changed(masked):
        yield _MASK.sub(lambda found: strings[int(found[1])], guess)


def _changed(masked: str) -> Iterator[str]:
    """Return what a line may mean whose strings are masked."""
    if masked.startswith("["):
        yield f"{masked.rstrip('] ')}]"
        return
    changed = masked
    for pattern, replacement in (_QUOTE, *_STEPS, _QUOTE):
        yield re.sub(pattern, replacement, masked)
        changed = re.sub(pattern, replacement, changed)
        yield changed
    for quote in ('"', "'"):
        if quote in changed:
            bare = re.sub(rf"{quote}\s*\Z", "", changed)
            yield f"{bare}{quote}"
            yield re.sub(r"\s*([\]}]+)\Z", rf"{quote} \1", bare)
    missing = ""
    for char in changed:
        if char in "[{":
            missing = {"[": "]", "{": " }"}[char] + missing
        elif char in "]}":
            missing = missing.lstrip()[1:]
    yield changed.rstrip(", ") + missing
