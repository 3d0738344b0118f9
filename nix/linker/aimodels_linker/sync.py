"""Making hub folders as a spec says, and recording what was made."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from aimodels_linker.errors import InTheWayError, LinkError
from aimodels_linker.dirfd import TEMPORARY, UNFINISHED, Put, open_folder
from aimodels_linker.log import fail, tell, warn
from aimodels_linker.state import State, read_state
from aimodels_linker.plan import Decider, Step
from aimodels_linker.messages import failure, in_the_way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_linker.dirfd import Folder
    from aimodels_linker.spec import Entry, Spec
    from aimodels_linker.state import Record

# What is so at one place is so at all others.
_EVERYWHERE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_LAST_STATE = "state"
_LONGEST_PATH = 1 << 12


def link(spec: Spec, *, dry_run: bool) -> bool:
    """Put the models of a spec into its hub folder, and take out those that have left it.

    Returns:
        Whether all has been done; if not, it was said what has not.
    """
    fine = _after_another(spec, dry_run=dry_run, last=spec.state)
    return _sync(spec, spec.state, {spec.hub: spec.entries}, dry_run=dry_run) and fine


def unlink(spec: Spec, *, dry_run: bool) -> bool:
    """Take out all models that the state file of a spec says were put there.

    Returns:
        Whether all has been done; if not, it was said what has not.
    """
    fine = _after_another(spec, dry_run=dry_run)
    return _sync(spec, spec.state, {}, dry_run=dry_run) and fine


def _after_another(spec: Spec, *, dry_run: bool, last: str | None = None) -> bool:
    """Take out what a run with another state file has put somewhere, and note our state file.

    systemd keeps a folder for a unit, from one run to the next.
    """
    path = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not path:
        return True
    try:
        with open_folder(path) as folder:
            noted = os.fsdecode(folder.read(_LAST_STATE, _LONGEST_PATH) or b"")
            fine = noted in {"", spec.state} or _sync(spec, noted, {}, dry_run=dry_run)
            # What could not be taken out is tried again by the next run.
            if fine and last and last != noted and not dry_run:
                folder.put([Put(_LAST_STATE, os.fsencode(last), over=True)], folder)
    except OSError as error:
        fail(failure(error, spec))
        return False
    return fine


def _sync(
    spec: Spec, path: str, wanted: Mapping[str, Mapping[str, Entry]], *, dry_run: bool
) -> bool:
    """Make all hubs that a state file or the configuration knows as they are to be.

    Raises:
        LinkError: See `open_folder`.
        OSError: The state file is where we may not go.
    """
    state = read_state(path)
    if not dry_run:
        state.tidy()
    hubs = [*sorted(state.hubs.keys() - wanted.keys()), *wanted]
    done = [_Hub(spec, hub, state, dry_run=dry_run).sync(wanted.get(hub, {})) for hub in hubs]
    return all(done)


class _Hub:
    """One run for one hub folder.

    Args:
        spec: How entries are to be.
        path: Of the hub folder.
        state: Says what we have made there, and is told what we make.
        dry_run: Whether to say what would be done, and do nothing.
    """

    def __init__(self, spec: Spec, path: str, state: State, *, dry_run: bool) -> None:
        self._spec = spec
        self._path = path
        self._state = state
        self._dry_run = dry_run
        self._folder: Folder | None = None
        self._fine = True

    def sync(self, wanted: Mapping[str, Entry]) -> bool:
        """Make it have these entries, and none of those that we made before beside them.

        Returns:
            Whether all has been done.
        """
        try:
            self._sync(wanted)
        except LinkError as error:
            self._failed(str(error))
        except OSError as error:
            self._failed(failure(error, self._spec))
        return self._fine

    def _sync(self, wanted: Mapping[str, Entry]) -> None:
        known = self._state.hubs.get(self._path, {})
        if not wanted and not known:
            return
        with self._open(make=bool(wanted) and not self._dry_run) as self._folder:
            decider = Decider(self._spec, self._path, self._folder)
            steps = [
                self._decide(decider, name, wanted.get(name), known.get(name))
                for name in sorted({*wanted, *known})
            ]
            if self._dry_run:
                for step in steps:
                    if step.acts:
                        tell(f"would {step.says}")
                return
            self._record({step.name: step.meanwhile for step in steps})
            if self._folder is not None:
                self._act(self._folder, steps)

    def _open(self, *, make: bool) -> contextlib.AbstractContextManager[Folder | None]:
        try:
            return open_folder(self._path, make=make)
        except FileNotFoundError:
            if make:
                raise
            return contextlib.nullcontext()

    def _decide(
        self, decider: Decider, name: str, entry: Entry | None, before: Record | None
    ) -> Step:
        try:
            return decider.step(name, entry, before)
        except InTheWayError as error:
            warn(in_the_way(error.path, entry, self._spec))
        except LinkError as error:
            self._failed(f"the model {entry.name!r}: {error}" if entry else str(error))
        except OSError as error:
            if self._concerns_all(error):
                raise
            self._failed(failure(error, self._spec))
        return Step(name, entry, before, before)

    def _act(self, hub: Folder, steps: list[Step]) -> None:
        records = {step.name: step.before for step in steps}
        counts = {"linked": 0, "removed": 0}
        try:
            hub.remove(TEMPORARY)
            hub.remove(UNFINISHED)
            for step in steps:
                records[step.name] = step.meanwhile
                if self._do(hub, step):
                    records[step.name] = step.record
                    counts[step.does] += bool(step.acts)
        except OSError as error:
            self._failed(failure(error, self._spec))
        self._record(records)
        if done := ", ".join(f"{does} {count}" for does, count in counts.items() if count):
            tell(f"ai-models: {done} in {hub.path}")

    def _do(self, hub: Folder, step: Step) -> bool:
        """Do it; say whether that went well."""
        try:
            for act in step.acts:
                act(hub)
        except InTheWayError as error:
            warn(in_the_way(error.path, step.entry, self._spec))
        except OSError as error:
            if self._concerns_all(error):
                raise
            self._failed(failure(error, self._spec))
        else:
            return True
        return False

    def _record(self, records: Mapping[str, Record | None]) -> None:
        self._state.hubs[self._path] = {n: record for n, record in records.items() if record}
        self._state.save()

    def _concerns_all(self, error: OSError) -> bool:
        unwritable = self._folder is not None and not self._folder.writable
        return unwritable or error.errno in _EVERYWHERE

    def _failed(self, line: str) -> None:
        fail(line)
        self._fine = False
