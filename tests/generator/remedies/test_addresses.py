"""What web servers refuse when locking: the hint is followed, and the model is locked."""

# ruff: noqa: E501 - tables with a case on each line, and whole messages

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from aimodels_fetcher import documents
from generator.remedies.world import World
from generator.sources.buckets import INTEGRATION
from support.loopback import LoopbackServer, Response
from support.patience import hurry
from support.remedies import cure
from support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from generator.remedies.world import Step
    from support.loopback import Request
    from support.project import Project
    from support.remedies import Remedy

CONTENT = b"GGUF content of the model"
LINE = f"{hashlib.sha256(CONTENT).hexdigest()}  model.gguf\n"
PAGE = b"<!doctype html><html><body>Log in</body></html>"


@dataclass
class AtAnAddress(World):
    """A project with a model at an address, and the server.

    Attributes:
        answers: By the beginning of a path, in the place of the model.
        later: The same where all of it is read.
    """

    directory: Path
    servers: contextlib.ExitStack
    url: str = ""
    answers: dict[str, Response] = field(default_factory=dict)
    later: dict[str, Response] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        wanted = self.answers if request.method == "HEAD" or request.is_peek else self.read
        found = (answer for path, answer in wanted.items() if request.path.startswith(path))
        return next(found, Response(200, {"ETag": '"1"'}, CONTENT))

    @property
    def read(self) -> dict[str, Response]:
        return {**self.answers, **self.later}

    def limit(self, name: str, value: int) -> None:
        self.patch.setattr(documents, name, value)

    def says(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = Response(status, named, body)

    def recovers(self) -> None:
        self.answers.clear()
        self.later.clear()

    def write(self, *urls: str, sums: str = "") -> None:
        listed = ", ".join(f'"{self.url}{url}"' if url[0] == "/" else f'"{url}"' for url in urls)
        some = ", ".join(f'"{self.url}{path}"' for path in sums.split())
        self.project.write(
            f'[models.m]\nsource.url.files."model.gguf" = [{listed}]\n'
            f"{f'source.url.sums = [{some}]' if some else ''}\n{INTEGRATION}"
        )

    def sums(self, *texts: str) -> None:
        for number, text in enumerate(texts):
            self.says(f"/SUMS{number}", 200, text.encode())
        self.write("/model.gguf", sums=" ".join(f"/SUMS{n}" for n in range(len(texts))))


@pytest.fixture
def world(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[AtAnAddress]:
    hurry(monkeypatch)
    with contextlib.ExitStack() as servers:
        world = AtAnAddress(project, monkeypatch, tmp_path, servers)
        world.url = servers.enter_context(LoopbackServer(world.answer)).url
        world.write("/model.gguf")
        yield world


def wrong_header(world: AtAnAddress) -> None:
    """Let a file without a length have the checksum of other content."""
    said = {"X-Checksum-Sha256": "0" * 64}
    world.answers["/model.gguf"] = Response(200, said, CONTENT, "chunked")


def replaced(world: AtAnAddress) -> None:
    """Let the file be longer when it is read than it was at first."""
    world.later["/model.gguf"] = Response(200, {"ETag": '"1"'}, CONTENT * 2)


def endless(world: AtAnAddress) -> None:
    """Let the file go on after what there is space for."""
    world.patch.setattr("aimodels_fetcher.targets.Target.most", lambda _: 3 << 20)
    world.answers["/model.gguf"] = Response(200, {}, b"GGUF" + b"x" * (4 << 20), "chunked")


def untrusted(world: AtAnAddress) -> None:
    authority = Authority.make(world.directory)
    server = world.servers.enter_context(LoopbackServer(world.answer, authority.server()))
    world.write(f"{server.url}/model.gguf")
    world.hint = (str(authority.bundle),)


def no_certificates(world: AtAnAddress) -> None:
    untrusted(world)
    world.set(SSL_CERT_FILE="/etc/hostname")


AGAIN = (
    "it was replaced meanwhile, or damaged on the way: run `…` again; if that fails in the same "
    "way, look at what the server sends"
)
SUMS = "name a file that has lines such as sha256sum writes, often called SHA256SUMS"
PUBLISHED = (
    "the file and its checksum (in a sums file, or in a header) are of different content: report "
    "it to their owner, or use other URLs"
)
ITSELF = "name the address that the download itself has"


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        cure(
            "name URLs of the same file",
            lambda w: (w.says("/other", 200, b"GGUF other"), w.write("/model.gguf", "/other")),
            lambda w: w.write("/model.gguf", "/mirror"),
        ),
        cure(PUBLISHED, wrong_header, AtAnAddress.recovers),
        cure(
            "find its new address, and write that into models.toml",
            lambda w: w.says("/model.gguf", 404),
            lambda w: w.write("/new.gguf"),
        ),
        cure(
            "it may require a login: use an address that does not",
            lambda w: w.says("/model.gguf", 403),
            lambda w: w.write("/public.gguf"),
        ),
        cure("try again later", lambda w: w.says("/model.gguf", 503), AtAnAddress.recovers),
        cure("check the address", lambda w: w.says("/mod", 418), lambda w: w.write("/a.gguf")),
        cure(
            "check the address, the network and the proxy settings, then try again",
            lambda w: w.write("http://127.0.0.1:9/model.gguf"),
            lambda w: w.write("/model.gguf"),
        ),
        cure(
            ITSELF,
            lambda w: w.says("/model.gguf", 200, PAGE),
            lambda w: w.write("/download.gguf"),
        ),
        cure(
            "…, as with /resolve/ or /raw/ in the place of /blob/",
            lambda w: (w.says("/o/blob/", 200, PAGE), w.write("/o/blob/model.gguf")),
            lambda w: w.write("/o/resolve/model.gguf"),
        ),
        cure(
            "…, as with /resolve/ in the place of /raw/",
            lambda w: (w.says("/o/raw/", 200, PAGE), w.write("/o/raw/model.gguf")),
            lambda w: w.write("/o/resolve/model.gguf"),
        ),
        cure(SUMS, lambda w: w.sums("2" * 128 + "  model.gguf\n"), lambda w: w.sums(LINE)),
        cure(
            "name the file that has lines such as sha256sum writes for them",
            lambda w: w.sums(LINE.replace("model", "other")),
            lambda w: w.sums(LINE),
        ),
        cure(
            "report it to its owner, or use a file of checksums that has one line for it",
            lambda w: w.sums(LINE + "0" * 64 + "  model.gguf\n"),
            lambda w: w.sums(LINE),
        ),
        cure(
            "name the files of checksums of one release",
            lambda w: w.sums(LINE, "0" * 64 + "  model.gguf\n"),
            lambda w: w.sums(LINE),
        ),
        cure(
            "name the address that the file of checksums itself has",
            lambda w: w.sums(PAGE.decode()),
            lambda w: w.sums(LINE),
        ),
        cure(
            "name a file with certificates in PEM, or unset …",
            no_certificates,
            lambda w: w.set(SSL_CERT_FILE=str(Authority(w.directory).bundle)),
        ),
        cure(
            "behind a proxy with a CA of its own, point … at a bundle that has it…",
            untrusted,
            lambda w: w.set(**{w.hint[0]: str(Authority(w.directory).bundle)}),
        ),
        cure(
            "name one as http://host:port, or unset …",
            lambda w: (w.write("http://files.example/a"), w.set(http_proxy="socks5://127.0.0.1:9")),
            lambda w: w.set(http_proxy=w.url),
        ),
        cure(
            "write it as http://host:port or http://user:password@host:port, and in a password %2F "
            "for /, %3F for ?, %23 for #, %40 for @…",
            lambda w: (
                w.write("http://files.example/model.gguf"),
                w.set(http_proxy=w.url.replace("//", "//a:b/c@")),
            ),
            lambda w: w.set(http_proxy=w.url.replace("//", "//a:b%2Fc@")),
        ),
        cure(
            "write http://user:password@host:port into http_proxy and https_proxy…",
            lambda w: (
                w.write("http://files.example/model.gguf"),
                w.says("http://files.example", 407),
                w.set(http_proxy=w.url),
            ),
            lambda w: (w.recovers(), w.set(http_proxy=w.url.replace("//", "//a:b@"))),
        ),
        cure(
            "try again later, or from a faster network",
            lambda w: (w.sums(LINE), w.limit("_DOCUMENT_SECONDS", -1)),
            lambda w: w.limit("_DOCUMENT_SECONDS", 60),
        ),
        cure(AGAIN, replaced, AtAnAddress.recovers),
        cure(
            "it may have no end: look at what its address sends; what is larger needs more space on "
            "the disk",
            endless,
            AtAnAddress.recovers,
        ),
        cure(
            "unset it for the default of …",
            lambda w: w.set(AIMODELS_MAX_CONNECTIONS="many"),
            lambda w: w.set(AIMODELS_MAX_CONNECTIONS=""),
        ),
    ],
)  # fmt: skip
def test_a_refusal_of_a_web_server(
    world: AtAnAddress, remedy: Remedy, broken: Step, mended: Step
) -> None:
    world.follows(remedy, broken, mended)
