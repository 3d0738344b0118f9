"""Files with any name that a file system can hold, and names that mean something to Nix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aimodels_gen.manifest.parse import parse
from aimodels_gen.nix import store_path as store_paths
from aimodels_gen.nix.render import render
from support import nix as nixes
from support.expressions import LIBRARY, fetch_model, files_pin, got, literal
from support.modules import home_manager, nixos
from support.specs import sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aimodels_gen.nix.formats import Format
    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv

# What attribute sets of Nix, of nixpkgs and of its modules use.
MEANINGS = (
    *("outPath", "drvPath", "type", "_type", "_module", "meta", "passthru", "override", "or"),
    *("recurseForDerivations", "__toString", "__functor", "__structuredAttrs", "if", "rec", "name"),
)
ODD = (
    "line\nbreak",
    "a\ttab",
    'double"quote',
    "single'quote",
    "''",
    "${antiquotation}",
    "$variable",
    "`command`",
    "back\\slash",
    "-rf",
    "--",
    "%41%",
    "%",
    "a?b#c&d=e+f;g",
    "...",
    "..a",
    " spaces ",
    "weights.drv",
    ".drv",
    "Case",
    "case",
    "\u00e9",  # one character
    "e\u0301",  # the same as two
    "\U0001d4b3\U0001f916",  # outside of the basic plane
    "\u202egnp.txt",  # right to left
    "\u200b",  # nothing to see
    "x" * 255,
    "\u65e5" * 85,
    "a\x01\x1b[31m\x7f",
    "sub/directory/outPath",
    "__toString.d/type",
)
FILES: dict[str, Content] = {name: name.encode() for name in (*MEANINGS, *ODD)}


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/names", FILES)


@pytest.mark.parametrize("layout", ["copy", "link"])
def test_a_files_pin_of_any_names(nix: NixEnv, hub: Hub, repo: Repo, layout: str) -> None:
    out = nix.build(files_pin(hub, repo, f'layout = "{layout}";'))
    assert nix.contents(out / "snapshots" / repo.sha) == FILES
    listing = json.loads((out / "trees" / f"{repo.sha}.json").read_text())
    assert listing["files"].keys() == FILES.keys()


@pytest.mark.parametrize("layout", ["copy", "link"])
def test_plain_files_of_any_names(host_nix: NixEnv, hub: Hub, repo: Repo, layout: str) -> None:
    plain = f'layout = "{layout}"; integration.huggingface.enable = false;'
    assert host_nix.contents(host_nix.build(files_pin(hub, repo, plain))) == FILES


def test_a_tree_of_any_names(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    arguments = f"exclude = [ {' '.join(map(literal, MEANINGS))} ];"
    sri_hash = got(host_nix, fetch_model(hub, repo, f'hash = ""; {arguments}'))
    out = host_nix.build(fetch_model(hub, repo, f'hash = "{sri_hash}"; {arguments}'))
    kept = {name: content for name, content in FILES.items() if name not in MEANINGS}
    assert host_nix.contents(out / "snapshots" / repo.sha) == kept


@pytest.mark.parametrize("pin", ["files", "tree"])
def test_urls_of_files_with_meanings(host_nix: NixEnv, hub: Hub, repo: Repo, pin: str) -> None:
    at = f"{hub.url}/{repo.id}/resolve/{repo.sha}"
    urls = " ".join(f"{literal(name)} = {literal(f'{at}/{name}')};" for name in MEANINGS)
    hashes = " ".join(f"{literal(n)}.hash = {literal(sri(FILES[n]))};" for n in MEANINGS)

    def model(arguments: str) -> str:
        return (
            f'{LIBRARY} library.fetchModel pkgs {{ name = "m"; source.url.files = {{ {urls} }};'
            f" integration.huggingface.enable = false; {arguments} }}"
        )

    if pin == "files":
        out = host_nix.build(model(f"files = {{ {hashes} }};"))
    else:
        sri_hash = got(host_nix, model('hash = "";'))
        out = host_nix.build(model(f'hash = "{sri_hash}";'))
    assert host_nix.contents(out) == {name: FILES[name] for name in MEANINGS}


@pytest.fixture(scope="module", params=nixes.KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[NixEnv]:
    with nixes.available(request.param) as nix:
        yield nix


MODELS = (
    *("or", "if", "a.b", "a?b=c+d", "1a", "_", "_module", "default", "lib", "override", "meta"),
    *("passthru", "name", "drvPath", "outputs", "true", "null", "Case", "case", "x" * 300),
)
REV = "0" * 40


def arguments(name: str) -> dict[str, object]:
    repo = f"org/{name[-90:].translate(str.maketrans('?=+', '---'))}"
    source = {"huggingface": {"repo": repo, "rev": REV}}
    return {"source": source, "files": {"a": {"hash": sri(b""), "size": 0}}}


def test_models_of_any_name_that_can_be_locked(store: NixEnv, tmp_path: Path) -> None:
    manifest = "\n".join(f'[models."{name}"]\nsource.huggingface.repo = "org/m"' for name in MODELS)
    assert [entry.name for entry in parse(manifest).entries] == list(MODELS)
    rendered = render({n: {"name": n, **arguments(n)} for n in MODELS}, "packages", "models.toml")
    (tmp_path / "models.nix").write_text(rendered)
    found = store.eval(
        f"""
        {LIBRARY}
        let models = import {tmp_path}/models.nix {{ inherit pkgs; inherit (library) fetchModel; }};
        in {{
          names = builtins.mapAttrs (_name: model: model.name) models;
          hook = integration.mkShellHook {{ inherit models; }};
          volumes = builtins.length (integration.mkContainerVolumes {{ inherit models; }});
        }}
        """
    )
    assert found["names"] == {name: store_paths.sanitize(name) for name in MODELS}
    assert found["volumes"] == found["hook"].count("\nai_models_link ") == len(MODELS)


@pytest.mark.parametrize(("format_", "make"), [("nixos", nixos), ("home-manager", home_manager)])
def test_modules_have_models_of_any_name(
    host_nix: NixEnv, tmp_path: Path, format_: Format, make: Callable[..., str]
) -> None:
    root = "services" if format_ == "nixos" else "programs"
    (tmp_path / "models.nix").write_text(
        render({name: arguments(name) for name in MODELS}, format_, "models.toml")
    )
    enabled = f"{{ {root}.ai-models.enable = true; }}"
    found = host_nix.eval(
        f"let config = {make(f'{tmp_path}/models.nix', enabled)}; in {{"
        f" paths = builtins.mapAttrs (_name: path: path) config.{root}.ai-models.modelPaths;"
        " wrong = builtins.filter (each: !each.assertion) config.assertions; }"
    )
    assert found["paths"].keys() == set(MODELS)
    assert found["wrong"] == []


PARTS = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1
) | st.sampled_from(
    [
        *MEANINGS,
        *ODD[:-2],
        "\b\f\\b\\u0008",
        "." * 300,
        "é" * 300,
        "x" * 300 + ".drv",
        "a" + "." * 300,
    ]
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
VALUES = st.none() | st.booleans() | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
IDENTITIES = st.dictionaries(
    PARTS, st.lists(VALUES, max_size=3) | st.dictionaries(PARTS, VALUES, max_size=3), max_size=4
)


# An evaluation has many cases, and the assertion shows those that differ: nothing has to be shrunk.
@settings(
    max_examples=2,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(cases=st.lists(st.tuples(PATHS, IDENTITIES), min_size=30, max_size=60))
def test_names_are_the_same_in_nix_and_in_the_generator(
    store: NixEnv, tmp_path: Path, cases: list[tuple[str, dict[str, object]]]
) -> None:
    (tmp_path / "in.json").write_text(json.dumps(cases))
    made = store.eval(
        f"""
        let
          names = import ./nix/names.nix;
          made = case: [
            (names.sanitize (builtins.head case))
            (names.fileName (builtins.head case))
            (names.treeName "m" (builtins.elemAt case 1))
          ];
        in
        map made (builtins.fromJSON (builtins.readFile {tmp_path}/in.json))
        """
    )
    ours = [
        [
            store_paths.sanitize(path),
            store_paths.file_name(path),
            store_paths.tree_name("m", identity),
        ]
        for path, identity in cases
    ]
    assert [one for one in zip(cases, made, ours, strict=True) if one[1] != one[2]] == []
