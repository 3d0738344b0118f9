"""What builds refuse: the hint is followed, and the same build succeeds."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from support.disk import fill, small_disk
from support.environment import CHECKOUT
from support.fetcher import ENV as ENVIRONMENT
from support.fetcher import PYTHONS, Fetch
from support.forks import ForkServer
from support.loopback import Response
from support.recording_proxy import RecordingProxy
from support.remedies import cure, cures
from support.s3 import ENV, Moto, refusal
from support.specs import EVERYTHING, sri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.fake_repo import Repo
    from support.fetcher import Run
    from support.hub import Hub
    from support.remedies import Remedy

CONTENT = b'{"a": 1}\n'
OTHER = b'{"b": 1}\n'


@dataclass
class World:
    """A build of one file.

    Attributes:
        keys: Of the source; None for a source of URLs.
        hint: What was filled in in the hint that is followed.
    """

    fetch: Fetch
    hub: Hub
    repo: Repo
    directory: Path
    keys: dict[str, Any]
    kind: str = "huggingface"
    mode: str = "file"
    spec: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    hint: tuple[str, ...] = ()
    url: str = ""

    def build(self) -> Run:
        return self.fetch(self.mode, {self.kind: self.keys}, env=self.env, **self.spec)

    def has(self, **keys: Any) -> None:
        self.keys |= keys

    def tree(self, **spec: Any) -> None:
        self.mode, self.spec = "tree", {**EVERYTHING, **spec}

    def answers(self, status: int, body: bytes = b"", path: str = "", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.hub.faults = lambda r: Response(status, named, body) if path in r.path else None

    def recovers(self) -> None:
        self.hub.faults = lambda _: None

    def gated(self) -> None:
        self.repo.gated = "manual"

    def granted(self) -> None:
        self.hub.allow("hf_good", self.repo.id)
        self.env["HF_TOKEN"] = "hf_good"

    def file(self, text: str) -> Path:
        path = self.directory / "token"
        path.write_text(text)
        return path

    def limited(self, *, anonymous: bool = False) -> None:
        self.hub.faults = lambda r: None if anonymous and r.token else Response(429)
        if not anonymous:
            self.granted()

    def at_urls(self, path: str = "/a.json") -> None:
        self.kind, self.keys = "url", {"files": {"a.json": [f"{self.url}{path}"]}}

    def published(self, digest: str) -> None:
        self.at_urls("/api/published")
        self.tree()
        self.answers(200, CONTENT, "/published", X_Checksum_Sha256=digest)

    def edits(self, change: Callable[[Any], Any]) -> None:
        """Change what the listing says."""

        def fault(request: Any) -> Response | None:
            if "/tree/" not in request.path:
                return None
            answer = self.hub.answer(request)
            assert isinstance(answer.body, bytes)
            rows = change(json.loads(answer.body))
            return Response(200, {"X-Repo-Commit": self.repo.sha}, json.dumps(rows).encode())

        self.hub.faults = fault
        self.tree()


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    modules = ["requests", "botocore.auth", "botocore.awsrequest", "botocore.credentials"]
    with closing(ForkServer(PYTHONS["new-requests"], modules, ENVIRONMENT)) as it:
        yield it


@pytest.fixture
def world(server: ForkServer, hub: Hub, tmp_path: Path) -> Iterator[World]:
    with closing(Fetch("", tmp_path, server=server)) as fetch:
        quick = fetch.but(retry__FIRST_WAIT=0.01, retry__LONGEST_WAIT=0.02)
        repo = hub.add_repo("org/m", {"a.json": CONTENT})
        keys = {"repo": "org/m", "rev": repo.sha, "ref": "main", "repoType": "model"}
        world = World(quick, hub, repo, tmp_path, {**keys, "endpoint": hub.url}, url=hub.url)
        world.spec = {"path": "a.json", "hash": sri(CONTENT), "size": len(CONTENT)}
        yield world


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
FILE = "/org/m/resolve/main/a.json"
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
def test_a_refusal(
    world: World,
    remedy: Remedy,
    broken: Callable[[World], object],
    mended: Callable[[World], object],
) -> None:
    broken(world)
    failed = world.build()
    assert failed.status == 1
    world.hint = remedy(failed.log)
    mended(world)
    done = world.build()
    assert done.status == 0, done.log


@cures("name the JSON file that Nix made")
def test_no_spec(world: World, server: ForkServer, remedy: Remedy) -> None:
    log = world.directory / "log"
    environment = {**ENVIRONMENT, "out": str(world.directory / "out")}
    server.start([CHECKOUT / "nix/fetcher", "missing.json"], environment, log).communicate(
        timeout=60
    )
    remedy(log.read_text())
    assert world.build().status == 0


@cures("pin the commit: rev = <40 hex digits>")
def test_an_entry_without_a_commit(world: World, remedy: Remedy) -> None:
    stored = world.directory / "a.json"
    stored.write_bytes(CONTENT)
    file = {"store": str(stored), "hash": sri(CONTENT), "size": len(CONTENT), "lfs": False}
    world.mode, world.spec = (
        "assemble",
        {"files": {"a.json": file}, "integration": True, "layout": "copy"},
    )
    world.has(rev=None)
    remedy(world.build().log)
    world.has(rev=world.repo.sha)
    assert world.build().status == 0


@cures("…, or correct the pin, if you wrote it")
def test_a_size_that_is_wrong(world: World, remedy: Remedy) -> None:
    stored = world.directory / "a.json"
    stored.write_bytes(CONTENT)
    file = {"store": str(stored), "hash": sri(CONTENT), "size": 7, "lfs": False}
    world.mode, world.spec = (
        "assemble",
        {"files": {"a.json": file}, "integration": True, "layout": "copy"},
    )
    remedy(world.build().log)
    file["size"] = len(CONTENT)
    assert world.build().status == 0


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with Moto(tmp_path_factory.mktemp("moto")) as moto:
        moto.bucket("my-models")
        moto.put("my-models", {"it/a.json": CONTENT})
        yield moto


@pytest.fixture
def bucket(world: World, moto: Moto) -> Iterator[World]:
    with RecordingProxy(moto.url) as proxy:
        world.kind = "s3"
        world.url = proxy.url
        world.keys = {
            "bucket": "my-models",
            "prefix": "it/",
            "region": None,
            "endpoint": proxy.url,
            "versions": {},
        }
        world.env = dict(ENV)
        world.hub = proxy  # type: ignore[assignment]
        yield world


def refuses(world: World, code: str, status: int = 403, **details: str) -> None:
    world.hub.faults = lambda _: refusal(code, status, **details)


def until(world: World, header: str, value: str, code: str) -> None:
    world.hub.faults = lambda r: None if value in r.headers.get(header, "") else refusal(code, 403)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(
            "check the bucket and the prefix",
            lambda w: (w.tree(), w.has(prefix="zzz/")),
            lambda w: w.has(prefix="it/"),
        ),
        cure(
            "give this instance a role that can read the bucket, or unset the variable",
            lambda w: w.env.update(
                AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                AWS_EC2_METADATA_DISABLED="false",
                AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9",
            ),
            lambda w: w.env.update({**ENV, "AWS_EC2_METADATA_DISABLED": ""}),
        ),
        cure(
            "set both or none; …",
            lambda w: w.env.update(AWS_SECRET_ACCESS_KEY=""),
            lambda w: w.env.update(ENV),
        ),
        cure(
            "…; if it is right, …",
            lambda w: w.has(endpoint=f"{w.url}/my-models"),
            lambda w: w.has(endpoint=w.url),
        ),
        cure(
            "restore it with `aws s3api restore-object`",
            lambda w: refuses(w, "InvalidObjectState"),
            World.recovers,
        ),
        cure(
            "check its name, the region and the endpoint",
            lambda w: refuses(w, "NoSuchBucket", 404),
            World.recovers,
        ),
        cure("…, or check the prefix", lambda w: w.has(prefix="zzz/"), lambda w: w.has(prefix="it/")),
        cure(
            "set region to that of the bucket",
            lambda w: until(w, "authorization", "eu-west-1", "PermanentRedirect"),
            lambda w: w.has(region="eu-west-1"),
        ),
        cure(
            "set the AWS_SECRET_ACCESS_KEY that was issued with AWS_ACCESS_KEY_ID",
            lambda w: refuses(w, "SignatureDoesNotMatch"),
            World.recovers,
        ),
    ],
)  # fmt: skip
def test_a_bucket_refuses(
    bucket: World,
    remedy: Remedy,
    broken: Callable[[World], object],
    mended: Callable[[World], object],
) -> None:
    test_a_refusal(bucket, remedy, broken, mended)


@pytest.fixture
def disk(world: World) -> Iterator[Path]:
    """A disk on which builds put what they make, too small for two of a file."""
    large = b"x" * (1 << 20)
    world.repo.commit({"a.json": large})
    world.has(rev=world.repo.sha)
    world.spec = {
        "path": "a.json",
        "hash": sri(large),
        "size": len(large),
        "out": world.directory / "disk/out",
    }
    with small_disk(world.directory / "disk", 3 << 20) as disk:
        yield disk


@cures("free some space (nix-collect-garbage -d), then try again")
def test_a_full_disk(world: World, remedy: Remedy, disk: Path) -> None:
    fill(disk)
    remedy(world.build().log)
    (disk / "filler").unlink()
    assert world.build().status == 0


@cures(
    "something else fills the disk as well: free some space (nix-collect-garbage -d), then try again"
)
def test_a_disk_that_fills_meanwhile(world: World, remedy: Remedy, disk: Path) -> None:
    world.spec["size"] = None

    def body() -> Iterator[bytes]:
        yield b"x" * (1 << 19)
        fill(disk)
        yield b"x" * (1 << 19)

    world.hub.faults = lambda r: (
        Response(200, {}, body(), "chunked") if "resolve" in r.path else None
    )
    remedy(world.build().log)
    world.recovers()
    (disk / "filler").unlink()
    assert world.build().status == 0
