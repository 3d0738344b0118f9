"""Names of GGUF files: their quantisation, their shards, and what goes with them.

llama.cpp finds the files of `-hf org/name:QUANT` in this way (common/download.cpp). Where it takes
the first file that fits, several are reported here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Role = Literal["model", "mmproj", "other"]

SUFFIX = ".gguf"
_SHARD = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})", re.IGNORECASE)
# `Q4_K_M`, `IQ4_XS`, `UD-Q4_K_XL`, `i1-Q4_K_M`, `BF16`, `MXFP4_MOE`; `Q8_0` of `Q8_0_v2`.
_TYPE = (
    r"(?:(?:UD|i1)-)?(?:(?:I?Q|TQ)[0-9]{1,2}(?:_(?!v[0-9])[0-9a-z]{1,3})*"
    r"|B?F(?:8|16|32|64)|(?:MX|NV)?FP[0-9]{1,2}(?:_[a-z0-9]{1,3})*|INT[0-9]{1,2})"
)
_IN_NAME = re.compile(rf"(?:(?<=[-._/\s])|\A)({_TYPE})(?=[-._/\s]|\Z)", re.IGNORECASE)
_NAMED = re.compile(rf"(?:[0-9A-Za-z]+-)*{_TYPE}", re.IGNORECASE)
_ANY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
# Files that do not answer alone: statistics, and models that draft tokens for another one.
_OTHERS = re.compile("imatrix|(?:mtp|eagle3|dflash|dspark)-")
_MOST_SHARDS = 10_000  # of which missing ones are named
_FAMILIES = ("UD-", "I1-")
_DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True)
class GgufName:
    """What the path of a GGUF file says.

    Attributes:
        path: The path in its repository.
        stem: The path without the number of the shard and the extension.
        part: Which shard it is, from 1.
        parts: Number of shards.
        quant: Its quantisation in upper case; None where the name has none.
        role: What the file is for.
    """

    path: str
    stem: str
    part: int
    parts: int
    quant: str | None
    role: Role


@dataclass(frozen=True)
class GgufSet:
    """One model: a file, or all of its shards in their order.

    Attributes:
        missing: Names of the shards that are not there.
    """

    stem: str
    quant: str | None
    paths: tuple[str, ...]
    missing: tuple[str, ...] = ()


def is_quant(text: str) -> bool:
    """Return whether a text looks like the name of a quantisation, in any case."""
    return bool(_NAMED.fullmatch(text))


def is_quant_name(text: str) -> bool:
    """Return whether a text can name files by their quantisation, usual or not."""
    return bool(_ANY.fullmatch(text))


def name_of(path: str) -> GgufName | None:
    """Return what the path of a GGUF file says; None for other files."""
    if not path.endswith(SUFFIX):
        return None
    stem, part, parts = path.removesuffix(SUFFIX), 1, 1
    if shard := _SHARD.fullmatch(stem):
        stem, part, parts = shard[1], int(shard[2]), int(shard[3])
    found = _IN_NAME.findall(stem)
    quant = found[-1].upper() if found else None
    return GgufName(path, stem, part, parts, quant, _role(path))


def _role(path: str) -> Role:
    name = path.rpartition("/")[2]
    if "mmproj" in name.lower():
        return "mmproj"
    return "other" if _OTHERS.search(name) else "model"


def sets(paths: Iterable[str]) -> list[GgufSet]:
    """Return the models among some files, sorted by path."""
    found: dict[tuple[str, int], dict[int, GgufName]] = {}
    for path in sorted(paths):
        name = name_of(path)
        if name is not None and name.role == "model":
            found.setdefault((name.stem, name.parts), {})[name.part] = name
    return [
        GgufSet(
            stem,
            next(iter(parts.values())).quant,
            tuple(parts[part].path for part in sorted(parts)),
            tuple(_shard(stem, part, count) for part in range(1, count + 1) if part not in parts)
            if count < _MOST_SHARDS
            else (),
        )
        for (stem, count), parts in found.items()
    ]


def _shard(stem: str, part: int, count: int) -> str:
    return f"{stem}-{part:05}-of-{count:05}{SUFFIX}"


def available(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the quantisations that some files have, sorted from small to large."""
    return tuple(sorted({one.quant for one in sets(paths) if one.quant}, key=_order))


def _order(quant: str) -> tuple[int, str]:
    return bits(quant), quant


def matching(paths: Iterable[str], quant: str) -> list[GgufSet]:
    """Return the models with a quantisation, as exactly as there are some.

    `Q4_K_XL` finds `UD-Q4_K_XL` if no name has it without `UD-`. A name that is not the
    quantisation of any file finds those that contain it as a whole word.
    """
    wanted = quant.upper()
    models = sets(paths)
    rules = (
        lambda one: one.quant == wanted,
        lambda one: one.quant in {f"{family}{wanted}" for family in _FAMILIES},
        lambda one: _contains(one.stem.upper(), wanted),
    )
    for rule in rules:
        if found := [one for one in models if rule(one)]:
            return found
    return []


def _contains(text: str, word: str) -> bool:
    return bool(re.search(rf"(?:(?<=[-./\s])|\A){re.escape(word)}(?=[-./\s]|\Z)", text))


def mmprojs(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that hold the encoder of images or sound of a model, sorted."""
    names = filter(None, map(name_of, paths))
    return tuple(sorted(one.path for one in names if one.role == "mmproj"))


def best_mmproj(paths: Iterable[str], model: str, quant: str | None = None) -> str | None:
    """Return the mmproj that goes with a model, None if there is none.

    Args:
        paths: Of all files.
        model: The path of the model's first file.
        quant: The quantisation that the mmproj is to have; None takes that which llama.cpp takes:
            of those in the deepest directory that is the model's or above it, the one with the
            nearest number of bits.
    """
    directories = model.split("/")[:-1]
    wanted = _bits_of(model)
    best: tuple[int, int] | None = None
    chosen = None
    for path in mmprojs(paths):
        own = path.split("/")[:-1]
        if own != directories[: len(own)]:
            continue
        if quant is not None and not _has_quant(path, quant):
            continue
        rank = (len(own), -abs(_bits_of(path) - wanted))
        if best is None or rank > best:
            best, chosen = rank, path
    return chosen


def _has_quant(path: str, quant: str) -> bool:
    name = name_of(path)
    if name is None:
        return False
    return name.quant == quant.upper() or _contains(name.stem.upper(), quant.upper())


def _bits_of(path: str) -> int:
    # As llama.cpp reads them: in what is after the last dash or dot.
    name = name_of(path)
    return bits(re.split("[-.]", name.stem)[-1]) if name else 0


def bits(quant: str) -> int:
    """Return the bits in the name of a quantisation, 0 for none."""
    found = _DIGITS.search(quant.upper().removeprefix("I1-"))
    return int(found[0][:9]) if found else 0
