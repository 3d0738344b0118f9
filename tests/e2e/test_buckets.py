"""A fine-tuned model from a bucket, as the guide declares it, and as the command line locks it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support import s3, tinyllama
from support.environment import CHECKOUT
from support.expressions import got
from support.locks import BIN, aimodels_gen
from support.nix import NixError
from support.recording_proxy import RecordingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from conftest import Runner
    from support.nix import NixEnv

# As a reader of the guide types it, with the hash that Nix has named.
SNIPPET = """
fetchModel pkgs {{
  name = "my-finetuned-llama";
  source.s3 = {{
    bucket = "my-models";
    prefix = "fine-tuned/llama/";
  }};
  hash = "{hash}";

  integration.huggingface = {{
    enable = true;
    org = "my-org";
    model = "fine-tuned-llama";
  }};
}}
"""
MANIFEST = """
[models.my-finetuned-llama]
source.s3 = { bucket = "my-models", prefix = "fine-tuned/llama/" }
integration.huggingface = { org = "my-org", model = "fine-tuned-llama" }
"""
SCOPE = (
    'let pkgs = import ./tests/nix/pkgs { system = "x86_64-linux"; };'
    " inherit (import ./nix) fetchModel; in "
)
CACHE_NAME = "models--my-org--fine-tuned-llama"
LOAD = """
import sys
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("my-org/fine-tuned-llama")
print(type(model).__name__, model.config.hidden_size)
"""


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RecordingProxy, tuple[str, str]]]:
    """A bucket that only its owner may read, and the keys."""
    with (
        s3.Moto(tmp_path_factory.mktemp("moto")) as moto,
        RecordingProxy(moto.url) as recording_proxy,
    ):
        owner = moto.reader("owner", "s3:*")
        moto.guard()
        moto.api = s3.client(moto.url, key=owner[0], secret=owner[1])
        moto.bucket("my-models")
        files = tinyllama.files()
        moto.put("my-models", {f"fine-tuned/llama/{name}": c for name, c in files.items()})
        yield recording_proxy, owner


@pytest.fixture
def recording_proxy(served: tuple[RecordingProxy, tuple[str, str]]) -> RecordingProxy:
    return served[0]


@pytest.fixture
def env(served: tuple[RecordingProxy, tuple[str, str]]) -> Mapping[str, str]:
    recording_proxy, (key, secret) = served
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL": recording_proxy.url,
    }


@pytest.fixture
def exported(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    return env


def loads(entry: Path, directory: Path, unprivileged: Runner) -> None:
    hub = directory / "hub"
    hub.mkdir()
    (hub / CACHE_NAME).symlink_to(entry)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub)}
    result = unprivileged(BIN / "python", "-W", "ignore", "-c", LOAD, env=offline)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "LlamaForCausalLM 16\n"


def test_the_snippet_of_the_guide(
    nix: NixEnv, exported: Mapping[str, str], tmp_path: Path, unprivileged: Runner
) -> None:
    sri = got(nix, SCOPE + SNIPPET.format(hash=""))
    model = f"({SCOPE}{SNIPPET.format(hash=sri)})"
    entry = nix.build(model)
    assert nix.eval(f"{model}.hfCachePath") == CACHE_NAME
    meta = nix.eval(f"{{ inherit ({model}.meta) org model sourceType repo; }}")
    assert meta == {
        "org": "my-org",
        "model": "fine-tuned-llama",
        "sourceType": "s3",
        "repo": "s3://my-models/fine-tuned/llama/",
    }
    loads(entry, tmp_path, unprivileged)
    secret = exported["AWS_SECRET_ACCESS_KEY"]
    key = exported["AWS_ACCESS_KEY_ID"]
    found = subprocess.run(["grep", "-rlE", f"{secret}|{key}", nix.real], check=False, text=True)
    assert found.returncode == 1


@pytest.mark.parametrize("settings", ["", 'layout = "link"', 'pin = "tree"'])
def test_the_command_line(  # noqa: PLR0913, PLR0917 (fixtures)
    host_nix: NixEnv,
    env: Mapping[str, str],
    recording_proxy: RecordingProxy,
    tmp_path: Path,
    unprivileged: Runner,
    settings: str,
) -> None:
    (tmp_path / "models.toml").write_text(MANIFEST + settings)
    recording_proxy.clear()
    environment = {**env, **host_nix.variables()}
    command = ("lock", "models.toml", "-o", "models.nix")
    aimodels_gen(*command, cwd=tmp_path, env=environment)
    if not settings.startswith("pin"):
        assert not [
            r for r in recording_proxy.log if r.method == "GET" and "list-type" not in r.path
        ]
    model = (
        f"(import {tmp_path}/models.nix {{ inherit (import {CHECKOUT}/nix) fetchModel;"
        f' pkgs = import {CHECKOUT}/tests/nix/pkgs {{ system = "x86_64-linux"; }}; }})'
        ".my-finetuned-llama"
    )
    loads(host_nix.build(model, env=env), tmp_path, unprivileged)
    texts = [path.read_text() for path in tmp_path.glob("models.*")]
    assert not any(env["AWS_ACCESS_KEY_ID"] in text for text in texts)


def test_without_credentials_the_build_says_where_they_go(
    host_nix: NixEnv, env: Mapping[str, str], recording_proxy: RecordingProxy
) -> None:
    # moto fails where others refuse.
    refused = s3.refusal("AccessDenied", 403)
    recording_proxy.faults = lambda r: None if "authorization" in r.headers else refused
    with pytest.raises(NixError, match="AccessDenied") as caught:
        host_nix.build(
            SCOPE + SNIPPET.format(hash=""), env={"AWS_ENDPOINT_URL": env["AWS_ENDPOINT_URL"]}
        )
    assert "builds do not have your credentials: run `aimodels-gen prefetch" in str(caught.value)
