"""What GGUF files hold: architecture, context length and quantisation, for the lock.

The Hub says it of a repository, and names of files contain the quantisation. Where that is not
enough, the first bytes of a file are read: one request, and more only if its header is longer.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from glob import escape
from typing import TYPE_CHECKING

from aimodels_engines.errors import EngineError
from aimodels_engines.gguf import CutError, GgufHeader, NeedsMoreError, read_header
from aimodels_engines.quants import GgufName, name_of, sets
from aimodels_fetcher.digests import hex_to_sri
from aimodels_fetcher.errors import AimodelsError as FetcherError
from aimodels_fetcher.http_client import ResolvedUrl
from aimodels_fetcher.retry import INTERACTIVE_TRIES, retrying
from aimodels_gen.engines.gguf import Gguf
from aimodels_gen.errors import SourceError
from aimodels_gen.lock.model import FilesPin
from aimodels_gen.net.pool import following

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aimodels_fetcher.sources.base import RemoteFile
    from aimodels_fetcher.upstreams import Upstream
    from aimodels_gen.lock.clients import Clients
    from aimodels_gen.lock.failures import Failures
    from aimodels_gen.lock.model import Lock
    from aimodels_gen.lock.selection import Selected
    from aimodels_gen.net.pool import RequestPool
    from aimodels_gen.sources.base import Source

_LEAST = 1 << 10  # bytes of a file with a model in it
_MOST = 32  # headers that are read of one model
_LENGTHS = (1 << 16, 1 << 20, 1 << 24, 1 << 26)  # bytes to read at first, and then


@dataclass(frozen=True)
class _Answer:
    """What is known of a file.

    Attributes:
        warning: why it is not more.
    """

    facts: Gguf
    warning: str | None = None


@dataclass(frozen=True)
class _File:
    """A GGUF file of a model: the first of its shards."""

    file: RemoteFile
    name: GgufName


def known_ggufs(lock: Lock) -> dict[str, Gguf]:
    """Return what a lock knows of GGUF files, by their SRI hashes."""
    return {
        model.pin.all_files[path].hash: facts
        for model in lock.models.values()
        if isinstance(model.pin, FilesPin)
        for path, facts in model.gguf.items()
        if path in model.pin.all_files
    }


def describe_ggufs(
    models: Sequence[Selected],
    known: Mapping[str, Gguf],
    clients: Clients,
    pool: RequestPool,
    failures: Failures,
) -> list[Selected]:
    """Return models with what is known of their GGUF files.

    A header that cannot be read is a warning; one that contradicts the size of its file fails the
    model.
    """
    work = [(model, _files(model)) for model in models]
    answers = pool.in_order(
        partial(_described, model, one, known, clients, may_read=len(files) <= _MOST)
        for model, files in work
        for one in files
    )
    described: list[Selected] = []
    for model, files in work:
        with failures.collect(model.name):
            found = list(following(answers, len(files)))
            facts = {
                one.file.path: answer.facts
                for one, answer in zip(files, found, strict=True)
                if answer.facts != Gguf()
            }
            warnings = [f"{model.name}: {one.warning}" for one in found if one.warning]
            new = [] if model.card.gated else warnings  # the gate has a warning of its own
            new += (f"{model.name}: {warning}" for warning in _incomplete(model))
            described.append(replace(model, gguf=facts, warnings=(*model.warnings, *new)))
    return described


def _incomplete(model: Selected) -> Iterator[str]:
    """Yield what is missing of models in shards."""
    for one in sets(file.path for file in model.sources[0].files):
        if one.missing:
            more = f" and {len(one.missing) - 1} more of its shards" if one.missing[1:] else ""
            yield (
                f"it lacks {one.missing[0]}{more}, and no engine loads the others alone: include "
                f'all of them, or none with exclude = ["{escape(one.stem)}-*"]'
            )


def _files(model: Selected) -> list[_File]:
    named = ((file, name_of(file.path)) for file in model.sources[0].files)
    return [
        _File(file, name)
        for file, name in named
        if name and name.part == 1 and name.role != "other" and (file.size or 0) >= _LEAST
    ]


def _described(
    model: Selected, one: _File, known: Mapping[str, Gguf], clients: Clients, *, may_read: bool
) -> _Answer:
    """Return what is known of a file.

    Raises:
        SourceError: its header contradicts its size.
    """
    file, source = one.file, model.sources[0].source
    if file.sha256 and (old := known.get(hex_to_sri(file.sha256))):
        return _Answer(old)
    facts = Gguf(quant=one.name.quant)
    listed = model.listed_gguf
    if listed is not None and one.name.role == "model":
        facts = Gguf(listed.architecture, listed.context_length, one.name.quant)
    wanted = frozenset(_wanted(facts, one.name, is_listed=listed is not None))
    if not wanted or not may_read:
        return _Answer(facts)
    try:
        header = _header(clients, source, file, wanted)
    except CutError as error:
        hint = (
            "the upload may be damaged: ask its owner to replace it, or leave it out with "
            f'exclude = ["{escape(file.path)}"]'
        )
        raise SourceError(f"{source.label}: {file.path}: {error.message}", hint) from error
    except EngineError as error:
        return _Answer(facts, f"{file.path}: {error.message}")
    except FetcherError as error:
        reason = clients.of(source).explain(source, file, error).message
        return _Answer(facts, f"the header of {file.path} could not be read: {reason}")
    return _Answer(
        Gguf(
            facts.architecture or header.architecture,
            facts.context_length or header.context_length,
            facts.quant or header.file_type,
        )
    )


def _wanted(facts: Gguf, name: GgufName, *, is_listed: bool) -> Iterator[str]:
    """Yield the fields of a header that are not known yet."""
    if not is_listed:
        yield "architecture"
    if not is_listed and name.role == "model":
        yield "context_length"
    if facts.quant is None:
        yield "file_type"


def _header(
    clients: Clients, source: Source, file: RemoteFile, wanted: frozenset[str]
) -> GgufHeader:
    """Return what is wanted of the header of a file.

    Raises:
        EngineError: it is none.
        FetcherError: the server does not give it.
    """
    size = file.size or 0
    versions = {file.path: file.version} if file.version else {}
    upstreams = clients.of(source).upstreams(source, versions)
    beginning = b""
    least = 0
    for length in _LENGTHS:
        if length < min(least, size):
            continue
        beginning = _read(upstreams.first(file.path), beginning, min(length, size), size)
        try:
            return read_header(io.BytesIO(beginning), size, enough=wanted)
        except NeedsMoreError as error:
            least = error.size
    raise EngineError(f"its header has more than {len(beginning)} bytes")


def _read(place: tuple[Upstream, str] | None, beginning: bytes, stop: int, size: int) -> bytes:
    """Return the first bytes of a file of some size, of which a beginning is there."""
    if place is None:
        raise EngineError("no server has it")
    upstream, url = place
    client = upstream.client

    def attempt() -> bytes:
        wanted = (len(beginning), stop)
        with client.get(ResolvedUrl(url), wanted) as answer:
            if answer.total not in {None, size} or (
                answer.partial and answer.start != len(beginning)
            ):
                raise EngineError("the server sent other bytes than it was asked for")
            buffer = bytearray(stop - len(beginning) if answer.partial else stop)
            there = 0
            while there < len(buffer):
                count = answer.readinto(memoryview(buffer)[there:])
                if not count:
                    break
                there += count
            return (beginning if answer.partial else b"") + bytes(buffer[:there])

    return retrying(attempt, tries=lambda: INTERACTIVE_TRIES, patience=client.patience)
