"""A build of one file that is refused, and then what is done about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.loopback import Response
from support.specs import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.fake_repo import Repo
    from support.fetcher import Fetch, Run
    from support.hub import Hub
    from support.remedies import Remedy

    Step = Callable[["World"], object]

CONTENT = b'{"a": 1}\n'
FILE = "/org/m/resolve/main/a.json"


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


def follow(world: World, remedy: Remedy, broken: Step, mended: Step) -> None:
    """Break a build, do what its hint says, and build again."""
    broken(world)
    failed = world.build()
    assert failed.status == 1
    world.hint = remedy(failed.log)
    mended(world)
    done = world.build()
    assert done.status == 0, done.log
