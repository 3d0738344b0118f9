"""`aimodels-gen verify`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aimodels_fetcher.wording import counted
from aimodels_gen.cli.console import Console
from aimodels_gen.cli.locked import read_locked
from aimodels_gen.cli.manifests import choose, manifest_option, names_argument
from aimodels_gen.cli.reports import (
    Column,
    jobs_option,
    json_option,
    print_json,
    print_table,
    quiet_option,
)
from aimodels_gen.errors import AimodelsError, CombinedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aimodels_gen.cli.locked import Locked
    from aimodels_gen.lock.verify_files import Found
    from aimodels_gen.reports.verify import Difference, Place, Report

_MOST_NAMES = 5
_PROOFS = {
    "sha256": "by sha256",
    "git_blob_id": "by git blob id",
    "etag": "by ETag",
}


@click.command("verify")
@names_argument
@manifest_option
@click.option(
    "--store", "in_store", is_flag=True, help="Compare what the Nix store has of the pins."
)
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Compare the entries of this Hugging Face cache.",
)
@click.option(
    "--sources",
    is_flag=True,
    help="Compare the sources, too, with --store or --cache-dir.",
)
@click.option(
    "--download",
    is_flag=True,
    help="Also download and hash files without a published sha256.",
)
@jobs_option()
@json_option
@quiet_option
def command(  # noqa: PLR0913 - the options
    *,
    names: tuple[str, ...],
    manifest: Path | None,
    in_store: bool,
    cache_dir: Path | None,
    sources: bool,
    download: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare a lock with its sources, the Nix store or a cache.

    Without NAME: every model. Names every difference, and files that are missing or extra. Compares
    what the sources publish of the pinned commit: sizes, checksums, git ids. With --store or
    --cache-dir, reads and hashes files on this machine instead.

    Exits with 1 if anything differs or cannot be compared.

    \b
      aimodels-gen verify              # all models against their sources
      aimodels-gen verify --store      # what the Nix store has of them
      aimodels-gen verify llama-2-7b --cache-dir ~/.cache/huggingface/hub
    """  # noqa: D301 - \b is the character that keeps click from filling the lines
    console = Console(quiet=quiet)
    locked = read_locked(choose(manifest, names, console, lock=True), console)
    at_sources = sources or download or not (in_store or cache_dir)
    found: list[dict[str, list[Found]]] = []
    with console.under_way():
        if at_sources:
            from aimodels_gen.lock.verify import verify_sources  # noqa: PLC0415 - slow to import

            found.append(
                verify_sources(
                    locked.models,
                    console.status,
                    console.warn,
                    console.progress,
                    download=download,
                    jobs=jobs,
                )
            )
        if in_store:
            from aimodels_gen.store.verify import verify_store  # noqa: PLC0415 - slow to import

            found.append(verify_store(locked.models, console.progress))
        if cache_dir is not None:
            from aimodels_gen.store.verify_cache import verify_cache  # noqa: PLC0415

            known = tuple(locked.lock.models.values())
            found.append(verify_cache(cache_dir, locked.models, known, console.progress))
    report = _report(locked, found)
    if as_json:
        print_json(report)
    else:
        _print(report, console, download=download)
    if not report.ok:
        raise _failure(report)


def _report(locked: Locked, found: Sequence[dict[str, list[Found]]]) -> Report:
    from aimodels_gen.reports.verify import Report, VerifiedModel  # noqa: PLC0415

    models = tuple(
        VerifiedModel(
            name=model.name,
            places=tuple(one.report() for some in found for one in some.get(model.name, ())),
        )
        for model in locked.models
    )
    ok = not any(place.differences for model in models for place in model.places)
    return Report(ok=ok, models=models)


def _print(report: Report, console: Console, *, download: bool) -> None:
    rows: list[list[str]] = []
    unread = 0
    for model in report.models:
        for place in model.places:
            console.note(f"{model.name}  {place.place}: {_summary(place)}")
            if place.kind in {"source", "fallback"}:
                unread += place.compared.nothing
            rows.extend(
                [model.name, place.place, one.kind, one.message] for one in place.differences
            )
    if unread and not download:
        console.note(
            f"not compared: the content of {counted(unread, 'file')} without a published checksum; "
            f"`--download` reads {'it' if unread == 1 else 'them'}"
        )
    if rows:
        print_table([Column("MODEL"), Column("PLACE"), Column("WHAT"), Column("DIFFERENCE")], rows)


def _summary(place: Place) -> str:
    counts = place.compared
    parts = {name: getattr(counts, name) for name in _PROOFS}
    words = [f"{count} {_PROOFS[name]}" for name, count in parts.items() if count]
    total = sum(parts.values())
    text = f"compared {counted(total, 'file')}" if total or not counts.nothing else ""
    if words and len(words) > 1:
        text += f" ({', '.join(words)})"
    elif words:
        text += f" {words[0].partition(' ')[2]}"
    if counts.nothing:
        sizes = "size" if counts.nothing == 1 else "sizes"
        text += f"{', ' if text else ''}only the {sizes} of {counted(counts.nothing, 'file')}"
    differences = len(place.differences)
    return f"{text}: {counted(differences, 'difference') if differences else 'no difference'}"


def _failure(report: Report) -> CombinedError:
    """Return what differs of each model, with each next step once; one for all that is missing."""
    failures = []
    lacking = [model.name for model in report.models if any(map(_lacks, model.places))]
    together = len(lacking) > 1
    for model in report.models:
        by_hint: dict[str | None, list[Difference]] = {}
        for place in model.places:
            for one in place.differences:
                if not (together and _is_missing(place, one)):
                    by_hint.setdefault(one.hint, []).append(one)
        failures += [
            AimodelsError(f"{model.name}: {_kinds(some)}", hint) for hint, some in by_hint.items()
        ]
    if together:
        names = "".join(f" {shlex.quote(name)}" for name in lacking)
        hint = f"run `aimodels-gen prefetch{names if len(lacking) <= _MOST_NAMES else ''}`"
        message = f"{counted(len(lacking), 'model')}: not all files are in the store"
        failures.append(AimodelsError(message, hint))
    return CombinedError(failures)


def _lacks(place: Place) -> bool:
    return any(_is_missing(place, one) for one in place.differences)


def _is_missing(place: Place, one: Difference) -> bool:
    """Return whether it is something that the store lacks, and `prefetch` adds."""
    return place.kind == "store" and one.kind == "missing"


def _kinds(differences: Sequence[Difference]) -> str:
    """Return in one line what differs; a single difference with its whole message."""
    if len(differences) == 1:
        return differences[0].message
    by_kind: dict[str, list[str]] = {}
    for one in differences:
        name = one.path or "" if one.file is None else repr(one.file)
        by_kind.setdefault(one.kind, []).append(name)
    return "; ".join(f"{kind}: {_first(names)}" for kind, names in by_kind.items())


def _first(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(filter(None, names)))
    shown = ", ".join(unique[:_MOST_NAMES])
    more = len(unique) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
