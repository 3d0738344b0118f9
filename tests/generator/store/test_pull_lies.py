"""What `pull` takes of a cache that lies: nothing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from generator.caches import Cache, another_user, filled, flip
from generator.stores import MIB
from support.fake_repo import BigFile
from support.nars import archive, directory, link, regular
from support.remedies import cures

if TYPE_CHECKING:
    from pathlib import Path

    from support.hub import Hub
    from support.nginx import Nginx
    from support.nix import NixEnv
    from support.project import Project
    from support.remedies import Remedy

PASSWORD = "hunter22hunter22"
Spoil = Callable[[Cache, str], object]


def archived(node: Callable[[bytes], bytes]) -> Spoil:
    """Exchange an archive for one of the same size."""

    def spoil(cache: Cache, path: str) -> None:
        old = cache.archive(path).read_bytes()
        new = archive(node(old))
        cache.archive(path).write_bytes(new.ljust(len(old), b"\0"))

    return spoil


def cut(cache: Cache, path: str) -> None:
    os.truncate(cache.archive(path), 5000)


def lengthen(cache: Cache, path: str) -> None:
    with cache.archive(path).open("ab") as file:
        file.write(b"more")


def elsewhere(url: str) -> Spoil:
    return lambda cache, path: cache.change(path, url=url)


# What is wrong -> of a file or a bundle, how, and what is said: of directories, and of servers.
LIES: dict[str, tuple[str, Spoil, str]] = {
    "damaged": ("f", flip, "pinned to sha256-|hash mismatch|expected sha256-"),
    "cut": ("f", cut, "is cut|expected .* bytes, but"),
    "long": ("f", lengthen, "after the end|expected .* bytes, but"),
    "directory": ("f", archived(lambda old: directory((b"a", regular(old)))), "directory"),
    "link": ("f", archived(lambda _: link(b"/etc/passwd")), "link|not a file"),
    "page": ("f", archived(lambda _: b"<html>"), "in place of|not the archive of a file"),
    "size": (
        "f",
        lambda cache, path: cache.change(path, nar_size=5),
        "is of 5 bytes, but what is pinned",
    ),
    "other": ("f", lambda cache, path: cache.change(path, path=f"{path}x"), "is of /.*x, not of"),
    "brotli": ("f", lambda cache, path: cache.change(path, compression="br"), "compressed with br"),
    "gone": ("f", lambda cache, path: cache.archive(path).unlink(), "is not there|HTTP 404"),
    "out": ("f", elsewhere("../../../etc/passwd"), "leads out of the cache|HTTP 404"),
    "signed": ("b", elsewhere(f"http://me:{PASSWORD}@a/b?key={PASSWORD}"), "http://a/b is not"),
    "lines": (
        "f",
        lambda cache, path: cache.narinfo(path).write_text("<html>"),
        "is not the .narinfo",
    ),
    "up": (
        "b",
        archived(lambda old: directory((b"..", regular(old)))),
        "the name '\\.\\.'|pinned to|expected",
    ),
    "small": ("b", flip, "padding|in place of|pinned to|expected"),
}


@cures(
    "run `aimodels-gen prefetch`, which downloads it from its source; to mend the cache, delete "
    "the .narinfo and the archive there, and push it again"
)
@pytest.mark.parametrize("place", ["directory", "web"])
def test_what_is_not_what_is_pinned_is_not_taken(  # noqa: PLR0913, PLR0917 (fixtures)
    hub: Hub,
    hub_project: Project,
    host_store: NixEnv,
    monkeypatch: pytest.MonkeyPatch,
    public: Path,
    nginx: Nginx,
    remedy: Remedy,
    place: str,
) -> None:
    """Each model has a lie of its own; the one without gets what it needs."""
    manifest = ""
    for number, name in enumerate([*LIES, "good"]):
        weights = BigFile(MIB + number, seed=number)
        config = b"{}".ljust(6000 + number)
        hub.add_repo(f"org/{name}", {f"{name}.bin": weights, "config.json": config}, lfs=["*.bin"])
        manifest += f'[models.{name}]\nsource.huggingface = {{ repo = "org/{name}" }}\n'
    hub_project.write(manifest)
    cache = filled(hub_project, host_store)
    for name, (what, spoil, _) in LIES.items():
        spoil(cache, cache.paths[name]["bundle" if what == "b" else f"{name}.bin"])
    another_user(host_store, monkeypatch)
    url = cache.url
    if place == "web":
        shutil.copytree(cache.directory, public / "root" / "lies")
        url = f"{nginx.url}/lies"
    done = hub_project.run("pull", url)
    assert done.status == 1
    for name, (_, _, reason) in LIES.items():
        assert re.search(f"error: {name}: .*({reason})", done.err), name
    assert PASSWORD not in done.err
    good = cache.every - {
        cache.paths[n]["bundle" if w == "b" else f"{n}.bin"] for n, (w, _, _) in LIES.items()
    }
    assert set(done.out.split()) == good
    remedy(done.err)
    hub_project.follow(done.err)
    hub_project.ok("pull", url)
