"""What people paste into models.toml of buckets and of files: the lines of the message are right."""

# ruff: noqa: E501 - tables with a case on each line

from __future__ import annotations

import pytest

from aimodels_gen.sources.s3 import S3
from aimodels_gen.sources.url import Url
from aimodels_gen.sources.url.files import UrlFile
from aimodels_gen.tables import OneOrMore
from generator.manifest.mending import HEADER, S3_NAME, WRONG, only, refused

AMAZON = "s3.eu-central-1.amazonaws.com"
BUCKET = S3("my-models", "llama/")
IN_REGION = S3("my-models", "llama/", "eu-central-1")
BUCKETS: list[tuple[str, S3, list[str]]] = [
    ("s3://my-models/llama", BUCKET, []),
    ("s3://my-models", S3("my-models"), []),
    ("s3a://my-models/llama/", BUCKET, []),
    ("s3://my-models/llama/x[1].gguf", BUCKET, ["x[[]1].gguf"]),
    ("arn:aws:s3:::my-models/llama/*", BUCKET, []),
    ("arn:aws-cn:s3:::my-models", S3("my-models"), []),
    (f"https://my-models.{AMAZON}/llama/", IN_REGION, []),
    (f"https://{AMAZON}/my-models/llama", IN_REGION, []),
    (f"my-models.{AMAZON}/llama", IN_REGION, []),
    ("https://my-models.s3.amazonaws.com/llama/?X-Amz-Signature=hunter2", BUCKET, []),
    ("https://s3.amazonaws.com/my-models/llama/x.gguf", BUCKET, ["x.gguf"]),
    ("https://my-models.s3-eu-central-1.amazonaws.com/llama", IN_REGION, []),
    ("https://my-models.s3.dualstack.eu-central-1.amazonaws.com/llama", IN_REGION, []),
    ("https://eu-central-1.console.aws.amazon.com/s3/buckets/my-models?region=eu-central-1&prefix=llama/", IN_REGION, []),
    ("aws s3 cp --recursive s3://my-models/llama/ .", BUCKET, []),
]  # fmt: skip
ONLY_AS_BUCKET: list[tuple[str, S3, list[str]]] = [
    ("my-models/llama", BUCKET, []),
    ("https://minio.example.org:9000/my-models/llama", S3("my-models", "llama/", None, "https://minio.example.org:9000"), []),
    ("my-models.s3.amazonaws.com", S3("my-models"), []),
]  # fmt: skip


@pytest.mark.parametrize(("pasted", "source", "include"), [*BUCKETS, *ONLY_AS_BUCKET])
def test_a_bucket(pasted: str, source: S3, include: list[str]) -> None:
    forms = [
        f'{HEADER}{S3_NAME}source.s3 = {{ bucket = "{pasted}" }}{WRONG}',
        f'{HEADER}source.s3.bucket = "{pasted}"{WRONG}',
        f'{HEADER}source.s3 = {{ url = "{pasted}" }}{WRONG}',
        f'[models.m.source.s3]\nbucket = "{pasted}"{WRONG}',
        f'{HEADER}source.s3 = "{pasted}"{WRONG}',
        f'{HEADER}bucket = "{pasted}"{WRONG}',
    ]
    if (pasted, source, include) in BUCKETS:
        forms += [
            f'{HEADER}source = "{pasted}"{WRONG}',
            f'{HEADER}source.url = "{pasted}"{WRONG}',
            f'{HEADER}source.huggingface = "{pasted}"{WRONG}',
            f'models.m = "{pasted}"{WRONG}',
        ]
    for text in forms:
        entry = only(text)
        assert (entry.source, list(entry.filters.include or ())) == (source, include), text


URLS: list[tuple[str, dict[str, str]]] = [
    ('source.url = "https://a.example/x.gguf"', {"x.gguf": "https://a.example/x.gguf"}),
    ('source = "https://a.example/x%20y.gguf"', {"x y.gguf": "https://a.example/x%20y.gguf"}),
    ('source.url = { "x.gguf" = "https://a.example/x.gguf" }', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.url.url = "https://a.example/x.gguf"', {"x.gguf": "https://a.example/x.gguf"}),
    ('url = "https://a.example/x.gguf?token=hunter2"', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.url = "https://user:hunter2@a.example/x.gguf"', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.url.files = ["https://a.example/x", "https://a.example/y"]', {"x": "https://a.example/x", "y": "https://a.example/y"}),
    ('source.url.files = { "x.gguf" = { url = "https://a.example/x.gguf", sha256 = "0" } }', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.url = "wget -c https://a.example/x.gguf"', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.url.files.x.gguf = "https://a.example/x.gguf"', {"x.gguf": "https://a.example/x.gguf"}),
    ('source.huggingface.repo = "https://github.com/o/r/blob/main/x.gguf"', {"x.gguf": "https://github.com/o/r/raw/main/x.gguf"}),
    ('source.huggingface = { repo = "https://a.example/x.gguf?sig=hunter2" }', {"x.gguf": "https://a.example/x.gguf"}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "files"), URLS)
def test_files(line: str, files: dict[str, str]) -> None:
    entry = only(f"{HEADER}{line}{WRONG}")
    assert entry.source == Url({path: UrlFile(OneOrMore([url])) for path, url in files.items()})
    assert entry.integration.model == "m"


SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SRI = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
WITH_SHA256 = [
    f'source.url.files."x.gguf" = {{ url = "URL", hash = "{SRI}" }}{WRONG}',
    f'source.url.files."x.gguf" = {{ url = "URL", sha = "{SHA256}" }}{WRONG}',
    f'source.url.files."x.gguf" = {{ url = "URL", checksum = "sha256:{SHA256}" }}{WRONG}',
    f'source.url.files."x.gguf" = {{ url = "URL", sha256 = "{SHA256}  x.gguf", size = 5 }}{WRONG}',
    f'source.url.files."x.gguf" = {{ urls = ["URL"], integrity = "{SRI}" }}{WRONG}',
    f'source.url.files = [{{ url = "URL", sha256 = "{SHA256}" }}]{WRONG}',
    f'source.url.files = [{{ name = "x.gguf", href = "URL", sha256 = "{SHA256}" }}]{WRONG}',
    f'source.url = {{ url = "URL", sha256 = "{SHA256}" }}{WRONG}',
    f'source.url."x.gguf" = {{ url = "URL", sha256 = "{SHA256}" }}{WRONG}',
    f'source.url.files."x.gguf" = "URL"{WRONG}\nsource.url.sha256 = "{SHA256}"{WRONG}',
    f'source.url.files."x.gguf" = "URL"{WRONG}\nsource.url.hashes."x.gguf" = "{SRI}"{WRONG}',
    f'source.url.files."x.gguf" = "URL"{WRONG}\nsha256 = "{SHA256}"{WRONG}',
    f'url = "URL"{WRONG}\nsha256 = "{SHA256}"{WRONG}',
    f'source = "URL"{WRONG}\nhash = "{SRI}"{WRONG}',
    f'[models.m.source.url.files."x.gguf"]\nurl = "URL"\nhash = "{SRI}"{WRONG}',
]


@pytest.mark.parametrize("lines", WITH_SHA256)
def test_files_with_a_sha256(lines: str) -> None:
    url = "https://a.example/x.gguf"
    integration = "integration.huggingface.enable = false\n"
    entry = only(f"{HEADER}{integration}{lines.replace('URL', url)}")
    assert entry.source == Url({"x.gguf": UrlFile(OneOrMore([url]), SHA256)})


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (f'md5 = "{SHA256[:32]}"', "not an md5"),
        (f'sha256 = "{SHA256[:40]}"', "not a sha1"),
        ('hash = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="', "not a sha512"),
        (f'sha256 = "{SHA256[:-1]}"', "all 64 hexadecimal digits"),
        ('sha256 = ""', "all 64 hexadecimal digits"),
        ("sha256 = 1", "all 64 hexadecimal digits"),
    ],
)  # fmt: skip
def test_other_checksums_are_left_out(pair: str, said: str) -> None:
    url = "https://a.example/x.gguf"
    text = f'{HEADER}source.url.files."x.gguf" = {{ url = "{url}", {pair} }}{WRONG}'
    assert said in (refused(text.replace(WRONG, "")).hint or "")
    assert only(text).source == Url({"x.gguf": UrlFile(OneOrMore([url]))})
