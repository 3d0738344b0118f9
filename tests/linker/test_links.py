"""Mode "link": entries as links, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.linker import contents, touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.linker import Linker

A, B, C = (f"models--org--{name}" for name in "abc")


def links(linker: Linker) -> dict[str, str]:
    """What is in the hub directory; all of it has to be links."""
    return {path.name: str(path.readlink()) for path in linker.hub.iterdir()}


def test_links_are_made_and_removed(linker: Linker, entry: Callable[..., Path]) -> None:
    a, b, c = (entry(name) for name in "abc")
    run = linker.link({A: a, B: b})
    assert (run.status, run.err) == (0, [])
    assert run.out == [f"ai-models: linked 2 in {linker.hub}"]
    assert links(linker) == {A: str(a), B: str(b)}

    run = linker.link({B: b, C: c})
    assert run.out == [f"ai-models: linked 1, removed 1 in {linker.hub}"]
    assert links(linker) == {B: str(b), C: str(c)}

    run = linker.unlink()
    assert run.out == [f"ai-models: removed 2 in {linker.hub}"]
    assert links(linker) == {}
    assert not linker.state.exists()
    assert (run.status, run.err) == (0, [])


def test_the_program(linker: Linker, entry: Callable[..., Path]) -> None:
    a = entry()
    assert linker.link({A: a}, env={}).out == [f"ai-models: linked 1 in {linker.hub}"]
    assert links(linker) == {A: str(a)}
    assert linker.unlink(env={}).out == [f"ai-models: removed 1 in {linker.hub}"]


def test_nothing_is_written_or_said_when_nothing_has_changed(
    either: Linker, entry: Callable[..., Path]
) -> None:
    models = {A: entry("a"), B: entry("b")}
    either.link(models)
    before = touched(either.root / "cache")
    run = either.link(models)
    assert (run.status, run.out, run.err) == (0, [], [])
    assert touched(either.root / "cache") == before


def test_nothing_is_made_for_no_models(linker: Linker) -> None:
    run = linker.link({})
    assert (run.status, run.out, run.err) == (0, [], [])
    assert contents(linker.root / "cache") == {}


def test_missing_directories_are_made(linker: Linker, entry: Callable[..., Path]) -> None:
    new = linker.but(hub=linker.root / "x/y/hub", state=linker.root / "z/state.json")
    a = entry()
    assert new.link({A: a}).status == 0
    assert links(new) == {A: str(a)}
    assert new.hub.stat().st_mode & 0o777 == 0o755
    assert new.state.exists()


def test_the_hub_directory_may_be_a_link(linker: Linker, entry: Callable[..., Path]) -> None:
    disk = linker.root / "disk"
    disk.mkdir()
    linker.hub.symlink_to(disk)
    a = entry()
    assert linker.link({A: a}).status == 0
    assert contents(disk) == {A: ("link", str(a))}
    assert linker.hub.is_symlink()


def test_links_into_the_store_are_replaced(linker: Linker, entry: Callable[..., Path]) -> None:
    a, b, c = (entry(name) for name in "abc")
    linker.hub.mkdir()
    (linker.hub / A).symlink_to(f"{linker.store}/gone")
    (linker.hub / B).symlink_to(c)
    (linker.hub / C).symlink_to(c)
    run = linker.link({A: a, B: b, C: c})
    assert run.out == [f"ai-models: linked 2 in {linker.hub}"]
    assert links(linker) == {A: str(a), B: str(b), C: str(c)}


def test_a_model_that_was_linked_by_hand_is_taken_over(
    linker: Linker, entry: Callable[..., Path]
) -> None:
    a = entry()
    linker.hub.mkdir()
    (linker.hub / A).symlink_to(a)
    assert linker.link({A: a}).out == []
    assert linker.link({}).out == [f"ai-models: removed 1 in {linker.hub}"]
    assert links(linker) == {}


def test_other_links_into_the_store_are_not_touched(
    either: Linker, entry: Callable[..., Path]
) -> None:
    a, b = entry("a"), entry("b")
    either.hub.mkdir()
    (either.hub / B).symlink_to(b)
    (either.hub / "other").symlink_to(b)
    before = {name: touched(either.hub)[name] for name in (B, "other")}
    either.link({A: a})
    either.link({})
    either.unlink()
    assert links(either) == {B: str(b), "other": str(b)}
    assert {name: touched(either.hub)[name] for name in (B, "other")} == before


def test_what_took_the_place_of_our_link_is_not_removed(
    either: Linker, entry: Callable[..., Path]
) -> None:
    models = {A: entry("a"), B: entry("b"), C: entry("c")}
    either.link(models)
    for name in models:
        (either.hub / name).rename(either.root / f"{name}.away")
    (either.hub / A).symlink_to("/mnt/models/a")
    (either.hub / C).write_text("file")
    before = touched(either.hub)
    run = either.link({})
    assert (run.status, run.out, run.err) == (0, [], [])
    assert touched(either.hub) == before
    assert not either.state.exists()


def test_a_dry_run_says_it_all_and_does_nothing(linker: Linker, entry: Callable[..., Path]) -> None:
    a, b, c = (entry(name) for name in "abc")
    before = touched(linker.root / "cache")
    assert linker.link({A: a}, "--dry-run").out == [f"would link {linker.hub}/{A} to {a}"]
    assert touched(linker.root / "cache") == before

    linker.link({A: a, B: b})
    before = touched(linker.root / "cache")
    run = linker.link({B: b, C: c}, "--dry-run")
    assert run.out == [f"would remove {linker.hub}/{A}", f"would link {linker.hub}/{C} to {c}"]
    run = linker.but(mode="directory").link({A: a, B: b}, "--dry-run")
    assert run.out[0] == f"would fill {linker.hub}/{A} with links to {a}"
    run = linker.unlink("--dry-run")
    assert run.out == [f"would remove {linker.hub}/{A}", f"would remove {linker.hub}/{B}"]
    assert touched(linker.root / "cache") == before


def test_names_with_spaces_and_quotes(either: Linker, entry: Callable[..., Path]) -> None:
    odd = either.but(hub=either.root / "my 'cache'/\"hub\" $x")
    files = {"a b/'c'.txt": b"1", 'd"e`$f\\g': b"2", "line\nbreak": b"3", "ü": b"4", "-n": b"5"}
    models = {f"models--org--{name}": entry("odd", files) for name in ("a b", "c'd\"", "$e`f", "é")}
    run = odd.link(models, env={"LC_ALL": "C"})
    assert (run.status, run.err) == (0, [])
    for name, path in models.items():
        (snapshot,) = (odd.hub / name / "snapshots").iterdir()
        assert {str(p.relative_to(snapshot)) for p in snapshot.rglob("*") if p.is_file()} == set(
            files
        )
        assert (odd.hub / name).is_symlink() == (odd.mode == "link"), path
    assert odd.link(models, env={"LC_ALL": "C"}).out == []
    assert odd.unlink(env={"LC_ALL": "C"}).status == 0
    assert list(odd.hub.iterdir()) == []
