"""Servers that repeat the token that they were sent, where the fetcher prints what they say."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher.redaction import MASK
from support.faults import ALWAYS, LISTING, RESOLVE, REVISION, Change, Fault, spoil, status
from support.matrix import SMALL
from support.specs import EVERYTHING, source
from support.verdict import TOKEN

if TYPE_CHECKING:
    from support.fetcher import Fetch
    from support.hub import Hub
    from support.verdict import Verdict

FILES = {"model.safetensors": SMALL}
CODED = base64.b64encode(TOKEN.encode()).decode()

ECHOES: dict[str, tuple[str, Change]] = {
    "a message": (LISTING, status(400, b"", **{"X-Error-Message": f"no {TOKEN}"})),
    "a code": (LISTING, status(403, b"", **{"X-Error-Code": TOKEN})),
    "a code in XML": (LISTING, status(400, f"<Error><Code>{TOKEN}</Code></Error>".encode())),
    "a type": (REVISION, status(200, b"x", **{"Content-Type": f"text/{TOKEN}"})),
    "an encoding": (REVISION, status(200, b"x", **{"Content-Encoding": TOKEN})),
    "a redirect to a host": (RESOLVE, status(302, Location=f"http://{TOKEN}.invalid/x")),
    "a redirect to a path": (RESOLVE, status(302, Location=f"ftp://127.0.0.1/{CODED}")),
    "a redirect to a login": (RESOLVE, status(302, Location=f"http://me:{TOKEN}/x@127.0.0.1:9")),
    "a redirect to nothing": (RESOLVE, status(302, Location=f"http:me:{TOKEN}@127.0.0.1:9")),
    "a next page": (LISTING, status(200, b"[]", Link=f'<http://[{TOKEN}/>; rel="next"')),
}


@pytest.mark.parametrize("name", ECHOES)
def test_the_token_is_not_printed(hub: Hub, fetch: Fetch, verdict: Verdict, name: str) -> None:
    where, change = ECHOES[name]
    repo = hub.add_repo("org/model", FILES, lfs=["*.safetensors"])
    spoil(hub, Fault("", change, ALWAYS, where))
    run = fetch("tree", source(hub, repo, rev=None), **EVERYTHING)
    verdict(run, FILES, refused="error: ")
    assert not re.search("s3cret|Traceback", run.log)
    assert CODED not in run.log


def test_it_is_masked_where_something_else_is_said(hub: Hub, fetch: Fetch) -> None:
    repo = hub.add_repo("org/model", FILES)
    spoil(hub, Fault("", status(403, b"", **{"X-Error-Code": TOKEN}), ALWAYS, LISTING))
    assert f"HTTP 403 ({MASK})" in fetch("tree", source(hub, repo), **EVERYTHING).log
