"""What web servers answer: redirects, refusals, pages, too little."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from generator.sources.buckets import INTEGRATION
from generator.sources.url.helpers import (
    CONTENT,
    lock,
    pin,
    with_headers,
)
from support.loopback import LoopbackServer, Response
from support.specs import sri

if TYPE_CHECKING:
    from pathlib import Path

    from support.loopback import Request
    from support.project import Project
    from support.recording_proxy import RecordingProxy


@pytest.mark.parametrize("jobs", [1, 4])
def test_jobs_bound_the_requests(
    recording_proxy: RecordingProxy, project: Project, jobs: int
) -> None:
    """Those about files as well as those for their content."""
    counting = threading.Lock()
    running = most = 0

    def fault(request: Request) -> Response:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        answer = recording_proxy.forward(request)
        with counting:
            running -= 1
        return answer

    recording_proxy.faults = fault
    files = ", ".join(f'"{n}.gguf" = "{recording_proxy.url}/model.gguf?{n}"' for n in range(9))
    query = 'source.url.query = "public"'
    project.write(f"[models.m]\nsource.url.files = {{ {files} }}\n{query}\n{INTEGRATION}")
    project.ok("lock", "-j", str(jobs))
    assert most <= jobs
    assert len(recording_proxy.log) == 27


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_server_without_head(
    recording_proxy: RecordingProxy, project: Project, status: int
) -> None:
    recording_proxy.faults = lambda r: Response(status) if r.method == "HEAD" else None
    result = lock(project, f"{recording_proxy.url}/model.gguf")
    assert result.status == 0, result.err
    assert pin(project)["hash"] == sri(CONTENT)


def test_a_size_that_nobody_says(project: Project) -> None:
    server = LoopbackServer(
        lambda r: Response(200, {}, b"" if r.method == "HEAD" else CONTENT, "chunked")
    )
    result = lock(project, f"{server.url}/model.gguf")
    server.close()
    assert result.status == 0, result.err
    assert "reading 0 B and more once" in result.err
    assert pin(project) == {"hash": sri(CONTENT), "lfs": False, "size": len(CONTENT)}


def test_a_web_page(recording_proxy: RecordingProxy, project: Project) -> None:
    recording_proxy.faults = with_headers(recording_proxy, Content_Type="text/html; charset=utf-8")
    result = lock(project, f"{recording_proxy.url}/blob/main/model.gguf")
    assert result.status == 1
    recording_proxy.faults = lambda _: Response(200, {"Content-Type": "text/html"}, b"<html>")
    result = lock(project, f"{recording_proxy.url}/blob/main/model.gguf")
    assert result.status == 1
    assert "is a web page" in result.err
    assert "/resolve/" in result.err
    recording_proxy.faults = lambda _request: None
    assert lock(project, f"{recording_proxy.url}/page.html").status == 0


def test_a_redirect(recording_proxy: RecordingProxy, project: Project) -> None:
    def fault(request: Request) -> Response | None:
        if request.path.startswith("/releases/"):
            return Response(302, {"Location": f"{recording_proxy.url}/model.gguf?signature=abc"})
        return None

    recording_proxy.faults = fault
    result = lock(project, f"{recording_proxy.url}/releases/latest")
    assert result.status == 0, result.err
    assert "signature" not in project.lock_file.read_text() + result.out + result.err


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418])
def test_refusals(recording_proxy: RecordingProxy, project: Project, status: int) -> None:
    recording_proxy.faults = lambda _: Response(status)
    result = lock(project, f"{recording_proxy.url}/model.gguf?name=hunter2")
    assert result.status == 1
    assert f"{recording_proxy.url}/model.gguf is" in result.err
    assert f"(HTTP {status})" in result.err
    assert "hint: " in result.err
    assert "hunter2" not in result.err


def test_credentials_of_a_netrc_stay_there(
    recording_proxy: RecordingProxy, project: Project, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(home))

    def fault(request: Request) -> Response | None:
        target = {"Location": f"{recording_proxy.url}/model.gguf"}
        return Response(302, target) if "first" in request.path else None

    recording_proxy.faults = fault
    assert lock(project, f"{recording_proxy.url}/first").status == 0
    assert all("authorization" not in request.headers for request in recording_proxy.log)
