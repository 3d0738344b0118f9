"""What Nix knows of store paths and of all that they refer to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aimodels_fetcher.digests import sri_to_hex
from aimodels_fetcher.narinfo import NarInfo
from aimodels_gen.errors import StoreError
from aimodels_gen.nix import command
from aimodels_gen.nix.hashes import nix_base32
from aimodels_gen.nix.store import batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def closure(paths: Sequence[str]) -> list[NarInfo]:
    """Return store paths with all that they refer to; each comes after those that it refers to.

    Args:
        paths: That are valid.

    Raises:
        StoreError: Nix cannot be asked, or a path is not valid.
    """
    found: dict[str, NarInfo] = {}
    for some in batches(paths):
        found.update(_query("--recursive", *some))
    return _in_order(found)


def _query(*arguments: str) -> dict[str, NarInfo]:
    done = command.run("path-info", "--json", *arguments)
    if done.returncode != 0 and "--json-format" in (done.stderr or ""):  # announced by Nix 2.34
        done = command.run("path-info", "--json", "--json-format", "1", *arguments)
    if done.returncode != 0:
        raise StoreError(
            f"nix path-info does not answer: {command.reason(done)}", "check the Nix installation"
        )
    return {info.path: info for info in _parse(json.loads(done.stdout))}


def _parse(document: list[dict[str, Any]] | dict[str, Any]) -> Iterator[NarInfo]:
    """Read what `nix path-info --json` prints: a list, or since Nix 2.19 an object by path."""
    rows = document.items() if isinstance(document, dict) else ((r["path"], r) for r in document)
    for path, row in rows:
        yield NarInfo(
            path,
            "",
            nar_hash=_base32(row["narHash"]),
            nar_size=row["narSize"],
            references=tuple(sorted(_name(other) for other in row["references"])),
            deriver=_name(row["deriver"]) if row.get("deriver") else None,
            signatures=tuple(sorted(row.get("signatures") or ())),
            ca=row.get("ca") or None,
        )


def _base32(text: str) -> str:
    """Return a hash as caches have it; Nix prints SRI hashes, older releases what caches have."""
    return f"sha256:{nix_base32(bytes.fromhex(sri_to_hex(text)))}" if "-" in text else text


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _in_order(found: Mapping[str, NarInfo]) -> list[NarInfo]:
    """Return them sorted so that each comes after those that it refers to."""
    ordered: dict[str, NarInfo] = {}
    for first in found:
        # Not by recursion: a system's closure is hundreds of references deep.
        waiting = [first]
        while waiting:
            path = waiting[-1]
            prefix = path.rpartition("/")[0]
            others = (f"{prefix}/{name}" for name in found[path].references)
            missing = [other for other in others if other != path and other not in ordered]
            if missing:
                waiting += missing
            else:
                ordered.setdefault(path, found[path])
                waiting.pop()
    return list(ordered.values())
