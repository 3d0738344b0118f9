"""Evaluation without building: the cases, and the messages for wrong calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.nix import NixError

if TYPE_CHECKING:
    from support.nix import NixEnv

PKGS = 'pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };'


def test_cases(nix: NixEnv) -> None:
    report = nix.eval(f"let {PKGS} in import ./tests/nix/cases/report.nix {{ inherit pkgs; }}")
    assert report["failures"] == []
    assert report["untested"] == []
    assert report["count"] > 20


def test_a_wrong_case_is_reported(host_nix: NixEnv) -> None:
    """The cases above could not fail if the comparison were broken."""
    report = host_nix.eval('(import ./tests/nix/cases/names.nix)."names.sanitize".noLeadingDot')
    assert report["expr"] == report["expected"] == "hidden"
    assert report["expr"] != "..hidden"


GOOD = {
    "name": '"m"',
    "source.huggingface.repo": '"org/model"',
    "hash": '""',
}
REV = '"01c7f73d771dfac7d292323805ebc428287df4f9"'
FILES = '{ "a".hash = ""; }'
BUNDLE = '{ hash = ""; files.b.hash = ""; }'


@pytest.mark.parametrize(
    ("changes", "say"),
    [
        ({"hash": None}, ["needs a pin", "aimodels-gen lock"]),
        ({"files": FILES}, ["both `hash` and `files`"]),
        ({"hash": None, "files": FILES}, ["needs the commit", "aimodels-gen lock"]),
        (
            {"hash": None, "files": "{ }", "source.huggingface.rev": REV},
            ["`files` is empty"],
        ),
        (
            {"hash": None, "files": '{ a.sha = ""; }', "source.huggingface.rev": REV},
            ['`files."a".sha` is not known'],
        ),
        (
            {"hash": None, "files": "{ a.size = 1; }", "source.huggingface.rev": REV},
            ['`files."a".hash` is missing'],
        ),
        (
            {
                "hash": None,
                "files": FILES,
                "source.huggingface.rev": REV,
                "include": '[ "*.json" ]',
            },
            ["`include` and `exclude` require `hash`"],
        ),
        ({"bundle": BUNDLE}, ["both `hash` and `bundle`"]),
        ({"hash": None, "bundle": BUNDLE}, ["needs the commit", "aimodels-gen lock"]),
        *[
            ({"hash": None, "source.huggingface.rev": REV, "bundle": BUNDLE, **changes}, say)
            for changes, say in (
                ({"files": '{ b.hash = ""; }'}, ['"b" is in both `files` and `bundle.files`']),
                ({"files": "{ }"}, ["`files` is empty"]),
                ({"bundle": '{ hash = ""; files = { }; }'}, ["`bundle.files` is empty"]),
                ({"bundle": '{ files.b.hash = ""; }'}, ["`bundle.hash` is missing"]),
                ({"bundle": '{ hash = ""; }'}, ["`bundle.files` is missing"]),
                (
                    {"bundle": '{ hash = ""; files.b = { hash = ""; lfs = true; }; }'},
                    ['`bundle.files."b".lfs` is not known'],
                ),
                (
                    {"bundle": '{ hash = "x"; files.b.hash = ""; }'},
                    ['`bundle.hash = "x"` is not an SRI hash'],
                ),
                (
                    {"bundle": '{ hash = ""; files.b.hash = "x"; }'},
                    ['`bundle.files."b".hash = "x"` is not an SRI hash'],
                ),
                ({"include": '[ "*" ]'}, ["`include` and `exclude` require `hash`"]),
            )
        ],
        ({"hash": '"0000"'}, ['`hash = "0000"` is not an SRI hash']),
        (
            {"hash": None, "files": '{ a.hash = "x"; }', "source.huggingface.rev": REV},
            ['`files."a".hash = "x"` is not an SRI hash'],
        ),
        ({"integration.huggingface.org": '"a/b"'}, ['names the entry "a/b/model"']),
        ({"layout": '"link"'}, ["`layout` requires `files`"]),
        (
            {
                "hash": None,
                "files": FILES,
                "source.huggingface.rev": REV,
                "layout": '"hard"',
            },
            ['`layout = "hard"` is not "copy" or "link"'],
        ),
        ({"source.huggingface.repo": None, "source": "{ }"}, ["exactly one attribute"]),
        (
            {"source.huggingface.repo": '"a/b"', "source.s3.bucket": '"b"'},
            ["exactly one attribute", "has 2"],
        ),
        (
            {"source.huggingface.repo": None, "source.ftp.host": '"x"'},
            ["`source.ftp` is not a kind of source", "huggingface"],
        ),
        (
            {"source.huggingface.repo": None, "source.huggingface.rev": REV},
            ["`source.huggingface.repo` is missing"],
        ),
        ({"source.huggingface.repo": '"a/b/c"'}, ["is not a repository"]),
        ({"source.huggingface.rev": '"main"'}, ["not a commit of 40 hex digits", "`ref`"]),
        ({"source.huggingface.branch": '"main"'}, ["`source.huggingface.branch` is not known"]),
        (
            {"source.huggingface.repoType": '"lora"'},
            ['is not "model", "dataset", "space" or "kernel"'],
        ),
        *[
            ({"source.huggingface.endpoint": wrong}, [f"`source.huggingface.endpoint` {reason}"])
            for wrong, reason in {
                "[ ]": "is an empty list: name a server",
                "1": "must be a string, or a list of strings to try in order",
                "{ }": "must be a string, or a list of strings",
                '[ "https://hub.example" null ]': "must be a string, or a list of strings",
                '""': "is empty: name a server",
                '[ "https://hub.example" "" ]': "is empty: name a server",
                '"hub.example"': "is not the http(s) URL of a server",
                '[ "https://hub.example" "ftp://hub.example" ]': "is not the http(s) URL",
                '"https://a.example https://b.example"': "is not the http(s) URL",
                '"https://user:secret@hub.example"': "is not the http(s) URL of a server",
            }.items()
        ],
        ({"integration.ollama.enable": "true"}, ["`integration.ollama.name` is missing"]),
        ({"integration.vllm.enable": "true"}, ["`integration.vllm` is not known"]),
        ({"integration.huggingface.name": '"x"'}, ["`integration.huggingface.name` is not known"]),
    ],
)
def test_wrong_calls_say_what_to_do(
    host_nix: NixEnv, changes: dict[str, str | None], say: list[str]
) -> None:
    arguments = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    body = " ".join(f"{key} = {value};" for key, value in arguments.items())
    with pytest.raises(NixError) as caught:
        host_nix.eval(f"let {PKGS} in ((import ./nix).fetchModel pkgs {{ {body} }}).outPath")
    for part in ['nix-ai-models: model "m": ', *say]:
        assert part in str(caught.value)
    assert "secret" not in str(caught.value).partition("nix-ai-models: ")[2]


def test_the_good_call_is_good(host_nix: NixEnv) -> None:
    """Otherwise the wrong calls would prove nothing."""
    body = " ".join(f"{key} = {value};" for key, value in GOOD.items())
    path = host_nix.eval(f"let {PKGS} in ((import ./nix).fetchModel pkgs {{ {body} }}).outPath")
    assert path.startswith(str(host_nix.store))
