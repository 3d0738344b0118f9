"""The lock against its sources: what they publish of each pinned file, compared with its pin."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from aimodels_fetcher import log
from aimodels_fetcher.errors import AimodelsError
from aimodels_fetcher.filters import Filters
from aimodels_fetcher.sources.base import RemoteFile
from aimodels_fetcher.wording import counted
from aimodels_gen.lock.clients import Clients
from aimodels_gen.lock.contents import Contents
from aimodels_gen.lock.model import TreePin
from aimodels_gen.lock.options import DEFAULT_JOBS
from aimodels_gen.lock.verify_files import (
    Checked,
    Expected,
    Found,
    compare,
    compare_names,
    expected_files,
)
from aimodels_gen.lock.verify_reading import Reader, cached, check_bundle
from aimodels_gen.net.pool import RequestPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from aimodels_gen.amounts import Show
    from aimodels_gen.lock.model import LockedModel, PinnedSource
    from aimodels_gen.sources.base import Listing, Source

    Report = Callable[[str], None]


def verify_sources(  # noqa: PLR0913 - what to compare how, and who is told
    models: Sequence[LockedModel],
    report: Show = lambda _: None,
    warn: Report = lambda _: None,
    progress: Show = lambda _: None,
    *,
    download: bool = False,
    jobs: int | None = None,
) -> dict[str, list[Found]]:
    """Return by model's name how each of its sources differs from its pin.

    Sources are asked at the pinned revision: one listing for all models that have one source, and
    requests for single files where listings lack what the pin has. No content is read, unless it
    is to be downloaded.

    Args:
        models: What to compare.
        report: Receives short lines about what is under way.
        warn: Receives what the reader should know.
        progress: Receives lines that say how far the download is.
        download: Whether to read what publishes no sha256.
        jobs: Maximum number of concurrent requests.

    Raises:
        SourceError: the environment makes requests impossible.
    """
    pool = RequestPool(jobs or DEFAULT_JOBS)
    wanted = [source.source for model in models for source in model.sources]
    with (
        log.redirected(report, warn),
        Contents([model.name for model in models]) as contents,
        Clients(wanted, warn) as clients,
    ):
        try:
            for source in wanted:
                clients.of(source).ignore_cache()
            run = _Run(clients, pool, report)
            listings = run.list(models)
            checked = [one for model in models for one in run.of_model(model, listings, contents)]
            if download:
                Reader(clients, contents, jobs, progress).read(checked)
            for one in checked:
                check_bundle(one, contents)
        finally:
            pool.close()
    found: dict[str, list[Found]] = {model.name: [] for model in models}
    for one in checked:
        found[one.model.name].append(one.found)
    return found


@dataclass(frozen=True)
class _Run:
    clients: Clients
    pool: RequestPool
    report: Show

    def list(self, models: Sequence[LockedModel]) -> dict[str, Future[Listing]]:
        """Return the listing to be of each source: one for all models that share it."""
        wanted: dict[str, tuple[Source, list[Filters]]] = {}
        for model in models:
            for pinned in model.sources:
                _, filters = wanted.setdefault(_key(pinned.source), (pinned.source, []))
                filters.append(model.filters)
        self.report(f"listing {counted(len(wanted), 'source')}")
        return {
            key: self.pool.submit(self.clients.of(source).list, source.undeclared(), _any(filters))
            for key, (source, filters) in wanted.items()
        }

    def of_model(
        self, model: LockedModel, listings: Mapping[str, Future[Listing]], contents: Contents
    ) -> Iterator[Checked]:
        """Yield the sources of a model, compared."""
        self.report(f"{model.name}: comparing")
        tree: dict[str, Expected] = {}
        for number, pinned in enumerate(model.sources):
            source = pinned.source
            version = f"@{source.version}" if source.version else ""
            found = Found("fallback" if number else "source", f"{source.label}{version}")
            one = Checked(model, pinned, found)
            try:
                there = self._there(model, pinned, listings[_key(source)])
            except AimodelsError as error:
                one.fail(error)
                yield one
                continue
            expected = expected_files(model, pinned.etags)
            if expected is None and number == 0:
                _check_tree(one, there)
                tree = {path: Expected.like(file) for path, file in there.items()}
                expected = {path: Expected(etag=pinned.etags.get(path)) for path in there}
            one.expected = tree if expected is None else expected
            compare_names(found, one.expected, there, one.next_step())
            self._compare(one, there, contents)
            yield one

    @staticmethod
    def _there(
        model: LockedModel, pinned: PinnedSource, listing: Future[Listing]
    ) -> dict[str, RemoteFile]:
        """Return the files of a source that a model takes, by path.

        Those that are pinned at a version are asked for at that version: it does not matter what
        is there now under their names.
        """
        selection = listing.result().selection
        taken = model.filters.take(selection.taken)
        replace(taken, too_many=taken.too_many or selection.too_many).check_size(
            pinned.source.label
        )
        there = {file.path: file for file in taken.taken}
        return {**there, **{path: RemoteFile(path) for path in pinned.versions}}

    def _compare(self, one: Checked, there: Mapping[str, RemoteFile], contents: Contents) -> None:
        """Compare the files that both have, with what requests for them add."""
        files = [there[path] for path in one.expected if path in there]
        calls = (partial(self._described, one, file) for file in files)
        for file, future in zip(files, self.pool.in_order(calls), strict=True):
            try:
                described = future.result()
            except AimodelsError as error:
                one.fail(error, file.path)
                continue
            known = cached(described, contents)
            one.files[file.path] = known
            compare(one.found, one.expected[file.path], known, one.next_step())

    def _described(self, one: Checked, file: RemoteFile) -> RemoteFile:
        """Return a listed file with what its source says of it alone."""
        client, source = self.clients.of(one.source), one.source.undeclared()
        if version := one.pinned.versions.get(file.path):
            return client.at_version(source, file, version)
        if client.describes:
            file = client.describe(source, file)
        if client.has_details and (file.sha256 is None or file.size is None):
            file = client.details(source, file)
        return file


def _check_tree(one: Checked, there: Mapping[str, RemoteFile]) -> None:
    """Compare what the pin of a tree says of its files: how many there are, and how large."""
    pin = one.model.pin
    if not isinstance(pin, TreePin) or not pin.count:
        return
    pairs = [(counted(pin.count, "file"), counted(len(there), "file"))]
    sizes = [file.size for file in there.values()]
    if None not in sizes:
        size = sum(size or 0 for size in sizes)
        pairs.append((counted(pin.size, "byte"), counted(size, "byte")))
    for pinned, found in pairs:
        if pinned != found:
            one.found.add(
                "changed",
                f"it has {found}, and {pinned} are pinned",
                pinned=pinned,
                found=found,
                hint=one.next_step(),
            )


def _key(source: Source) -> str:
    return json.dumps([source.kind, source.to_lock()], sort_keys=True)


def _any(filters: Sequence[Filters]) -> Filters:
    """Return filters that take at least what each of these takes."""
    if len(filters) == 1:
        return filters[0]
    patterns = [one.include for one in filters]
    include = None
    if None not in patterns:
        include = tuple(dict.fromkeys(p for some in patterns for p in some or ()))
    first, *others = filters
    exclude = tuple(p for p in first.exclude if all(p in one.exclude for one in others))
    return Filters(include, exclude)
