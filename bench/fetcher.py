"""How much memory the fetcher takes, whatever the size of what it fetches, and what it writes."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab import ONCE, HubProcess, Meter, Settings, lock, model, scratch, snapshot
from report import Figure, Row, row, size
from support.environment import CHECKOUT
from support.hub import BigFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 100 << 20
_INTERVAL = 0.01  # seconds
_FILE = "model.safetensors"
_PEER = "snapshot_download"


def measure(settings: Settings) -> Iterator[Row]:
    """Fetch three sizes, each as one file, as a tree, and with huggingface_hub."""
    sizes = [settings.size // 128, settings.size // 8, settings.size]
    files = {f"bench/file-{n}": {_FILE: BigFile(n)} for n in sizes}
    trees = {f"bench/tree-{n}": model(n) for n in sizes}
    writing = Meter()
    with HubProcess({**files, **trees}), scratch() as folder:
        repos = {repo.partition("/")[2]: repo for repo in (*files, *trees)}
        pins = lock(folder / "project", repos)
        for n in sizes:
            file, tree = pins[f"file-{n}"], pins[f"tree-{n}"]
            peak = _fetch({"mode": "file", "path": _FILE, **_source(file), **file["files"][_FILE]})
            yield row(f"one file of {size(n)}: memory", peak, under=_LIMIT)
            with writing:
                peak = _fetch({"mode": "tree", "integration": True, **_source(tree)})
            with scratch() as cache:
                peer = _peak(*snapshot(f"bench/tree-{n}", cache))
            yield row(f"a tree of {size(n)}: memory", peak, peer, _PEER, under=_LIMIT)
    total = Figure([sum(map(len, trees[f"bench/tree-{settings.size}"].values()))], size)
    written = Figure(writing.written[-1:], size)
    yield row("the same tree: written", written, total, "size of the model", ratio_under=ONCE)


def _source(pin: dict[str, Any]) -> dict[str, Any]:
    """Give what the Nix library puts into a spec, with its defaults."""
    source = {"ref": "main", "repoType": "model", "endpoint": None, **pin["source"]["huggingface"]}
    return {"source": {"huggingface": source}, "name": "m", "include": None, "exclude": []}


def _fetch(spec: dict[str, Any]) -> Figure:
    with scratch() as folder:
        spec_file = folder / "spec.json"
        spec_file.write_text(json.dumps(spec))
        fetcher = CHECKOUT / "nix" / "fetcher"
        return _peak(sys.executable, "-B", fetcher, spec_file, "--out", folder / "out")


def _peak(*command: str | Path) -> Figure:
    """Run a program, and give the high-water mark of its resident memory.

    That mark (VmHWM) is gone when the process is, so it is read until then. What wait4 reports
    (ru_maxrss) would not do: it starts from what we ourselves take.
    """
    mark = 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        ended = os.pidfd_open(process.pid)
        while not select.select([ended], [], [], _INTERVAL)[0]:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            mark = int(found[1]) * 1024 if found else mark
        os.close(ended)
        if process.wait() != 0:
            output.seek(0)
            sys.exit(output.read().decode())
    return Figure([mark], size)
