"""Directories of links, made by the program that builds run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from support.environment import CHECKOUT
from support.fake_repo import sha256
from support.remedies import cure, cures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.remedies import Remedy

# Modules that nixpkgs' minimal Python is built without, and others that depend on more packages.
MISSING = (
    *("_bz2", "_ctypes", "_curses", "_dbm", "_gdbm", "_hashlib", "_lzma", "_sqlite3", "_ssl"),
    *("_tkinter", "pyexpat", "_uuid", "_zoneinfo", "_zstd", "readline", "requests"),
)


@dataclass(frozen=True)
class Store:
    """A directory with entries of a cache, and views."""

    directory: Path

    def model(self, name: str, files: Mapping[str, bytes], *, plain: bool = False) -> str:
        """Make a model whose files have paths of their own, and return where it is."""
        root = self.directory / name
        top = root if plain else root / "snapshots/0"
        top.mkdir(parents=True)
        for path, content in files.items():
            own = self.directory / f"{sha256(content)}-{path.rpartition('/')[2]}"[-255:]
            own.write_bytes(content)
            link = top / path
            link.parent.mkdir(parents=True, exist_ok=True)
            if plain:
                link.symlink_to(own)
                continue
            blob = root / "blobs" / sha256(content)
            blob.parent.mkdir(exist_ok=True)
            if not blob.is_symlink():
                blob.symlink_to(own)
            up = "../" * (path.count("/") + 2)
            link.symlink_to(f"{up}blobs/{blob.name}")
        return str(top)

    def view(self, models: Mapping[str, str], **parts: object) -> Result:
        """Make a view as a build does."""
        spec = {"version": 1, "models": {name: {"files": at} for name, at in models.items()}}
        file = self.directory / "spec.json"
        file.write_text(json.dumps({**spec, **parts}))
        without = self.directory / "without"
        without.mkdir(exist_ok=True)
        for module in MISSING:
            (without / f"{module}.py").write_text(f"raise ImportError('{module}')")
        out = self.directory / "out"
        done = subprocess.run(
            (sys.executable, "-B", "-X", "utf8", CHECKOUT / "nix/engines", file),
            check=False,
            capture_output=True,
            text=True,
            env={"out": str(out), "PYTHONPATH": str(without)},
        )
        return Result(done.returncode, done.stderr, out)


@dataclass(frozen=True)
class Result:
    status: int
    log: str
    out: Path

    def links(self) -> dict[str, Path]:
        assert self.status == 0, self.log
        return {
            str(path.relative_to(self.out)): path.readlink()
            for path in self.out.rglob("*")
            if path.is_symlink()
        }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def link(path: str, file: str, model: str = "m", **more: str | None) -> dict[str, Any]:
    return {"model": model, "path": path, "file": file, "option": "integration.x", **more}


FILES = {
    "a.safetensors": b"a",
    "unet/b.safetensors": b"b",
    "config.json": b"{}",
    "x[1].gguf": b"brackets",
    "outPath": b"o",
    "vae/er/c.bin": b"c",
    "vae/d.bin": b"d",
}


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([link("dir/x", "a.safetensors")], {"dir/x": b"a"}),
        (
            [link("dir/", "*.safetensors")],
            {"dir/a.safetensors": b"a", "dir/b.safetensors": b"b"},
        ),
        ([link("dir/", "unet/")], {"dir/b.safetensors": b"b"}),
        ([link("dir/", "vae/")], {"dir/er/c.bin": b"c", "dir/d.bin": b"d"}),
        (
            [link("org/m/", "./"), link("own/er/", "vae/er/"), link("org/m/", "config.json")],
            {
                **{f"org/m/{path}": content for path, content in FILES.items()},
                "own/er/c.bin": b"c",
            },
        ),
        ([link("dir/", "x[1].gguf")], {"dir/x[1].gguf": b"brackets"}),
        ([link("dir/", "[ac]*"), link("dir/", "*.json")], None),
        ([link("a/b/c/", "outPath"), link("a/b/outPath", "outPath")], None),
        ([], {}),
    ],
)
def test_links_go_to_the_files_themselves(
    store: Store, links: list[Any], expected: dict[str, bytes] | None, *, plain: bool
) -> None:
    view = store.view({"m": store.model("m", FILES, plain=plain)}, links=links)
    found = view.links()
    # Nothing goes through the entry.
    for target in found.values():
        assert target.parent == store.directory
        assert not target.is_symlink()
    if expected is not None:
        assert {path: (view.out / path).read_bytes() for path in found} == expected


def test_every_name_that_a_file_system_has(store: Store) -> None:
    names = ["-rf", "$x ${y}", "a\nb", "\u00e9", "e\u0301", "'\"", "x" * 255, "...", ".hidden"]
    files = {f"sub/{name}": name.encode() for name in names}
    view = store.view({"m": store.model("m", files)}, links=[link("d/", "sub/[!a]*")])
    assert {path.rpartition("/")[2] for path in view.links()} == set(names) - {"a\nb"}


def test_texts(store: Store) -> None:
    view = store.view({}, texts={"m/config.pbtxt": 'a: "\u00e9"\n', "outPath": ""})
    assert view.status == 0, view.log
    assert (view.out / "m/config.pbtxt").read_bytes() == 'a: "\u00e9"\n'.encode()
    assert (view.out / "outPath").read_bytes() == b""


def test_thousands_of_files(store: Store) -> None:
    files = {f"d{number % 7}/{number}.bin": b"same" for number in range(3000)}
    links = [link(f"one/{number}", f"d{number % 7}/{number}.bin") for number in range(3000)]
    view = store.view({"m": store.model("m", files)}, links=[link("all/", "*.bin"), *links])
    assert len(view.links()) == 6000


def test_the_view_does_not_depend_on_the_order(store: Store) -> None:
    models = {name: store.model(name, {f"{name}.bin": b"x"}) for name in "ab"}
    links = [link("d/", "*", name) for name in models]
    first = store.view(models, links=links).links()
    (store.directory / "out").rename(store.directory / "before")
    assert store.view(models, links=links[::-1]).links() == first


def test_one_file_at_one_place_is_no_conflict(store: Store) -> None:
    at = store.model("m", FILES)
    links = [link("d/", "a*"), link("d/", "*.safetensors"), link("d/a.safetensors", "a*", "n")]
    links[2]["file"] = "a.safetensors"
    assert len(store.view({"m": at, "n": at}, links=links).links()) == 2


PATH = "write a path such as dir/file"
ANOTHER = "write another path for one of them"
ONE_OF = "write one of: \u2026"
PATTERN = "use a pattern that matches files of the model: \u2026"


def links_of(*given: dict[str, Any]) -> dict[str, Any]:
    return {"links": list(given)}


@pytest.mark.parametrize(
    ("wrong", "say", "right"),
    [
        cure(
            PATTERN,
            links_of(link("d/", "*.gguff")),
            'model "m": integration.x: no file matches "*.gguff"\nhint: use a pattern that matches'
            ' files of the model: "a.safetensors", "config.json", "outPath", "unet/b.safetensors",'
            ' "vae/d.bin" and 2 more',
            links_of(link("d/", "*.gguf")),
        ),
        cure(
            ONE_OF,
            links_of(link("d/x", "b.safetensors")),
            'the model has no file "b.safetensors"\nhint: write one of: "unet/b.safetensors"\n',
            links_of(link("d/x", "unet/b.safetensors")),
        ),
        cure(
            ONE_OF,
            links_of(link("d/x", "c.safetensors")),
            'write one of: "a.safetensors", "unet/b.safetensors"\n',
            links_of(link("d/x", "a.safetensors")),
        ),
        *(
            cure(PATH, links_of(link(path, "a.safetensors")), say, links_of(link("d", "outPath")))
            for path, say in {
                "../x": "'../x' is not a path in the directory",
                "/x": "'/x' is not a path in the directory",
                "a//x": "'a//x' is not a path in the directory",
                "a/./x": "'a/./x' is not a path in the directory",
                "a\n/x": "'a\\n/x' has control characters",
                "\u00e9" * 128: "more than 255 bytes",
            }.items()
        ),
        cure(PATH, {"texts": {"../x": ""}}, "'../x' is not a path", {"texts": {"d/file": ""}}),
        cure(
            ANOTHER,
            links_of(link("d/x", "config.json"), link("d/x/y", "a.safetensors")),
            '"d/x" would be a file, and a directory for "d/x/y"',
            links_of(link("d/x", "config.json"), link("d/z/y", "a.safetensors")),
        ),
        cure(
            ANOTHER,
            links_of(link("d/x", "config.json"), link("d/x", "outPath", "n")),
            'models "m" and "n" both have a file for d/x',
            links_of(link("d/x", "config.json"), link("d/y", "a.safetensors")),
        ),
        cure(
            "fetch only one of them, or place both with `integration.directory`",
            links_of(link("d/x", "config.json"), link("d/x", "a.safetensors", own=None)),
            'model "m" has two files for d/x: "config.json", "a.safetensors"',
            links_of(link("d/x", "config.json"), link("d/y", "a.safetensors")),
        ),
        cure(
            'write `\u2026;` where "\u2026" is made',
            links_of(link("d/x", "config.json"), link("d/x", "unet/b.safetensors", own="%NEW%")),
            'write `unet-b.safetensors;` where "m" is made',
            links_of(link("d/x", "config.json"), link("d/unet-b.safetensors", "a.safetensors")),
        ),
        cure(
            "leave out one of them",
            {**links_of(link("d/x", "config.json")), "texts": {"d/x": ""}},
            '"d/x" is a file of a model, and a text',
            {"texts": {"d/x": ""}},
        ),
    ],
)
def test_wrong_specs_say_what_to_do(
    store: Store, remedy: Remedy, wrong: dict[str, Any], say: str, right: dict[str, Any]
) -> None:
    models = {"m": store.model("m", FILES), "n": store.model("n", FILES)}
    run = store.view(models, **wrong)
    remedy(run.log)
    assert run.status == 1
    assert say in run.log
    assert not run.out.exists()
    assert store.view(models, **right).status == 0


@pytest.mark.parametrize(
    ("parts", "say"),
    [({"version": 2}, "the spec has version 2"), ({"links": [{}]}, "not what Nix writes")],
)
def test_other_specs(store: Store, parts: dict[str, Any], say: str) -> None:
    run = store.view({}, **parts)
    assert run.status == 1
    assert say in run.log


@cures('write `\u2026;` where "\u2026" is made')
def test_two_models_with_a_file_for_one_path(store: Store, remedy: Remedy) -> None:
    models = {name: store.model(name, {"m.gguf": name.encode()}) for name in ("a", 'b"${c}')}
    line = 'integration.comfyui.loras = { "%NEW%" = "%FILE%"; }'
    wrong = [link("d/", "*", name, line=line) for name in models]
    run = store.view(models, links=wrong)
    assert run.status == 1
    assert 'models "a" and "b"${c}" both have a file for d/m.gguf' in run.log
    written, name = remedy(run.log)
    assert written == 'integration.comfyui.loras = { "b\\"\\${c}-m.gguf" = "m.gguf"; }'
    assert name == 'b"${c}'
    run = store.view(models, links=[wrong[0], link('d/b"${c}-m.gguf', "m.gguf", name)])
    assert len(run.links()) == 2
