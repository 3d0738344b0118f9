"""Views of models for engines, built by real Nixes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.environment import CHECKOUT
from support.expressions import bundle_pin, fetch_model, files_pin, got
from support.nix import NixError

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_repo import Content
    from support.hub import Hub, Repo
    from support.nix import NixEnv

FILES: dict[str, Content] = {
    "base.safetensors": b"base",
    "unet/diffusion.safetensors": b"unet",
    "small.gguf": b"gguf",
    "large-00001-of-00002.gguf": b"first",
    "large-00002-of-00002.gguf": b"second",
    "onnx/model.onnx": b"onnx",
    "outPath": b"o",
    "a 'b\" ${c}.bin": b"odd",
    "line\nbreak": b"line",
    "README.md": b"one",
}
VIEWS = r"""
integration = {
  comfyui = {
    checkpoints = "base.*";
    "unet/own" = [ "unet/" "*.onnx" ];
    vae."v.safetensors" = "base.safetensors";
  };
  lmstudio = { };
  triton = {
    model = "bert";
    config = "name: \"${"bert"}\"\n";
    files."model.onnx" = "onnx/model.onnx";
  };
  directory.any = {
    "outPath" = "outPath";
    "odd/" = "a *";
    "odd/line" = "line\nbreak";
    "deep/er/\${x}" = "base.safetensors";
    "own/onnx/" = "onnx/";
  };
};
"""
PKGS = "pkgs = import ./tests/nix/pkgs { system = builtins.currentSystem; };"
EXPECTED = {
    "comfyui": {
        "checkpoints/base.safetensors": b"base",
        "unet/own/diffusion.safetensors": b"unet",
        "unet/own/model.onnx": b"onnx",
        "vae/v.safetensors": b"base",
    },
    "lmstudio": {
        "org/model/small.gguf": b"gguf",
        "org/model/large-00001-of-00002.gguf": b"first",
        "org/model/large-00002-of-00002.gguf": b"second",
    },
    "triton": {"bert/1/model.onnx": b"onnx", "bert/config.pbtxt": b'name: "bert"\n'},
}
ANY = {
    "outPath": b"o",
    "odd/a 'b\" ${c}.bin": b"odd",
    "odd/line": b"line",
    "deep/er/${x}": b"base",
    "own/onnx/model.onnx": b"onnx",
}


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add_repo("org/model", FILES, lfs=["*.safetensors", "*.gguf"])


def links(view: Path) -> dict[str, Path]:
    found = (path for path in view.rglob("*") if path.is_symlink())
    return {str(path.relative_to(view)): path.readlink() for path in found}


def references(nix: NixEnv, path: Path) -> set[str]:
    said = nix.run("nix-store", "-q", "--references", str(nix.store / path.name)).stdout
    return {line.rpartition("/")[2] for line in said.split()}


def build_views(nix: NixEnv, model: str) -> dict[str, Path]:
    """The view of each integration."""
    made = nix.build(
        f"let model = {model}; {PKGS}"
        ' in pkgs.runCommand "views" { } (toString (["mkdir $out;"] ++ map (name:'
        ' "ln -s ${model.integration.${name}} $out/${name};") [ "comfyui" "lmstudio" "triton" ])'
        ' + "ln -s ${model.integration.directory.any} $out/any")'
    )
    return {path.name: nix.path(path.readlink()) for path in made.iterdir()}


@pytest.mark.parametrize("plain", ["", "huggingface.enable = false;"])
@pytest.mark.parametrize("layout", ["copy", "link"])
def test_the_views_of_a_files_pin(
    host_nix: NixEnv, hub: Hub, repo: Repo, layout: str, plain: str
) -> None:
    arguments = VIEWS.replace("integration = {", f"integration = {{ {plain}")
    views = build_views(host_nix, files_pin(hub, repo, f'layout = "{layout}"; {arguments}'))
    found = {name: host_nix.contents(view) for name, view in views.items()}
    assert found == {**EXPECTED, "any": ANY}
    for view in views.values():
        targets = {target.name for target in links(view).values()}
        # No copy of the files, and nothing through an entry: links go to the files' own paths.
        assert references(host_nix, view) == targets


def test_both_nixes_build_the_same_views(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    views = build_views(nix, bundle_pin(hub, repo, VIEWS))
    assert {name: nix.contents(view) for name, view in views.items()} == {**EXPECTED, "any": ANY}


def test_a_change_of_another_file_changes_no_target(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    before = build_views(host_nix, files_pin(hub, repo, VIEWS))
    repo.commit({**FILES, "README.md": b"two"})
    after = build_views(host_nix, files_pin(hub, repo, VIEWS))
    assert {name: links(view) for name, view in before.items()} == {
        name: links(view) for name, view in after.items()
    }


def test_the_views_of_a_tree(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    pin = got(host_nix, fetch_model(hub, repo, 'hash = "";'))
    for source in ("", f'rev = "{repo.sha}";'):
        model = fetch_model(hub, repo, f'hash = "{pin}"; {VIEWS}', source)
        views = build_views(host_nix, model)
        assert {n: host_nix.contents(view) for n, view in views.items()} == {**EXPECTED, "any": ANY}
        (entry,) = references(host_nix, views["comfyui"])
        assert {target.parts[-2] for target in links(views["any"]).values()} == {"blobs"}
        assert entry.rpartition("-")[2] != "snapshot"


def test_views_after_override_attrs(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    model = files_pin(hub, repo, VIEWS)
    changed = f'(({model}).overrideAttrs (_: {{ marker = "x"; passthru = {{ }}; }}))'
    view = host_nix.build(f"{changed}.integration.comfyui")
    assert host_nix.contents(view) == EXPECTED["comfyui"]
    entry = host_nix.eval(f"[ {changed}.linked.outPath ({model}).linked.outPath ]")
    assert entry[0] != entry[1]
    assert entry[0] in host_nix.eval(f"{changed}.integration.comfyui.spec")


def test_views_are_the_same_on_every_platform(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    model = files_pin(hub, repo, VIEWS)
    cross = model.replace("{ system =", '{ crossSystem = "riscv64-linux"; system =')
    assert cross != model
    both = [host_nix.eval(f"({each}).integration.comfyui.outPath") for each in (model, cross)]
    assert both[0] == both[1]


def test_a_view_is_an_attribute_of_a_package(
    nix: NixEnv, hub: Hub, repo: Repo, tmp_path: Path
) -> None:
    model = files_pin(hub, repo, VIEWS).replace("./", f"{CHECKOUT}/")
    (tmp_path / "flake.nix").write_text(
        f"{{ outputs = _: {{ packages.x86_64-linux.m = {model}; }}; }}"
    )
    attribute = f"path:{tmp_path}#m.integration.comfyui"
    nix.run("nix", "build", "--impure", attribute, "-o", str(tmp_path / "result"))
    built = nix.path((tmp_path / "result").readlink())
    assert nix.contents(built) == EXPECTED["comfyui"]


def test_views_that_are_off_are_not_there(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    off = 'ollama = { enable = false; name = "x"; }; lmstudio.enable = false; comfyui = null;'
    for arguments in ("", f"integration = {{ {off} directory = {{ }}; }};"):
        assert host_nix.eval(f"({files_pin(hub, repo, arguments)}).integration") == {}


def test_paths_of_single_files(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    model = bundle_pin(hub, repo)
    names = nix.eval(f"builtins.attrNames ({model}).modelFiles")
    assert names == sorted(FILES)
    own = 'model.modelFiles."base.safetensors" == "${model.blobs."base.safetensors"}"'
    assert nix.eval(f"let model = {model}; in {own}") is True
    # The rest of a model in several files has to be beside its first one.
    path = nix.eval(f'({model}).modelFiles."large-00001-of-00002.gguf"')
    assert path.endswith(f"/snapshots/{repo.sha}/large-00001-of-00002.gguf")
    found = nix.build(
        f"let {PKGS} files = ({model}).modelFiles; in"
        ' pkgs.runCommand "read" { } "cat ${files.outPath} ${files."small.gguf"}'
        ' ${files."large-00001-of-00002.gguf"} ${files."README.md"} > $out"'
    )
    assert found.read_bytes() == b"o" + b"gguf" + b"first" + b"one"


def test_paths_of_files_of_a_tree(host_nix: NixEnv, hub: Hub, repo: Repo) -> None:
    model = fetch_model(
        hub, repo, 'hash = ""; include = [ "a.bin" "*.gguf" ];', f'rev = "{repo.sha}";'
    )
    (path,) = host_nix.eval(f"builtins.attrValues ({model}).modelFiles")
    assert path.endswith(f"/snapshots/{repo.sha}/a.bin")
    unknown = fetch_model(hub, repo, 'hash = "";', f'rev = "{repo.sha}";')
    assert host_nix.eval(f"({unknown}).modelFiles") == {}


LIBRARY = (
    f"let {PKGS} library = import ./nix; inherit (library.integration) mkDirectory mkOllamaModels;"
    " plain = name: integration: library.fetchModel pkgs { inherit name integration;"
    ' source.url.files."m.gguf" = "http://127.0.0.1:1/m"; files."m.gguf".hash = ""; };'
    " model = name: integration:"
    " plain name (integration // { huggingface.enable = false; }); in "
)


def joined(models: str, directory: str) -> str:
    return f'mkDirectory pkgs {{ models = {models}; directory = "{directory}"; }}'


def test_a_directory_of_several_models(nix: NixEnv, hub: Hub, repo: Repo) -> None:
    first = files_pin(hub, repo, VIEWS)
    other = hub.add_repo("org/other", {"base.safetensors": b"other", "lora.safetensors": b"lora"})

    def second(checkpoints: str) -> str:
        comfyui = f'loras = [ "lora*" ]; {checkpoints}'
        pin = files_pin(hub, other, f"integration.comfyui = {{ {comfyui} }};")
        return pin.replace('name = "m"', 'name = "n"')

    for models in (f"[ ({second('')}) ({first}) ]", f"{{ m = {first}; n = {second('')}; }}"):
        view = nix.build(LIBRARY + joined(models, "comfyui"))
        assert nix.contents(view) == {**EXPECTED["comfyui"], "loras/lora.safetensors": b"lora"}
    for wrong, table, path in (
        ("*", '"n-base.safetensors" = "base.safetensors";', "n-base.safetensors"),
        ("./", '"n/" = "./";', "n/base.safetensors"),
    ):
        both = second(f'checkpoints = [ "{wrong}" ];')
        with pytest.raises(NixError) as caught:
            nix.build(LIBRARY + joined(f"[ ({first}) ({both}) ]", "comfyui"))
        assert 'models "m" and "n" both have a file for checkpoints/base.safe' in str(caught.value)
        line = f"integration.comfyui.checkpoints = {{ {table} }};"
        assert f'hint: write `{line}` where "n" is made' in str(caught.value)
        cured = second(line.removeprefix("integration.comfyui."))
        view = nix.build(LIBRARY + joined(f"[ ({first}) ({cured}) ]", "comfyui"))
        assert (view / "checkpoints" / path).is_symlink()


RIGHT = [
    'mkOllamaModels pkgs (map (name: model "m" { ollama = { inherit name; }; }) [ "x" "x:1b" ])',
    "mkOllamaModels pkgs [ ]",
    joined('(map (name: model name { triton.config = "x"; }) [ "a" "b" ])', "triton"),
    joined('(map (name: model "same" { directory.x.${name} = "m.gguf"; }) [ "a" "b" ])', "x"),
    joined(
        '[ (plain "a" { huggingface = { org = "o"; model = "m"; }; lmstudio = { }; }) ]', "lmstudio"
    ),
]


@pytest.mark.parametrize("call", RIGHT)
def test_the_right_calls_are_right(host_nix: NixEnv, call: str) -> None:
    assert host_nix.eval(f"{LIBRARY} ({call}).drvPath").endswith(".drv")


def test_a_model_is_taken_once(host_nix: NixEnv) -> None:
    one, two = (
        joined(f'(builtins.genList (_: model "a" {{ directory.x.y = "m.gguf"; }}) {count})', "x")
        for count in (1, 2)
    )
    assert host_nix.eval(f"{LIBRARY} ({one}).drvPath == ({two}).drvPath")


def test_a_spec_of_thousands_of_links(host_nix: NixEnv) -> None:
    """It does not fit into an environment variable, and costs little for each link."""
    scope = (
        LIBRARY + 'view = count: (model "a" { directory.x = builtins.listToAttrs'
        ' (builtins.genList (number: { name = "some/where/${toString number}"; value = "m.gguf"; })'
        " count); }).integration.directory.x; in "
    ).replace("; in view", "; view")
    spec = host_nix.eval(f"{scope} (view 3000).spec")
    assert len(json.loads(spec)["links"]) == 3000
