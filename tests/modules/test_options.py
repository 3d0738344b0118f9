"""Our options for other modules and for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import registry
from support.environment import CHECKOUT
from support.modules import entry, home_manager, nixos
from support.nix import NixError

if TYPE_CHECKING:
    from support.nix import NixEnv

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
PINNED = f"""
  source.huggingface = {{ repo = "org/a"; rev = "{REV}"; }};
  files."config.json" = {{ hash = ""; size = 2; }};
"""
HUGGINGFACE = {"enable": True, "mode": "link", "offline": False}
PLACES = ["comfyui", "directory.<name>", "lmstudio", "ollama", "triton"]
MODEL: dict[str, object] = {
    "bundle": None,
    "exclude": [],
    "fallbacks": [],
    "files": None,
    "hash": None,
    "include": None,
    "integration": {
        **dict.fromkeys(("comfyui", "lmstudio", "ollama", "triton")),
        "directory": {},
        "huggingface": {"enable": True, "model": None, "org": None},
    },
    "layout": "link",
    "meta": {},
    "source": {"huggingface": None, "s3": None, "url": None},
}


@pytest.fixture(scope="module")
def declared(store: NixEnv) -> dict[str, dict[str, Any]]:
    """Module -> option -> its documentation."""
    lib = registry.flake("nixpkgs") / "lib"
    found = store.eval(f"import ./tests/docs/options.nix {{ lib = import {lib}; }}")
    return {module: {each["name"]: each for each in options} for module, options in found.items()}


def test_each_option_is_described(declared: dict[str, dict[str, Any]]) -> None:
    assert len(declared["nixos"]) > 25
    for options in declared.values():
        for name, option in options.items():
            said = option["description"].strip()
            assert said[0].isupper() or said.startswith("`"), name
            assert said.endswith("."), name
            assert option["default"] or option["example"] or name.endswith((".repo", ".bucket"))


def test_both_modules_have_the_same_options(declared: dict[str, dict[str, Any]]) -> None:
    ours, theirs = (
        {k: (v["type"], v["description"]) for k, v in declared[module].items()}
        for module in ("nixos", "home-manager")
    )
    hf = "integration.huggingface"
    fleet = {name for name in ours if name.startswith("fleet.")}
    assert ours.keys() - theirs.keys() - fleet == {
        *(f"{hf}.cacheDir", f"{hf}.group", f"{hf}.services", f"{hf}.user", "tokenFile"),
        *(f"integration.{place}.{owner}" for place in PLACES for owner in ("user", "group")),
    }
    assert theirs.keys() - ours.keys() == {f"{hf}.hubDir"}
    assert all(ours[name] == theirs[name] for name in ours.keys() & theirs.keys())


def places(**values: str) -> dict[str, Any]:
    """Return the options for the directories of engines: owners, or directories by kind."""
    owners = {key: value for key, value in values.items() if key in {"user", "group"}}
    return {"directory": {}} | {
        kind: {"enable": True, "mode": "directory", "modelsDir": values.get(kind), **owners}
        for kind in ("comfyui", "lmstudio", "ollama", "triton")
    }


def test_defaults(store: NixEnv) -> None:
    made = """options: builtins.removeAttrs options [ "fleet" "modelFiles" "modelPaths" ] // {
      models = builtins.mapAttrs (
        _name: model: builtins.removeAttrs model [ "checked" "package" ]
      ) options.models;
    }"""
    common = {"enable": False, "enforceLicenses": False, "models": {"a": MODEL}}
    module = "{ %s.ai-models.models.a = { }; }"
    assert store.eval(f"({made}) {nixos(module % 'services')}.services.ai-models") == {
        **common,
        "tokenFile": None,
        "integration": {
            **places(user="root", group="root"),
            "huggingface": {
                **HUGGINGFACE,
                "cacheDir": "/var/cache/huggingface",
                "group": "root",
                "services": None,
                "user": "root",
            },
        },
    }
    assert store.eval(f"({made}) {home_manager(module % 'programs')}.programs.ai-models") == {
        **common,
        "integration": {
            **places(lmstudio="/home/alice/.lmstudio/models", ollama="/home/alice/.ollama/models"),
            "huggingface": {**HUGGINGFACE, "hubDir": "/home/alice/.cache/huggingface/hub"},
        },
    }


def test_disabled_is_as_if_it_were_not_there(store: NixEnv) -> None:
    disabled = f"""{{
      services.ai-models = {{
        models.a = {{ {PINNED} }};
        models.wrong = {{ }};
        tokenFile = "/run/token";
        integration.huggingface.offline = true;
        fleet.serve.origin = "wrong";
        fleet.pull.caches = [ "wrong" ];
      }};
    }}"""
    absent = f"{{ disabledModules = [ {CHECKOUT}/nix/modules/nixos.nix ]; }}"
    made = 'config: builtins.removeAttrs config [ "services" "_module" ]'
    ours, none = (store.eval(f"({made}) {nixos(module)}") for module in (disabled, absent))
    assert ours == none
    assert "systemd" in ours


def test_what_is_kept_and_where_it_is(store: NixEnv) -> None:
    """In the linked form, unless a copy is requested."""
    found = store.eval(f"""
      let
        config = {
        nixos(f'''{{
          services.ai-models.enable = true;
          services.ai-models.models = {{
            linked = {{ {PINNED} }};
            copied = {{ {PINNED} layout = "copy"; }};
            plain = {{ {PINNED} integration.huggingface.enable = false; }};
            tree = {{ source.huggingface.repo = "org/t"; hash = ""; }};
            given.package = {entry("given")};
          }};
        }}''')
    };
        inherit (config.services.ai-models) models modelPaths;
      in
      {{
        inherit modelPaths;
        kept = map (package: "${{package}}") config.system.extraDependencies;
        expected = map (package: "${{package}}") [
          models.copied.package.copied
          models.given.package
          models.linked.package.linked
          models.plain.package.linked
          models.tree.package
        ];
        differ = models.linked.package.linked != models.linked.package.copied;
      }}
    """)
    assert found["kept"] == found["expected"]
    assert found["differ"]
    copied, given, linked, plain, _ = found["expected"]
    assert found["modelPaths"]["copied"] == f"{copied}/snapshots/{REV}"
    assert found["modelPaths"]["linked"] == f"{linked}/snapshots/{REV}"
    assert found["modelPaths"]["plain"] == plain
    assert found["modelPaths"]["given"] == given
    assert found["modelPaths"]["tree"].endswith("-tree-snapshot")


def test_what_one_module_begins_another_goes_on_with(store: NixEnv) -> None:
    first = f"{{ services.ai-models.models.a = {{ {PINNED} }}; }}"
    second = """{ lib, ... }: {
      services.ai-models.enable = true;
      services.ai-models.models.a.layout = lib.mkForce "copy";
      services.ai-models.models.a.files."README.md".hash = "";
      services.ai-models.models.b = lib.mkIf false { };
    }"""
    config = nixos(first, second)
    found = store.eval(
        f"builtins.mapAttrs (_: model: {{ inherit (model) files layout; }})"
        f" {config}.services.ai-models.models"
    )
    assert found == {
        "a": {
            "files": {"config.json": {"hash": "", "size": 2}, "README.md": {"hash": ""}},
            "layout": "copy",
        }
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("models.a.hsh = 1;", r"`services\.ai-models\.models\.a\.hsh' does not exist"),
        ("models.a.source.ftp = { };", r"source\.ftp' does not exist"),
        ("models.a.source.huggingface.branch = 1;", r"huggingface\.branch' does not exist"),
        ('models.a.files.x = "sha256-…";', r"files\.x' is not of type .*hash; size; lfs"),
        ('models.a.include = "*.json";', r"include' is not of type `null or \(?list of string\)?'"),
        ('models.a.source = "a/b";', r"source' is not of type"),
        ('models.a.source.huggingface = "a/b";', r"source\.huggingface' is not of type"),
        ("models.a.source.huggingface.repo = 5;", r"huggingface\.repo' is not of type `string'"),
        ("models.a.integration = false;", r"integration'"),
        ("models.a.integration.huggingface.enable = 1;", r"enable' is not of type `boolean'"),
        ("models.a.meta = null;", r"meta' is not of type"),
        ('models.a.layout = "hard";', r"layout' is not of type `one of \"copy\", \"link\"'"),
        ('integration.huggingface.mode = "copy";', r"mode' is not of type"),
        ('integration.huggingface.cacheDir = "hf";', r"cacheDir' is not of type `absolute path'"),
        ('modelPaths.a = "/x";', r"modelPaths' is read-only"),
        *(
            (f"tokenFile = {wrong};", "tokenFile' is not of type `null or absolute path outside")
            for wrong in (
                "./README.md",
                '"token"',
                '"${builtins.storeDir}/x"',
                '"/${builtins.storeDir}/x"',
                '"/.${builtins.storeDir}/x"',
                '"${builtins.toFile "x" ""}"',
                '"hf_token"',
                '"/run/a\\nLoadCredential=b:/c"',
            )
        ),
    ],
)
def test_what_cannot_be_meant(store: NixEnv, settings: str, said: str) -> None:
    config = nixos(f"{{ services.ai-models = {{ enable = true; {settings} }}; }}")
    with pytest.raises(NixError, match=said):
        store.eval(
            f"let cfg = {config}.services.ai-models; in builtins.deepSeq [ cfg.tokenFile"
            " (map (model: [ model.files model.layout ]) (builtins.attrValues cfg.models))"
            " cfg.integration cfg.modelPaths ] 0"
        )


@pytest.mark.parametrize("module", [nixos, home_manager])
@pytest.mark.parametrize("form", ["{{ package = {}; }}", "{}"], ids=["option", "value"])
def test_a_changed_package_is_used(store: NixEnv, module: Any, form: str) -> None:
    """By all that is made of it, and not the one that it was made from."""
    path = "services" if module is nixos else "programs"
    package = (
        '((import ./nix).fetchModel (import ./tests/nix/pkgs { system = "x86_64-linux"; })'
        f' {{ name = "a"; {PINNED} }}).overrideAttrs (_: {{ MARK = "changed"; }})'
    ).replace("./", f"{CHECKOUT}/")
    config = module(
        f"{{ {path}.ai-models = {{ enable = true; models.a = {form.format(f'({package})')}; }}; }}"
    )
    found = store.eval(
        f"let cfg = {config}.{path}.ai-models; in"
        f" {{ expected = ({package}).linked.snapshotPath; inherit (cfg) modelPaths;"
        " mark = cfg.models.a.package.linked.MARK; }"
    )
    assert found["mark"] == "changed"
    assert found["modelPaths"] == {"a": found["expected"]}
