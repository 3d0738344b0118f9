"""Making hub directories match a spec, and recording what was made."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aimodels_linker import documents
from aimodels_linker.absolute import open_directory
from aimodels_linker.errors import InTheWayError, LinkError
from aimodels_linker.lock import exclusive_run
from aimodels_linker.log import print_error, print_result, print_warning
from aimodels_linker.messages import explain, in_the_way, leads_to_store, store_is_writable
from aimodels_linker.plan import Planner
from aimodels_linker.plan_view import ViewPlanner, remove_made
from aimodels_linker.spec import Entry
from aimodels_linker.state import FileRecord, MadeRecord, State, merge_records, read_state
from aimodels_linker.step import Step
from aimodels_linker.view import FileEntry, FolderEntry, read_view
from aimodels_linker.write import Scratch, Write, write_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aimodels_linker.dirfd import Directory
    from aimodels_linker.spec import Spec
    from aimodels_linker.state import Record

    Wanted = Mapping[str, Entry | FileEntry | FolderEntry]

# Errors that every other entry would meet as well.
_COMMON_TO_ALL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_FORMER_STATE = "state"
_MAX_PATH = 1 << 12  # bytes


def link(spec: Spec, *, dry_run: bool) -> bool:
    """Link the models of a spec in its hub directory, and remove those that have left it.

    Returns:
        Whether everything was done. If not, the errors were printed.
    """
    if spec.entries and spec.mode == "link" and not spec.offline and _can_be_written(spec.store):
        print_warning(store_is_writable(spec))
    place, wanted = _wanted(spec)
    with _alone(spec, create=bool(wanted), dry_run=dry_run):
        complete = _unlink_former(spec, dry_run=dry_run, current=spec.state)
        return _sync(spec, spec.state, {place: wanted}, dry_run=dry_run) and complete


def unlink(spec: Spec, *, dry_run: bool) -> bool:
    """Remove all models that the state file of a spec records.

    Returns:
        Whether everything was done. If not, the errors were printed.
    """
    with _alone(spec, create=False, dry_run=dry_run):
        complete = _unlink_former(spec, dry_run=dry_run)
        return _sync(spec, spec.state, {}, dry_run=dry_run) and complete


def _wanted(spec: Spec) -> tuple[str, Wanted]:
    """Return a directory, and what has to be in it."""
    if spec.view is None:
        return spec.hub, spec.entries
    if spec.mode == "directory":
        return spec.hub, read_view(spec.view, spec)
    parent, name = os.path.split(spec.hub)
    return parent, {"": FolderEntry(), name: FileEntry(spec.view.path, spec.view.path)}


def _can_be_written(store: str) -> bool:
    """Return whether programs of this user can write to what is in the store."""
    if os.geteuid() != 0:
        return False
    try:
        return not os.statvfs(store).f_flag & os.ST_RDONLY
    except OSError:  # what is wrong with it is said where it is read
        return False


def _alone(spec: Spec, *, create: bool, dry_run: bool) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if dry_run else exclusive_run(spec, create=create)


def _unlink_former(spec: Spec, *, dry_run: bool, current: str | None = None) -> bool:
    """Remove what an earlier run with another state file has made.

    systemd keeps a directory for a unit from one run to the next. A file there has the path of the
    state file that was used last.
    """
    path = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not path:
        return True
    try:
        with open_directory(documents.absolute(path, "RUNTIME_DIRECTORY")) as directory:
            former = _read_former(directory)
            complete = former in {None, spec.state} or _sync(spec, former, {}, dry_run=dry_run)
            # The next run tries again if something could not be removed.
            if complete and current and current != former and not dry_run:
                scratch = Scratch(directory, spec.state)
                scratch.clean_up()
                write = Write(_FORMER_STATE, os.fsencode(current), replace=True)
                write_nodes(directory, [write], scratch)
    except LinkError as error:
        print_error(error)
        return False
    except ValueError as error:
        print_error(LinkError(str(error), "unset it, or let systemd set it"))
        return False
    except OSError as error:
        print_error(explain(error, spec))
        return False
    return complete


def _open(path: str, *, create: bool) -> contextlib.AbstractContextManager[Directory | None]:
    try:
        return open_directory(path, create=create)
    except FileNotFoundError:
        if create:
            raise
        return contextlib.nullcontext()


def _is_of_view(entry: object, before: Record | None) -> bool:
    """Whether a name is the path of a file or directory of a view."""
    if entry is None:
        return isinstance(before, (FileRecord, MadeRecord))
    return isinstance(entry, (FileEntry, FolderEntry))


def _innermost_first(path: str) -> tuple[int, str]:
    return (-path.count("/") if path else 1, path)


def _count_missing(path: str) -> int:
    """Return how many directories have to be made for a path."""
    count = 0
    while not os.path.lexists(path):
        path, count = os.path.split(path)[0], count + 1
    return count


def _read_former(directory: Directory) -> str | None:
    content = directory.read(_FORMER_STATE, _MAX_PATH)
    if not content:
        return None
    try:
        return documents.absolute(os.fsdecode(content), "its content")
    except ValueError as error:
        print_warning(
            f"cannot use {directory.path}/{_FORMER_STATE}, which names the state file of the last "
            f"run ({error}): it is written again. If the cache has moved meanwhile, remove the "
            "links in the former one yourself"
        )
        return None


def _sync(spec: Spec, path: str, wanted: Mapping[str, Wanted], *, dry_run: bool) -> bool:
    """Make all directories of a state file and of the configuration as they have to be.

    Args:
        spec: What mode entries have, and what is said in messages.
        path: The path of the state file.
        wanted: Directory -> its entries. In those of the state file alone, none is wanted.
        dry_run: Whether to print what would be done, and change nothing.

    Raises:
        LinkError: See `open_directory`.
        OSError: The state file is in a directory that we may not enter.
    """
    state = read_state(path, spec.hub)
    if not dry_run:
        state.clean_up()
        if path == spec.state:  # another file may be anybody's
            state.remove_damaged()
    if spec.view is not None and spec.mode == "directory" and wanted:
        _adopt_link(spec, state)
    hubs = [*sorted(state.hubs.keys() - wanted.keys()), *wanted]
    done = [
        _DirectorySync(spec, hub, state, dry_run=dry_run).run(wanted.get(hub, {})) for hub in hubs
    ]
    return all(done)


def _adopt_link(spec: Spec, state: State) -> None:
    """Take over a link into the store where the directory of a view has to be: it is removed."""
    parent, name = os.path.split(spec.hub)
    with contextlib.suppress(FileNotFoundError), open_directory(parent) as directory:
        found = directory.look_up(name)
        if isinstance(found, str) and spec.in_store(found):
            state.hubs[parent] = {**state.hubs.get(parent, {}), name: FileRecord()}


def _is_one_link(spec: Spec, path: str) -> bool:
    """Return whether a directory is a link of ours, which `_adopt_link` lets us remove."""
    is_adopted = path == spec.hub and spec.view is not None
    return is_adopted and Path(path).is_symlink() and spec.in_store(str(Path(path).readlink()))


class _DirectorySync:
    """One run for one hub directory, or for the directory of a view.

    Args:
        spec: What mode entries have, and what is said in messages.
        path: The path of the directory.
        state: The record of what we made there; it is updated.
        dry_run: Whether to print what would be done, and change nothing.
    """

    def __init__(self, spec: Spec, path: str, state: State, *, dry_run: bool) -> None:
        self._spec = spec
        self._path = path
        self._state = state
        self._dry_run = dry_run
        self._hub: Directory | None = None
        self._complete = True
        self._warned: set[str] = set()

    def run(self, wanted: Wanted) -> bool:
        """Put these entries there, and remove all others that we have made.

        Returns:
            Whether everything was done.
        """
        try:
            self._run(wanted)
        except LinkError as error:
            self._fail(error)
        except OSError as error:
            self._fail(explain(error, self._spec))
        return self._complete

    def _run(self, wanted: Wanted) -> None:
        known = self._state.hubs.get(self._path, {})
        if not wanted and not known:
            return
        if "" in wanted and not self._dry_run and (levels := _count_missing(self._path)):
            known = {**known, "": merge_records(known.get(""), MadeRecord(levels)) or MadeRecord()}
            self._record(known)
        with _open(self._path, create=bool(wanted) and not self._dry_run) as hub:
            self._hub = hub
            if hub is not None and hub.is_in(self._spec.store):
                if not (self._dry_run and _is_one_link(self._spec, self._path)):
                    raise leads_to_store(self._path, self._spec)
                self._hub = None  # as it is when that link has been removed
            planner = Planner(self._spec, self._path, self._hub)
            view_planner = ViewPlanner(self._spec, self._path, self._hub, known)
            # What is removed makes room, also for its directory.
            names = [*sorted(known.keys() - wanted.keys(), key=_innermost_first), *sorted(wanted)]
            steps = [
                self._plan(
                    view_planner if _is_of_view(wanted.get(name), known.get(name)) else planner,
                    name,
                    wanted.get(name),
                    known.get(name),
                )
                for name in names
            ]
            if self._dry_run:
                for step in steps:
                    if step.actions:
                        print_result(f"would {step.summary}")
                return
            self._record({step.name: step.during for step in steps})
            if self._hub is not None:
                self._execute(self._hub, steps)
        if isinstance(top := known.get(""), MadeRecord) and "" not in wanted:
            # The record of it may be in it, and has to outlast it, if it is elsewhere.
            remove_made(self._path, top.levels)
            self._record({**self._state.hubs[self._path], "": None})
            remove_made(self._path, top.levels)

    def _plan(
        self,
        planner: Planner | ViewPlanner,
        name: str,
        entry: Any,  # noqa: ANN401 (what the planner takes)
        before: Record | None,
    ) -> Step:
        try:
            return planner.step(name, entry, before)
        except InTheWayError as error:
            self._warn(error, entry)
        except LinkError as error:
            model = f"the model {entry.name!r}: " if isinstance(entry, Entry) else ""
            self._fail(LinkError(f"{model}{error.message}", error.hint))
        except OSError as error:
            if self._is_common_to_all(error):
                raise
            self._fail(explain(error, self._spec))
        return Step(name, entry, before, before)

    def _execute(self, hub: Directory, steps: list[Step]) -> None:
        records = {step.name: step.before for step in steps}
        counts = {"linked": 0, "removed": 0}
        try:
            scratch = self._state.scratch(hub)
            scratch.clean_up()
            for step in steps:
                records[step.name] = step.during
                if self._execute_step(scratch, step):
                    records[step.name] = step.after
                    if step.result:
                        counts[step.result] += bool(step.actions)
        except OSError as error:
            self._fail(explain(error, self._spec))
        self._record(records)
        if done := ", ".join(f"{result} {count}" for result, count in counts.items() if count):
            print_result(f"ai-models: {done} in {hub.path}")

    def _execute_step(self, scratch: Scratch, step: Step) -> bool:
        """Return whether the step was done; if not, the reason was printed."""
        try:
            for act in step.actions:
                act(scratch)
        except InTheWayError as error:
            self._warn(error, step.entry)
        except LinkError as error:
            self._fail(error)
        except OSError as error:
            if self._is_common_to_all(error):
                raise
            self._fail(explain(error, self._spec))
        else:
            return True
        return False

    def _record(self, records: Mapping[str, Record | None]) -> None:
        self._state.hubs[self._path] = {n: record for n, record in records.items() if record}
        self._state.save()

    def _is_common_to_all(self, error: OSError) -> bool:
        unwritable = self._hub is not None and not self._hub.writable
        return unwritable or error.errno in _COMMON_TO_ALL

    def _warn(self, error: InTheWayError, entry: Entry | FileEntry | FolderEntry | None) -> None:
        """Print once what is in the way, perhaps of several files."""
        if error.path not in self._warned:
            self._warned.add(error.path)
            model = entry if isinstance(entry, Entry) else None
            print_warning(in_the_way(error.path, model, self._spec))

    def _fail(self, error: LinkError) -> None:
        print_error(error)
        self._complete = False
