"""What buckets on Amazon refuse when locking: the hint is followed, and the model is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.sources.buckets import write
from support.amazon import Amazon, amazon
from support.loopback import Response
from support.remedies import cures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.project import Project
    from support.remedies import Remedy


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    with amazon(tmp_path_factory.mktemp("amazon")) as somewhere:
        somewhere.moto.bucket("my-models")
        somewhere.moto.put("my-models", {"it/a.bin": b"content"})
        yield somewhere


@cures('write region = "…"')
@pytest.mark.parametrize("leaves_out", [True, False])
def test_the_wrong_region(
    somewhere: Amazon,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    remedy: Remedy,
    leaves_out: bool,  # noqa: FBT001 (a row of the table)
) -> None:
    for name, value in somewhere.env.items():
        monkeypatch.setenv(name, value)
    write(project, "my-models", ', prefix = "it", region = "eu-west-1"')
    (region,) = remedy(project.fails("lock"))
    write(
        project, "my-models", ', prefix = "it"' + ("" if leaves_out else f', region = "{region}"')
    )
    project.ok("lock")


@cures("check the network and the proxy settings: a login page may be in the way")
def test_a_login_page(
    somewhere: Amazon, project: Project, monkeypatch: pytest.MonkeyPatch, remedy: Remedy
) -> None:
    for name, value in somewhere.env.items():
        monkeypatch.setenv(name, value)
    write(project, "my-models", ', prefix = "it", region = "eu-central-1"')
    with monkeypatch.context() as away:
        away.setattr(somewhere.recording_proxy, "faults", lambda _: Response(200, {}, b"<html>"))
        remedy(project.fails("lock"))
    project.ok("lock")
