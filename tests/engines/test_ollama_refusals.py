"""What cannot be a model of Ollama is refused with a next step, which helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from aimodels_engines.ollama import go_template, params
from support import ggufs
from support.ollama_store import problems
from support.ollama_views import Views
from support.remedies import cure, cures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.remedies import Remedy

LLAMA = ggufs.llama("Q4_K_M")
ADAPTER = ggufs.header_only(general__type="adapter")
SHARDS = dict(zip(ggufs.shard_names("tiny", 2), ggufs.llama_shards(2), strict=True))
ONE_FILE = {"tiny.gguf": LLAMA}
SAFE = {"config.json": b"{}", "model.safetensors": b"x"}


@pytest.fixture
def views(tmp_path: Path) -> Views:
    return Views(tmp_path)


@pytest.mark.parametrize(
    ("given", "problem", "right"),
    [
        cure('write "\u2026"', {"temprature": 1}, 'no parameter "temprature"', {"temperature": 1}),
        cure('write "\u2026"', {"numCtx": 1}, 'no parameter "numCtx"', {"num_ctx": 1}),
        cure("write one of: \u2026", {"x": 1}, 'no parameter "x"', {"top_k": 1}),
        cure('remove "\u2026"', {"mirostat": 1}, 'has dropped the parameter "mirostat"', {}),
        cure(
            "write \u2026, without quotes",
            {"temperature": "0.7"},
            "temperature is '0.7'",
            {"temperature": 0.7},
        ),
        cure("write \u2026", {"top_k": 1.5}, "top_k is 1.5", {"top_k": 1}),
        cure("write \u2026", {"seed": True}, "seed is true", {"seed": 1}),
        cure("write \u2026", {"seed": 1 << 63}, "seed is 9223372036854775808", {"seed": 1}),
        cure("write \u2026", {"top_p": [0.7]}, "top_p is [0.7]", {"top_p": 0.7}),
        cure("write \u2026", {"use_mmap": 1}, "use_mmap is 1", {"use_mmap": True}),
        cure("write \u2026", {"stop": ["a", 1]}, "stop is ['a', 1]", {"stop": ["</s>"]}),
    ],
)
def test_parameters(
    views: Views,
    remedy: Remedy,
    given: Mapping[str, Any],
    problem: str,
    right: Mapping[str, Any],
) -> None:
    views.model("m", ONE_FILE)
    said = views.refusal({"params": given})
    assert said.startswith('error: model "m": integration.ollama.params')
    assert problem in said
    remedy(said)
    assert views.ollama({"params": right}).get_model("tiny").options == right


def test_all_parameters_of_ollama_are_known() -> None:
    assert len(params.PARAMETERS) == 20
    assert params.check(dict.fromkeys(params.PARAMETERS[:9], 1), "m")


@pytest.mark.parametrize(
    ("template", "problem", "right"),
    [
        cure(
            'add }}, or write {{ "{{" }} for the text {{',
            "a\n{{ .Prompt",
            "line 2: {{ does not end",
            'a\n{{ "{{" }} .Prompt',
        ),
        cure(
            "add {{ end }}",
            "{{ if .System }}x",
            "the block of {{ if }} does not",
            "{{ if .S }}{{ end }}",
        ),
        cure("remove it", "x{{ end }}", "there is no block for {{ end }}", "x"),
        cure(
            "remove it",
            "{{ if .A }}{{ else }}{{ else }}b{{ end }}",
            "the block of {{ if }} has {{ else }} twice",
            "{{ if .A }}{{ else }}b{{ end }}",
        ),
        cure(
            "remove it",
            "{{ range .M }}{{ else }}{{ break }}{{ end }}",
            "{{ break }} is outside of {{ range }}",
            "{{ range .M }}{{ else }}{{ end }}",
        ),
        cure(
            "write one after it",
            "{{ if .A }}{{ else if }}{{ end }}",
            "{{ else if }} has no value",
            "{{ if .A }}{{ else if .B }}{{ end }}",
        ),
        cure(
            "declare it before: {{ \u2026 := .Messages }}",
            "{{ if $x := .A }}{{ end }}{{ $x }}",
            "there is no variable $x",
            "{{ $x := .Messages }}{{ if $x }}{{ end }}{{ $x }}",
        ),
        cure("remove it", "x{{ }}", "an action {{ }} is empty", "x"),
        cure("add )", "{{ (len .X }}", "a parenthesis does not end", "{{ (len .X) }}"),
        cure("remove )", "{{ len .X) }}", "a parenthesis does not begin", "{{ len .X }}"),
        cure(
            "for a value write {{ .\u2026 }}",
            "{{ prompt }}",
            'no function "prompt"',
            "{{ .Prompt }}",
        ),
        cure(
            "write it as Go's text/template has it, such as {{ .Prompt }}",
            "{{ .Prompt # it }}",
            "cannot have '# it }}'",
            "{{ .Prompt }}",
        ),
        cure(
            "leave it out: Ollama then takes the template of the GGUF file, which is Jinja's",
            ggufs.TEMPLATE,
            'there is no function "m"',
            None,
        ),
    ],
)
def test_templates(
    views: Views, remedy: Remedy, template: str, problem: str, right: str | None
) -> None:
    views.model("m", ONE_FILE)
    said = views.refusal({"template": template})
    assert 'model "m": integration.ollama.template, line ' in said
    assert problem in said
    remedy(said)
    assert views.ollama({"template": right}).get_model("tiny").template == right


@pytest.mark.parametrize(
    "template",
    [
        "no actions } }} { {",
        "{{ $x = 1 }}{{ $x }}",
        "{{ range .M }}{{ range .N }}{{ else }}{{ break }}{{ end }}{{ end }}",
        "{{ if $x := .A }}{{ $x }}{{ else }}{{ with $y := $x }}{{ $y.B }}{{ end }}{{ end }}",
        "{{- /* a }} {{ comment */ -}}x{{/* y */}}",
        '{{ if and (eq .Role "user") (not $.System) }}a{{ else if .X }}b{{ else }}c{{ end }}',
        "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}{{ end }}",
        '{{ `raw }}` }}{{ "}} \\" {{" }}{{ \'x\' }}{{ -1 }}{{ 1.5 }}{{ true }}{{ nil | print }}',
        '{{ define "x" }}{{ . }}{{ end }}{{ template "x" . }}{{ block "y" . }}{{ end }}',
        "{{ with .Tools }}{{ json . }}{{ else with .X }}{{ currentDate }}{{ end }}",
        "{{ range .Messages }}{{ if .X }}{{ break }}{{ end }}{{ continue }}{{ end }}",
        '{{\n.Prompt\n|\nprintf "%s" -}}\n',
    ],
)
def test_templates_that_go_takes(template: str) -> None:
    """Each has been parsed by Go's text/template with Ollama's functions."""
    go_template.check(template, "m")


@pytest.mark.parametrize(
    ("files", "choices", "problem"),
    [
        cure(
            "choose one in integration.ollama: write \u2026",
            {"a-Q4_K_M.gguf": LLAMA, "b-Q8_0.gguf": LLAMA},
            (None, "b-Q8_0.gguf"),
            'has several GGUF files for Ollama: "a-Q4_K_M.gguf", "b-Q8_0.gguf"',
        ),
        cure(
            'write file = "\u2026" in integration.ollama',
            {**SHARDS, "tiny-Q4_K_M.gguf": LLAMA},
            (next(iter(SHARDS)), "tiny-Q4_K_M.gguf"),
            "is one of several shards",
        ),
        cure(
            'write file = "\u2026" in integration.ollama',
            {**ONE_FILE, "mmproj.gguf": ggufs.mmproj()},
            ("mmproj.gguf", "tiny.gguf"),
            '"mmproj.gguf" is an encoder of images or sound (mmproj), not a model',
        ),
        cure(
            'write file = "\u2026" in integration.ollama',
            {**ONE_FILE, "lora.gguf": ADAPTER},
            ("lora.gguf", "tiny.gguf"),
            '"lora.gguf" is a LoRA adapter, not a model',
        ),
        cure(
            'write file = "\u2026" in integration.ollama',
            {**ONE_FILE, "vocab.gguf": ggufs.header_only(general__type="vocab")},
            ("vocab.gguf", "tiny.gguf"),
            "is of the type vocab, not a model",
        ),
    ],
)
def test_files_to_choose(
    views: Views,
    remedy: Remedy,
    files: Mapping[str, bytes],
    choices: tuple[str | None, str],
    problem: str,
) -> None:
    wrong, right = choices
    views.model("m", files)
    said = views.refusal({"file": wrong})
    assert 'model "m"' in said
    assert problem in said
    assert right in remedy(said)[0]
    assert problems(views.view({"file": right})) == []


@pytest.mark.parametrize(
    ("files", "problem", "right"),
    [
        cure(
            "choose a quantisation that is one file, or serve this one with llama.cpp",
            SHARDS,
            '"tiny-00001-of-00002.gguf" is one of several shards',
            ONE_FILE,
        ),
        cure(
            "put adapter and base in one repository, or run `ollama create` with FROM and ADAPTER",
            {"lora.gguf": ADAPTER},
            '"lora.gguf" is a LoRA adapter, and Ollama needs its base',
            {"lora.gguf": ADAPTER, **ONE_FILE},
        ),
        cure(
            "fetch only one of them: list the files in the source of the model",
            {**ONE_FILE, "a.gguf": ADAPTER, "b.gguf": ADAPTER},
            'several LoRA adapters: "a.gguf", "b.gguf"',
            {**ONE_FILE, "a.gguf": ADAPTER},
        ),
        cure(
            "fetch a repository with GGUF files, or run `ollama create` with FROM and the "
            "directory of this model",
            SAFE,
            "has safetensors files, and Ollama reads only a converted copy",
            {**SAFE, **ONE_FILE},
        ),
        cure(
            "fetch a repository with GGUF files",
            {"model.onnx": b"x"},
            'has no GGUF file: "model.onnx"',
            ONE_FILE,
        ),
        *(
            cure(
                "fetch a repository with a whole GGUF file of a model",
                {"tiny.gguf": data},
                f'"tiny.gguf" cannot be read as GGUF: {problem}',
                ONE_FILE,
            )
            for data, problem in (
                (LLAMA[:-5000], "it is cut"),
                (LLAMA[:100], "it is cut"),
                (b"version https://git-lfs.github.com/spec/v1\n", "it is not a GGUF file"),
            )
        ),
    ],
)
def test_files_to_fetch(
    views: Views,
    remedy: Remedy,
    files: Mapping[str, bytes],
    problem: str,
    right: Mapping[str, bytes],
) -> None:
    views.model("m", files)
    said = views.refusal({})
    assert problem in said
    remedy(said)
    others = Views(views.directory / "others")
    others.model("m", right)
    assert problems(others.view()) == []


@cures("write the text of the licence, or a list of texts")
def test_licences(views: Views, remedy: Remedy) -> None:
    views.model("m", ONE_FILE)
    said = views.refusal({"license": {"text": "MIT"}})
    assert 'model "m": integration.ollama.license is not a text' in said
    remedy(said)
    assert views.ollama({"license": ["MIT"]}).get_model("tiny").license == ["MIT"]


def test_broken_files_that_nobody_chose_do_not_matter(views: Views) -> None:
    views.model("m", {**ONE_FILE, "broken.gguf": b"x"})
    assert views.ollama({"file": "tiny.gguf"}).get_model("tiny").path
    assert '"broken.gguf" cannot be read as GGUF' in views.refusal({})


@pytest.mark.parametrize("kind", ggufs.broken())
def test_broken_headers(views: Views, kind: str) -> None:
    data, problem = ggufs.broken()[kind]
    views.model("m", {"tiny.gguf": data})
    said = views.refusal({})
    assert 'model "m": "tiny.gguf" cannot be read as GGUF: ' in said
    assert problem in said
