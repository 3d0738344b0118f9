"""Files that have several addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.url.helpers import (
    CONTENT,
    lock,
    pin,
    reads,
)
from support.specs import sri

if TYPE_CHECKING:
    from support.project import Project
    from support.recording_proxy import RecordingProxy


def test_mirrors(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(
        project, f"{recording_proxy.url}/model.gguf", f"{recording_proxy.url}/model.gguf?mirror"
    )
    assert result.status == 0, result.err
    assert reads(recording_proxy) == ["/model.gguf"]


def test_a_mirror_of_something_else(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(project, f"{recording_proxy.url}/model.gguf", f"{recording_proxy.url}/other.gguf")
    assert result.status == 1
    assert "model.gguf has 20 bytes" in result.err
    assert "other.gguf 5 bytes" in result.err


@pytest.mark.parametrize("dead", ["http://127.0.0.1:1/x", "{url}/nothing"])
@pytest.mark.parametrize("first", [True, False])
def test_a_mirror_that_is_out(
    recording_proxy: RecordingProxy,
    project: Project,
    dead: str,
    first: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    dead = dead.format(url=recording_proxy.url)
    urls = (
        [dead, f"{recording_proxy.url}/model.gguf"]
        if first
        else [f"{recording_proxy.url}/model.gguf", dead]
    )
    result = lock(project, *urls)
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)
    assert f"{recording_proxy.url}/model.gguf has answered instead" in result.err
    assert list(project.lock["m"]["source"]["url"]["files"]["model.gguf"]) == urls


def test_no_mirror_is_there(recording_proxy: RecordingProxy, project: Project) -> None:
    result = lock(project, f"{recording_proxy.url}/nothing", f"{recording_proxy.url}/neither")
    assert result.status == 1
    assert "/nothing is not there (HTTP 404)" in result.err
