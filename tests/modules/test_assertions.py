"""The modules report mistakes in configurations, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.helpers import problems
from support.modules import entry, home_manager, nixos
from support.remedies import cures

if TYPE_CHECKING:
    from support.nix import NixEnv
    from support.remedies import Remedy

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
SOURCE = 'source.huggingface.repo = "org/m";'
FILES = 'files."a" = { hash = ""; };'
GOOD = f'{{ {SOURCE} hash = ""; }}'
LICENSED = f'{SOURCE} hash = ""; meta.license ='

NO_PIN = (
    'needs a pin: set `hash = "sha256-…"` (with "", Nix reports the right one) or `files = { … }` '
    "(from `aimodels-gen lock`)"
)
NO_NAME = (
    '`source.s3` has no repository name: set `integration.huggingface = { org = "…"; model = "…"; '
    "}`, or `integration.huggingface.enable = false` for plain files"
)
NO_ENTRY = (
    "`package` is not a cache entry made by `fetchModel` (it has no `hfCachePath`): use one, or "
    "set `integration.huggingface.enable = false`"
)
NO_SOURCE = "`source` must have exactly one attribute (one of: huggingface, s3, url), but has "


def models(text: str) -> str:
    return f"{{ {text} }}"


ONE_MODEL = {
    f"{SOURCE}": NO_PIN,
    f'{SOURCE} hash = ""; {FILES}': "has both `hash` and `files`; keep one",
    f"{SOURCE} {FILES}": "a `files` pin needs the commit: add `rev`, or run `aimodels-gen lock`",
    f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }}; {FILES} exclude = [ "*" ];': (
        "`include` and `exclude` require `hash`; `files` already lists the files"
    ),
    'hash = "";': f"{NO_SOURCE}0",
    f'{SOURCE} source.s3.bucket = "bucket"; hash = "";': f"{NO_SOURCE}2",
    'source.s3.bucket = "bucket"; hash = "";': NO_NAME,
    'source.huggingface.repo = "a/b/c"; hash = "";': (
        '`source.huggingface.repo = "a/b/c"` is not a repository: write `source.huggingface.repo = '
        '"a/b"`, and `include = [ "c/*" ]` with a `hash` pin if you want only these files'
    ),
    'source.huggingface = { repo = "org/m"; rev = "main"; }; hash = "";': (
        '`source.huggingface.rev = "main"` is not a commit of 40 hex digits; set `ref` for '
        "a branch or tag"
    ),
    f'{SOURCE} hash = ""; integration.huggingface.org = "a b";': (
        '`integration.huggingface` names the entry "a b/m": use letters, digits, . _ and -'
    ),
    f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }}; files."a b" = {{ sum = ""; }};': (
        '`files."a b".sum` is not known; use one of: hash, lfs, size'
    ),
    f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }}; files.a = {{ }};': (
        '`files."a".hash` is missing: write its SRI hash, or "" to have Nix report it'
    ),
    (
        f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }};'
        ' files.a = { hash = ""; size = "5"; };'
    ): (
        '`files."a".size` must be an integer of at least 0, but is a string: write '
        '`files."a".size = 5`'
    ),
    f'{SOURCE} hash = ""; meta.license = 5;': (
        "`meta.license` must be a licence of nixpkgs, the name of one, or a list of these, but is "
        'an integer: write `meta.license = "mit"`'
    ),
    f'{SOURCE} hash = ""; fallbacks = [ {{ huggingface.repo = 5; }} ];': (
        "in `fallbacks`: `source.huggingface.repo` must be a string, but is an integer: write "
        '`source.huggingface.repo = "5"`'
    ),
    f'{SOURCE} hash = ""; fallbacks = [ {{ s4 = {{ }}; }} ];': (
        "`fallbacks.s4` is not a kind of source; use one of: huggingface, s3, url"
    ),
    f'{SOURCE} hash = ""; fallbacks = [ {{ url.files.a = "ftp://b/a"; }} ];': (
        'in `fallbacks`: `source.url.files."a"` is not the http(s) URL of a file: write one like '
        "https://example.org/model.gguf, without user, password or fragment"
    ),
}

GOOD_MODELS = [
    GOOD,
    f'{{ source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }}; {FILES} }}',
    f'{{ source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }}; {FILES} layout = "copy"; }}',
    (
        '{ source.s3.bucket = "bucket"; hash = "";'
        ' integration.huggingface = { org = "o"; model = "m"; }; }'
    ),
    '{ source.s3.bucket = "bucket"; hash = ""; integration.huggingface.enable = false; }',
    (
        '{ source.url.files."model.gguf" = [ "https://a.org/model.gguf" "https://b.org/x" ];'
        ' hash = ""; integration.huggingface = { org = "o"; model = "m"; }; }'
    ),
    f'{{ {SOURCE} hash = ""; fallbacks = [ {{ s3.bucket = "bucket"; }} ]; }}',
    f'{{ {LICENSED} "llama2"; }}',
    f'{{ {SOURCE} hash = "sha256-..."; }}',  # as in guides; the build reports it
]


@pytest.mark.parametrize(("model", "problem"), ONE_MODEL.items())
def test_a_model_that_is_wrong(store: NixEnv, model: str, problem: str) -> None:
    config = f"{{ enable = true; models.a = {{ {model} }}; models.b = {GOOD}; }}"
    assert problems(store, nixos(f"{{ services.ai-models = {config}; }}")) == [
        f"services.ai-models.models.a: {problem}"
    ]


def test_home_manager_says_the_same(store: NixEnv) -> None:
    """Once is enough, because both modules share the code."""
    config = home_manager(
        f'{{ programs.ai-models = {{ enable = true; models."a b" = {{ {SOURCE} }}; }}; }}'
    )
    assert problems(store, config) == [f'programs.ai-models.models."a b": {NO_PIN}']


@pytest.mark.parametrize("model", GOOD_MODELS)
def test_a_model_that_is_right(store: NixEnv, model: str) -> None:
    for config in (
        nixos(f"{{ services.ai-models = {{ enable = true; models.a = {model}; }}; }}"),
        home_manager(f"{{ programs.ai-models = {{ enable = true; models.a = {model}; }}; }}"),
    ):
        assert problems(store, config) == []
        assert store.eval(f"{config}.warnings") == []


ONE_NAME = "….models: … are … … in the cache: keep one, or write …, and load …"


@cures("`….models.….…`", ONE_NAME)
def test_models_with_one_name(store: NixEnv, remedy: Remedy) -> None:
    renamed = (
        'source.huggingface.repo = "x/y"; integration.huggingface = { org = "org"; model = "m"; };'
    )
    three = (
        f'{{ a = {GOOD}; "b c" = {GOOD}; d = {{ {renamed} hash = ""; }};'
        f" e = {GOOD} // {{ integration.huggingface.enable = false; }}; }}"
    )
    config = f"services.ai-models = {{ enable = true; models = {three}; }};"
    lines = [
        f'services.ai-models.models.{name}.integration.huggingface = {{ org = "org"; model = '
        f'"{model}"; }};'
        for name, model in {"a": "a", '"b c"': "b-c"}.items()
    ]
    (problem,) = problems(store, nixos(f"{{ {config} }}"))
    assert problem == (
        'services.ai-models.models: "a" and "b c" and "d" are all models--org--m in the cache: '
        f"keep one, or write `{lines[0]}` and `{lines[1]}`, and load them by those names"
    )
    remedy(problem)
    assert remedy.commands == lines
    assert problems(store, nixos(f"{{ {config} }}", f"{{ {' '.join(lines)} }}")) == []
    # Without links there is no conflict.
    off = "services.ai-models.integration.huggingface.enable = false;"
    assert problems(store, nixos(f"{{ {config} {off} }}")) == []


@cures("`…` in the `fetchModel` of …", ONE_NAME)
def test_packages_with_one_name(store: NixEnv, remedy: Remedy) -> None:
    """Options of the module do not change a package."""

    def config(more: str = "") -> str:
        package = f'(import ./nix).fetchModel pkgs {{ name = "p"; {SOURCE} hash = "";'
        models = f"models = {{ p = {package} }}; q.package = {package} {more} }}; }};"
        return nixos(f"{{ pkgs, ... }}: {{ services.ai-models = {{ enable = true; {models} }}; }}")

    (problem,) = problems(store, config())
    assert problem == (
        'services.ai-models.models: "p" and "q" are both models--org--m in the cache: keep one, or '
        'write `integration.huggingface = { org = "org"; model = "q"; };` in the `fetchModel` of '
        '"q", and load it by that name'
    )
    remedy(problem)
    assert problems(store, config(remedy.commands[0])) == []


def test_a_package_instead(store: NixEnv) -> None:
    made, plain = entry("x"), "builtins.removeAttrs (" + entry("x") + ') [ "hfCachePath" ]'
    for package, more, expected in (
        (made, "", []),
        (plain, "", [f"services.ai-models.models.a: {NO_ENTRY}"]),
        (plain, "integration.huggingface.enable = false;", []),
    ):
        model = f"{{ package = {package}; {more} }}"
        config = nixos(f"{{ services.ai-models = {{ enable = true; models.a = {model}; }}; }}")
        assert problems(store, config) == expected


UNFREE = (
    "services.ai-models.models.a: its licence ({}) is unfree: allow that with "
    "`nixpkgs.config.allowUnfree = true`, or set `services.ai-models.enforceLicenses = false`"
)


@pytest.mark.parametrize(
    ("license", "name"),
    [
        ('"llama2"', "llama2"),
        ('"other"', "other"),
        ('"cc-by-nc-4.0"', "cc-by-nc-4.0"),
        ('{ free = false; shortName = "unfree"; }', "unfree"),
        ("lib.licenses.cc-by-nc-40", "CC-BY-NC-4.0"),
        ('[ "mit" lib.licenses.unfree ]', "mit, unfree"),
        ('"mit"', None),
        ('"Apache-2.0"', None),
        ('"gpl-3.0"', None),
        ('"lgpl"', None),
        ("lib.licenses.asl20", None),
        ('[ "mit" lib.licenses.asl20 ]', None),
        ('{ fullName = "Ours"; }', None),
        ("null", None),
    ],
)
def test_licences(store: NixEnv, license: str, name: str | None) -> None:  # noqa: A002 (its name)
    model = f"models.a = {{ {LICENSED} {license}; }};"
    expected = [UNFREE.format(name)] if name else []
    assert problems(store, licensed(f"{model} enforceLicenses = true;")) == expected
    for allowed in (
        "allowUnfree = true;",
        'allowUnfreePredicate = p: lib.getName p == "a";',
        'allowUnfreePackages = [ "a" ];',
    ):
        more = f"nixpkgs.config.{allowed}"
        assert problems(store, licensed(f"{model} enforceLicenses = true;", more)) == []
    assert problems(store, licensed(model)) == []


@pytest.mark.parametrize(
    ("license", "name"), [("other", "other"), ("mit", None), ("lgpl", None), (None, None)]
)
def test_the_licence_of_a_package(store: NixEnv, license: str | None, name: str | None) -> None:  # noqa: A002 (its name)
    meta = f'meta.license = "{license}";' if license else ""
    package = f'(import ./nix).fetchModel pkgs {{ name = "a"; {SOURCE} hash = ""; {meta} }}'
    module = f"models.a.package = {package}; enforceLicenses = true;"
    config = nixos(f"{{ pkgs, ... }}: {{ services.ai-models = {{ enable = true; {module} }}; }}")
    assert problems(store, config) == ([UNFREE.format(name)] if name else [])


def licensed(config: str, more: str = "") -> str:
    return nixos(
        f"{{ lib, ... }}: {{ services.ai-models = {{ enable = true; {config} }}; {more} }}"
    )


def test_a_licence_that_is_not_enforced_is_not_told_to_nixpkgs(store: NixEnv) -> None:
    """It would refuse to evaluate an unfree package."""
    for enforce, expected in (("false", None), ("true", "llama2")):
        config = nixos(
            f"{{ services.ai-models = {{ enable = true; enforceLicenses = {enforce};"
            f' models.a = {{ {LICENSED} "llama2"; }}; }}; }}'
        )
        meta = store.eval(f"{config}.services.ai-models.models.a.package.meta")
        assert meta.get("license", {}).get("shortName") == expected


@pytest.mark.parametrize(
    ("directory", "problem"),
    [
        ("builtins.storeDir", "is inside the Nix store, which is read-only: set a directory"),
        ('"${builtins.storeDir}/x"', "is inside the Nix store, which is read-only"),
        ('"/${builtins.storeDir}"', "is inside the Nix store, which is read-only"),
        ('"/./${builtins.storeDir}/x"', "is inside the Nix store, which is read-only"),
        ('builtins.toFile "x" ""', "is inside the Nix store, which is read-only"),
        ('"/srv/../srv/hf"', "contains `..`: write the path without it"),
        ('"/"', "is not the path of a directory"),
        ('"/home/$USER/hf"', "is not the path of a directory: write an absolute path"),
        ('"/srv/a b/%"', None),
        ("/srv/models", None),
        ('"/srv//models/"', None),
        ('"${builtins.storeDir}-of-mine"', None),
    ],
)
def test_where_the_cache_is(store: NixEnv, directory: str, problem: str | None) -> None:
    for path, option, make in (
        ("services.ai-models", "cacheDir", nixos),
        ("programs.ai-models", "hubDir", home_manager),
    ):
        config = f"enable = true; integration.huggingface.{option} = {directory};"
        found = problems(store, make(f"{{ {path} = {{ {config} }}; }}"))
        if problem is None:
            assert found == []
        else:
            (message,) = found
            assert message.startswith(f"{path}.integration.huggingface.{option} = ")
            assert problem in message


def test_a_path_of_two_lines(store: NixEnv) -> None:
    """The second line would be another rule for systemd-tmpfiles."""
    config = 'enable = true; integration.huggingface.cacheDir = "/srv/a\\nb";'
    (message,) = problems(store, nixos(f"{{ services.ai-models = {{ {config} }}; }}"))
    assert "is not the path of a directory" in message


def test_offline_in_a_mode_for_programs_that_go_online(store: NixEnv) -> None:
    for path, make in (("services.ai-models", nixos), ("programs.ai-models", home_manager)):
        config = 'enable = true; integration.huggingface = { mode = "directory"; offline = true; };'
        (warning,) = store.eval(f"{make(f'{{ {path} = {{ {config} }}; }}')}.warnings")
        assert warning == (
            f'{path}.integration.huggingface: `mode = "directory"` is for programs that go online, '
            "which `offline = true` prevents; remove one of them"
        )
