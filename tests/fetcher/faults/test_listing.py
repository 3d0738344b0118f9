"""Listings that are long, broken, endless, or not to be trusted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.fake_repo import BigFile, blob_id, lfs_pointer, sha256
from support.faults import (
    ALWAYS,
    LISTING,
    ONCE,
    REVISION,
    Fault,
    cut,
    edited,
    ends,
    framed,
    gzipped,
    headed,
    lying,
    page,
    raw,
    redirect,
    spoil,
    status,
)
from support.fetcher import PYTHONS
from support.hub import Hub
from support.loopback import HangUp, Reset, Response
from support.specs import EVERYTHING, file_pin, source
from support.verdict import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from support.fake_repo import Content
    from support.faults import Change
    from support.fetcher import Fetch
    from support.loopback import Request
    from support.verdict import Verdict

FILES: dict[str, Content] = {f"{n}.json": b"%d" % n for n in range(7)}
ODD = "does not answer like a Hub"


def survived(name: str, change: Change, when: Container[int] = ONCE) -> Fault:
    return Fault(name, change, when, LISTING)


def refused(said: str, name: str, change: Change, where: str = LISTING) -> Fault:
    return Fault(name, change, ALWAYS, where, said)


FAULTS = [
    survived("reset", ends(Reset), range(1, 2)),
    survived("hang-up", ends(HangUp)),
    survived("cut", edited(lying(1)), range(1, 2)),
    survived("reset in a page", edited(cut(0.5, Reset)), range(1, 2)),
    survived("chunks", edited(framed("chunked")), ALWAYS),
    survived("no length", edited(framed("close")), ALWAYS),
    survived("HTTP/1.0", edited(framed("http/1.0")), ALWAYS),
    survived("closed after each page", edited(cut()), ALWAYS),
    survived("gzip", edited(gzipped), ALWAYS),
    survived("a page of another kind", status(200, page("Maintenance")), range(1, 2)),
    survived(
        "half a page that looks whole", edited(lambda r: Response(200, {}, b"".join(r.pieces)[:50]))
    ),
    survived("HTTP 500", status(500), range(4)),
    survived("HTTP 429", status(429, Retry_After="0"), range(1, 3)),
    survived("garbage", raw(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
    refused("gave up after", "resets", ends(Reset)),
    refused("gave up after .*HTTP 502", "HTTP 502, always", status(502)),
    refused(
        "gave up after .*JSON.*text/html",
        "a login page",
        status(200, page("Log in"), Content_Type="text/html"),
    ),
    refused("HTTP 404", "no such repository", status(404)),
    refused("redirects", "a redirect to itself", redirect("?")),
    refused("is not HTTP", "a redirect to a file", redirect("file:///etc/passwd")),
    refused(
        "redirects to http://127.0.0.1:99999/x, which is not HTTP or no URL",
        "a redirect to a port that none can be",
        redirect("http://127.0.0.1:99999/x"),
    ),
    refused("redirects", "a revision that redirects to itself", redirect("?"), where=REVISION),
    refused("error", "deeply nested JSON", status(200, b"[" * 100_000)),
    refused("error", "a number without an end", status(200, b"[" + b"9" * 100_000 + b"]")),
    refused("error", "text that is not UTF-8", status(200, b'["\xff"]')),
    refused(ODD, "no commit", status(200, b"[]"), where=REVISION),
    refused(ODD, "a path as commit", status(200, b'{"sha": "../../../etc/evil"}'), where=REVISION),
    refused(ODD, "null", status(200, b"null")),
    refused(ODD, "an object", status(200, b'{"error": "maintenance"}')),
    refused(ODD, "rows that are none", status(200, b"[7]")),
    *(
        refused("error", f"a next page at {link:.20}", edited(headed(Link=f'<{link}>; rel="next"')))
        for link in ("file:///etc/passwd", "http://[::1", "http://127.0.0.1:99999/", "?same=1")
    ),
]


@pytest.mark.parametrize("fetch", [PYTHONS["old-requests"]], indirect=True)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_pages(hub: Hub, fetch: Fetch, verdict: Verdict, fault: Fault) -> None:
    hub.page_size = 3
    repo = hub.add_repo("org/model", FILES)
    spoil(hub, fault)
    verdict(fetch("tree", source(hub, repo, rev=None), **EVERYTHING), FILES, refused=fault.refused)


def row(path: Any, **changes: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": 1, "oid": blob_id(b"1"), **changes}


PATHS: tuple[object, ...] = (
    *("../evil", "../../../../../../etc/evil", "/etc/evil", "a/../../evil", "a/..", ".."),
    *(".", "", "a//b", "a/", "./a", "x\0y", "\ud800", "a" * 300, "a/" * 3000 + "b"),
    *(7, None, ["a"], {}),
)
HOSTILE: dict[str, list[dict[str, Any]]] = {
    **{repr(path): [row(path)] for path in PATHS},
    "a file that is a folder": [row("a"), row("a/b")],
    "a path twice": [row("a"), row("a", oid=blob_id(b"2"))],
    "nothing but a type": [{"type": "file"}],
    "no size": [{"type": "file", "path": "a", "oid": blob_id(b"1")}],
    "a size below 0": [row("a", size=-1)],
    "an infinite size": [row("a", size=float("inf"))],
    "a size that is no number": [row("a", size="big")],
    "a size that nobody has room for": [row("a", size=1 << 80)],
    "a checksum that is a path": [
        row("a", lfs={"oid": "../../../../../etc/evil", "size": 1, "pointerSize": 9})
    ],
    "a checksum that is no text": [row("a", lfs={"oid": 7, "size": 1, "pointerSize": 9})],
    "a checksum of something else": [row("a", lfs={"oid": "0" * 64, "size": 1, "pointerSize": 9})],
}


@pytest.mark.parametrize("fetch", [PYTHONS["new-requests"]], indirect=True)
@pytest.mark.parametrize("rows", HOSTILE.values(), ids=HOSTILE)
def test_hostile_rows(
    hub: Hub, fetch: Fetch, verdict: Verdict, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    repo = hub.add_repo("org/model", {"a": b"1", "a/b": b"1"})
    spoil(hub, Fault("", status(200, json.dumps(rows).encode()), ALWAYS, LISTING))
    before = set(tmp_path.iterdir())
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    verdict(run, {"a": b"1"}, refused="error")
    made = {path.name for path in set(tmp_path.iterdir()) - before}
    assert made <= {"spec-1.json", "log-1", "out-1"}


def test_a_page_without_an_end(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    """It would fill the memory."""
    repo = hub.add_repo("org/model", FILES)
    spoil(hub, Fault("", status(200, b"[" * (2 << 20)), ALWAYS, LISTING))
    short = fetch.but(**{"sources.huggingface.DOCUMENT_BYTES": 1 << 20})
    run = short("tree", source(hub, repo), **EVERYTHING)
    verdict(run, FILES, refused="is too large for what it should be: over 1.0 MiB")


def test_three_thousand_files(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    files: dict[str, Content] = {f"{n % 9}/{n}.txt": b"%d" % (n % 50) for n in range(2991)}
    repo = hub.add_repo("org/model", files)
    verdict(fetch("tree", source(hub, repo), **EVERYTHING), files)
    assert sum("/tree/" in request.path for request in hub.log) == 3


@pytest.mark.parametrize("prefix", ["", "/hf"])
def test_a_mirror_whose_next_page_is_at_the_hub(
    hub: Hub, fetch: Fetch, verdict: Verdict, prefix: str
) -> None:
    """It is asked for its own page, and nobody else for anything."""
    hub.page_size = 3
    repo = hub.add_repo("org/model", FILES)
    with Hub(page_size=3) as stranger:

        def answer(request: Request) -> Response | None:
            if "/tree/" in request.path and not request.path.startswith(prefix):
                return Response(404)
            right = hub.answer(replace(request, path=request.path.removeprefix(prefix)))
            if "Link" not in right.headers:
                return right
            return headed(Link=right.headers["Link"].replace(hub.url, stranger.url))(right)

        hub.faults = answer
        spec = source(hub, repo)
        spec["huggingface"]["endpoint"] += prefix
        verdict(fetch("tree", spec, **EVERYTHING), FILES)
        assert stranger.log == []
    assert sum("/tree/" in request.path for request in hub.log) == 3


def rows(*paths: str) -> bytes:
    return json.dumps([row(path) for path in paths]).encode()


def endless(body: bytes, link: str) -> Callable[[Request], Response | None]:
    """Make a fault: each page names a next one; `{}` in body and link is the page's number."""
    numbers = itertools.count(1)

    def answer(request: Request) -> Response | None:
        if "/tree/" not in request.path:
            return None
        number = str(next(numbers)).encode()
        header = f"<{link.format(number.decode())}>; rel=next"
        return Response(200, {"Link": header}, body.replace(b"{}", number))

    return answer


@pytest.mark.parametrize("fetch", [PYTHONS["new-requests"]], indirect=True)
@pytest.mark.parametrize(
    "case",
    [
        (rows("a{}"), "", "goes in a circle: the page after page 1 has been read", 1),
        (rows("a{}"), "?same", "goes in a circle: the page after page 2 has been read", 2),
        (rows("a{}"), "?page={}", "has more than 9 pages", 9),
        (rows("a", "b"), "?page={}", "does not end: page 2 begins with 'a'", 2),
        (b"[]", "?page={}", "does not end: 5 pages in a row have no files", 5),
        (b'[{"type": "directory"}]', "?page={}", "does not end: 5 pages in a row", 5),
    ],
)
def test_a_listing_without_an_end(
    hub: Hub, fetch: Fetch, verdict: Verdict, case: tuple[bytes, str, str, int]
) -> None:
    body, link, said, most = case
    repo = hub.add_repo("org/model", FILES)
    hub.faults = endless(body, link)
    short = fetch.but(**{"pages._MOST_WITHOUT_FILES": 4, "pages.MAX_PAGES": 9})
    verdict(short("tree", source(hub, repo), **EVERYTHING), FILES, refused=said)
    assert sum("/tree/" in request.path for request in hub.log) == most


def test_pages_without_files_in_between(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    hub.page_size = 1
    files: dict[str, Content] = {f"{'x/' * 9}{n}": b"%d" % n for n in range(3)}
    repo = hub.add_repo("org/model", files)
    verdict(fetch("tree", source(hub, repo), **EVERYTHING), files)


def test_more_files_than_a_model_may_have(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    hub.page_size = 3
    repo = hub.add_repo("org/model", FILES)
    few = fetch.but(**{"filters._MAX_FILES": 4})
    run = few("tree", source(hub, repo), **EVERYTHING)
    verdict(run, FILES, refused="has at least 5 files, and more than 4 of them would be taken")
    assert sum("/tree/" in request.path for request in hub.log) == 2
    env = {"AIMODELS_MAX_FILES": "7"}
    verdict(few("tree", source(hub, repo), env=env, **EVERYTHING), FILES)
    run = few("tree", source(hub, repo), **{**EVERYTHING, "include": ["[0-3].json"]})
    verdict(run, {name: content for name, content in FILES.items() if name < "4"})


OBJECT = BigFile(1 << 20, 1)
LFS = {"oid": sha256(OBJECT), "size": len(OBJECT), "pointerSize": len(lfs_pointer(OBJECT))}
POINTER = blob_id(lfs_pointer(OBJECT))


@pytest.mark.parametrize("fetch", [PYTHONS["new-requests"]], indirect=True)
@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({"size": len(OBJECT), "oid": POINTER}, True),
        ({"size": LFS["pointerSize"], "oid": POINTER}, True),
        ({"size": len(OBJECT), "oid": "pointer"}, True),
        ({"size": len(OBJECT), "oid": "0" * 40}, True),
        ({"oid": "0" * 40}, True),
        ({"size": 7, "oid": POINTER}, False),
        ({"size": len(OBJECT), "oid": POINTER, "lfs": {**LFS, "size": 7}}, False),
    ],
)
def test_rows_that_contradict_themselves(
    hub: Hub, fetch: Fetch, verdict: Verdict, changes: dict[str, Any], *, right: bool
) -> None:
    """Ids of git that servers without git make up are not contradictions."""
    repo = hub.add_repo("org/model", {"a": OBJECT}, lfs=["a"])
    body = json.dumps([{"type": "file", "path": "a", "lfs": LFS, **changes}]).encode()
    spoil(hub, Fault("", status(200, body), ALWAYS, LISTING))
    refused = "" if right else "contradicts itself about 'a'"
    verdict(fetch("tree", source(hub, repo), **EVERYTHING), {"a": OBJECT}, refused=refused)


def test_a_listing_of_another_commit(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    repo = hub.add_repo("org/model", FILES)
    spoil(hub, Fault("", edited(headed(**{"X-Repo-Commit": "1" * 40})), ALWAYS, LISTING))
    run = fetch("tree", source(hub, repo), **EVERYTHING)
    verdict(
        run, FILES, refused=f"was asked for commit {repo.sha}, and lists the files of {'1' * 40}"
    )


def test_a_hostile_row_can_be_left_out(hub: Hub, fetch: Fetch, verdict: Verdict) -> None:
    """As the hint says."""
    repo = hub.add_repo("org/model", {"a": b"1"})
    body = json.dumps([row("../evil"), row("a")]).encode()
    spoil(hub, Fault("", status(200, body), ALWAYS, LISTING))
    run = fetch("tree", source(hub, repo), **{**EVERYTHING, "exclude": ["../*"]})
    verdict(run, {"a": b"1"})


def test_a_rate_limit_that_lasts(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", FILES)
    hub.faults = lambda _request: Response(429, {"Retry-After": "0"})
    for mode, spec in (("tree", EVERYTHING), ("file", file_pin("0.json", b"0"))):
        run = fetch(mode, source(hub, repo), env={"HF_TOKEN": ""}, **spec)
        assert (run.status, "hint: wait five minutes; a token raises the limit: " in run.log) == (
            1,
            True,
        ), run.log
        run = fetch(mode, source(hub, repo), env={"HF_TOKEN": TOKEN}, **spec)
        assert (run.status, "use fewer connections" in run.log) == (1, True), run.log
