"""Fixtures for tests of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs.session import start
from docs.symptoms import SYMPTOMS
from support import ggufs, program_repos, tinyllama
from support.nix import available
from support.s3 import ENV, Moto
from support.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from docs.session import Session
    from docs.symptoms import Symptom
    from support.hub import Hub

_REPOS = (
    tinyllama.REPO,
    "google-bert/bert-base-uncased",
    "sentence-transformers/all-MiniLM-L6-v2",
)

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know, when they are torn down, whether the test has passed."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def bucket(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Moto]:
    """The bucket of the documents, and keys for it."""
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("my-models")
        files = {f"fine-tuned/llama/{name}": c for name, c in tinyllama.files().items()}
        moto.put("my-models", files)
        for variable, value in {**ENV, "AWS_ENDPOINT_URL": moto.url}.items():
            monkeypatch.setenv(variable, value)
        yield moto


@pytest.fixture
def session(hub: Hub, tmp_path: Path) -> Iterator[Session]:
    """A machine with the newest Nix that can be had, and a Hub that has the documents' models."""
    for repo in _REPOS:
        card = {"license": "llama2" if repo == tinyllama.REPO else "apache-2.0"}
        hub.add_repo(repo, tinyllama.files(), lfs=["*.safetensors"], card=card)
    hub.add_repo("rajpurkar/squad", program_repos.dataset(), repo_type="dataset")
    kernel = hub.add_repo("kernels-community/relu", program_repos.kernel(), repo_type="kernel")
    kernel.branch("v1", kernel.sha)
    for repo, file, content in (
        ("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf", ggufs.llama()),
        (
            "stabilityai/stable-diffusion-xl-base-1.0",
            "sd_xl_base_1.0.safetensors",
            tinyllama.files()["model.safetensors"],
        ),
        ("BAAI/bge-small-en-v1.5", "onnx/model.onnx", b"an ONNX model"),
    ):
        hub.add_repo(repo, {file: content}, lfs=[file], card={"license": "apache-2.0"})
    directory, home = tmp_path / "project", tmp_path / "home"
    directory.mkdir()
    (home / "bin").mkdir(parents=True)
    try:
        with available("forky") as nix:
            yield start(nix, directory, home, hub.url)
    except pytest.skip.Exception:
        with available("host") as nix:
            yield start(nix, directory, home, hub.url)


@pytest.fixture
def builder(
    session: Session, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The machine `builder` of the documents, with an older Nix."""
    with (
        available("host", seen_at=session.nix.dir) as nix,
        Sshd(nix, tmp_path_factory.mktemp("sshd"), {"HF_ENDPOINT": session.endpoint}) as sshd,
    ):
        for variable, value in sshd.ssh_options.items():
            monkeypatch.setenv(variable, value)
        yield


@pytest.fixture
def symptom(request: pytest.FixtureRequest) -> Iterator[Symptom]:
    """The section of the page that a test is named after; all that it says is to be shown."""
    found = SYMPTOMS[request.function.__name__]
    yield found
    if request.node.stash.get(_PASSED, False):
        found.check()
