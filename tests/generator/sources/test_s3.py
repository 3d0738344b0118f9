"""Buckets in manifests, and which of their keys are files of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aimodels_gen.errors import ManifestError
from aimodels_gen.manifest.parse import parse
from generator.sources.buckets import INTEGRATION, hashes, write
from support.loopback import Response
from support.specs import sri

if TYPE_CHECKING:
    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy
    from support.s3 import Moto


BAD = [
    ('prefix = "x"', "models.m.source.s3 has no bucket"),
    ('bucket = "s3://b-1/llama/"', 'bucket = "b-1", prefix = "llama/"'),
    ('bucket = "b-1/llama"', 'bucket = "b-1", prefix = "llama/"'),
    ('bucket = "https://b.example.org"', 'endpoint = "https'),
    ('bucket = "b"', "is not a name of a bucket"),
    ('bucket = "b-1", prefix = "a/../b"', "has a part . or .."),
    ('bucket = "b-1", region = "eu central"', "which is not a region"),
    ('bucket = "b-1", endpoint = "127.0.0.1:9000"', "is not an http(s) address of a server"),
    ('bucket = "b-1", endpoint = "https://me:secret@s3.example.org"', "without user"),
    ('bucket = "b-1", key = "AKIA"', "models.m.source.s3.key is not a known key"),
    ('bucket = "b-1", perfix = "x"', "did you mean prefix?"),
]


@pytest.mark.parametrize(("source", "expected"), BAD)
def test_mistakes_are_named(source: str, expected: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse(f"[models.m]\nsource.s3 = {{ {source} }}\n{INTEGRATION}")
    said = f"{caught.value.message}\n{caught.value.hint}"
    assert expected in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "integration", ["", '[models.m.integration.huggingface]\nmodel = "my-model"\n']
)
def test_a_bucket_has_no_name_for_the_cache(integration: str) -> None:
    text = f'[models.m]\nsource.s3.bucket = "my-bucket"\n{integration}'
    with pytest.raises(ManifestError, match="no name of its own for the cache") as caught:
        parse(text)
    assert 'org = "my-org"' in (caught.value.hint or "")
    plain = text + "[models.m.integration]\nhuggingface = { enable = false }\n"
    if not integration:
        parse(plain)


@pytest.fixture
def llamas(moto: Moto, bucket: str) -> str:
    files = ("models/llama/a", "models/llama-2/b", "models/one.gguf", "top")
    keys = (*files, "models/llama/", "models/empty/")
    moto.put(bucket, {key: b"" if key.endswith("/") else key.encode() for key in keys})
    return bucket


@pytest.mark.parametrize("prefix", ["models/llama", "models/llama/"])
def test_a_prefix_is_a_folder(llamas: str, project: Project, prefix: str) -> None:
    """Not the beginning of the names of two."""
    write(project, llamas, f', prefix = "{prefix}"')
    assert f"s3://{llamas}/models/llama/" in project.run("lock").err
    assert hashes(project) == {"a": sri(b"models/llama/a")}


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("models/lama", "look at it with `aws s3 ls"),
        ("models/empty", "look at it with `aws s3 ls"),
        ("models/llam", "there is 'models/llama-2/', 'models/llama/'"),
        ("models/one.gguf", 'write prefix = "models" and include = ["one.gguf"]'),
        ("/models/llama", 'hardly ever begin with a slash: write prefix = "models/llama/"'),
    ],
)
def test_a_prefix_of_nothing(llamas: str, project: Project, prefix: str, hint: str) -> None:
    write(project, llamas, f', prefix = "{prefix}"')
    said = project.fails("lock")
    assert f"s3://{llamas}/{prefix}/ has no objects" in said
    assert hint in said


def test_the_command_that_shows_it_asks_the_same_server(
    recording_proxy: RecordingProxy, bucket: str, project: Project
) -> None:
    write(project, bucket)
    command = f"`aws s3 ls s3://{bucket}/ --endpoint-url {recording_proxy.url}"
    assert f"{command}`" in project.fails("lock")
    write(project, bucket, ', region = "us-east-1"')
    assert f"{command} --region us-east-1`" in project.fails("lock")


def test_everything_in_a_bucket(llamas: str, project: Project) -> None:
    write(project, llamas)
    project.ok("lock")
    assert set(hashes(project)) == {"models/llama/a", "models/llama-2/b", "models/one.gguf", "top"}


def test_odd_keys_can_be_left_out(moto: Moto, bucket: str, project: Project) -> None:
    moto.put(bucket, {"config.json": b"{}", "//odd": b"odd", "a/": b"a folder with content"})
    write(project, bucket)
    assert "leave it out with exclude" in project.fails("lock")
    write(project, bucket, settings='exclude = ["//*", "a/"]')
    project.ok("lock")
    assert set(hashes(project)) == {"config.json"}


@pytest.mark.parametrize(
    "key", ["../evil", "a/../../evil", "a/./b", "..", "/evil", "a//b", "a%00b"]
)
def test_hostile_keys(
    moto: Moto, recording_proxy: RecordingProxy, bucket: str, project: Project, key: str
) -> None:
    """As any server can list them, coded or not."""
    moto.put(bucket, {"config.json": b"{}", "KEY": b"evil"})

    def fault(request: Request) -> Response | None:
        if "list-type=2" not in request.path:
            return None
        answer = recording_proxy.forward(request)
        body = b"".join(answer.pieces).replace(b"KEY", key.encode())
        return Response(answer.status, {**answer.headers, "Content-Length": str(len(body))}, body)

    recording_proxy.faults = fault
    write(project, bucket)
    said = project.fails("lock")
    assert f"the path {key.replace('%00', chr(0))!r} would leave the output" in said
    assert not project.lock_file.exists()


def test_keys_that_no_file_system_holds(moto: Moto, bucket: str, project: Project) -> None:
    moto.put(bucket, {"x" * 256: b"long"})
    write(project, bucket)
    assert "too long for a file system" in project.fails("lock")
