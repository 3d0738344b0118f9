"""What somebody else has put where a model belongs: it stays, and the other models come."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from huggingface_hub import snapshot_download

from aimodels_linker.state import State
from linker.helpers import A, follow
from support.linker import touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.hub import Hub
    from support.linker import Linker

B = "models--org--b"


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


THINGS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a link to elsewhere": (link_to("/mnt/models/a"), "is a link to /mnt/models/a "),
    "a relative link": (link_to("../../nix/store/x"), "is a link to ../../nix/store/x "),
    "a link out of the store": (link_to("STORE/../x"), "is a link to STORE/../x "),
    "an empty directory": (lambda path: path.mkdir(), "is a directory "),
    "a file": (lambda path: path.write_text("mine"), "is a file "),
}


@pytest.mark.parametrize("thing", THINGS)
def test_it_stays_and_the_message_says_how_to_go_on(
    either: Linker, entry: Callable[..., Path], thing: str
) -> None:
    put, said = THINGS[thing]
    if "STORE" in said:
        put, said = link_to(f"{either.store}/../x"), said.replace("STORE", str(either.store))
    models = {A: entry("a"), B: entry("b")}
    either.hub.mkdir()
    put(either.hub / A)
    before = touched(either.hub)[A]
    for run in (either.link(models), either.link(models)):
        assert run.status == 0
        (warning,) = run.err
        assert warning.startswith(f"warning: {either.hub}/{A} {said}")
        assert "left alone" in warning
        assert "'a' of services.ai-models" in warning
        assert ("mode = " in warning) == (thing == "an empty directory")
        assert touched(either.hub)[A] == before
        assert (either.hub / B / "refs/main").exists()
    either.link({})
    assert touched(either.hub)[A] == before

    follow(warning)
    assert touched(either.hub)[f"{A}.old"][:2] == before[:2]
    assert either.link(models).err == []
    assert (either.hub / A / "refs/main").exists()


def test_the_name_to_move_it_to_is_free(linker: Linker, entry: Callable[..., Path]) -> None:
    odd = linker.but(hub=linker.root / 'it\'s "mine" $x')
    models = {A: entry("a")}
    for content in ("first", "second"):
        odd.unlink()
        odd.hub.mkdir(exist_ok=True)
        (odd.hub / A).mkdir()
        (odd.hub / A / "file").write_text(content)
        follow(odd.link(models).err[0])
    assert (odd.hub / f"{A}.old/file").read_text() == "first"
    assert (odd.hub / f"{A}.old2/file").read_text() == "second"


@pytest.mark.parametrize("then", ["another version", "no models"])
def test_what_comes_while_we_work_stays(
    either: Linker, entry: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """In the place of a link into the store, after we have looked and before we replace it."""
    either.but(mode="link").link({A: entry("a")})
    save = State.save

    def download(state: State) -> None:
        save(state)
        place = either.hub / A
        if place.is_symlink():
            place.unlink()
            place.write_text("mine")

    monkeypatch.setattr(State, "save", download)
    run = either.link({} if then == "no models" else {A: entry("b"), B: entry("c")})
    assert (either.hub / A).read_text() == "mine"
    (warning,) = run.err
    assert warning.startswith(f"warning: {either.hub}/{A} is a file, where ")
    assert (either.hub / B).exists() == (then != "no models")
    follow(warning)


def test_downloads_survive_untouched(either: Linker, entry: Callable[..., Path], hub: Hub) -> None:
    repo = hub.add_repo(
        "org/a", {"config.json": b"{}", "w.safetensors": b"w"}, lfs=["*.safetensors"]
    )
    snapshot_download(repo.id, endpoint=hub.url, cache_dir=either.hub)
    models = {A: either.entry(repo), B: entry("b")}
    before = touched(either.hub / A)
    for how in (models, {}, models, {B: models[B]}):
        either.link(how)
        assert touched(either.hub / A) == before
    either.unlink()
    assert touched(either.hub / A) == before
    hub.clear()
    found = snapshot_download(repo.id, cache_dir=either.hub, local_files_only=True)
    assert found == str(either.hub / A / "snapshots" / repo.sha)


def test_a_directory_in_the_place_of_our_link_is_not_taken_for_ours(
    linker: Linker, entry: Callable[..., Path]
) -> None:
    """Not even a copy of the entry, whose blobs are links into the store as well."""
    a = entry()
    linker.link({A: a})
    (linker.hub / A).unlink()
    subprocess.run(["cp", "-a", a, linker.hub / A], check=True)
    before = touched(linker.hub / A)
    for mode in ("link", "directory"):
        assert "left alone" in linker.but(mode=mode).link({A: a}).err[0]
        assert touched(linker.hub / A) == before
