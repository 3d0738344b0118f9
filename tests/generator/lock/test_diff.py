"""The summary of what changed between two locks."""

from __future__ import annotations

from dataclasses import replace

from aimodels_gen.lock.diff import compare
from aimodels_gen.lock.model import (
    Bundle,
    BundledFile,
    FilePin,
    FilesPin,
    Lock,
    LockedModel,
    PinnedSource,
)
from aimodels_gen.lock.summary import summary as lines
from aimodels_gen.sources.base import Card
from aimodels_gen.sources.huggingface import HuggingFace
from generator.samples import REV, hash_of, plain, tree

KIB = 1024


def summary(old: Lock, new: Lock, *, width: int | None = None, verbose: bool = False) -> list[str]:
    return lines(compare(old, new), width=width, verbose=verbose)


def model(name: str, repo: str = "org/name", rev: str = REV, **files: int) -> LockedModel:
    """Return a model whose files have these sizes, and hashes that follow from them."""
    pin = FilesPin({path: FilePin(hash_of(size), size) for path, size in files.items()})
    source = PinnedSource(HuggingFace(repo, rev=rev))
    return replace(plain(), name=name, source=source, pin=pin, card=Card())


def bundled(one: LockedModel) -> LockedModel:
    """Return a model whose files are all bundled."""
    assert isinstance(one.pin, FilesPin)
    files = {path: BundledFile(file.hash, file.size) for path, file in one.pin.files.items()}
    return replace(one, pin=FilesPin({}, Bundle(hash_of(9), files)))


def lock(*models: LockedModel) -> Lock:
    return Lock({one.name: one for one in models})


def test_columns_are_aligned_and_names_in_natural_order() -> None:
    names = ("part-10", "part-2", "part-1")
    new = lock(*(model(name, f"org/{name}", a=10 ** len(name)) for name in names))
    assert summary(Lock(), new) == [
        "+ part-1   org/part-1 main 01c7f73   1 file  976.6 KiB",
        "+ part-2   org/part-2 main 01c7f73   1 file  976.6 KiB",
        "+ part-10  org/part-10 main 01c7f73  1 file    9.5 MiB",
        "3 models, 3 files, 11.4 MiB, 10.5 MiB to fetch",
    ]


def test_what_is_unchanged_is_one_line() -> None:
    same = lock(*(model(f"m{number}", a=1) for number in range(40)))
    assert summary(same, same) == ["= 40 unchanged"]
    assert summary(Lock(), Lock()) == []


def test_the_kinds_of_change() -> None:
    old = lock(model("gone", a=1), model("moved", a=KIB, b=2, same=3), model("same", a=1), tree())
    card = Card(license="mit")
    moved = replace(model("moved", rev="f" * 40, a=2 * KIB, c=7, same=3), card=card)
    new = lock(moved, model("same", a=1), tree(), replace(model("new", a=1, b=9), card=card))
    moves = "org/name main 01c7f73 -> fffffff"
    lines = [
        "- gone   org/name main 01c7f73",
        f"~ moved  {moves}  3 files  2.0 KiB  mit (1 changed, 1 new, 1 gone)",
        "+ new    org/name main 01c7f73             2 files     10 B  mit",
        "= 2 unchanged",
        # The content of `a` of 1 byte was pinned before, and a tree is in the store.
        "4 models, 8 files, 3.0 KiB, 2.0 KiB to fetch",
    ]
    assert summary(old, new) == lines
    verbose = summary(old, new, verbose=True)
    assert verbose[2:5] == ["    ~ a  2.0 KiB", "    - b  2 B", "    + c  7 B"]
    assert verbose[:2] + verbose[5:] == lines


def test_a_narrow_terminal() -> None:
    new = lock(model("a", "org/a", a=1), model("b", "org/" + "long" * 10, a=1))
    wide = summary(Lock(), new)
    assert summary(Lock(), new, width=max(map(len, wide))) == wide
    assert summary(Lock(), new, width=40) == [
        "+ a",
        "    org/a main 01c7f73  1 file  1 B",
        "+ b",
        f"    org/{'long' * 10} main 01c7f73",
        "    1 file  1 B",
        "2 models, 2 files, 2 B, 1 B to fetch",
    ]
    assert summary(lock(model("a")), Lock(), width=10) == ["- a", "    org/name main 01c7f73"]


def test_a_long_name_pushes_only_its_own_line() -> None:
    new = lock(model("a", a=1), model("z" * 200, a=1))
    assert summary(Lock(), new)[0] == "+ a  org/name main 01c7f73  1 file  1 B"


def test_bundled_files_are_files_like_others() -> None:
    old, new = model("m", a=1, b=2), model("m", a=1, b=3, c=4)
    for before, after in ((bundled(old), bundled(new)), (old, bundled(new)), (bundled(old), new)):
        line, changed, added, total = summary(lock(before), lock(after), verbose=True)
        assert line.startswith("~ m  org/name main 01c7f73  3 files  8 B")
        assert line.endswith("(1 changed, 1 new)")
        assert ("3 files bundled" in line) == (before is old)
        assert (changed, added) == ("    ~ b  3 B", "    + c  4 B")
        assert total == "1 model, 3 files, 8 B, 7 B to fetch"
    # A file that moves has not changed.
    assert summary(lock(old), lock(bundled(old))) == [
        "~ m  org/name main 01c7f73  2 files  3 B  2 files bundled",
        "1 model, 2 files, 3 B, 0 B to fetch",
    ]
