"""What a model costs in the Nix store: time to assemble it, and bytes written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness import ONCE, HubProcess, Meter, Settings, model, run, scratch, snapshot
from pins import PKGS, Pin, fetch_model, files_of, lock, prepare
from report import Figure, Row, absent, row, seconds, size
from support.fake_repo import BLOCK
from support.nix import KINDS, NixEnv, UnavailableError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REPO = "bench/model"
_ENTRY = "models--bench--model"
_LINKED = 1  # seconds that it may take


def measure(settings: Settings) -> Iterator[Row]:
    """Lock with both pins, then build with each Nix of this machine."""
    with HubProcess({_REPO: model(settings.size)}), scratch() as directory:
        files = lock(directory / "files", {"m": _REPO})["m"]
        tree, rows = _lock_tree(directory / "tree")
        yield from rows
        for kind in KINDS:
            yield from _build(kind, files, tree, settings.runs)


def _lock_tree(project: Path) -> tuple[Pin, list[Row]]:
    """Make the other pin, which also puts the model into a store; builds get another store."""
    ours, peer = Meter(), Meter()
    with environment("host") as nix, scratch() as cache:
        with ours:
            pins = lock(project, {"m": _REPO}, "--pin=tree", env=nix.variables())
        with peer:
            run(*snapshot(_REPO, cache))
            add = ("nix-store", "--add-fixed", "--recursive", "sha256", cache / _ENTRY)
            run(*add, env=nix.variables())
    what, beside = "lock --pin tree", "snapshot_download, nix-store --add"
    time = Figure(ours.seconds, seconds), Figure(peer.seconds, seconds)
    written = Figure(ours.written, size), Figure(peer.written, size)
    rows = [row(f"{what}: time", *time, beside), row(f"{what}: written", *written, beside)]
    return pins["m"], rows


def _build(kind: str, files: Pin, tree: Pin, runs: int) -> Iterator[Row]:
    try:
        with environment(kind) as nix:
            version = nix.run("nix", "--version").stdout.split()[-1]
            for rows in (_downloads(nix, files, tree), _assemblies(nix, files, runs)):
                for line in rows:
                    yield line._replace(what=f"Nix {version}: {line.what}")
    except UnavailableError as error:
        yield absent(f"{kind} Nix: not measured", [str(error)])


def _downloads(nix: NixEnv, files: Pin, tree: Pin) -> Iterator[Row]:
    """Build the downloads, and a build that only writes as many bytes.

    The latter is there because newer Nixes copy the output of every fixed-output derivation before
    they take it (nobody may hold it open then): they write everything twice, whatever we do.
    """
    by_tree, by_files, bare = Meter(), Meter(), Meter()
    prepare(nix, fetch_model(files))
    with by_tree:
        nix.build(fetch_model(tree))
    with by_files:
        blobs = f"builtins.attrValues ({fetch_model(files)}).blobs"
        nix.run("nix-build", "--no-out-link", "-E", blobs)
    with bare:
        nix.build(_zeros(_total(files)))
    peers = {"size of the model": [_total(files)], "head -c … > $out": bare.written}
    for what, meter in (("tree build", by_tree), ("builds of the files", by_files)):
        for beside, written in peers.items():
            ours, peer = Figure(meter.written, size), Figure(written, size)
            yield row(f"{what}: written", ours, peer, beside, ratio_under=ONCE)


def _assemblies(nix: NixEnv, files: Pin, runs: int) -> Iterator[Row]:
    """Alternate between assembling files of the store and a build that does nothing."""
    link, copy, empty = Meter(), Meter(), Meter()
    turns = {
        fetch_model({**files, "layout": "link"}): link,
        fetch_model({**files, "layout": "copy"}): copy,
        _derivation("empty", "mkdir $out"): empty,
    }
    for _ in range(runs):
        for expression, meter in turns.items():
            with meter:
                out = nix.build(expression)
            nix.run("nix-store", "--delete", nix.store / out.name)
    linked, copied = Figure(link.seconds, seconds), Figure(copy.seconds, seconds)
    peer, beside = Figure(empty.seconds, seconds), "an empty derivation"
    yield row("link form: time", linked, peer, beside, under=_LINKED)
    yield row("copy form: time", copied, peer, beside)
    written, total = Figure(copy.written, size), Figure([_total(files)], size)
    yield row("copy form: written", written, total, "size of the model", ratio_under=ONCE)


def _total(pin: Pin) -> int:
    return sum(file["size"] for file in files_of(pin).values())


def _zeros(count: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, count, BLOCK):
        digest.update(bytes(min(BLOCK, count - start)))
    pin = f'outputHashAlgo = "sha256"; outputHash = "{digest.hexdigest()}";'
    return _derivation("zeros", f"head -c {count} /dev/zero > $out", pin)


def _derivation(name: str, command: str, pin: str = "") -> str:
    attributes = f'name = "{name}"; buildCommand = "{command}"; {pin}'
    return f"{PKGS}.stdenvNoCC.mkDerivation {{ {attributes} }}"
