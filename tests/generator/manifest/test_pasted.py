"""What people paste into models.toml of repositories: the message shows the lines to write, and they are right."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from aimodels_fetcher.filters import Filters
from aimodels_gen.errors import InvalidManifestError
from aimodels_gen.manifest.parse import parse
from aimodels_gen.sources.huggingface import HuggingFace
from aimodels_gen.tables import OneOrMore
from generator.manifest.mending import GOOD, HEADER, MODEL, REV, S3_NAME, WRONG, only, refused

if TYPE_CHECKING:
    from aimodels_gen.manifest.model import Entry

DATASET = HuggingFace("org/name", repo_type="dataset")


def chosen(*quants: str, mmproj: bool | None = None) -> HuggingFace:
    return HuggingFace("org/name", quant=OneOrMore(quants), mmproj=mmproj)


REPOS: list[tuple[str, HuggingFace, list[str]]] = [
    ("hf://org/name", MODEL, []),
    ("hf://datasets/org/name", DATASET, []),
    ("hf://datasets/org/name@v1/data/*.parquet", HuggingFace("org/name", "v1", None, "dataset"), ["data/*.parquet"]),
    ("hf://org/name@refs%2Fpr%2F3/a/x.json", HuggingFace("org/name", "refs/pr/3"), ["a/x.json"]),
    ("https://huggingface.co/org/name", MODEL, []),
    ("http://www.huggingface.co/org/name/", MODEL, []),
    ("https://huggingface.co/org/name.git", MODEL, []),
    ("https://huggingface.co/org/name?library=transformers", MODEL, []),
    ("https://huggingface.co/org/name#usage", MODEL, []),
    ("https://huggingface.co/gpt2", HuggingFace("gpt2"), []),
    ("https://huggingface.co/gpt2/blob/main/config.json", HuggingFace("gpt2"), ["config.json"]),
    ("https://huggingface.co/datasets/org/name", DATASET, []),
    ("https://huggingface.co/datasets/squad", HuggingFace("squad", repo_type="dataset"), []),
    ("https://huggingface.co/datasets/org/name/viewer/default/train", DATASET, []),
    ("https://huggingface.co/spaces/org/name", HuggingFace("org/name", repo_type="space"), []),
    ("https://huggingface.co/api/datasets/org/name/revision/v1", HuggingFace("org/name", "v1", None, "dataset"), []),
    ("https://huggingface.co/org/name/tree/main", MODEL, []),
    ("https://huggingface.co/org/name/tree/v1.0", HuggingFace("org/name", "v1.0"), []),
    ("https://huggingface.co/org/name/tree/main/onnx", MODEL, ["onnx/*"]),
    ("https://huggingface.co/org/name/tree/refs%2Fpr%2F3", HuggingFace("org/name", "refs/pr/3"), []),
    ("https://huggingface.co/org/name/tree/refs/pr/3/a", HuggingFace("org/name", "refs/pr/3"), ["a/*"]),
    ("https://huggingface.co/org/name/commit/" + REV, HuggingFace("org/name", rev=REV), []),
    (f"https://huggingface.co/org/name/blob/{REV}/x.gguf", HuggingFace("org/name", rev=REV), ["x.gguf"]),
    (f"https://huggingface.co/org/name/tree/{REV.upper()}", HuggingFace("org/name", rev=REV), []),
    ("https://huggingface.co/org/name/resolve/v1/a/x%20y.gguf?download=true", HuggingFace("org/name", "v1"), ["a/x y.gguf"]),
    ("https://huggingface.co/org/name/resolve/main/x[1].gguf", MODEL, ["x[[]1].gguf"]),
    ("https://huggingface.co/org/name/discussions/3", MODEL, []),
    ("https://user:hunter2@huggingface.co/org/name", MODEL, []),
    ("https://huggingface.co/org/name?token=hunter2", MODEL, []),
    ("https://hf.co/org/name", MODEL, []),
    ("https://hf-mirror.com/org/name", HuggingFace("org/name", endpoint=OneOrMore(["https://hf-mirror.com", "https://huggingface.co"])), []),
    ("https://hub.example.org/org/name/tree/v1", HuggingFace("org/name", "v1", endpoint=OneOrMore(["https://hub.example.org"])), []),
    ("https://own.example.org/hub/datasets/org/name/tree/v1", HuggingFace("org/name", "v1", None, "dataset"), []),
    ("own.example.org/hub/org/name", MODEL, []),
    ("huggingface.co/org/name", MODEL, []),
    ("huggingface.co/gpt2", HuggingFace("gpt2"), []),
    ("datasets/org/name", DATASET, []),
    ("datasets/org", HuggingFace("org", repo_type="dataset"), []),
    ("models/org/name", MODEL, []),
    ("spaces/org/name/tree/v1", HuggingFace("org/name", "v1", None, "space"), []),
    ("org/name/", MODEL, []),
    (" org/name\\n", MODEL, []),
    ("'org/name'", MODEL, []),
    ("`org/name`", MODEL, []),
    ("org/name.git", MODEL, []),
    ("org/name@v1", HuggingFace("org/name", "v1"), []),
    ("org/name@refs/pr/3", HuggingFace("org/name", "refs/pr/3"), []),
    ("org/name@feature/x", HuggingFace("org/name", "feature/x"), []),
    (f"org/name@{REV}", HuggingFace("org/name", rev=REV), []),
    ("hf.co/org/name:Q4_K_M", chosen("Q4_K_M"), []),
    ("org/name/sub/x.gguf", MODEL, ["sub/x.gguf"]),
    ("org/name/resolve/v1/x.gguf", HuggingFace("org/name", "v1"), ["x.gguf"]),
    ("hf:org/name", MODEL, []),
    ("models--org--name", MODEL, []),
    ("https://huggingface.co/kernels/org/name/tree/v1", HuggingFace("org/name", "v1", None, "kernel"), []),
    ("kernels/org/name", HuggingFace("org/name", repo_type="kernel"), []),
    (f"/home/me/.cache/huggingface/hub/datasets--org--name/snapshots/{REV}", HuggingFace("org/name", rev=REV, repo_type="dataset"), []),
    ("git@hf.co:datasets/org/name", DATASET, []),
    ("git clone https://huggingface.co/datasets/org/name", DATASET, []),
    ("git clone -b v1 https://user:hunter2@huggingface.co/org/name dir", HuggingFace("org/name", "v1"), []),
    ("hf download org/name", MODEL, []),
    ("hf download org/name a.json b[1].json --revision v1", HuggingFace("org/name", "v1"), ["a.json", "b[[]1].json"]),
    ("huggingface-cli download --repo-type dataset org/name --include '*.json' '*.txt'", DATASET, ["*.json", "*.txt"]),
    ("ollama run hf.co/org/name:Q8_0", chosen("Q8_0"), []),
    ("llama-server -hf org/name:Q8_0", chosen("Q8_0"), []),
    ("vllm serve org/name --max-model-len 100", MODEL, []),
    ('from_pretrained(\\"org/name\\")', MODEL, []),
    ("m = AutoModel.from_pretrained('org/name', revision='v1')", HuggingFace("org/name", "v1"), []),
    ("pipeline('text-generation', model='org/name')", MODEL, []),
    ("load_dataset('org/name')", DATASET, []),
    ("hf_hub_download(repo_id='org/name', filename='x[1].json')", MODEL, ["x[[]1].json"]),
    ("hf download org/name --include '[ab].json'", MODEL, ["[ab].json"]),
    ("HTTPS://HuggingFace.CO/org/name/", MODEL, []),
    ("https://huggingface.co/org/name/blob/main/a b/x.gguf", MODEL, ["a b/x.gguf"]),
    ("https://huggingface.co/org/name?show_file_info=a%2Fx.gguf", MODEL, ["a/x.gguf"]),
    ("https://huggingface.co/org/name/tree/v1?not=x&show_file_info=x.gguf", HuggingFace("org/name", "v1"), ["x.gguf"]),
    ("[org/name](https://huggingface.co/org/name)", MODEL, []),
    ("model_id = 'org/name'", MODEL, []),
    ("org/name\u200b", MODEL, []),
    ("org / name", MODEL, []),
    ("org\\\\name", MODEL, []),
    ("@org/name", MODEL, []),
    ("org/name:v1", HuggingFace("org/name", "v1"), []),
    ("org/name:main", MODEL, []),
    ("org/name:x.gguf", MODEL, ["x.gguf"]),
    ("hf.co/org/name:UD-IQ2_XXS", chosen("UD-IQ2_XXS"), []),
    ("huggingface-cli download org/name x.gguf --local-dir . --local-dir-use-symlinks False", MODEL, ["x.gguf"]),
    ("!hf download org/name", MODEL, []),
    ("HF_TOKEN=hunter2 hf download org/name", MODEL, []),
    ("hf download org/name --token hunter2 --include '*.json'", MODEL, ["*.json"]),
    ("uvx hf download org/name", MODEL, []),
    ("git lfs install && GIT_LFS_SKIP_SMUDGE=1 git clone https://huggingface.co/org/name", MODEL, []),
    ("curl -L -O https://huggingface.co/org/name/resolve/main/x.gguf", MODEL, ["x.gguf"]),
    ("curl -H 'Authorization: Bearer hunter2' https://huggingface.co/org/name/resolve/main/x.gguf", MODEL, ["x.gguf"]),
    ("llama serve -hf org/name:Q4_K_M", chosen("Q4_K_M"), []),
    ("docker run --gpus all -v $PWD:/data ghcr.io/huggingface/text-generation-inference --model-id org/name", MODEL, []),
    ("mlx_lm.generate --model org/name --prompt hi", MODEL, []),
    ("trtllm-serve org/name", MODEL, []),
]  # fmt: skip


@pytest.mark.parametrize(("pasted", "source", "include"), REPOS)
def test_a_repository(
    pasted: str, source: HuggingFace, include: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://own.example.org/hub")
    forms = [
        f'{HEADER}source.huggingface = {{ repo = "{pasted}" }}{WRONG}',
        f'{HEADER}source.huggingface.repo = "{pasted}"{WRONG}',
        f'[models.m.source.huggingface]\nrepo = "{pasted}"{WRONG}',
        f'[models]\nm = {{ source.huggingface.repo = "{pasted}" }}{WRONG}',
        f'models.m.source.huggingface.repo = "{pasted}"{WRONG}',
        f'{HEADER}source.huggingface = "{pasted}"{WRONG}',
        f'{HEADER}source = "{pasted}"{WRONG}',
        f'models.m = "{pasted}"{WRONG}',
    ]
    for text in forms:
        entry = only(text)
        assert (entry.source, list(entry.filters.include or ())) == (source, include), text


TABLES: list[tuple[str, Any, dict[str, Any]]] = [
    # Keys of other tools.
    ('repo = "org/name", revision = "main"', MODEL, {}),
    ('repo = "org/name", revision = "v1"', HuggingFace("org/name", "v1"), {}),
    ('repo = "org/name", branch = "v1"', HuggingFace("org/name", "v1"), {}),
    ('repo = "org/name", tag = "v1"', HuggingFace("org/name", "v1"), {}),
    (f'repo = "org/name", revision = "{REV}"', HuggingFace("org/name", rev=REV), {}),
    (f'repo = "org/name", commit = "{REV}"', HuggingFace("org/name", rev=REV), {}),
    ('repo = "org/name", rev = "main"', MODEL, {}),
    ('repo = "org/name", ref = "https://huggingface.co/org/name/tree/v1"', HuggingFace("org/name", "v1"), {}),
    ('repo_id = "org/name", repo-type = "datasets"', DATASET, {}),
    ('model = "org/name", repo_type = "models"', MODEL, {}),
    ('url = "https://huggingface.co/org/name", type = "Dataset"', DATASET, {}),
    ('dataset = "org/name"', DATASET, {}),
    ('repo = "https://huggingface.co/org/name/tree/v1", ref = "v2"', HuggingFace("org/name", "v2"), {}),
    ('repo = "https://hub.corp/org/name", endpoint = "https://hub.corp/"', HuggingFace("org/name", endpoint=OneOrMore(["https://hub.corp"])), {}),
    ('repo = "org/name", allow_patterns = ["*.json"], ignore_patterns = "*.bin"', MODEL, {"include": ("*.json",), "exclude": ("*.bin",)}),
    ('repo = "org/name", files = "a.json, b.json"', MODEL, {"include": ("a.json", "b.json")}),
    ('repo = "org/name", quantization = "Q4_K_M"', chosen("Q4_K_M"), {}),
    ('repo_id = "org/name", quant = ["Q4_K_M", "Q8_0"], mmproj = true', chosen("Q4_K_M", "Q8_0", mmproj=True), {}),
    ('repo = "https://hf.co/org/name:Q4_K_M", quant = "Q8_0"', chosen("Q8_0"), {}),
    ('repo = "org/name", subfolder = "onnx"', MODEL, {"include": ("onnx/*",)}),
    ('repo = "org/name", token = "hf_hunter2"', MODEL, {}),
    ('repo = "org/name", hash = "sha256-x", license = "mit"', MODEL, {}),
    ('repoId = "org/name", tag = "v1", hash = "sha256-x"', HuggingFace("org/name", "v1"), {}),
    ('owner = "org", repo = "name"', MODEL, {}),
    ('repo = "org/name", endpoint = "hub.corp:8080"', HuggingFace("org/name", endpoint=OneOrMore(["https://hub.corp:8080"])), {}),
    ('namespace = "org", model = "name", revision = "v1"', HuggingFace("org/name", "v1"), {}),
]  # fmt: skip


def check(entry: Entry, source: Any, filters: dict[str, Any]) -> None:
    assert (entry.source, entry.filters) == (source, Filters(**filters))


@pytest.mark.parametrize(("table", "source", "filters"), TABLES)
def test_keys_of_a_repository(table: str, source: Any, filters: dict[str, Any]) -> None:
    check(only(f"{HEADER}source.huggingface = {{ {table} }}{WRONG}"), source, filters)
    # Those that other tools have beside each other stand beside each other here, too.
    if "rev =" not in table and "ref =" not in table:
        loose = re.sub(r", (?=[a-z_-]+ = )", f"{WRONG}\n", table)
        check(only(f"{HEADER}{loose}{WRONG}"), source, filters)
    lines = re.split(r", (?=[a-z_-]+ = )", table)
    hint = refused("\n".join(["[models.m.source.huggingface]", *lines])).hint or ""
    stays = ("repo =", "quant =", "mmproj =", "repo_type =", "ref =", "rev =", "endpoint =")
    keys = [line.partition("=")[0] for line in lines]
    for number, key in enumerate(keys):
        if f"`{key}=" in hint or f"{key}=" not in stays or f"of {key}".strip() in hint:
            lines[number] += WRONG
    check(only("\n".join(["[models.m.source.huggingface]", *lines])), source, filters)


MODELS: list[tuple[str, dict[str, Any]]] = [
    (f'include = "*.json"{WRONG}', {"include": ("*.json",)}),
    (f'exclude = "*.bin, *.pt"{WRONG}', {"exclude": ("*.bin", "*.pt")}),
    (f'allow_patterns = ["*.json"]{WRONG}', {"include": ("*.json",)}),
    (f'ignore_patterns = ["*.bin"]{WRONG}\nincludes = ["a"]{WRONG}', {"include": ("a",), "exclude": ("*.bin",)}),
    (f'hash = "sha256-x"{WRONG}\nsha256 = "x"{WRONG}\nlicense = "mit"{WRONG}\nfiles = "a"{WRONG}', {"include": ("a",)}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "filters"), MODELS)
def test_keys_of_a_model(lines: str, filters: dict[str, Any]) -> None:
    good = 'source.huggingface = { repo = "org/name" }\n'
    check(only(f"{HEADER}{good}{lines}"), MODEL, filters)
    if "hash" not in lines:
        check(only(f"[defaults]\n{lines}\n{HEADER}{good}"), MODEL, filters)


@pytest.mark.parametrize(
    "lines",
    [
        f'source.hf = {{ repo = "org/name" }}{WRONG}',
        f'source.HF = "org/name"{WRONG}',
        f'Source.HuggingFace = {{ Repo = "org/name" }}{WRONG}',
        f'soruce.hugging-face = {{ repo = "org/name" }}{WRONG}',
        f'[models.m.huggingface]{WRONG}\nrepo = "org/name"{WRONG}',
        f'hf = {{ repo = "org/name" }}{WRONG}',
        f'source.git = "https://huggingface.co/org/name"{WRONG}',
        f'source = ["org/name"]{WRONG}',
        f'source.huggingface = ["org/name"]{WRONG}',
        f'source = {{ repo = "org/name" }}{WRONG}',
        f'source = {{ type = "huggingface", repo = "org/name" }}{WRONG}',
        f'huggingface = {{ repo = "org/name" }}{WRONG}',
        f'huggingface = "org/name"{WRONG}',
        f'source = "huggingface"{WRONG}\nrepo = "org/name"{WRONG}',
        f'"source.huggingface" = {{ repo = "org/name" }}{WRONG}',
        f'"source.huggingface.repo" = "org/name"{WRONG}',
        f'source.url = "https://huggingface.co/org/name"{WRONG}',
        f'source.url = "org/name@main"{WRONG}',
        f"source.url = \"LLM(model='org/name')\"{WRONG}",
        f'source.dataset = "https://huggingface.co/org/name"{WRONG}\nsource.repo_type = "model"{WRONG}',
    ],
)
def test_sources_without_their_kind(lines: str) -> None:
    assert only(HEADER + lines).source == MODEL


# Pages of sites with models: neither a Hub nor a file.
PAGES = [
    "https://github.com/ggerganov/llama.cpp",
    "https://www.modelscope.cn/models/qwen/Qwen2-7B/summary",
    "https://civitai.com/models/1234/foo?modelVersionId=5",
    "https://www.kaggle.com/models/google/gemma",
    "https://ollama.com/library/llama3.2",
    "https://huggingface.co/collections/org/x-123",
    "https://huggingface.co/buckets/org/name",
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{HEADER}source.huggingface = {{ repo = "https://github.com/a/b" }}', "as at the top"),
        (f'{HEADER}source.huggingface = {{ repo = "/data/models/x" }}', "as at the top"),
        (f'{HEADER}source.huggingface = {{ repo = "org/name", rev = "01c7f73" }}', "40 lower-case"),
        (f'{HEADER}source.huggingface = {{ repo = "org/name", ref = "v1", rev = "v2" }}', "keep rev"),
        (f'{HEADER}source = "llama3:8b"', "write a table, such as source.huggingface = {"),
        (f'{HEADER}source = "https://huggingface.co"', "such as source.huggingface = {"),
        (f"{HEADER}source.s3 = 1", "such as source.s3 = {"),
        (f"{HEADER}{GOOD}[models.m.nothing]\nx = 1", "valid keys"),
        (f'{HEADER}source.s3 = {{ bucket = "my-models", prefix = "s3://" }}\n{S3_NAME}', "directory"),
        *((f'{HEADER}source.huggingface.repo = "{page}"', "for a file elsewhere, source.url.files") for page in PAGES),
        *((f'{HEADER}source.url = "{page}"', 'such as source.url.files = { "model.gguf"') for page in PAGES),
        (f'{HEADER}source.huggingface.repo = "ollama run llama3.2"', "as at the top"),
        (f"{HEADER}source.huggingface = {{ repo = 'org/name', ref = 1.10 }}", "a string, in quotes"),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed(text: str, message: str) -> None:
    assert message in (refused(text).hint or "")


@pytest.mark.parametrize(
    "line",
    [
        'integration.huggingface = "a/b"',
        'integration.huggingface = { repo = "a/b" }',
        'integration.huggingface = { org = "a", name = "b" }',
        'integration = "a/b"',
        'integration = { org = "a", model = "b" }',
    ],
)
def test_a_name_in_the_cache(line: str) -> None:
    entry = only(f"{HEADER}{GOOD}{line}{WRONG}")
    assert (entry.integration.org, entry.integration.model) == ("a", "b")


def test_every_model_that_is_wrong_is_reported() -> None:
    with pytest.raises(InvalidManifestError) as caught:
        parse('models.a = "org/a"\nmodels.b.source.huggingface.repo = "datasets/org/b"\n')
    first, second = caught.value.failures
    assert "`models.a.source.huggingface = " in (first.hint or "")
    assert 'repo_type = "dataset"' in (second.hint or "")


def test_a_fallback() -> None:
    text = f'{HEADER}{GOOD}fallbacks = ["https://huggingface.co/org/name/tree/v1"]{WRONG}'
    assert only(text).fallbacks == (HuggingFace("org/name", "v1"),)
    listed = f'{HEADER}{GOOD}[[models.m.fallbacks]]{WRONG}\nhuggingface = "org/name"{WRONG}'
    assert "instead of [[models.m.fallbacks]]" in (refused(listed.replace(WRONG, "")).hint or "")
    assert only(listed).fallbacks == (MODEL,)
    text = text.replace('["', '[{ huggingface.repo = "').replace('"]', '" }]')
    assert only(text).fallbacks == (HuggingFace("org/name", "v1"),)
