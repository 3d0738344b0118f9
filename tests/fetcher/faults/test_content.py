"""The fault matrix: one file under each fault, and many faults on the files of one entry."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from support.fake_repo import BigFile
from support.faults import (
    ALWAYS,
    CDN,
    RESOLVE,
    Fault,
    about,
    cut,
    edited,
    flipped,
    redirect,
    spoil,
    status,
)
from support.fetcher import PYTHONS
from support.loopback import Reset
from support.matrix import (
    BODIES,
    CONTENT_FAULTS,
    FRAMES,
    LARGE,
    ONE_ANSWER,
    RANGES,
    SMALL,
    STATUSES,
)
from support.specs import EVERYTHING, file_pin, source
from support.verdict import check_output

if TYPE_CHECKING:
    from support.fake_repo import Content
    from support.fetcher import Fetch
    from support.hub import Hub
    from support.verdict import Verdict


def test_a_large_file_comes_in_several_parts(hub: Hub, fetch: Fetch) -> None:
    """Otherwise most of the faults below would not be what they say."""
    repo = hub.add_repo("org/model", {"model.safetensors": LARGE}, lfs=["*"])
    run = fetch("file", source(hub, repo), **file_pin("model.safetensors", LARGE))
    check_output(run.out, LARGE)
    assert len([request for request in hub.log if request.status == 206]) >= 3


# Connections, heads and addresses are what requests deals with. Of the rest, one version will do.
ONE_VERSION = [f for f in CONTENT_FAULTS if f.waits or f in [*RANGES, *BODIES, *STATUSES]]
BOTH_VERSIONS = [f for f in CONTENT_FAULTS if f not in ONE_VERSION]


@pytest.mark.parametrize("fault", BOTH_VERSIONS, ids=lambda fault: fault.name)
def test_one_file(hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault) -> None:
    content = LARGE if fault.ranges else SMALL
    repo = hub.add_repo("org/model", {"model.safetensors": content}, lfs=["*"])
    spoil(hub, fault)
    if fault.waits:
        fetch = fetch.but(connections__READ_SECONDS=0.3, response__WINDOW_SECONDS=0.2)
    run = fetch("file", source(hub, repo), **file_pin("model.safetensors", content))
    verdict(run, content, refused=fault.refused, either=fault.either)


@pytest.mark.parametrize("fetch", [PYTHONS["old-requests"]], indirect=True)
@pytest.mark.parametrize("fault", ONE_VERSION, ids=lambda fault: fault.name)
def test_one_file_once(hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault) -> None:
    test_one_file(hub, fetch, verdict, fault)


@pytest.mark.parametrize("fetch", [PYTHONS["old-requests"]], indirect=True)
@pytest.mark.parametrize(
    "fault",
    [f for f in [*FRAMES, *BODIES] if not f.refused] + [f for f in RANGES if "Content-R" in f.name],
    ids=lambda fault: fault.name,
)
def test_one_file_of_unknown_size(hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault) -> None:
    """Only the server says how large it is, and the hash decides."""
    content = LARGE if fault.ranges else SMALL
    repo = hub.add_repo("org/model", {"model.safetensors": content}, lfs=["*"])
    spoil(hub, fault)
    pin = {**file_pin("model.safetensors", content), "size": None}
    verdict(fetch("file", source(hub, repo), **pin), content)


def test_connections_that_carry_one_answer(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    """Of a file outside LFS, whose redirect takes that one answer."""
    repo = hub.add_repo("org/model", {"vocab.json": SMALL})
    spoil(hub, ONE_ANSWER)
    verdict(fetch("file", source(hub, repo), **file_pin("vocab.json", SMALL)), SMALL)


SURVIVABLE = [
    fault
    for fault in CONTENT_FAULTS
    if not (fault.refused or fault.either or fault.waits or fault is ONE_ANSWER)
]


def test_one_entry_with_a_fault_in_each_file(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    """What is survived alone is survived while much else goes wrong, with git's files as well."""
    files: dict[str, Content] = {
        f"{number:03}{'.safetensors' if number % 2 or fault.where == CDN else '.json'}": BigFile(
            (9 << 20) + number if fault.ranges else 300_000 + number, seed=number
        )
        for number, fault in enumerate(SURVIVABLE)
    }
    repo = hub.add_repo("org/model", files, lfs=["*.safetensors"])
    spoil(hub, rules=zip((about(*file) for file in files.items()), SURVIVABLE, strict=True))
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    verdict(run, files, count=len(files))


@pytest.mark.parametrize("kind", ["safetensors", "json"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("flipped bits", edited(flipped), ALWAYS, refused="expected .*, received "),
        Fault("a vanished file", status(404), ALWAYS, RESOLVE, "HTTP 404"),
        Fault("a file of the machine", redirect("file:///etc/passwd"), ALWAYS, refused="not HTTP"),
    ],
    ids=lambda fault: fault.name,
)
def test_one_bad_file_of_an_entry(
    hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault, kind: str
) -> None:
    files: dict[str, Content] = {f"{n}.{kind}": BigFile(300_000, seed=n) for n in range(5)}
    repo = hub.add_repo("org/model", files, lfs=["*.safetensors"])
    bad = f"3.{kind}"
    spoil(hub, rules=[(about(bad, files[bad]), fault)])
    verdict(fetch("tree", source(hub, repo), **EVERYTHING), files, refused=fault.refused)


def test_resets_at_a_hundred_random_bytes(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    files: dict[str, Content] = {
        f"{seed}{'.safetensors' if seed % 2 else '.json'}": BigFile(200_000 + seed, seed)
        for seed in range(100)
    }
    repo = hub.add_repo("org/model", files, lfs=["*.safetensors"])
    rules = []
    for seed, (path, content) in enumerate(files.items()):
        at = random.Random(seed).randrange(len(content))  # noqa: S311 (test data)
        rules.append((about(path, content), Fault(f"reset at {at}", edited(cut(1, Reset, at)))))
    spoil(hub, rules=rules)
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    verdict(run, files, count=len(files))
