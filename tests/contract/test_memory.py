"""Memory does not grow with what a listing has, but with what is taken of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from support.environment import CHECKOUT
from support.fetcher import PYTHONS
from support.huge_hub import SHA, HugeHub, peak_memory
from support.loopback import Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.loopback import Request
    from support.project import Project

KIB_PER_MIB = 1024
MOST = 100  # MiB
MOST_OF_A_FILE = 2.4  # KiB


class Measure(Protocol):
    def __call__(self, hub: HugeHub) -> tuple[int, int]: ...


@pytest.fixture
def lock(project: Project) -> Measure:
    def measure(hub: HugeHub) -> tuple[int, int]:
        source = f'source.huggingface = {{ repo = "org/huge", endpoint = "{hub.url}" }}'
        project.write(f'[models.m]\n{source}\ninclude = ["*.json"]\n')
        project.lock_file.unlink(missing_ok=True)
        program = [PYTHONS["new-requests"], "-m", "aimodels_gen", "lock", "-q"]
        return peak_memory(*program, env=project.environment(), cwd=project.dir)

    return measure


@pytest.fixture
def build(tmp_path: Path) -> Measure:
    def measure(hub: HugeHub) -> tuple[int, int]:
        source = {"repo": "org/huge", "rev": SHA, "ref": "main", "repoType": "model"}
        spec: dict[str, Any] = {
            "mode": "tree",
            "include": ["*.json"],
            "exclude": [],
            "integration": True,
            "sources": [{"huggingface": {**source, "endpoint": hub.url}}],
        }
        file = tmp_path / f"spec-{hub.count}"
        file.write_text(json.dumps(spec))
        env = {"PATH": "/usr/bin:/bin", "out": str(tmp_path / f"out-{hub.count}")}
        patched = CHECKOUT / "tests/support/patched_fetcher.py"
        constants = json.dumps({"retry._FIRST_WAIT": 0.01})
        return peak_memory(PYTHONS["old-requests"], patched, constants, file, env=env, cwd=tmp_path)

    return measure


@pytest.fixture(params=["lock", "build"])
def measure(request: pytest.FixtureRequest) -> Measure:
    found: Measure = request.getfixturevalue(request.param)
    return found


def test_a_long_listing(measure: Measure) -> None:
    peaks = []
    for count in (1000, 40_000):
        with HugeHub(count) as hub:
            status, peak = measure(hub)
            assert status == 0
            peaks.append(peak)
    # With all rows kept it grows by 20 MiB.
    assert peaks[1] - peaks[0] < 6 * KIB_PER_MIB


def test_many_files_in_a_lock(project: Project) -> None:
    """What is taken takes memory, too: it was 3.2 KiB a file."""
    peaks = []
    for count in (1000, 21_000):
        with HugeHub(count) as hub:
            source = f'source.huggingface = {{ repo = "org/huge", endpoint = "{hub.url}" }}'
            project.write(f"[models.m]\n{source}\n")
            project.lock_file.unlink(missing_ok=True)
            program = [PYTHONS["new-requests"], "-m", "aimodels_gen", "lock", "-q", "-o", "m.nix"]
            status, peak = peak_memory(*program, env=project.environment(), cwd=project.dir)
            assert status == 0
            peaks.append(peak)
    assert peaks[1] - peaks[0] < 20_000 * MOST_OF_A_FILE


def page(body: bytes) -> Callable[[Request], Response | None]:
    return lambda request: Response(200, {}, body) if "/tree/" in request.path else None


GARBAGE = {
    "arrays": b"[" + b"[]," * 1_300_000 + b"[]]",
    "an array of arrays": b"[[" + b"[]," * 1_300_000 + b"[]]]",
    "wide text": b'["\xf0\x9f\x98\x8e' + b"a" * 4_000_000 + b'"]',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_a_page_of_garbage(measure: Measure, body: bytes) -> None:
    """Parsed at once, a page of 4 MB takes up to 80 MiB more."""
    with HugeHub(1) as hub:
        hub.faults = page(body)
        status, peak = measure(hub)
    assert status == 1
    assert peak < MOST * KIB_PER_MIB
