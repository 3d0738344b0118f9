"""models.toml and the Nix library accept the same integrations, and refuse the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.errors import AimodelsError
from aimodels_gen.manifest.parse import parse
from aimodels_gen.manifest.toml_lines import value
from support.expressions import literal

if TYPE_CHECKING:
    from support.nix import NixEnv

LONG = "a" * 80
NAMES = [
    *("m", "llama3.2:1b", "me/m", "hub.example/me/m:q4_K_M", "hub:5000/me/m", "_m:_t", "M:T-1.b"),
    *("", " ", "m:", ":t", "m:a:b", "/m", "me/", "a/b/c/d", "me.you/m", "-m", ".m", "m:-t", "m n"),
    *("a//b", "../m", "m@sha256:0", "mé", "m\n", "http://h/me/m", "registry.ollama.ai/library/m"),
    *(LONG, f"{LONG}a", f"m:{LONG}", f"m:{LONG}a", f"{LONG}/m", f"{LONG}a/m"),
    *(f"{'h' * 255}/me/m", f"{'h' * 256}/me/m", f"h:/{LONG}/m"),
]
PATHS = [
    *("a", "a/b", "a b/ü.bin", "a/", "a/b/", "..a", "a..", "a/.b", "-a", "a\\b", "'${x}"),
    *("", "/", "/a", "a//b", "a//", "./a", "a/.", "..", "../a", "a/../b", "a/..", "."),
    *("a\n", "a\tb", "\x7f", "a" * 255, "a" * 256, "ü" * 127, "ü" * 128, "a/" * 2000 + "b"),
]
PARTS = ["a", "A_1.b-c", "", "a/b", "..", ".a", "a.", "-a", "a b", "a--b", "ü", "a" * 97, "a\n"]
SELECTIONS: list[Any] = [
    *("*.safetensors", ["a", "b/*"], {"a": "b"}, {"a/": "*"}, {"a/": ["*", "b"]}, {"a": ["b"]}),
    *("", [], [""], {"a": ["b", "c"]}, {"a": ""}, {"a": []}, {"a": {"b": "c"}}, 1, [1], True),
    *({"a": 1}, [["a"]], {"a/": []}, {"a/": ["b"]}),
    *("./", "a/", ["./", "b"], {"a/": "./"}, {"a/b/": ["c/", "d"]}, {"a": "./"}, {"a": "b/"}),
    *({"a": ["b/"]}, {"a/": "/"}, {"a": "/"}),
]
COMFYUI = [
    *("checkpoints", "my_own", "a/b", "unet_gguf", "a/../b", "", "/a", "..", "clips"),
    *("checkpoint", "Loras", "text-encoders", "diffusionModels", "VAE", "a/", "lora"),
]
OF_OLLAMA: list[dict[str, Any]] = [
    *({"enable": False}, {"enable": "yes"}, {"tag": "1b"}, {"parameters": {}}, {"params": []}),
    {"template": "{{ .Prompt }}${x}''\n", "system": "s", "license": "l", "file": "f"},
    *({"template": 1}, {"system": ["a"]}, {"file": ["a"]}),
    {"params": {"temperature": 0.7, "num_ctx": -1, "stop": ["a", "b"], "use_mmap": True}},
    *({"params": {"stop": {"a": "b"}}}, {"params": {"stop": [["a"]]}}),
]
KINDS: dict[str, list[Any]] = {
    "ollama": [
        *({"name": name} for name in NAMES),
        *({"name": "m", **more} for more in OF_OLLAMA),
        *({}, "m", True, ["m"], {"template": "t"}, {"name": 1}),
        *({"enable": False, "name": "not a name"},),
    ],
    "lmstudio": [
        *({}, {"enable": False}, {"org": "a"}, {"model": "b"}, {"org": "a", "model": "b"}),
        *({key: part} for key in ("org", "model") for part in PARTS),
        *(True, "a/b", {"name": "a"}, {"enable": 1}, {"enable": False, "org": "a/b"}),
        *({"files": selection} for selection in SELECTIONS),
        *({"files": {path: "f"}} for path in PATHS),
    ],
    "comfyui": [
        *({"checkpoints": selection} for selection in SELECTIONS),
        *({name: "*"} for name in COMFYUI),
        *({"loras": {path: "f"}} for path in PATHS),
        *({}, "*.safetensors", ["a"], True),
    ],
    "triton": [
        *({}, {"model": "m", "version": 3, "config": "name: 'm'\n"}, {"version": 0}),
        *({"version": -1}, {"version": "1"}, {"version": 1.5}, {"config": 1}, {"name": "m"}),
        *({"model": part} for part in PARTS),
        *({"files": selection} for selection in SELECTIONS),
        *({"files": {path: "f"}} for path in PATHS),
        *("m", True),
    ],
    "directory": [
        *({"d": {path: "f"}} for path in PATHS),
        *({"d": {path: ["f", "g"]}} for path in ("a", "a/")),
        *(
            {"d": {path: files}}
            for path in ("a", "a/")
            for files in ([], ["f"], "./", "b/", ["b/"])
        ),
        *({name: {"a": "f"}} for name in (*PARTS, "ollama", "huggingface", "a+b", "outPath")),
        *({}, {"d": {}}, {"a": "f"}, {"d": "f"}, {"d": ["f"]}, {"d": {"a": 1}}, {"d": {"a": ""}}),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_is_refused(host_nix: NixEnv, kind: str) -> None:
    given = KINDS[kind]
    taken = host_nix.eval(
        "map (value: let result = (import ./nix/arguments.nix).check"
        ' (_message: { problem = true; }) { name = "m"; hash = "";'
        ' source.huggingface.repo = "org/name";'
        f" integration.{kind} = value; }}; in !(result ? problem))"
        f" (builtins.fromJSON {literal(json.dumps(given))})"
    )
    found = {json.dumps(one): ok for one, ok in zip(given, taken, strict=True)}
    assert found == {json.dumps(one): is_accepted({kind: one}) for one in given}
    assert len(set(taken)) == 2


def is_accepted(integration: dict[str, Any]) -> bool:
    try:
        parse(
            '[models.m]\nsource.huggingface.repo = "org/name"\n'
            f"integration = {value(integration)}\n"
        )
    except AimodelsError:
        return False
    return True
