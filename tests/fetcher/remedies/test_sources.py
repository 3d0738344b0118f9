"""What builds of files of the Hub and of URLs refuse: the same build succeeds after the hint."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fetcher.remedies.world import CONTENT, FILE, World, follow
from support.loopback import Response
from support.remedies import cure
from support.specs import sri

if TYPE_CHECKING:
    from fetcher.remedies.world import Step
    from support.remedies import Remedy

OTHER = b'{"b": 1}\n'


def row(rows: Any, **changes: Any) -> Any:
    return [{**rows[0], **changes}, *rows[1:]]


def lists_other_hash(world: World) -> None:
    lfs = {"oid": "0" * 64, "size": len(CONTENT), "pointerSize": 126}
    world.edits(lambda rows: row(rows, lfs=lfs))
    world.tree(hashes={"a.json": sri(CONTENT)})


def file_and_directory(world: World) -> None:
    """Let a listing have what no repository of git can have."""
    world.edits(lambda rows: [*rows, {**rows[0], "path": "a.json/b.json"}])
    listing = world.hub.faults
    world.hub.faults = lambda r: (
        Response(200, {"X-Repo-Commit": world.repo.sha}, CONTENT)
        if r.path.endswith("a.json/b.json")
        else listing(r)
    )


def loops(world: World) -> None:
    rows = json.dumps([]).encode()
    world.tree()
    world.answers(200, rows, "/tree/", Link="<?>; rel=next", X_Repo_Commit=world.repo.sha)


CHANGED = (
    "compare with …: if the file has changed upstream, …, or, if models.toml sets its sha256, …; "
    "otherwise a proxy on the way alters it"
)
TOKEN = "it must be one line, as copied from https://huggingface.co/settings/tokens"


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(
            "the checksum that the server publishes does not match the content that it sends: report "
            "it to the owner of …, or use another address",
            lambda w: w.published("0" * 64),
            lambda w: w.at_urls(FILE),
        ),
        cure(
            "add its URL to the files of the source",
            lambda w: (w.at_urls(FILE), w.spec.update(path="b.json")),
            lambda w: w.has(files={"b.json": [f"{w.url}{FILE}"]}),
        ),
        cure(
            "change the filters: …",
            lambda w: w.tree(include=["zzz"]),
            lambda w: w.tree(include=["*.json"]),
        ),
        cure(
            "if the file has changed upstream, …; otherwise a mirror or proxy alters the listing: use "
            "another endpoint",
            lists_other_hash,
            World.recovers,
        ),
        cure(
            'take fewer, as with include = ["*.safetensors", "*.json"], or with exclude; or set '
            "AIMODELS_MAX_FILES…, which takes more memory",
            lambda w: (w.tree(), w.env.update(AIMODELS_MAX_FILES="1"), w.edits(lambda r: r * 2)),
            lambda w: (w.recovers(), w.env.update(AIMODELS_MAX_FILES="10")),
        ),
        cure(
            "check the endpoint: the server, or a proxy, does not return a complete listing",
            loops,
            World.recovers,
        ),
        cure(
            "leave it out with exclude, or report it to whoever runs the server",
            lambda w: w.edits(lambda rows: [*rows, {**rows[0], "path": "../b.json"}]),
            lambda w: w.tree(exclude=["../b.json"]),
        ),
        cure(
            "leave one of them out, as in exclude = …",
            file_and_directory,
            lambda w: w.tree(exclude=json.loads(w.hint[0])),
        ),
        cure(
            "check the endpoint and the proxy settings: what answers is not the server that is meant",
            lambda w: w.answers(302, Location="ftp://example.org/a"),
            World.recovers,
        ),
        cure(
            "check the endpoint and the proxy settings: a proxy may alter what is sent",
            lambda w: w.answers(200, CONTENT, "/resolve", Content_Encoding="br"),
            World.recovers,
        ),
        cure("it knows: …", lambda w: setattr(w, "kind", "git"), lambda w: setattr(w, "kind", w.hint[0].split(", ")[0])),
        cure(
            "it must be readable in the build sandbox: see extra-sandbox-paths in nix.conf",
            lambda w: (w.gated(), w.granted(), w.env.update(HF_TOKEN="", HF_TOKEN_PATH=str(w.directory / "token"))),
            lambda w: w.file("hf_good\n"),
        ),
        cure(
            TOKEN,
            lambda w: (w.gated(), w.granted(), w.env.update(HF_TOKEN="", HF_TOKEN_PATH=str(w.file("hf_good\nhf_old")))),
            lambda w: w.file("hf_good\n"),
        ),
        cure(
            "compare with …: the endpoint is not a Hub, or a proxy interferes",
            lambda w: w.answers(418),
            World.recovers,
        ),
        cure("the repository is gated: ask for access at …; …", World.gated, World.granted),
        cure(
            "it has been withdrawn: … may say why; pin another repository or commit",
            lambda w: w.answers(410, path="/org/m/"),
            lambda w: w.has(repo="org/n", rev=w.hub.add_repo("org/n", {"a.json": CONTENT}).sha),
        ),
        cure(
            "missing, renamed or private (see …), or a bad token; …",
            lambda w: w.has(repo="org/n"),
            lambda w: w.has(repo="org/m"),
        ),
        cure(
            "missing, renamed or private (see …), or a bad token; …",
            lambda w: setattr(w.repo, "private", True),
            World.granted,
        ),
        cure(
            "wait five minutes, or use fewer connections: AIMODELS_MAX_CONNECTIONS=4",
            World.limited,
            lambda w: (w.recovers(), w.env.update(AIMODELS_MAX_CONNECTIONS="4")),
        ),
        cure("wait five minutes; …", lambda w: w.limited(anonymous=True), World.recovers),
        cure("a token raises the limit: …", lambda w: w.limited(anonymous=True), World.granted),
        cure(
            "a mirror or a proxy is wrong: try another endpoint, or report it to whoever runs it",
            lambda w: (w.tree(), w.answers(200, b"[]", "/tree/", X_Repo_Commit="0" * 40)),
            World.recovers,
        ),
        cure(
            "look at the address in a browser: it may require a login, which builds do not have",
            lambda w: (w.at_urls("/api/private"), w.answers(403)),
            lambda w: (w.recovers(), w.at_urls(FILE)),
        ),
        cure(
            "write it as sha256-<44 base64 characters>",
            lambda w: w.spec.update(hash="sha256-abc"),
            lambda w: w.spec.update(hash=sri(CONTENT)),
        ),
        cure(
            "take nix/ and its fetcher from one release",
            lambda w: w.spec.update(newer=True),
            lambda w: w.spec.pop("newer"),
        ),
        cure(
            "check the network and the proxy settings (of nix-daemon in builds), then try again",
            lambda w: w.has(endpoint="http://127.0.0.1:9"),
            lambda w: w.has(endpoint=w.url),
        ),
        cure(
            "check the address, and the proxy settings…",
            lambda w: (w.at_urls(), w.has(files={"a.json": ["http://a..example/a.json"]})),
            lambda w: w.at_urls(FILE),
        ),
        cure(
            "if the file has changed upstream, …; otherwise look at the address in a browser: a proxy "
            "or a login page may be in the way",
            lambda w: w.answers(200, b"<html>", "/resolve"),
            World.recovers,
        ),
        cure(
            "compare with …: if the file has changed upstream, …; otherwise a proxy on the way alters it",
            lambda w: w.answers(200, OTHER, "/resolve"),
            World.recovers,
        ),
        cure(CHANGED, lambda w: (w.at_urls(FILE), w.answers(200, OTHER)), World.recovers),
        cure(
            CHANGED,
            lambda w: (w.at_urls(FILE), w.answers(200, OTHER)),
            lambda w: w.spec.update(hash=sri(OTHER)),
        ),
    ],
)  # fmt: skip
def test_a_refusal(world: World, remedy: Remedy, broken: Step, mended: Step) -> None:
    follow(world, remedy, broken, mended)
