"""Models that are written in one place are evaluated without the module system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.modules import nixos

if TYPE_CHECKING:
    from support.nix import NixEnv

REV = "01c7f73d771dfac7d292323805ebc428287df4f9"
HUB = f'source.huggingface = {{ repo = "org/m"; rev = "{REV}"; }};'
FILES = 'files = { "a b".hash = ""; outPath = { hash = ""; size = 5; lfs = true; }; };'
BUNDLE = 'bundle = { hash = ""; files."__toString" = { hash = ""; size = 5; }; };'
BUCKET = 'source.s3 = { bucket = "b-b"; versions.a = "1"; }; hash = "";'
PLAIN = (
    'source = { url.files.a = "https://example.org/a"; huggingface = null; }; files.a.hash = "";'
)
SIMPLE = [
    f"{HUB} {FILES}",
    f"{HUB} {BUNDLE}",
    f'{HUB} {FILES} {BUNDLE} layout = "copy";',
    'source.huggingface.repo = "org/m"; hash = ""; include = [ "*.json" ]; exclude = [ ];',
    f'{BUCKET} integration.huggingface = {{ org = "o"; model = "m"; }};',
    f"{PLAIN} integration.huggingface.enable = false;",
    f'{HUB} {FILES} fallbacks = [ {{ s3.bucket = "b-b"; }} ]; meta.license = "mit";',
]
MERGED = f"{{ {HUB} {FILES} }}"
# Definitions, and the ref that they set.
OTHERS = {
    f'lib.mkMerge [ {MERGED} {{ source.huggingface.ref = "v1"; }} ]': "v1",
    f'lib.recursiveUpdate {MERGED} {{ source.huggingface.ref = lib.mkForce "v2"; }}': "v2",
    f'lib.mkMerge [ {MERGED} {{ source = lib.mkIf true {{ huggingface.ref = "v3"; }}; }} ]': "v3",
    f"{{ {HUB} files = lib.mkForce {FILES.partition('= ')[2]} }}": "main",
    f'{{ {HUB} {FILES} meta.license = lib.mkDefault "mit"; }}': "main",
    f"{{ name, ... }}: lib.recursiveUpdate {MERGED} {{ source.huggingface.ref = name; }}": "a",
}


def config(model: str) -> str:
    settings = f"services.ai-models = {{ enable = true; models.a = {model}; }};"
    return nixos(f"{{ lib, ... }}: {{ {settings} }}")


def test_they_are_the_same(store: NixEnv) -> None:
    """With two definitions, they are evaluated by the module system."""
    said = (
        "(c: let m = c.services.ai-models.models.a; in (import ./nix/util.nix).toJSON"
        ' { options = removeAttrs m [ "package" ]; inherit (m.package.meta) repo;'
        " drvs = [ m.package.drvPath m.package.linked.drvPath ];"
        " paths = c.services.ai-models.modelPaths; inherit (c) warnings;"
        " problems = builtins.filter (a: !a.assertion) c.assertions; })"
    )
    rows = "".join(
        f"(map {said} [ {config(model)} {config(f'lib.mkMerge [ {model} {{ }} ]')} ])"
        for model in (f"{{ {arguments} }}" for arguments in SIMPLE)
    )
    for simple, merged in store.eval(f"[ {rows} ]"):
        assert simple == merged
        assert '"problems":[]' in simple


def test_definitions_that_need_the_module_system(store: NixEnv) -> None:
    refs = "(c: (builtins.seq c.services.ai-models.models.a.package.drvPath c).services.ai-models"
    refs += ".models.a.source.huggingface.ref)"
    found = store.eval(f"map {refs} [ {' '.join(map(config, OTHERS))} ]")
    assert found == list(OTHERS.values())
